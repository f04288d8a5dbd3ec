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
from routing_service.kernels.lookup import Labelled, look_up
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
    answer: IntArray,
) -> None:
    """`lookup.look_up` in the network behind `table`, see `BoundLookup`."""
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
    look_up(lon_e7, lat_e7, heading_x, heading_y, net, answer)


class BoundLookup:
    """`lookup.look_up` with its network bound.

    Parameters
    ----------
    net
        The network and its trees, in C order. Kept alive as long as this lives.
    """

    def __init__(self, net: Labelled) -> None:
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
        self.table: LongArray = np.array([*addresses, *lengths], dtype=np.int64)

    def __call__(
        self, lon_e7: float, lat_e7: float, heading_x: float, heading_y: float, answer: IntArray
    ) -> None:
        """Snap one point and read its times into `answer`, see `lookup.look_up`."""
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            look_up(lon_e7, lat_e7, heading_x, heading_y, self.net, answer)
        else:
            look_up_at(lon_e7, lat_e7, heading_x, heading_y, self.table, answer)
