"""Where the rows of a table are: all forms of a location, whole columns at a time.

The rules are those of `location.forms`, which has the last word: a row that is plainly right is
read here, every other one is given to `parse_location`, which reads it or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from routing_service.degrees import look_exchanged, on_globe
from routing_service.errors import HasuError, InvalidLocation, InvalidPoints, MissingExtra
from routing_service.location import bng
from routing_service.location.forms import FORMS, MAX_ACCURACY_M, MAX_DIGITS, parse_location
from routing_service.location.postcodes import area_of, read_area
from routing_service.units import BoolArray, ByteArray, FloatArray, LongArray

Columns = Mapping[str, pa.Array]

SOURCES: Final = tuple(FORMS)
"""Names of the forms; a row's `form` is an index into them."""

ALIASES: Final = {
    "latitude": "lat",
    "longitude": "lon",
    "grid_reference": "grid_ref",
    "gridref": "grid_ref",
}
"""Other names under which tables have the columns of a location, small and with underscores."""

_PLAIN: Final = r"^-?[0-9]+(\.[0-9]+)?$"
_REFERENCE: Final = (
    r"^(?P<letters>[A-HJ-Z]{2}) *"
    r"(?:(?P<joined>[0-9]{2,10})|(?P<east>[0-9]{1,5}) +(?P<north>[0-9]{1,5}))$"
)
_POSTCODE: Final = r"^(?P<area>[A-Z]{1,2})[0-9][A-Z0-9]?[0-9][A-Z]{2}$"


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where rows are.

    Attributes
    ----------
    lon, lat
        ``float64[n]``, WGS84 degrees; NaN where a row cannot be read.
    form
        ``uint8[n]``, index into `SOURCES`: how the row says it.
    errors
        What is wrong with the rows that cannot be read, by row.
    """

    lon: FloatArray
    lat: FloatArray
    form: ByteArray
    errors: Mapping[int, HasuError]


def place_name(heading: str) -> str | None:
    """The column of `FORMS` that a heading means, however it is written; None for others.

    Examples
    --------
    >>> place_name("Grid Reference"), place_name("people")
    ('grid_ref', None)
    """
    plain = heading.strip().lower().replace(" ", "_")
    plain = ALIASES.get(plain, plain)
    return plain if any(plain in names for names in FORMS.values()) else None


def place_columns(headings: Sequence[str], table: str) -> dict[str, str]:
    """Which heading stands for each column of `FORMS` that a table has.

    Raises
    ------
    InvalidPoints
        If two headings mean the same, or there is no whole form.
    """
    found: dict[str, str] = {}
    for heading in headings:
        if ours := place_name(heading):
            if ours in found:
                both = f"{found[ours]} and {heading}"
                raise InvalidPoints(f"{table} has two columns for {ours}: {both}")
            found[ours] = heading
    if not headings:
        raise InvalidPoints(f"{table} has no heading")
    if not any(all(name in found for name in names) for names in FORMS.values()):
        forms = ", or ".join(" and ".join(names) for names in FORMS.values())
        raise InvalidPoints(
            f"{table} does not say where its points are: it needs columns {forms}; it has "
            + ", ".join(headings)
        )
    return found


def locate(columns: Columns, n: int) -> Places:
    """Read the places of `n` rows.

    Parameters
    ----------
    columns
        Some of the columns of `FORMS`, each of `n` numbers or texts. As in `parse_location` a null
        counts as absent, and each row has exactly one form.

    Returns
    -------
    Places
        Equal, row by row, to what `parse_location` makes of the row's fields.
    """
    lon, lat = np.full(n, np.nan), np.full(n, np.nan)
    form = np.zeros(n, dtype=np.uint8)
    given = {name: column.is_valid().to_numpy(False) for name, column in columns.items()}
    forms_given = sum(
        (_any([given[name] for name in names if name in given], n).astype(np.int8))
        for names in FORMS.values()
    )
    for index, (source, names) in enumerate(FORMS.items()):
        if all(name in columns for name in names):
            whole = np.logical_and.reduce([given[name] for name in names])
            rows = np.flatnonzero(whole & (forms_given == 1))
            form[rows] = index
            if len(rows):
                lon[rows], lat[rows] = _READERS[source](
                    *(_take(columns[name], rows, n) for name in names)
                )
    errors: dict[int, HasuError] = {}
    for i in np.flatnonzero(np.isnan(lon)).tolist():
        fields = {name: _value(column[i]) for name, column in columns.items() if given[name][i]}
        try:
            place = parse_location(fields)
        except MissingExtra:
            raise
        except HasuError as error:
            errors[i] = error
        else:
            lon[i], lat[i], form[i] = place.lon, place.lat, SOURCES.index(place.source)
    return Places(lon, lat, form, errors)


def _any(masks: list[BoolArray], n: int) -> BoolArray:
    return np.logical_or.reduce(masks) if masks else np.zeros(n, dtype=np.bool_)


def _take(column: pa.Array, rows: LongArray, n: int) -> pa.Array:
    return column if len(rows) == n else column.take(pa.array(rows))


def _value(scalar: pa.Scalar) -> object:
    value = scalar.as_py()
    return float(value) if isinstance(value, Decimal) else value


# --- one form each: arrays without nulls to degrees, NaN where a row is not plainly right ------
def _from_lat_lon(lats: pa.Array, lons: pa.Array) -> tuple[FloatArray, FloatArray]:
    lat, lon = _numbers(lats), _numbers(lons)
    good = on_globe(lat, lon) & ~look_exchanged(lat, lon)
    return np.where(good, lon, np.nan), np.where(good, lat, np.nan)


def _from_grid(eastings: pa.Array, northings: pa.Array) -> tuple[FloatArray, FloatArray]:
    return _degrees(_numbers(eastings), _numbers(northings))


def _from_grid_reference(texts: pa.Array) -> tuple[FloatArray, FloatArray]:
    nothing = np.full(len(texts), np.nan)
    if not _is_text(texts):
        return nothing, nothing
    parts = pc.extract_regex(pc.ascii_upper(pc.ascii_trim(texts, " ")), _REFERENCE)
    squares, corners = _squares()
    letters, joined, east, north = (_field(parts, k) for k in range(4))
    square = _numpy(pc.fill_null(pc.index_in(letters, value_set=squares), -1)).astype(np.int64)
    in_one = _lengths(joined)
    figures = np.where(in_one > 0, in_one // 2, _lengths(east))
    good = (square >= 0) & (figures > 0)
    good &= np.where(in_one > 0, in_one % 2 == 0, figures == _lengths(north))
    side_m = np.array([10.0 ** (5 - k) for k in range(6)])[figures]
    good &= side_m / 2.0 * float(np.sqrt(2.0)) <= MAX_ACCURACY_M
    whole, power = _whole(joined), 10**figures
    x = np.where(in_one > 0, whole // power, _whole(east))
    y = np.where(in_one > 0, whole % power, _whole(north))
    easting = corners[square, 0] + (x + 0.5) * side_m
    northing = corners[square, 1] + (y + 0.5) * side_m
    return _degrees(np.where(good, easting, np.nan), np.where(good, northing, np.nan))


def _from_postcode(texts: pa.Array) -> tuple[FloatArray, FloatArray]:
    easting, northing = np.full(len(texts), np.nan), np.full(len(texts), np.nan)
    if not _is_text(texts):
        return easting, northing
    compact = pc.ascii_upper(pc.replace_substring_regex(texts, r"\s+", ""))
    areas = _field(pc.extract_regex(compact, _POSTCODE), 0).dictionary_encode()
    for k, area in enumerate(areas.dictionary.to_pylist()):
        rows = np.flatnonzero(_numpy(pc.fill_null(areas.indices, -1)) == k)
        try:
            known = read_area(area_of(area))
        except FileNotFoundError:
            continue
        codes = _numpy(compact.take(pa.array(rows))).astype("S7")
        at = np.searchsorted(known.postcodes, codes)
        at[at == len(known.postcodes)] = 0
        found = known.postcodes[at] == codes
        easting[rows[found]] = known.eastings_m[at[found]]
        northing[rows[found]] = known.northings_m[at[found]]
    return _degrees(easting, northing)


_READERS: Final[Mapping[str, Callable[..., tuple[FloatArray, FloatArray]]]] = {
    "lat_lon": _from_lat_lon,
    "easting_northing": _from_grid,
    "grid_ref": _from_grid_reference,
    "postcode": _from_postcode,
}


def _degrees(easting_m: FloatArray, northing_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Grid metres to degrees, rounded as by the single forms; NaN off the grid."""
    good = (0.0 <= easting_m) & (easting_m <= bng.MAX_EASTING_M)
    good &= (0.0 <= northing_m) & (northing_m <= bng.MAX_NORTHING_M)
    lon, lat = np.full(len(good), np.nan), np.full(len(good), np.nan)
    lats, lons = bng.to_wgs84(easting_m[good], northing_m[good])
    lon[good], lat[good] = np.round(lons, 7), np.round(lats, 7)
    return lon, lat


@cache
def _squares() -> tuple[pa.Array, FloatArray]:
    """Letters of the squares of 100 km, and the metres of their south-west corners."""
    alphabet = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
    found: dict[str, tuple[float, float]] = {}
    for letters in (first + second for first in alphabet for second in alphabet):
        try:
            square = bng.parse_grid_reference(f"{letters}00")
        except InvalidLocation:
            continue
        half_m = square.side_m / 2.0
        found[letters] = square.easting_m - half_m, square.northing_m - half_m
    return pa.array(list(found)), np.array(list(found.values()))


# --- columns to numpy ---------------------------------------------------------------------------
def _numbers(column: pa.Array) -> FloatArray:
    """The numbers of a column; NaN where a text is not a plain one."""
    if not _is_text(column):
        kinds = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal)
        if any(is_kind(column.type) for is_kind in kinds):
            return np.asarray(_numpy(column.cast(pa.float64())))
        return np.full(len(column), np.nan)
    texts = pc.utf8_trim_whitespace(column)
    significant = pc.ascii_ltrim(texts, "+-0.")
    digits = pc.subtract(pc.binary_length(significant), pc.count_substring(significant, "."))
    plain = pc.and_(pc.match_substring_regex(texts, _PLAIN), pc.less_equal(digits, MAX_DIGITS))
    kept = pc.if_else(plain, texts, pa.scalar(None, texts.type))
    return np.asarray(_numpy(pc.fill_null(kept.cast(pa.float64()), np.nan)))


def _is_text(column: pa.Array) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _field(parts: pa.StructArray, k: int) -> pa.Array:
    """Field of a match; null where nothing matched, empty where this part did not."""
    return pc.struct_field(parts, [k])


def _lengths(texts: pa.Array) -> LongArray:
    return np.asarray(_numpy(pc.fill_null(pc.binary_length(texts), 0)), dtype=np.int64)


def _whole(texts: pa.Array) -> LongArray:
    digits = pc.if_else(pc.equal(pc.binary_length(texts), 0), pa.scalar(None, texts.type), texts)
    return np.asarray(_numpy(pc.fill_null(digits.cast(pa.int64()), 0)), dtype=np.int64)


def _numpy(array: pa.Array) -> Any:
    return array.to_numpy(zero_copy_only=False)
