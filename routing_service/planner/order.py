"""All rows of a job in one order, without holding them all: by id, equal ids as they came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from routing_service.planner.parts import Part
from routing_service.planner.points import CHUNK_ROWS
from routing_service.units import IntArray, LongArray


def id_order(ids: pa.Array) -> LongArray:
    """The order of ids, numbers by size and texts by their bytes; ``int64[n]``, stable."""
    return np.asarray(pc.array_sort_indices(ids).to_numpy(False), dtype=np.int64)


def in_order(parts: Sequence[Part]) -> Iterator[pa.Table]:
    """Merge parts, each of which is in order by itself.

    Yields
    ------
    pyarrow.Table
        Rows, `CHUNK_ROWS` a time if they have to be merged, else a part at a time.

    Notes
    -----
    Merging needs memory for the ids and eight bytes a row, and one batch of each part.
    """
    ids = [part.ids() for part in parts]
    filled = [(column[0].as_py(), column[-1].as_py()) for column in ids if len(column)]
    if all(before[1] <= after[0] for before, after in pairwise(filled)):
        del ids
        for part in parts:
            yield pa.Table.from_batches(part.read(), part.schema)
        return
    ends = np.cumsum([len(column) for column in ids])
    order = id_order(
        pa.chunked_array([c for column in ids for c in column.chunks]).combine_chunks()
    )
    del ids
    of_part = np.searchsorted(ends, order, side="right").astype(np.int32)
    del order
    cursors = [_Cursor(part) for part in parts]
    for first in range(0, len(of_part), CHUNK_ROWS):
        yield _next_rows(cursors, of_part[first : first + CHUNK_ROWS])


class _Cursor:
    """How far the rows of a part have been taken."""

    def __init__(self, part: Part) -> None:
        self._batches = part.read()
        self._rest: pa.RecordBatch | None = None

    def take(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The next rows."""
        while rows:
            if self._rest is None or not self._rest.num_rows:
                self._rest = next(self._batches)
            yield (taken := self._rest.slice(0, rows))
            self._rest = self._rest.slice(taken.num_rows)
            rows -= taken.num_rows


def _next_rows(cursors: Sequence[_Cursor], of_part: IntArray) -> pa.Table:
    """The next rows, given which part each comes from: within a part they stand in order."""
    counts = np.bincount(of_part, minlength=len(cursors))
    batches = [
        batch for k in np.flatnonzero(counts).tolist() for batch in cursors[k].take(int(counts[k]))
    ]
    to = np.argsort(of_part, kind="stable")
    at = np.empty(len(to), dtype=np.int64)
    at[to] = np.arange(len(to))
    return pa.Table.from_batches(batches).take(pa.array(at))
