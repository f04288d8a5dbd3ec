"""The audit trail: what it adds to a decision, and how quickly decisions are derived again.

With and without a trail in turns: in one process, and over HTTP through the fast lane of the whole
service. What a reply costs counts all threads of the workers, so the one that writes is in it.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from routing_service.api.fast_lane import FastLane
from routing_service.live.engine import Engine
from routing_service.live.recorder import Recorder
from routing_service.live.replay import Replay
from routing_service.load.wire import exchange, read_target
from routing_service.observe.audit import Audit
from routing_service.observe.check import Trail, find_chains, read_trail
from routing_service.observe.segment_writer import SegmentWriter
from routing_service.wiring.opening import open_snapshot
from tests.benchmarks.harness import ROOT, Row, in_turns, median, times
from tests.benchmarks.http import GRAPH, QUESTION, WORKERS, Peak, Service, peak, questions

TURNS = 15
AT_A_TIME = 500
"""What a worker at its peak tells the trail between two looks of the thread that writes."""

WANTED = "≤ 1.10×"


@contextmanager
def serving(mode: str, folder: Path) -> Iterator[Service]:
    """The whole service with an audit mode, until the block ends."""
    command = [sys.executable, "-m", "routing_service.cli", "serve", "--port", "0"]
    command += ["--graph", str(GRAPH), "--workers", str(WORKERS)]
    command += ["--audit", mode, "--audit-dir", str(folder / mode)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            target = read_target(process.stdout.readline().split()[1].rstrip("/"))
            exchange(target, "GET", QUESTION)  # its workers are there
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield Service(mode, target, tuple(map(int, children.split())))
        finally:
            process.terminate()


def http_rows(folder: Path) -> list[Row]:
    """Processor time of the workers for one reply at their peak."""
    with serving("off", folder) as without, serving("relaxed", folder) as with_it:
        requests = questions(without.target)
        measured: list[list[Peak]] = in_turns(
            TURNS, partial(peak, without, requests), partial(peak, with_it, requests)
        )
    bare, audited = (median([each.worker_us for each in turns]) for turns in measured)
    return [
        Row(
            "reply over HTTP, audited (processor time of all threads)",
            f"{audited:.1f} µs",
            f"without {bare:.1f} µs",
            times(*([each.worker_us for each in turns] for turns in measured[::-1])),
            WANTED,
        )
    ]


def in_process_rows(folder: Path) -> list[Row]:
    """A decision with its JSON on the fast lane: what the caller waits, and all that it costs."""
    engine = Engine(open_snapshot(GRAPH))
    open_writer = partial(SegmentWriter, folder / "in_process", _now)
    audit = Audit(open_writer, _now)
    audit.start()
    lanes = [FastLane(_nothing, engine), FastLane(_nothing, engine, Recorder(audit, folder))]
    urls = [request.split(b" ")[1] for request in questions(read_target("http://127.0.0.1:1"))]

    def run(lane: FastLane) -> tuple[float, float]:
        own_ns, began_ns = 0, time.process_time_ns()
        for at in range(0, len(urls), AT_A_TIME):
            since_ns = time.thread_time_ns()
            for url in urls[at : at + AT_A_TIME]:
                assert lane.at_once(url, []) is not None
            own_ns += time.thread_time_ns() - since_ns
            assert audit.flush(60.0)
        all_ns = time.process_time_ns() - began_ns
        return own_ns / len(urls) / 1000, all_ns / len(urls) / 1000

    without, with_it = in_turns(TURNS, partial(run, lanes[0]), partial(run, lanes[1]))
    audit.stop()
    own = [median([each[0] for each in turns]) for turns in (without, with_it)]
    whole = [median([each[1] for each in turns]) for turns in (without, with_it)]
    return [
        Row(
            "decision with its JSON, audited: the caller's own time",
            f"{own[1]:.1f} µs",
            f"without {own[0]:.1f} µs",
            times(*([each[0] for each in turns] for turns in (with_it, without))),
            WANTED,
        ),
        Row(
            "the same with what the writing thread takes later",
            f"{whole[1]:.1f} µs",
            f"without {whole[0]:.1f} µs",
            times(*([each[1] for each in turns] for turns in (with_it, without))),
            "",
        ),
    ]


def replay_rows(folder: Path) -> list[Row]:
    """All decisions of a trail derived again: read, checked, computed, compared."""
    snapshot = open_snapshot(GRAPH)
    chains = find_chains([folder / "in_process"])
    gc.freeze()

    def run() -> float:
        trail = Trail()
        began = time.perf_counter()
        report = Replay(snapshot, [], trail).run(read_trail(chains, trail))
        seconds = time.perf_counter() - began
        assert report.agreed == report.decisions > 10_000
        assert not trail.breaks
        return report.decisions / seconds

    (rates,) = in_turns(3, run)
    gc.unfreeze()
    rate = median(rates)
    return [Row("replay", f"{rate:,.0f} decisions/s", "", "", "≥ 20,000/s")]


async def _nothing(*_: object) -> None:
    raise AssertionError("the fast lane handed a question on")


def _now() -> datetime:
    return datetime.now(UTC)


def rows() -> list[Row]:
    """All figures of the audit trail."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*in_process_rows(folder), *http_rows(folder), *replay_rows(folder)]
