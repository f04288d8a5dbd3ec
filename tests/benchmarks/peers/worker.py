"""The process in which one engine lives: reads requests, answers each with one line of JSON.

``python -m tests.benchmarks.peers.worker MODULE CLASS`` with a scene on the first line of its
input. An engine that cannot be imported says so and ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.peer import Closure, Peer, Scene

BATCH = 100


def main() -> None:
    """Answer requests until the input ends."""
    module, name = sys.argv[1:]
    gc.set_threshold(200_000)  # as `hasu` does: there is no garbage among modules
    # Whatever an engine prints must not mix with the answers.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def reply(answer: object) -> None:
        replies.write(json.dumps(answer) + "\n")

    try:
        engine = getattr(importlib.import_module(f"tests.benchmarks.peers.{module}"), name)
    except ImportError as error:
        reply({"missing": str(error)})
        return
    peer: Peer = engine(Scene.from_json(json.loads(sys.stdin.readline())))
    requests: dict[str, Callable[..., object]] = {
        "set_up": lambda: _timed(peer.set_up),
        "answers": lambda places: [peer.seconds_of(peer.ask(*place)) for place in places],
        "ask": lambda places, budget_s: _ask(peer, places, budget_s),
        "ask_many": lambda places, budget_s: _ask_many(peer, places, budget_s),
        "get_ready_to_close": peer.get_ready_to_close,
        "close": lambda nodes, points, place: _timed(lambda: _close(peer, nodes, points, place)),
        "memory": _memory_mb,
        "server": lambda port: _server(peer, port),
    }
    for line in sys.stdin:
        request = json.loads(line)
        reply(requests[request.pop("do")](**request))


def _close(peer: Peer, nodes: list[int], points: list[list[float]], place: list[float]) -> None:
    """Take a closure and give the first answer under it."""
    peer.close(Closure(tuple(nodes), tuple((lon, lat) for lon, lat in points)))
    peer.ask(*place)


def _timed(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _ask(peer: Peer, places: list[list[float]], budget_s: float) -> list[float]:
    """Microseconds of single questions, place after place, until the budget is used up."""
    spent: list[float] = []
    gc.collect()
    end = time.perf_counter() + budget_s
    while time.perf_counter() < end:
        for lon, lat in places:
            started = time.perf_counter_ns()
            peer.ask(lon, lat)
            stopped = time.perf_counter_ns()
            spent.append((stopped - started) / 1000.0)
            if stopped > end * 1e9:
                break
    return spent


def _ask_many(peer: Peer, places: list[list[float]], budget_s: float) -> float | None:
    """Microseconds per place of calls with many places; None without such a call."""
    points = [(lon, lat) for lon, lat in places]
    batches = [points[k : k + BATCH] for k in range(0, len(points), BATCH)]
    asked = 0
    started = time.perf_counter()
    try:
        while time.perf_counter() < started + budget_s:
            for batch in batches:
                peer.ask_many(batch)
                asked += len(batch)
    except NotImplementedError:
        return None
    return 1e6 * (time.perf_counter() - started) / asked


def _memory_mb() -> dict[str, float]:
    """Resident set of this process now, and the peak of setting up, its own or of its programs.

    Not `getrusage` for its own: Linux counts in the parent's, from before the exec.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    now, peak = (
        int(status.partition(f"{name}:")[2].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")
    )
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"asking": now, "set_up": max(peak, programs)}


def _server(peer: Peer, port: int) -> dict[str, Any] | None:
    server = peer.server(port)
    return None if server is None else vars(server) | {"command": list(server.command)}


if __name__ == "__main__":
    main()
