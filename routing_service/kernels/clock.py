"""The clock that kernels read: Python's own for durations."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import overload

from routing_service.kernels.address import int64s_at

NS_PER_SECOND = 1_000_000_000
# What `time.perf_counter_ns` reads.
_CLOCK = getattr(time, "CLOCK_UPTIME_RAW" if sys.platform == "darwin" else "CLOCK_MONOTONIC", 1)

_clock_gettime: Any = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.int64))


def clock_ns(room_at: int) -> int:
    """The moment of `time.perf_counter_ns`; kernels need room for two words at an address."""
    return time.perf_counter_ns()


@overload(clock_ns)
def _clock_ns(room_at: int) -> Callable[[int], int]:
    def ask(room_at: int) -> int:
        _clock_gettime(_CLOCK, room_at)
        room = int64s_at(room_at, (2,))
        return int(room[0] * NS_PER_SECOND + room[1])

    return ask
