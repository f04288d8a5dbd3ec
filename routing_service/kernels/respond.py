"""From a position to the bytes of a reply in one call of compiled code.

The answer, the form that fits it and the figures in its gaps: what a call from Python costs, and
what Python needs between two of them, takes longer than all three.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numba import config

from routing_service.answer import (
    BITS,
    BLOCKS,
    DESTINATION,
    HEAD,
    ORDER,
    REASONS,
    TIMES,
    TOO_FAR,
    TOOK_NS,
)
from routing_service.kernels.address import (
    bytes_at,
    float64s_at,
    int32_rows_at,
    int32s_at,
    int64s_at,
)
from routing_service.kernels.answering import answer_one
from routing_service.kernels.bound import BoundNetwork, Desk, answer_at
from routing_service.kernels.clock import clock_ns
from routing_service.kernels.jit import entry, holding_gil, inner_kernel
from routing_service.kernels.reply import About, Form, Head, write_reply
from routing_service.kernels.tape import Tape, put_on
from routing_service.units import E7, ByteArray, IntArray, LongArray

SHEET_BYTES = 1 << 17
"""Room for the reply about four hundred units."""

SLOTS = 4_096
"""Of one wording: orders of the units with their reasons and doubts; more than a region has. A
power of two."""

MOST_FORMS = SLOTS * 3 // 4

NOT_WRITTEN, NO_FORM, NO_ROAD = 0, -1, -2
"""Instead of a length: a figure that only the encoder can write, an answer that has no form yet,
a place that is too far from any road."""

TAPE = 10
"""Of the addresses that a reply is made from, the one that changes."""

assert (DESTINATION, REASONS) == (BITS + 1, ORDER + 1)
ABOUT_ALL, ABOUT_EACH = 2, 2
"""What a form depends on: so many numbers of an answer from `BITS` on, and so many of each unit
from `ORDER` on."""


class Sheet:
    """Where the text of replies is written, one at a time."""

    __slots__ = ("at", "out", "text")

    def __init__(self) -> None:
        self.out: ByteArray = np.zeros(SHEET_BYTES, dtype=np.uint8)
        self.at, self.text = self.out.ctypes.data, self.out.data


class Forms:
    """The forms of one wording, found by what of an answer is not a figure.

    Parameters
    ----------
    units
        How many.
    """

    def __init__(self, units: int) -> None:
        self._units = units
        self.keys: IntArray = np.zeros((SLOTS, ABOUT_ALL + ABOUT_EACH * units), dtype=np.int32)
        self.tables: LongArray = np.zeros(SLOTS, dtype=np.int64)
        self.known: dict[int, tuple[Form, LongArray]] = {}

    def __len__(self) -> int:
        return len(self.known)

    def put(self, answer: IntArray, form: Form) -> None:
        """Keep the form of an answer that has none; its gaps name numbers of such answers.

        Without its names no more than `SHEET_BYTES` may come out of it.
        """
        if len(self.known) == MOST_FORMS:
            self.known.clear()
            self.tables[:] = 0
        slot = find_slot(self.keys, self.tables, answer, self._units)
        addresses, lengths = [array.ctypes.data for array in form], [len(array) for array in form]
        table = np.array([*addresses, *lengths], dtype=np.int64)
        first = TIMES + ORDER * self._units
        self.keys[slot, :ABOUT_ALL] = answer[BITS : BITS + ABOUT_ALL]
        self.keys[slot, ABOUT_ALL:] = answer[first : first + ABOUT_EACH * self._units]
        self.tables[slot] = table.ctypes.data
        self.known[slot] = form, table


class Responder:
    """Writes replies about positions under one state, one at a time.

    Parameters
    ----------
    bound
        The network.
    standing
        Of the units, see `routing_service.answer`.
    desk, sheet
        Where the answer and the reply are written.
    forms
        Of the state's wording.
    state_version
        Of the state.

    Attributes
    ----------
    write
        Takes latitude and longitude (degrees), the moment (nanoseconds since 1970), two random
        words for the id, and since when it takes (`time.perf_counter_ns`). Gives the length of the
        reply, or `NOT_WRITTEN`, `NO_FORM` or `NO_ROAD`.
    """

    def __init__(
        self,
        bound: BoundNetwork,
        standing: IntArray,
        desk: Desk,
        sheet: Sheet,
        forms: Forms,
        state_version: int,
    ) -> None:
        # Kept alive too, as the kernel has no more than their addresses.
        self._parts = bound, standing, desk, sheet, forms, state_version
        self._tape: Tape | None = None
        self._places: LongArray = np.array(
            [
                *(bound.table_at, standing.ctypes.data, desk.answer_at, desk.scratch_at),
                *(forms.keys.ctypes.data, forms.tables.ctypes.data, desk.head_at, sheet.at),
                *(state_version, len(standing), 0),
            ],
            dtype=np.int64,
        )
        self.write: Callable[[float, float, int, int, int, int], int] = self._write
        if not config.DISABLE_JIT:  # type: ignore[attr-defined]
            self.write = partial(responding(), self._places.ctypes.data)

    @property
    def tape(self) -> Tape | None:
        """Where the record of each reply is put; nowhere at first."""
        return self._tape

    @tape.setter
    def tape(self, tape: Tape | None) -> None:
        self._tape = tape
        self._places[TAPE] = 0 if tape is None else tape.at

    def _write(
        self, lat: float, lon: float, moment_ns: int, word: int, other: int, since_ns: int
    ) -> int:
        """The same where nothing is compiled, and so nothing can be found by its address."""
        bound, standing, desk, sheet, forms, state_version = self._parts
        buffers = (bound.net, bound.rules, standing, desk.answer, desk.scratch)
        if answer_one(lon * E7, lat * E7, 0.0, 0.0, *buffers) & TOO_FAR:
            return NO_ROAD
        form = forms.known.get(find_slot(forms.keys, forms.tables, desk.answer, len(standing)))
        if form is None:
            return NO_FORM
        about = About(lat, lon, moment_ns, word, other, state_version)
        length = write_reply(form[0], desk.answer, about, desk.head, sheet.out)
        desk.head.words[TOOK_NS] = clock_ns(0) - since_ns
        if length > 0 and self._tape is not None:
            self._tape.put(desk.record.tobytes())
        return length


@holding_gil
def _respond_at(
    places_at: int, lat: float, lon: float, moment_ns: int, word: int, other: int, since_ns: int
) -> int:
    places = int64s_at(places_at, (TAPE + 1,))
    network_at, standing_at, desk_at, scratch_at = places[0], places[1], places[2], places[3]
    keys_at, tables_at, head_at, sheet_at = places[4], places[5], places[6], places[7]
    state_version, units = places[8], places[9]
    doubts = answer_at(lon * E7, lat * E7, 0.0, 0.0, network_at, standing_at, desk_at, scratch_at)
    if doubts & TOO_FAR:
        return NO_ROAD
    answer = int32s_at(desk_at, (TIMES + BLOCKS * units,))
    keys = int32_rows_at(keys_at, (SLOTS, ABOUT_ALL + ABOUT_EACH * units))
    tables = int64s_at(tables_at, (SLOTS,))
    form_at = tables[find_slot(keys, tables, answer, units)]
    if form_at == 0:
        return NO_FORM
    table = int64s_at(form_at, (8,))
    form = Form(
        bytes_at(table[0], (table[4],)),
        int32_rows_at(table[1], (table[5], 4)),
        int32s_at(table[2], (table[6],)),
        bytes_at(table[3], (table[7],)),
    )
    about = About(lat, lon, moment_ns, word, other, state_version)
    head = Head(
        bytes_at(head_at, (16,)), int64s_at(head_at, (HEAD,)), float64s_at(head_at, (HEAD,))
    )
    length = write_reply(form, answer, about, head, bytes_at(sheet_at, (SHEET_BYTES,)))
    # The clock's room is the scratch of the answer, which is over.
    head.words[TOOK_NS] = clock_ns(scratch_at) - since_ns
    if length > 0 and places[TAPE] != 0:
        put_on(places[TAPE], head_at)
    return length


@cache
def responding() -> Callable[..., int]:
    """The compiled kernel; who calls this early spares the first reply the wait."""
    return entry(_respond_at, "int64(int64, float64, float64, int64, int64, int64, int64)")


@inner_kernel
def find_slot(keys: IntArray, tables: LongArray, answer: IntArray, units: int) -> int:
    """Where the form of an answer is kept, or where it may be put; one slot at least is free."""
    first = TIMES + ORDER * units
    code = 0
    for k in range(ABOUT_ALL):
        code = (code * 1_000_003 ^ int(answer[BITS + k])) & 0x7FFF_FFFF
    for k in range(ABOUT_EACH * units):
        code = (code * 1_000_003 ^ int(answer[first + k])) & 0x7FFF_FFFF
    slot = (code ^ code >> 15) % SLOTS
    while tables[slot] != 0:
        same = True
        for k in range(ABOUT_ALL):
            same &= keys[slot, k] == answer[BITS + k]
        for k in range(ABOUT_EACH * units):
            same &= keys[slot, ABOUT_ALL + k] == answer[first + k]
        if same:
            break
        slot = (slot + 1) % SLOTS
    return slot
