"""Whole populations: a million points from Parquet to Parquet, and the memory of ten million.

``BENCH_POINTS=1000000`` in the environment leaves the ten million out.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from routing_service.graph.road_graph import RoadGraph
from routing_service.live.snapshot import Snapshot
from routing_service.planner.matrix import travel_times
from routing_service.units import E7, INF_MS, minutes_from_ms
from routing_service.wiring.opening import open_snapshot
from tests.benchmarks.harness import ROOT, SEED, Row, Run, median, run_process, seconds

GRAPH = ROOT / "graphs" / "south_yorkshire.graph"
MILLION = 1_000_000
MOST = int(os.environ.get("BENCH_POINTS", 10 * MILLION))
REPEATS = 3
CHECKED = 2_000


def write_points(path: Path, graph: RoadGraph, n: int) -> None:
    """Points some ten metres around junctions, which are postcodes in this network."""
    rng = np.random.default_rng(SEED)
    writer: parquet.ParquetWriter | None = None
    for first in range(0, n, MILLION):
        k = min(MILLION, n - first)
        at = rng.integers(0, len(graph.node_ids), k)
        lat = graph.node_lat_e7[at] / E7 + rng.normal(0.0, 3e-4, k)
        lon = graph.node_lon_e7[at] / E7 + rng.normal(0.0, 5e-4, k)
        columns = {"id": np.arange(first, first + k), "lat": lat.round(6), "lon": lon.round(6)}
        table = pa.table(columns)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def matrix(folder: Path, n: int) -> Run:
    """One run of the command over the first `n` points, as a process of its own."""
    command = [sys.executable, "-m", "routing_service.cli", "plan", "matrix"]
    command += [str(folder / f"{n}.parquet"), "--out", str(folder / f"{n}_out.parquet")]
    return run_process([*command, "--graph", str(GRAPH), "--threads", "2"])


def check(folder: Path, snapshot: Snapshot, n: int) -> None:
    """Hold rows of the result, evenly over it, against the kernel's answers for their points."""
    table = parquet.read_table(folder / f"{n}_out.parquet")
    assert table.num_rows == n
    rows = table.take(pa.array(np.linspace(0, n - 1, CHECKED).astype(np.int64))).to_pydict()
    times = travel_times(snapshot, np.array(rows["lon"]), np.array(rows["lat"]))
    assert (times.ms < INF_MS).all()
    for u, code in enumerate(times.ods_codes):
        assert rows[f"{code}_minutes"] == [minutes_from_ms(ms) for ms in times.ms[:, u].tolist()]
    assert rows["destination_ods_code"] == [times.ods_codes[u] for u in times.destination.tolist()]


def in_memory_row(snapshot: Snapshot) -> Row:
    """The kernel alone, on one thread, without files."""
    rng = np.random.default_rng(SEED)
    graph, n = snapshot.graph, 262_144
    at = rng.integers(0, len(graph.node_ids), n)
    lon = graph.node_lon_e7[at] / E7 + rng.normal(0.0, 5e-4, n)
    lat = graph.node_lat_e7[at] / E7 + rng.normal(0.0, 3e-4, n)
    travel_times(snapshot, lon[:10], lat[:10])
    each = [seconds(lambda: travel_times(snapshot, lon, lat)) * 1e6 / n for _ in range(5)]
    return Row("times, margin and probabilities of a point", f"{median(each):.2f} µs", "", "", "")


def rows() -> list[Row]:
    """All figures of the planner's matrix."""
    snapshot = open_snapshot(GRAPH)
    found = [in_memory_row(snapshot)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_points(folder / f"{MILLION}.parquet", snapshot.graph, MILLION)
        matrix(folder, MILLION)  # whatever is read first is read from the disk
        runs = [matrix(folder, MILLION) for _ in range(REPEATS)]
        check(folder, snapshot, MILLION)
        wall_s, peak_mb = (median([getattr(r, k) for r in runs]) for k in ("wall_s", "peak_mb"))
        what = f"`hasu plan matrix`, 1,000,000 points × {len(snapshot.units)} units, Parquet"
        found.append(Row(f"{what} to Parquet", f"{wall_s:.1f} s", "", "", "< 10 s"))
        found.append(Row("its peak memory", f"{peak_mb:.0f} MB", "", "", ""))
        if MOST > MILLION:
            write_points(folder / f"{MOST}.parquet", snapshot.graph, MOST)
            run = matrix(folder, MOST)
            check(folder, snapshot, MOST)
            figure = f"{run.wall_s:.0f} s, {run.peak_mb:.0f} MB"
            found.append(Row(f"the same, {MOST:,} points", figure, "", "", "< 1,500 MB"))
    return found
