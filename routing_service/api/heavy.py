"""The heavy lane: work of many decisions' length, off the event loop and never more than a little.

The interpreter runs one thread at a time, so a second heavy request at once would finish neither
sooner and slow the decisions twice: one runs, a few wait, and the next is told to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from routing_service.errors import Busy

WAITING = 4
"""How many may wait for the one that runs; a matrix of 10,000 locations takes half a second."""

P = ParamSpec("P")
R = TypeVar("R")


class HeavyLane:
    """One thread for heavy requests, with a short queue before it.

    Made before workers are forked: its thread starts with the first request. `refused` is called
    for each request that finds no place.
    """

    def __init__(self, waiting: int = WAITING, refused: Callable[[], None] = lambda: None) -> None:
        self._refused = refused
        self._most = 1 + waiting
        self._taken = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="heavy")

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do `work` when it is its turn.

        Raises
        ------
        Busy
            Too many wait already.
        """
        if self._taken >= self._most:
            self._refused()
            raise Busy("Several large requests are waiting here already; try again.")
        self._taken += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))
        finally:
            self._taken -= 1
