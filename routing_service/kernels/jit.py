"""The one way in which kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile to machine code at the first call, keep it on disk, run without the GIL."""
    return cast(F, njit(cache=True, nogil=True)(function))
