"""Copies of large arrays that cost nothing until they are written, and then only what is written.

A closure changes some dozens of labels among millions. Copied in the ordinary way, the arrays of
half a million edges with four trees are 50 MB to write for each closure in each worker, which takes
ten times as long as finding out what to change (50 ms against 4).
"""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt


class Pages:
    """An array of which the system makes copies page by page, each when it is first written.

    Made before a fork, the array is kept once for all processes.

    Examples
    --------
    >>> pages = Pages(np.arange(3))
    >>> copy = pages.copy()
    >>> copy[0] = 7
    >>> copy.tolist(), pages.copy().tolist()
    ([7, 1, 2], [0, 1, 2])
    """

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._dtype, self._shape = array.dtype, array.shape
        self._file = memory_file()
        self._file.write(np.ascontiguousarray(array).data)
        self._file.flush()

    def copy(self) -> npt.NDArray[Any]:
        """A copy that may be written; it is of no account to other copies and processes."""
        if 0 in self._shape:
            return np.empty(self._shape, self._dtype)
        private = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)
        return np.frombuffer(private, self._dtype).reshape(self._shape)


def memory_file() -> BinaryIO:
    """A file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("hasu"), "w+b")
    return tempfile.TemporaryFile()
