"""Live state: how soon every worker answers with a closure, and what a storm of them costs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np

from routing_service.load.changes import Changes
from routing_service.load.client import Samples
from routing_service.load.runs import Plan, on_schedule
from routing_service.load.wire import read_target
from routing_service.units import E7
from routing_service.wiring.opening import open_snapshot
from tests.benchmarks.harness import ROOT, SEED, Row, times
from tests.server_process import Server
from tests.workers import Connection, connect_to_each

GRAPH = ROOT / "graphs" / "south_yorkshire.graph"
WORKERS = 2
HERE = "/v1/conveyance?lat=53.5526&lon=-1.4797"
WHY = {"reason": "benchmark", "author": "benchmark"}
LOCAL, AT_DOORS = 300, 40
RATE_PER_S, STORM_S, CLOSURES_PER_S = 200.0, 6.0, 20.0
TURNS = 9

Places = list[tuple[float, float]]


@contextmanager
def service() -> Iterator[Server]:
    """`hasu serve` with two workers on a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "routing_service.cli", "serve", "--port", "0"]
        command += ["--graph", str(GRAPH), "--workers", str(WORKERS)]
        command += ["--store", f"sqlite:///{folder}/live.db"]
        process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            yield Server(process)
        finally:
            process.terminate()
            process.wait(30)


def spread_ms(one: Connection, other: Connection, place: tuple[float, float]) -> float:
    """From the moment one worker accepts a closure until the other answers with it, ms.

    The one that accepted it answers with it at once, which is checked too. The other is asked all
    the while, so its doing the same work at the same time is part of the figure.
    """
    lat, lon = place
    seen: dict[int, float] = {}
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            version = other.version(HERE)
            seen.setdefault(version, time.perf_counter())

    watcher = threading.Thread(target=watch)
    watcher.start()
    body = {"point": {"lat": lat, "lon": lon}, "radius_m": 30, **WHY}
    status, opened = one.ask("POST", "/v1/closures", body)
    accepted_s = time.perf_counter()
    assert status == 201, opened
    version = opened["state_version"]
    assert one.version(HERE) >= version
    while version not in seen:
        time.sleep(0.0005)
    stop.set()
    watcher.join()
    status, revoked = one.ask("DELETE", f"/v1/closures/{opened['id']}")
    assert status == 200, revoked
    # Asked for by version, so that both start the next turn from the same state.
    other.version(f"{HERE}&min_state_version={revoked['state_version']}")
    return max(0.0, 1_000 * (seen[version] - accepted_s))


def spread_rows(server: Server, junctions: Places, doors: Places) -> list[Row]:
    """How soon every worker answers with a closure."""
    url = urlsplit(server.url)
    pair = connect_to_each(server.process.pid, str(url.hostname), int(url.port or 80), WORKERS)
    rows = []
    for what, places, wanted in (
        ("a local road", junctions, "p99 ≤ 50 ms"),
        ("the road at a hospital's door", doors, "p99 ≤ 400 ms"),
    ):
        taken = [spread_ms(pair[n % 2], pair[(n + 1) % 2], place) for n, place in enumerate(places)]
        p50, p99 = np.percentile(taken[2:], [50, 99])
        rows.append(
            Row(
                f"closure of {what} accepted → both workers answer with it",
                f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
                "",
                "",
                wanted,
            )
        )
    return rows


def storm_rows(server: Server, junctions: Places, doors: Places) -> list[Row]:
    """Decisions while closures open and end, beside decisions in quiet; in turns."""
    target = read_target(server.url)
    ask = [target.get(f"/v1/conveyance?lat={lat:.5f}&lon={lon:.5f}") for lat, lon in junctions]
    quiet, storm = [], []
    for turn in range(TURNS):
        plan = Plan(RATE_PER_S, STORM_S, seed=SEED + turn)
        quiet.append(_p99s_ms(on_schedule(target, ask, plan)))
        changes = Changes(target, junctions, "2100-01-01T00:00:00Z", SEED + turn)
        changes.prepare()
        plan = Plan(RATE_PER_S, STORM_S, seed=SEED + turn, closures_per_s=CLOSURES_PER_S)
        storm.append(_p99s_ms(on_schedule(target, ask, plan, changes)))
        assert changes.take_back() == 0
    (before, late_before), (during, late) = np.median(quiet, axis=0), np.median(storm, axis=0)
    return [
        Row(
            f"decisions, {RATE_PER_S:g}/s, while {CLOSURES_PER_S:g} closures/s open and end",
            f"p99 {during:.1f} ms; the client itself late by p99 {late:.1f} ms",
            f"in quiet p99 {before:.1f} ms; the client {late_before:.1f} ms",
            times(*([p99 for p99, _ in turns] for turns in (storm, quiet))),
            "≤ 2×",
        )
    ]


def _p99s_ms(samples: Samples) -> tuple[float, float]:
    """How long decisions took from when they were due, and how late the client sent them."""
    assert not samples.errors, samples.errors
    wrong = {key for key in samples.series if key[1] not in (200, 201)}
    assert not wrong, wrong
    each_us = (samples.series["decision", 200].latency_us, samples.lag_us)
    took_ms, late_ms = (float(np.percentile(us, 99)) / 1_000 for us in each_us)
    return took_ms, late_ms


def rows() -> list[Row]:
    """All figures of live state, on the default network."""
    graph = open_snapshot(GRAPH).graph
    rng = np.random.default_rng(SEED)
    core = np.unique(graph.edge_from[graph.edge_core != 0])
    at = rng.choice(core, LOCAL)
    junctions = [
        (float(lat), float(lon))
        for lat, lon in zip(graph.node_lat_e7[at] / E7, graph.node_lon_e7[at] / E7, strict=True)
    ]
    doors = [(unit.lat, unit.lon) for unit in graph.units] * (AT_DOORS // len(graph.units))
    with service() as server:
        return [*spread_rows(server, junctions, doors), *storm_rows(server, junctions, doors)]
