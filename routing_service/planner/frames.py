"""Matrices of DataFrames. pandas is never imported: pyarrow reads and makes its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from routing_service.planner.columns import matrix_batch
from routing_service.planner.matrix import REASONS, travel_times
from routing_service.planner.places import locate, place_columns
from routing_service.planner.points import Points

if TYPE_CHECKING:
    import pandas as pd

    from routing_service.live.snapshot import Snapshot


def matrix_frame(snapshot: Snapshot, frame: pd.DataFrame) -> pd.DataFrame:
    """The matrix of a DataFrame: see `Router.matrix`."""
    n = len(frame)
    headings = {str(name): name for name in frame.columns}
    found = place_columns(list(headings), "the DataFrame")
    columns = {
        ours: _column(pa.array(frame[headings[name]], from_pandas=True))
        for ours, name in found.items()
    }
    places = locate(columns, n)
    known = np.isfinite(places.lon)
    lines = np.arange(n, dtype=np.int64)
    points = Points(lines, pa.array(lines), places, {}, ())
    # A place that cannot be read is asked for off the coast of Africa, which no network covers.
    lon, lat = (np.where(known, degrees, 0.0) for degrees in (places.lon, places.lat))
    times = travel_times(snapshot, lon, lat)
    words = [REASONS[k] or None for k in times.reason.tolist()]
    for row, error in places.errors.items():
        words[row] = error.code
    table = pa.Table.from_batches(
        [matrix_batch(points, lines, times, snapshot.flags)]
    ).drop_columns("id")
    result = table.append_column("error", pa.array(words, pa.string())).to_pandas()
    result.loc[~known, ["easting_m", "northing_m", "snap_distance_m"]] = np.nan
    result.index = frame.index
    return result


def _column(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array, of what a category stands for."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
