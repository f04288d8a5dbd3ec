"""Addresses as kernels take them: plain numbers, and back to pointers inside.

An array from Python costs a tenth of a microsecond to unwrap, at every call; a number next to
nothing. Whoever passes an address keeps what is there alive, in C order, until the call is over.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _pointer_to(dtype: Any, bits: ir.Type) -> Any:
    """An intrinsic that takes an address for a pointer to numbers of `dtype`."""

    def pointer(typing_context: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], bits.as_pointer())

        as_pointer: Any = types.CPointer
        return as_pointer(dtype)(types.int64), code

    return intrinsic(pointer)


bytes_at: Any = _pointer_to(types.uint8, ir.IntType(8))
int32s_at: Any = _pointer_to(types.int32, ir.IntType(32))
int64s_at: Any = _pointer_to(types.int64, ir.IntType(64))
float64s_at: Any = _pointer_to(types.float64, ir.DoubleType())
