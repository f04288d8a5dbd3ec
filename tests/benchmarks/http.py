"""Over HTTP: the service beside a bare reply and beside its own FastAPI route, on the same server.

Three services on the same network, each with two workers, and the load generator on the same cores.
Peak rates come from a closed loop, latencies from an open one at half the service's peak.
"""

from __future__ import annotations

import json
import subprocess
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from routing_service.load.client import Samples
from routing_service.load.histogram import histogram
from routing_service.load.runs import Plan, at_peak, on_schedule
from routing_service.load.wire import Target, exchange, read_target
from routing_service.units import E7
from routing_service.wiring.opening import open_snapshot
from tests.benchmarks import harness
from tests.benchmarks.harness import ROOT, SEED, Row, in_turns, median

GRAPH = ROOT / "graphs" / "south_yorkshire.graph"
WORKERS = 2
CONNECTIONS = 64
INCIDENTS = 5_000
PEAK_TURNS, PEAK_S = 5, 4.0
OPEN_TURNS = 3
OPEN_S, LONG_S = 30.0, 600.0
"""Length of the open loop in all its turns, seconds; the second with ``--long``."""

WARM_S = 3.0

CHECKED = 200


@dataclass(frozen=True, eq=False)  # one is itself alone
class Service:
    """A running server, and the processes that answer."""

    kind: str
    target: Target
    workers: tuple[int, ...]


@dataclass(frozen=True)
class Peak:
    """One closed run: replies a second, and processor time of all workers for one."""

    per_s: float
    worker_us: float


@contextmanager
def running(kind: str) -> Iterator[Service]:
    """One of `http_servers`, until the block ends."""
    command = [sys.executable, "-m", "tests.benchmarks.http_servers", kind, str(WORKERS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            target = read_target(process.stdout.readline().split()[1].rstrip("/"))
            exchange(target, "GET", QUESTION)  # its workers are there
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield Service(kind, target, tuple(map(int, children.split())))
        finally:
            process.terminate()


QUESTION = "/v1/conveyance?lat=53.552600&lon=-1.479700"


def questions(target: Target) -> list[bytes]:
    """The same incidents for all: random junctions, a little off the road."""
    rng = np.random.default_rng(SEED)
    graph = open_snapshot(GRAPH).graph
    at = rng.integers(0, len(graph.node_ids), INCIDENTS)
    lon = graph.node_lon_e7[at] / E7 + rng.normal(0.0, 5e-4, INCIDENTS)
    lat = graph.node_lat_e7[at] / E7 + rng.normal(0.0, 3e-4, INCIDENTS)
    return [
        target.get(f"/v1/conveyance?lat={y:.6f}&lon={x:.6f}")
        for y, x in zip(lat.tolist(), lon.tolist(), strict=True)
    ]


def peak(service: Service, requests: Sequence[bytes]) -> Peak:
    """As many as it answers."""
    before_s = sum(map(_cpu_s, service.workers))
    samples = at_peak(service.target, requests, PEAK_S, CONNECTIONS)
    _check(samples)
    used_s = sum(map(_cpu_s, service.workers)) - before_s
    return Peak(samples.replies() / samples.wall_s, used_s / samples.replies() * 1e6)


def open_loop(
    service: Service, requests: Sequence[bytes], rate_per_s: float, seconds: float
) -> Samples:
    """One turn at a rate."""
    plan = Plan(rate_per_s, seconds, seed=SEED, connections=CONNECTIONS)
    samples = on_schedule(service.target, requests, plan)
    _check(samples)
    return samples


def rows() -> list[Row]:
    """All figures over HTTP, taken in turns."""
    with ExitStack() as stack:
        kinds = ("service", "bare", "plain")
        ours, bare, plain = (stack.enter_context(running(kind)) for kind in kinds)
        _compare_answers(ours, plain)
        asked = {one: questions(one.target) for one in (ours, bare, plain)}
        peaks = in_turns(PEAK_TURNS, *(lambda one=one: peak(one, asked[one]) for one in asked))
        rate_per_s = median([one.per_s for one in peaks[0]]) / 2
        for one in (ours, bare):  # a turn that does not count, shorter than the others
            open_loop(one, asked[one], rate_per_s, WARM_S)
        turn_s = (LONG_S if harness.long_runs else OPEN_S) / OPEN_TURNS
        both = [
            [open_loop(one, asked[one], rate_per_s, turn_s) for one in (ours, bare)]
            for _ in range(OPEN_TURNS)
        ]
        turns = list(zip(*both, strict=True))
        private_mb = [_private_mb(pid) for pid in ours.workers]
    return [
        *_peak_rows(peaks),
        *_tail_rows(rate_per_s, turns),
        Row("private memory of each worker", _mb(private_mb), "", "", "< 40 MB"),
    ]


def _peak_rows(peaks: Sequence[Sequence[Peak]]) -> list[Row]:
    rates = [median([one.per_s for one in turns]) for turns in peaks]
    costs = [median([one.worker_us for one in turns]) for turns in peaks]
    shown = f"{rates[0]:,.0f}/s, {costs[0]:.0f} µs of a worker each"
    beside = (("a bare ASGI reply, as long", 1, "≥ 0.85×"), ("the FastAPI route", 2, "≥ 4×"))
    return [
        Row(
            f"peak rate over HTTP, {WORKERS} workers, beside {name.partition(',')[0]}",
            shown,
            f"{name} {rates[k]:,.0f}/s, {costs[k]:.0f} µs",
            f"{rates[0] / rates[k]:.2f}× its rate",
            wanted,
        )
        for name, k, wanted in beside
    ]


def _tail_rows(rate_per_s: float, turns: Sequence[Sequence[Samples]]) -> list[Row]:
    tails = []
    for samples in turns:
        all_us: array[int] = array("q")
        for one in samples:
            for series in one.series.values():
                all_us.extend(series.latency_us)
        gathered = histogram(all_us)
        tails.append([gathered.get_value_at_percentile(share) / 1000 for share in (99.0, 99.9)])
    seconds = sum(one.wall_s for one in turns[0])
    late = [np.percentile(np.frombuffer(one.lag_us, dtype=np.int64), 99) for one in turns[0]]
    told = f"open loop, {rate_per_s:,.0f}/s for {seconds:.0f} s, no errors"
    return [
        Row(
            f"{name} of the {told}; sent late by {median(late) / 1000:.1f} ms at its p99",
            f"{tails[0][k]:.2f} ms",
            f"a bare ASGI reply {tails[1][k]:.2f} ms",
            f"{tails[0][k] / tails[1][k]:.2f}× its {name}",
            wanted,
        )
        for k, (name, wanted) in enumerate((("p99", "≤ 2×"), ("p99.9", "≤ 4×")))
    ]


# --- checks ------------------------------------------------------------------------------------
def _check(samples: Samples) -> None:
    """Every request was answered with 200."""
    assert not samples.errors, samples.errors
    assert list(samples.series) == [("decision", 200)], list(samples.series)


def _compare_answers(ours: Service, plain: Service) -> None:
    """The fast way and the route choose alike, to the last figure."""
    for request in questions(ours.target)[:CHECKED]:
        path = request.split()[1].decode()
        both = [exchange(one.target, "GET", path) for one in (ours, plain)]
        shown = [
            (status, json.dumps(body.get("ranking", body.get("code")))) for status, body in both
        ]
        assert shown[0] == shown[1], path


# --- processes ---------------------------------------------------------------------------------
def _cpu_s(pid: int) -> float:
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _private_mb(pid: int) -> float:
    """Memory of a worker that no other process shares, MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kb = [int(line.split()[1]) for line in lines if line.startswith("Private_")]
    return sum(kb) / 1024


def _mb(sizes: Sequence[float]) -> str:
    return " and ".join(f"{size:.0f} MB" for size in sizes)
