"""British National Grid (EPSG:27700) to and from WGS84, and OS grid references.

The change of datum is the seven-parameter Helmert transformation, spelt out as a pipeline so that
the result does not depend on which correction grids a machine has installed. Against the
published OSTN15 test points it is off by 1.7 to 2.3 m around South Yorkshire (Pudsey, Nottingham,
Daresbury) and by up to 5 m at the edges of Great Britain: less than the width of a road, and far
less than the error of a postcode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.errors import InvalidLocation
from routing_service.units import FloatArray

if TYPE_CHECKING:
    import numpy.typing as npt
    from pyproj import Transformer

MAX_EASTING_M: Final = 700_000.0
MAX_NORTHING_M: Final = 1_300_000.0

_GRID_TO_WGS84: Final = (
    "+proj=pipeline"
    " +step +inv +proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717"
    " +x_0=400000 +y_0=-100000 +ellps=airy"
    " +step +proj=push +v_3"
    " +step +proj=cart +ellps=airy"
    " +step +proj=helmert +x=446.448 +y=-125.157 +z=542.06"
    " +rx=0.15 +ry=0.247 +rz=0.842 +s=-20.489 +convention=position_vector"
    " +step +inv +proj=cart +ellps=WGS84"
    " +step +proj=pop +v_3"
    " +step +proj=unitconvert +xy_in=rad +xy_out=deg"
)
_LETTERS: Final = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
_REFERENCE: Final = re.compile(
    r"([A-HJ-Z]{2}) *(?:([0-9]{2,10})|([0-9]{1,5}) +([0-9]{1,5}))", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class GridSquare:
    """The square that a grid reference names, by its centre.

    `accuracy_m` is half its diagonal: the furthest that a point of it can be from the centre.
    """

    easting_m: float
    northing_m: float
    side_m: float

    @property
    def accuracy_m(self) -> float:
        """Half the diagonal of the square, in metres."""
        return self.side_m / 2.0 * float(np.sqrt(2.0))


def to_wgs84(
    eastings_m: npt.ArrayLike, northings_m: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Grid metres to WGS84 degrees.

    Parameters
    ----------
    eastings_m, northings_m
        ``[n]``, metres of EPSG:27700.

    Returns
    -------
    lats, lons
        ``float64[n]``, degrees.
    """
    eastings = np.asarray(eastings_m, dtype=np.float64)
    northings = np.asarray(northings_m, dtype=np.float64)
    lons, lats = _transformer().transform(eastings, northings)
    return np.asarray(lats), np.asarray(lons)


def to_grid(lats: npt.ArrayLike, lons: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """WGS84 degrees to grid metres: the inverse of `to_wgs84`.

    Parameters
    ----------
    lats, lons
        ``[n]``, degrees.

    Returns
    -------
    eastings_m, northings_m
        ``float64[n]``, metres of EPSG:27700.
    """
    eastings, northings = _transformer().transform(
        np.asarray(lons, dtype=np.float64),
        np.asarray(lats, dtype=np.float64),
        direction="INVERSE",
    )
    return np.asarray(eastings), np.asarray(northings)


def parse_grid_reference(text: str) -> GridSquare:
    """Read an OS grid reference of 2 to 10 figures, with or without spaces.

    Raises
    ------
    InvalidLocation
        The text is no grid reference, or its letters name no square of Great Britain.

    Examples
    --------
    >>> square = parse_grid_reference("SE 344 061")
    >>> square.easting_m, square.northing_m, square.side_m
    (434450.0, 406150.0, 100.0)
    """
    match = _REFERENCE.fullmatch(text.strip())
    joined = match[2] if match and match[2] else ""
    half = len(joined) // 2
    east, north = (joined[:half], joined[half:]) if joined or not match else (match[3], match[4])
    if not match or len(east) != len(north):
        raise InvalidLocation(
            "This is not an OS grid reference; write two letters and an even number of figures, "
            "2 to 10, such as SE 344 061."
        )
    side_m = 10.0 ** (5 - len(east))
    corner_east, corner_north = _square(match[1].upper())
    return GridSquare(
        corner_east * 100_000.0 + (int(east) + 0.5) * side_m,
        corner_north * 100_000.0 + (int(north) + 0.5) * side_m,
        side_m,
    )


def looks_like_grid_reference(text: str) -> bool:
    """Whether `text` has the shape of a grid reference, whatever its letters and figures."""
    return _REFERENCE.fullmatch(text.strip()) is not None


def _square(letters: str) -> tuple[int, int]:
    """South-west corner of a lettered 100 km square, in units of 100 km."""
    first, second = (_LETTERS.index(letter) for letter in letters)
    # The first letter's 500 km squares run A to Z from the north-west; S holds the false origin.
    east = (first % 5 - 2) * 5 + second % 5
    north = (3 - first // 5) * 5 + 4 - second // 5
    if not (0 <= east < 7 and 0 <= north < 13):
        raise InvalidLocation(f"There is no grid square {letters} in Great Britain.")
    return east, north


@lru_cache(maxsize=1)
def _transformer() -> Transformer:
    from pyproj import Transformer

    return Transformer.from_pipeline(_GRID_TO_WGS84)
