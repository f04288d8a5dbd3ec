"""Engines that come with a server, asked over HTTP as fast as replies come back."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from routing_service.load.runs import at_peak
from routing_service.load.wire import read_target
from tests.benchmarks import wrk
from tests.benchmarks.harness import ROOT
from tests.benchmarks.peers.figures import Figures
from tests.benchmarks.peers.peer import Point, Server
from tests.benchmarks.peers.process import Worker

TURNS = 3
PEAK_S = 3.0
START_LIMIT_S = 180.0


def measure_rates(
    workers: Mapping[str, Worker], figures: Mapping[str, Figures], places: Sequence[Point]
) -> None:
    """Highest rate of each kind of request, servers taking turns; all have two cores' workers."""
    with ExitStack() as running:
        urls = {}
        for name, worker in workers.items():
            port = _free_port()
            described = worker.ask("server", port=port)
            if described is not None:
                server = Server(**described)
                running.enter_context(_running(server, port))
                urls[name] = (f"http://127.0.0.1:{port}", server)
        for turn in range(TURNS + 1):
            for name, (url, server) in urls.items():
                for kind, path in server.paths.items():
                    rate = _peak(url, path, server.connections, places)
                    if turn:  # the first round only warms up
                        figures[name].rates.setdefault(kind, []).append(rate)


def client() -> str:
    """Which client asks, for the notes."""
    return "wrk" if wrk.installed() else "our own client in Python (wrk is not installed)"


def _peak(url: str, path: str, connections: int, places: Sequence[Point]) -> float:
    """Good replies per second."""
    paths = [path.format(lon=f"{lon:.6f}", lat=f"{lat:.6f}") for lon, lat in places]
    if wrk.installed():
        return wrk.peak(url, paths, connections, PEAK_S)
    target = read_target(url)
    samples = at_peak(target, [target.get(each) for each in paths], PEAK_S, connections)
    good = sum(len(s.due_us) for (_, status), s in samples.series.items() if status == 200)
    # What was just sent when a server closed the connection is lost, and counts for nothing.
    faults = {kind: n for kind, n in samples.errors.items() if kind[1] != "closed"}
    lost = sum(samples.errors.values())
    if faults or good < samples.replies() or lost > wrk.LOST_SHARE * good:
        raise RuntimeError(f"{url}: {samples.errors}, {good} of {samples.replies()} good")
    return good / samples.wall_s


@contextlib.contextmanager
def _running(server: Server, port: int) -> Iterator[None]:
    """The server as a process group of its own, from when it listens."""
    process = subprocess.Popen(
        list(server.command),
        cwd=ROOT,
        env={**os.environ, **server.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
