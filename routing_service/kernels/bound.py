"""A look-up that is bound to its network once, so that a call does not pass the network again.

Passing eleven arrays from Python costs three times what the look-up itself does: each is unwrapped
at every call. Here the kernel gets one small array of addresses and lengths, and finds the rest
through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, config, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

from routing_service.kernels.jit import kernel
from routing_service.kernels.lookup import SEGMENT, TIMES, Labelled, look_up
from routing_service.kernels.probability import doubts
from routing_service.units import IntArray, LongArray


def _pointer_to(dtype: Any, bits: int) -> Any:
    """An intrinsic that takes an address for a pointer to numbers of `dtype`."""

    def pointer(typing_context: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())

        as_pointer: Any = types.CPointer
        return as_pointer(dtype)(types.int64), code

    return intrinsic(pointer)


_int32s: Any = _pointer_to(types.int32, 32)
_int64s: Any = _pointer_to(types.int64, 64)


@kernel
def look_up_at(
    lon_e7: float,
    lat_e7: float,
    heading_x: float,
    heading_y: float,
    table: LongArray,
    low: float,
    high: float,
    sigma_unit: float,
    answer: IntArray,
) -> None:
    """`lookup.look_up` in the network behind `table`, and what is doubtful about the times.

    See `BoundLookup` for the answer; without an error model `sigma_unit` is 0.
    """
    cells, entries, segments = table[10], table[11], table[12]
    edges, units, doors = table[13], table[14], table[15]
    net = Labelled(
        carray(_int64s(table[0]), (6,)),
        carray(_int32s(table[1]), (cells,)),
        carray(_int32s(table[2]), (entries,)),
        carray(_int32s(table[3]), (segments, 8)),
        carray(_int32s(table[4]), (edges,)),
        carray(_int32s(table[5]), (edges,)),
        carray(_int32s(table[6]), (edges,)),
        carray(_int32s(table[7]), (units, edges)),
        carray(_int32s(table[8]), (units, edges)),
        carray(_int32s(table[9]), (units, doors, 5)),
    )
    known = TIMES + 2 * units
    look_up(lon_e7, lat_e7, heading_x, heading_y, net, answer[:known])
    if sigma_unit > 0.0 and answer[SEGMENT] >= 0:
        doubts(answer[:known], low, high, sigma_unit, answer[known:])


class BoundLookup:
    """`lookup.look_up` with its network bound.

    Parameters
    ----------
    net
        The network and its trees, in C order. Kept alive as long as this lives.
    model
        Factors on a time for its 10 % and 90 % points and the standard deviation of a unit's own
        error, see `probability.doubts`; None without an error model.
    """

    def __init__(self, net: Labelled, model: tuple[float, float, float] | None = None) -> None:
        assert all(array.flags.c_contiguous for array in net)
        self.net = net
        lengths = [
            len(net.cell_first),
            len(net.cell_segments),
            len(net.segments),
            len(net.edge_ms),
            *(len(net.tree_ms), net.doors.shape[1]),
        ]
        addresses = [array.ctypes.data for array in net]
        self.model = model or (0.0, 0.0, 0.0)
        units = len(net.tree_ms)
        self.columns = TIMES + (5 if model else 2) * units
        """Length of an answer: as of `lookup.look_up`, then three per unit as of `doubts`."""

        self.table: LongArray = np.array([*addresses, *lengths], dtype=np.int64)

    def __call__(
        self, lon_e7: float, lat_e7: float, heading_x: float, heading_y: float, answer: IntArray
    ) -> None:
        """Snap one point and read its times into `answer`, ``int32[columns]``."""
        low, high, sigma_unit = self.model
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            known = TIMES + 2 * len(self.net.tree_ms)
            look_up(lon_e7, lat_e7, heading_x, heading_y, self.net, answer[:known])
            if sigma_unit > 0.0 and answer[SEGMENT] >= 0:
                doubts(answer[:known], low, high, sigma_unit, answer[known:])
        else:
            look_up_at(
                lon_e7, lat_e7, heading_x, heading_y, self.table, low, high, sigma_unit, answer
            )
