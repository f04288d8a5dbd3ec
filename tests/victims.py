"""Processes that append to a store until they are killed, and what they were told was kept."""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from routing_service.live.events import Body
from routing_service.live.store import open_store
from tests.live_events import AUTHOR, NOON, opened

# Version and number of the closure; a pipe takes so few bytes whole or not at all.
ACKNOWLEDGED = struct.Struct("<qq")
READY = ACKNOWLEDGED.pack(0, 0)


@dataclass(frozen=True)
class Acknowledged:
    """An append that returned: its version, and the number of the closure it opened."""

    version: int
    number: int


def body(number: int) -> Body:
    return opened(f"closure {number}")


def kill_while_appending(
    url: str, first_number: int, acknowledgements: int, after_s: float
) -> list[Acknowledged]:
    """Append from a new process, kill it with SIGKILL, and give what it acknowledged.

    It is killed `after_s` after so many acknowledgements, 0 being that the store is open; without
    any, below 0, `after_s` after it was started.
    """
    reading, writing = os.pipe()
    child = fork(lambda: _append_for_ever(url, first_number, writing))
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        told = b"".join(pipe.read(ACKNOWLEDGED.size) for _ in range(acknowledgements + 1))
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told += pipe.readall()
    pairs = [Acknowledged(*pair) for pair in ACKNOWLEDGED.iter_unpack(told)]
    return [pair for pair in pairs if pair.version]


def fork(work: Callable[[], object]) -> int:
    """Run something in a copy of this process, which ends with it and runs nothing else."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def _append_for_ever(url: str, number: int, pipe: int) -> None:
    store = open_store(url)
    os.write(pipe, READY)
    while True:
        event = store.append(body(number), AUTHOR, NOON)
        os.write(pipe, ACKNOWLEDGED.pack(event.version, number))
        number += 1
