"""An answer from a network that is bound once, so that a call does not pass the network again.

Passing a dozen arrays from Python costs three times what the answer itself does: each is unwrapped
at every call. Here the kernel gets a few plain numbers, one of them the address of a table of
addresses, and finds the rest through it. Even the answer's own buffer is passed as an address:
every thread has one, and what is handed out is a copy of its bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numba import config

from routing_service.answer import HEAD, columns
from routing_service.kernels.address import (
    float64_rows_at,
    float64s_at,
    int32_rows_at,
    int32_tables_at,
    int32s_at,
    int64s_at,
)
from routing_service.kernels.answering import Rules, answer_one
from routing_service.kernels.jit import entry, holding_gil
from routing_service.kernels.lookup import Labelled
from routing_service.kernels.probability import SCRATCH
from routing_service.kernels.reply import Head
from routing_service.units import FloatArray, IntArray, LongArray


@holding_gil
def answer_at(
    lon_e7: float,
    lat_e7: float,
    heading_x: float,
    heading_y: float,
    table_at: int,
    standing_at: int,
    desk_at: int,
    scratch_at: int,
) -> int:
    """`answering.answer_one` by addresses: of a `BoundNetwork`'s table, and of the buffers."""
    table = int64s_at(table_at, (16,))
    cells, entries, segments = table[8], table[9], table[10]
    edges, width, units, doors, wide = table[11], table[12], table[13], table[14], table[15]
    net = Labelled(
        int64s_at(table[0], (6,)),
        int32s_at(table[1], (cells,)),
        int32s_at(table[2], (entries,)),
        int32_rows_at(table[3], (segments, 8)),
        int32_rows_at(table[4], (edges, width)),
        int32_tables_at(table[5], (units, doors, 5)),
    )
    rules = Rules(int64s_at(table[6], (3,)), float64s_at(table[7], (4,)))
    return answer_one(
        lon_e7,
        lat_e7,
        heading_x,
        heading_y,
        net,
        rules,
        int32_rows_at(standing_at, (units, 4)),
        int32s_at(desk_at, (wide,)),
        float64_rows_at(scratch_at, (SCRATCH, units)),
    )


@cache
def _answering() -> Callable[..., int]:
    return entry(answer_at, "int64(float64, float64, float64, float64, int64, int64, int64, int64)")


@holding_gil
def _plainly_at(places_at: int, lon_e7: float, lat_e7: float) -> int:
    places = int64s_at(places_at, (4,))
    return answer_at(lon_e7, lat_e7, 0.0, 0.0, places[0], places[1], places[2], places[3])


@cache
def _asking() -> Callable[..., int]:
    return entry(_plainly_at, "int64(int64, float64, float64)")


class Desk:
    """The buffers of whoever asks; one at a time.

    Attributes
    ----------
    head
        Of the record of an answer; the answer is behind it, as in `routing_service.answer`.
    answer
        ``int32[columns]``.
    numbers, record
        The answer, and both, to be copied.
    answer_at, head_at, scratch_at
        Addresses, found out once: that takes as long as an answer.
    """

    __slots__ = (
        *("answer", "answer_at", "head", "head_at", "numbers"),
        *("record", "scratch", "scratch_at"),
    )

    def __init__(self, units: int) -> None:
        whole = np.zeros(8 * HEAD + 4 * columns(units), dtype=np.uint8)
        words = whole[: 8 * HEAD].view(np.int64)
        self.head = Head(whole[:16], words, words.view(np.float64))
        self.answer: IntArray = whole[8 * HEAD :].view(np.int32)
        self.scratch: FloatArray = np.zeros((SCRATCH, units))
        self.head_at, self.answer_at = whole.ctypes.data, self.answer.ctypes.data
        self.scratch_at = self.scratch.ctypes.data
        self.record, self.numbers = whole.data, self.answer.data


class _Desks(threading.local):
    """A desk for each thread."""

    def __init__(self, units: int) -> None:
        self.desk = Desk(units)


class BoundNetwork:
    """`answering.answer_one` with its network bound.

    Parameters
    ----------
    net, rules
        As there, in C order. Kept alive as long as this lives.

    Attributes
    ----------
    desks
        ``desks.desk`` is the calling thread's own.
    table_at
        Address of the table that `answer_at` reads.
    """

    def __init__(self, net: Labelled, rules: Rules) -> None:
        arrays = (*net, *rules)
        assert all(array.flags.c_contiguous for array in arrays)
        self.net, self.rules = net, rules
        units, doors = net.doors.shape[:2]
        lengths = (
            *(len(net.cell_first), len(net.cell_segments), len(net.segments)),
            *(*net.labels.shape, units, doors, columns(units)),
        )
        self._table: LongArray = np.array(
            [*(array.ctypes.data for array in arrays), *lengths], dtype=np.int64
        )
        self.table_at = self._table.ctypes.data
        self.desks = _Desks(units)

    def __call__(
        self,
        lon_e7: float,
        lat_e7: float,
        heading_x: float,
        heading_y: float,
        standing: IntArray,
        standing_at: int,
    ) -> tuple[int, bytes]:
        """Answer for one incident.

        `standing_at` is the address of `standing`, which the caller keeps alive and in C order.

        Returns
        -------
        tuple
            The doubts as bits, and all numbers as `routing_service.answer.pack` gives them.
        """
        desk = self.desks.desk
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            arrays = (self.net, self.rules, standing, desk.answer, desk.scratch)
            bits = answer_one(lon_e7, lat_e7, heading_x, heading_y, *arrays)
        else:
            places = (self.table_at, standing_at, desk.answer_at, desk.scratch_at)
            bits = _answering()(lon_e7, lat_e7, heading_x, heading_y, *places)
        return bits, desk.numbers.tobytes()


class Plainly(threading.local):
    """`BoundNetwork` for positions alone, with the standing bound as well; threads do not meet.

    One address instead of four, and no function of Python in between.

    Parameters
    ----------
    bound, standing, standing_at
        As there.

    Attributes
    ----------
    ask
        Takes a position (units of 1e-7 degrees, east first) and gives the doubts.
    numbers
        Where the answer then is, to be copied.
    """

    def __init__(self, bound: BoundNetwork, standing: IntArray, standing_at: int) -> None:
        desk = bound.desks.desk
        self.numbers = desk.numbers
        self.ask: Callable[[float, float], int]
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            buffers = (bound.net, bound.rules, standing, desk.answer, desk.scratch)
            self.ask = lambda lon_e7, lat_e7: answer_one(lon_e7, lat_e7, 0.0, 0.0, *buffers)
        else:
            # The kernel has no more than the addresses.
            self._kept = bound, standing, desk
            places = (bound.table_at, standing_at, desk.answer_at, desk.scratch_at)
            self._places: LongArray = np.array(places, dtype=np.int64)
            self.ask = partial(_asking(), self._places.ctypes.data)
