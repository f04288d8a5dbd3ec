"""Giving way: a kernel that lasts lets whoever waits for its core go first.

Linux lets a thread that computes finish its slice before one that wakes gets the core. On a kernel
whose clock ticks 250 times a second, with two threads at work on two cores, a thread that wakes
waited 3.9 ms in the slowest hundredth of cases, however low the priority of the two, and 1.1 ms
where they gave way every millisecond. A request takes 20 us of the core.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from numba import types
from numba.extending import overload

REPAIRED = 1 << 12
GROWN = 1 << 14
PASSED = 1 << 16
"""A kernel gives way once in so many labels that it repairs, labels of a tree that it grows, or
rows of a table that it passes over: about every millisecond or two. More often costs too much where
others compute all the time, as each takes a whole slice: giving way several times as often, with
three such neighbours, a closure at a door took up to 1.9 s to arrive.
"""

_sched_yield = types.ExternalFunction("sched_yield", types.int32())


def give_way() -> None:
    """Let a thread that waits for this core go first; nothing where the system cannot be asked."""
    if hasattr(os, "sched_yield"):
        os.sched_yield()


@overload(give_way)
def _give_way() -> Callable[[], None]:
    if not hasattr(os, "sched_yield"):
        return lambda: None

    def ask() -> None:
        _sched_yield()

    return ask
