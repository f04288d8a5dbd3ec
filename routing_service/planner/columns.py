"""The columns of a matrix: fixed names, types and order, in the numbers that people are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from routing_service.answer import POSTCODE_CENTROID
from routing_service.location import bng
from routing_service.planner.places import SOURCES
from routing_service.units import INF_MS, NONE

if TYPE_CHECKING:
    from routing_service.planner.matrix import TravelTimes
    from routing_service.planner.points import Points
    from routing_service.units import BoolArray, ByteArray, FloatArray, IntArray, LongArray

POINT: Final = (
    ("lat", pa.float64()),
    ("lon", pa.float64()),
    ("easting_m", pa.float64()),
    ("northing_m", pa.float64()),
    ("snap_distance_m", pa.float64()),
    ("destination_ods_code", pa.string()),
    ("nearest_ods_code", pa.string()),
    ("margin_minutes", pa.float64()),
    ("near_tie", pa.bool_()),
    ("flags", pa.string()),
)
"""Columns of a point, behind its ``id``."""

POSTCODE_FORM: Final = SOURCES.index("postcode")

TIMES: Final = ("minutes", "km")
SPREAD: Final = ("p10_minutes", "p90_minutes", "p_nearest")
"""Columns of each unit, named ``RXF05_minutes`` and so on."""


def matrix_schema(
    ods_codes: Sequence[str], spread: bool, id_type: pa.DataType, kept: Mapping[str, pa.DataType]
) -> pa.Schema:
    """Names and types of all columns, in order.

    Parameters
    ----------
    ods_codes
        The units, in the order of the graph.
    spread
        Whether there is an error model.
    id_type
        Of the points' names.
    kept
        Types of the columns that are handed through; they stand last.
    """
    figures = (*TIMES, *(SPREAD if spread else ()))
    of_units = [(f"{code}_{figure}", pa.float64()) for code in ods_codes for figure in figures]
    return pa.schema([("id", id_type), *POINT, *of_units, *kept.items()])


def matrix_batch(
    points: Points, rows: LongArray, times: TravelTimes, flags: Callable[[int], Sequence[str]]
) -> pa.RecordBatch:
    """The matrix of some points.

    Parameters
    ----------
    points
        Who and where they are.
    rows
        ``int64[n]``, which of them, in the order of the result.
    times
        Of all of them.
    flags
        Words of a row's doubts, `Snapshot.flags`.
    """
    lon, lat = points.places.lon[rows], points.places.lat[rows]
    east_m, north_m = bng.to_grid(lat, lon)
    margin_ms = times.margin_ms[rows]
    columns = [
        points.ids.take(pa.array(rows)),
        pa.array(np.round(lat, 7)),
        pa.array(np.round(lon, 7)),
        pa.array(np.round(east_m, 1)),
        pa.array(np.round(north_m, 1)),
        pa.array(_tenths(np.round(100.0 * times.distance_m[rows]).astype(np.int64), 10)),
        _codes(times.destination[rows], times.ods_codes),
        _codes(times.nearest[rows], times.ods_codes),
        pa.array(_tenths(margin_ms, 6_000), mask=margin_ms == NONE),
        pa.array(times.near_tie[rows]),
        _flags(times.doubts[rows], points.places.form[rows], flags),
        *_unit_columns(times, rows),
        *(column.take(pa.array(rows)) for column in points.kept.values()),
    ]
    kept = {name: column.type for name, column in points.kept.items()}
    spread = times.spread is not None
    return pa.RecordBatch.from_arrays(
        columns, schema=matrix_schema(times.ods_codes, spread, points.ids.type, kept)
    )


def _unit_columns(times: TravelTimes, rows: LongArray) -> list[pa.Array]:
    spread = times.spread
    columns = []
    for u in range(len(times.ods_codes)):
        ms = times.ms[rows, u]
        unreached: BoolArray = ms >= INF_MS
        figures = [_tenths(ms, 6_000), _tenths(times.cm[rows, u], 10_000)]
        if spread is not None:
            figures += [spread.p10_tenths[rows, u] / 10.0, spread.p90_tenths[rows, u] / 10.0]
            figures += [spread.p_nearest_thousandths[rows, u] / 1_000.0]
        columns += [pa.array(figure, mask=unreached) for figure in figures]
    return columns


def _tenths(whole: IntArray, per_tenth: int) -> FloatArray:
    """Round to tenths as `units.minutes_from_ms` does: halves go up."""
    return (whole + per_tenth // 2) // per_tenth / 10.0


def _flags(bits: IntArray, form: ByteArray, words: Callable[[int], Sequence[str]]) -> pa.Array:
    """Every doubt about each row, with blanks between."""
    bits = np.where(form == POSTCODE_FORM, bits | POSTCODE_CENTROID, bits)
    kinds, which = np.unique(bits, return_inverse=True)
    texts = pa.array([" ".join(words(kind)) for kind in kinds.tolist()], pa.string())
    return texts.take(pa.array(which))


def _codes(units: IntArray, ods_codes: Sequence[str]) -> pa.Array:
    indices = pa.array(units, mask=units == NONE)
    return pa.DictionaryArray.from_arrays(indices, pa.array(ods_codes, pa.string())).cast(
        pa.string()
    )
