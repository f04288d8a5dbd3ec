"""An answer from a network that is bound once, so that a call does not pass the network again.

Passing a dozen arrays from Python costs three times what the answer itself does: each is unwrapped
at every call. Here the kernel gets a few plain numbers, one of them the address of a table of
addresses, and finds the rest through it. Even the answer's own buffer is passed as an address:
every thread has one, and what is handed out is a copy of it as Python's numbers.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, config, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

from routing_service.answer import columns
from routing_service.kernels.answering import Rules, answer_one
from routing_service.kernels.jit import holding_gil
from routing_service.kernels.lookup import Labelled
from routing_service.kernels.probability import SCRATCH
from routing_service.units import FloatArray, IntArray, LongArray


def _pointer_to(dtype: Any, bits: ir.Type) -> Any:
    """An intrinsic that takes an address for a pointer to numbers of `dtype`."""

    def pointer(typing_context: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], bits.as_pointer())

        as_pointer: Any = types.CPointer
        return as_pointer(dtype)(types.int64), code

    return intrinsic(pointer)


_int32s: Any = _pointer_to(types.int32, ir.IntType(32))
_int64s: Any = _pointer_to(types.int64, ir.IntType(64))
_float64s: Any = _pointer_to(types.float64, ir.DoubleType())


@holding_gil
def _answer_at(
    lon_e7: float,
    lat_e7: float,
    heading_x: float,
    heading_y: float,
    table_at: int,
    standing_at: int,
    answer_at: int,
    scratch_at: int,
) -> int:
    table = carray(_int64s(table_at), (16,))
    cells, entries, segments = table[8], table[9], table[10]
    edges, width, units, doors, wide = table[11], table[12], table[13], table[14], table[15]
    net = Labelled(
        carray(_int64s(table[0]), (6,)),
        carray(_int32s(table[1]), (cells,)),
        carray(_int32s(table[2]), (entries,)),
        carray(_int32s(table[3]), (segments, 8)),
        carray(_int32s(table[4]), (edges, width)),
        carray(_int32s(table[5]), (units, doors, 5)),
    )
    rules = Rules(carray(_int64s(table[6]), (3,)), carray(_float64s(table[7]), (4,)))
    return answer_one(
        lon_e7,
        lat_e7,
        heading_x,
        heading_y,
        net,
        rules,
        carray(_int32s(standing_at), (units, 4)),
        carray(_int32s(answer_at), (wide,)),
        carray(_float64s(scratch_at), (SCRATCH, units)),
    )


class _Desk(threading.local):
    """Buffers of one thread."""

    def __init__(self, units: int) -> None:
        self.answer: IntArray = np.zeros(columns(units), dtype=np.int32)
        self.scratch: FloatArray = np.zeros((SCRATCH, units))
        # Together, as each look into a thread's own storage costs a twentieth of the call: the two
        # addresses, and what `struct` reads.
        self.places = (self.answer.ctypes.data, self.scratch.ctypes.data, self.answer.data)


class BoundNetwork:
    """`answering.answer_one` with its network bound.

    Parameters
    ----------
    net, rules
        As there, in C order. Kept alive as long as this lives.
    """

    def __init__(self, net: Labelled, rules: Rules) -> None:
        arrays = (*net, *rules)
        assert all(array.flags.c_contiguous for array in arrays)
        self.net, self.rules = net, rules
        units, doors = net.doors.shape[:2]
        wide = columns(units)
        lengths = (
            *(len(net.cell_first), len(net.cell_segments), len(net.segments)),
            *(*net.labels.shape, units, doors, wide),
        )
        self._table: LongArray = np.array(
            [*(array.ctypes.data for array in arrays), *lengths], dtype=np.int64
        )
        self._table_at = self._table.ctypes.data
        self._desk = _Desk(units)
        self._numbers = struct.Struct(f"{wide}i").unpack_from

    def __call__(
        self,
        lon_e7: float,
        lat_e7: float,
        heading_x: float,
        heading_y: float,
        standing: IntArray,
        standing_at: int,
    ) -> tuple[int, ...]:
        """Answer for one incident: the numbers of `routing_service.answer`.

        `standing_at` is the address of `standing`, which the caller keeps alive and in C order.
        """
        desk = self._desk
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            arrays = (self.net, self.rules, standing, desk.answer, desk.scratch)
            answer_one(lon_e7, lat_e7, heading_x, heading_y, *arrays)
        else:
            answer_at, scratch_at, _ = desk.places
            _answer_at(
                lon_e7,
                lat_e7,
                heading_x,
                heading_y,
                self._table_at,
                standing_at,
                answer_at,
                scratch_at,
            )
        return self._numbers(desk.places[2])

    def plainly(
        self, standing: IntArray, standing_at: int
    ) -> Callable[[float, float], tuple[int, ...]]:
        """The same for incidents without a heading, with the standing bound as well."""
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            return lambda lon_e7, lat_e7: self(lon_e7, lat_e7, 0.0, 0.0, standing, standing_at)
        desk, table_at, numbers = self._desk, self._table_at, self._numbers

        def ask(lon_e7: float, lat_e7: float) -> tuple[int, ...]:
            answer_at, scratch_at, buffer = desk.places
            _answer_at(lon_e7, lat_e7, 0.0, 0.0, table_at, standing_at, answer_at, scratch_at)
            return numbers(buffer)

        return ask
