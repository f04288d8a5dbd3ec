"""`Courtesy`: processes of one machine make their views one after another: a core stays free.

All workers hear of a closure at the same instant, and would all compute at once; a request that
wakes then finds every core taken. One by one, its slowest hundredth waited 5.0 instead of 7.5 ms,
with two workers on two cores and 20 closures a second. It is no lock: who has waited long enough
goes on, so that no process depends on another.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from routing_service.graph.pages import memory_file
from routing_service.observe.slots import claim_slot

PATIENCE_S = 0.025
"""How long to wait at most: a view under twenty local closures takes 10 ms, one at a door 150."""

POLL_S = 0.0005


class Courtesy:
    """Made before a fork and shared by the processes after it; half of the cores may be in use."""

    def __init__(self) -> None:
        self._file = memory_file()
        self._places = max((os.cpu_count() or 1) // 2, 1)

    @contextmanager
    def after_others(self) -> Iterator[None]:
        """Wait for a place, but not for long, and keep it until the block ends."""
        descriptor, until_s = self._file.fileno(), time.monotonic() + PATIENCE_S
        place = claim_slot(descriptor, self._places)
        while place is None and time.monotonic() < until_s:
            time.sleep(POLL_S)
            place = claim_slot(descriptor, self._places)
        try:
            yield
        finally:
            if place is not None:
                fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, place)
