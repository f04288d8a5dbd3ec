"""The position in the text of a plain question, read without making an object of each part."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numba import config

from routing_service.kernels.address import bytes_at, float64s_at
from routing_service.kernels.jit import entry, holding_gil, inner_kernel
from routing_service.units import ByteArray, FloatArray

MOST_WHOLE, MOST_DECIMALS = 3, 13
"""Digits before and after the point: what is longer is for the application to take or refuse."""

EXACT = 1 << 53
"""Up to here a float is any whole number exactly, and so its quotient by a power of ten, itself
exact up to the 22nd, is the float nearest to the decimal: the one that Python reads."""

MINUS, POINT, ZERO, NINE = b"-.09"
AND_LON = b"&lon="

# Where CPython keeps the bytes of a `bytes`; the one that ends them is in its basic size.
_PAYLOAD = bytes.__basicsize__ - 1


class Reader:
    """Reads ``53.5526&lon=-1.4797``: two decimals with a point, no exponent, no blank.

    Attributes
    ----------
    place
        ``float64[2]``: latitude and longitude as read last, degrees.
    """

    __slots__ = ("_at", "_place", "_read", "place")

    def __init__(self) -> None:
        self._place: FloatArray = np.zeros(2)
        self.place, self._at = self._place.data, self._place.ctypes.data
        self._read = reading()

    def read(self, text: bytes, start: int) -> bool:
        """Whether `text` from `start` on is such a pair to its end; if so, `place` has it."""
        if config.DISABLE_JIT:  # type: ignore[attr-defined]
            return read_place(np.frombuffer(text, dtype=np.uint8), start, self._place)
        return self._read(id(text) + _PAYLOAD, len(text), start, self._at)


@inner_kernel
def read_place(text: ByteArray, start: int, place: FloatArray) -> bool:
    """Read a position; see `Reader`.

    Parameters
    ----------
    text
        ``uint8``.
    start
        Where the latitude begins.
    place
        ``float64[2]``, written.

    Returns
    -------
    bool
        False if it is not plainly one: `place` means nothing then.
    """
    at, n = start, text.shape[0]
    for k in range(2):
        if k == 1:
            for mark in AND_LON:
                if at == n or text[at] != mark:
                    return False
                at += 1
        negative = at < n and text[at] == MINUS
        if negative:
            at += 1
        first, value, power = at, 0, 1
        while at < n and ZERO <= text[at] <= NINE and at - first <= MOST_WHOLE:
            value = 10 * value + int(text[at]) - ZERO
            at += 1
        if not 1 <= at - first <= MOST_WHOLE or at == n or text[at] != POINT:
            return False
        at += 1
        first = at
        while at < n and ZERO <= text[at] <= NINE and at - first <= MOST_DECIMALS:
            value = 10 * value + int(text[at]) - ZERO
            power *= 10
            at += 1
        if not 1 <= at - first <= MOST_DECIMALS or value > EXACT:
            return False
        place[k] = -(value / power) if negative else value / power
    return at == n


@holding_gil
def _read_at(text_at: int, length: int, start: int, place_at: int) -> bool:
    return read_place(bytes_at(text_at, (length,)), start, float64s_at(place_at, (2,)))


@cache
def reading() -> Callable[[int, int, int, int], bool]:
    """The compiled kernel; who calls this early spares the first question the wait."""
    return entry(_read_at, "boolean(int64, int64, int64, int64)")
