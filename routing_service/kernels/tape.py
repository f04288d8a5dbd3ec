"""A tape of records of one length: one thread puts them on, another takes them off, without a lock.

Only the first moves `PUT` and only the second `TAKEN`, each after it is done with the row. Kernels
put a record on as they make it, so that telling one costs its caller the copy of its bytes.
"""

from __future__ import annotations

import numpy as np
from numba import config

from routing_service.kernels.address import bytes_at, int64s_at
from routing_service.kernels.jit import holding_gil, inner_kernel
from routing_service.units import ByteArray, LongArray

# What a tape's marks are: where its rows are, how long and how many, how many were put on and taken
# off so far, how many may wait, and how many found no room.
ROWS_AT, SIZE, ROWS, PUT, TAKEN, ROOM, LOST, MARKS = range(8)


class Tape:
    """Rows of one length, used in turn.

    Parameters
    ----------
    size
        Bytes of a record.
    rows
        How many records may wait at most; those of more are lost, and counted.
    """

    __slots__ = ("_rows", "_seen_lost", "at", "marks")

    def __init__(self, size: int, rows: int) -> None:
        self._rows: ByteArray = np.empty((rows, size), dtype=np.uint8)
        self.marks: LongArray = np.zeros(MARKS, dtype=np.int64)
        self.marks[[ROWS_AT, SIZE, ROWS, ROOM]] = self._rows.ctypes.data, size, rows, rows
        self.at = self.marks.ctypes.data
        self._seen_lost = 0

    @property
    def size(self) -> int:
        """Bytes of a record."""
        return self._rows.shape[1]

    def __len__(self) -> int:
        return int(self.marks[PUT] - self.marks[TAKEN])

    # --- by one thread ------------------------------------------------------------------------
    def put(self, record: bytes) -> None:
        """Put one on, as a kernel does with `put_on`."""
        given = np.frombuffer(record, dtype=np.uint8)
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            _put(self.marks, self._rows.reshape(-1), given)
        else:
            put_on(self.at, given.ctypes.data)

    # --- by another ---------------------------------------------------------------------------
    def allow(self, waiting: int) -> None:
        """Let so many wait from now on, but no more than there are rows."""
        self.marks[ROOM] = min(max(waiting, 0), len(self._rows))

    def take(self) -> ByteArray:
        """Take off what is there, ``uint8[n, size]``, in the order in which it was put on."""
        first, last = int(self.marks[TAKEN]), int(self.marks[PUT])
        taken = self._rows[np.arange(first, last) % len(self._rows)]
        self.marks[TAKEN] = last
        return taken

    @property
    def lost(self) -> int:
        """How many found no room since this was last taken note of."""
        return int(self.marks[LOST]) - self._seen_lost

    def take_lost(self) -> int:
        """The same, and take note of it."""
        lost = self.lost
        self._seen_lost += lost
        return lost


@inner_kernel
def _put(marks: LongArray, rows: ByteArray, record: ByteArray) -> None:
    put, size = marks[PUT], marks[SIZE]
    if put - marks[TAKEN] >= marks[ROOM]:
        marks[LOST] += 1
        return
    first = put % marks[ROWS] * size
    row = rows[first : first + size]
    for i in range(row.shape[0]):
        row[i] = record[i]
    marks[PUT] = put + 1


@holding_gil
def put_on(tape_at: int, record_at: int) -> None:
    """Put a record on a tape, by addresses."""
    marks = int64s_at(tape_at, (MARKS,))
    size = marks[SIZE]
    rows = bytes_at(marks[ROWS_AT], (marks[ROWS] * size,))
    _put(marks, rows, bytes_at(record_at, (size,)))
