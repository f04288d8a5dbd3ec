"""Addresses as kernels take them: plain numbers, and back to arrays inside.

An array from Python costs a tenth of a microsecond to unwrap, at every call; a number next to
nothing. Whoever passes an address keeps what is there alive, in C order, until the call is over.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numba
from numba.extending import intrinsic

types: Any = numba.types  # without types of its own
cgutils: Any = import_module("numba.core.cgutils")


def _array_at(dtype: Any, dimensions: int) -> Any:
    """An intrinsic that takes an address and a shape for an array of `dtype` in C order.

    `numba.carray` does the same, but with the runtime that counts references, and code of its own
    that is looked for among numba's modules when the kernel comes back from disk: 40 ms.
    """
    array = types.Array(dtype, dimensions, "C")

    def view(typing_context: Any, address: Any, shape: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            arrays: Any = import_module("numba.np.arrayobj")
            made = arrays.make_array(array)(context, builder)
            size = context.get_constant(
                types.intp, context.get_abi_sizeof(context.get_data_type(dtype))
            )
            extents = cgutils.unpack_tuple(builder, arguments[1])
            strides = [size]
            for extent in extents[:0:-1]:
                strides.insert(0, builder.mul(strides[0], extent))
            arrays.populate_array(
                made,
                data=builder.inttoptr(arguments[0], made.data.type),
                shape=extents,
                strides=strides,
                itemsize=size,
                meminfo=None,
            )
            return made._getvalue()

        return array(types.int64, types.UniTuple(types.int64, dimensions)), code

    return intrinsic(view)


bytes_at: Any = _array_at(types.uint8, 1)
int32s_at: Any = _array_at(types.int32, 1)
int32_rows_at: Any = _array_at(types.int32, 2)
int32_tables_at: Any = _array_at(types.int32, 3)
int64s_at: Any = _array_at(types.int64, 1)
float64s_at: Any = _array_at(types.float64, 1)
float64_rows_at: Any = _array_at(types.float64, 2)
