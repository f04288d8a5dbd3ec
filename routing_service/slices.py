"""Short slices of processor time for a thread that must be prompt.

Linux gives each thread a slice, some milliseconds, and lets one that computes finish its slice
before one that wakes gets the core, unless the one that wakes asks for shorter ones (since 6.12).
An event loop takes microseconds at a time, and its neighbours, which follow the day, milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

SLICE_NS = 100_000
"""The shortest that Linux gives."""

_CALL = {"x86_64": 314, "aarch64": 274}
"""The number of ``sched_setattr``, for which Python has no function."""

_RESET_ON_FORK = 1


def ask_for_short_slices() -> bool:
    """Ask for the calling thread, not for those that it starts; False where that is not known.

    No privilege is needed, as it gets no more time for it, only sooner.
    """
    call = _CALL.get(platform.machine())
    if sys.platform != "linux" or call is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    # Size, policy (the ordinary one), flags, nice, priority, slice, deadline, period.
    attributes = struct.pack("=IIQiIQQQ", 48, 0, _RESET_ON_FORK, nice, 0, SLICE_NS, 0, 0)
    return bool(ctypes.CDLL(None).syscall(call, 0, attributes, 0) == 0)
