"""Chunks over the threads of this process: the kernels let go of the interpreter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from routing_service.planner.job import solve_chunk

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot
    from routing_service.planner.points import Chunk


class Threads:
    """An `Executor` of `n` threads; at most twice as many chunks are in memory."""

    def __init__(self, snapshot: Snapshot, n: int) -> None:
        self.snapshot = snapshot
        self.n = n

    def solve(self, chunks: Iterable[Chunk], covering: bool) -> Iterator[tuple[int, bytes]]:
        """See `Executor`."""
        pool = ThreadPoolExecutor(self.n)
        running: dict[Future[bytes], int] = {}
        try:
            for chunk in chunks:
                future = pool.submit(solve_chunk, self.snapshot, chunk, covering)
                running[future] = chunk.index
                if len(running) >= 2 * self.n:
                    yield from _finished(running)
            while running:
                yield from _finished(running)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _finished(running: dict[Future[bytes], int]) -> Iterator[tuple[int, bytes]]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(future), future.result()
