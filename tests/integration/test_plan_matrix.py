"""`hasu plan matrix` as people run it: killed, resumed, on a cluster that loses a worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from routing_service.cli import main
from routing_service.errors import ClusterUnavailable, GraphFileMissing
from routing_service.graph.graph_file import write_graph_file
from routing_service.live.snapshot import Limits
from routing_service.planner.cluster import Cluster, connect, grow_on
from routing_service.planner.job import solve_chunk
from routing_service.planner.points import open_points
from routing_service.units import E7
from routing_service.wiring.opening import open_snapshot
from tests.unit.test_travel_times import town

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180
POINTS = 300_000
"""Five parts of the real size, so that a kill finds some done and some not."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a graph, many points, and the result of one undisturbed run."""
    folder = tmp_path_factory.mktemp("plan")
    graph = town(1)
    write_graph_file(folder / "town.graph", graph.manifest, graph.sections())
    rng = np.random.default_rng(11)
    at = rng.integers(0, len(graph.node_ids), POINTS)
    # Within 150 m of a crossroads but for one in a hundred.
    lon = graph.node_lon_e7[at] / E7 + rng.normal(0.0, 7e-4, POINTS)
    lat = graph.node_lat_e7[at] / E7 + rng.normal(0.0, 4e-4, POINTS)
    names = np.char.add("p", np.arange(POINTS).astype(str))
    parquet.write_table(pa.table({"id": names, "lat": lat, "lon": lon}), folder / "in.parquet")
    done = finish(start(folder, "whole.parquet"))
    assert done["resumed_parts"] == 0
    return folder


def start(folder: Path, out: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "routing_service.cli", "plan", "matrix", "in.parquet"]
    command += ["--out", out, "--graph", "town.graph", "--snap-limit-m", "150", "--json"]
    command += ["--rejected", f"{out}.rejected.csv", *options]
    return subprocess.Popen(
        command, cwd=folder, env=clean(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def clean() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name[:5] != "HASU_"}
    return {**inherited, "PYTHONPATH": str(ROOT)}


def finish(process: subprocess.Popen[str]) -> dict[str, int]:
    """The report of a run that ends by itself: some points lie off the map, so with code 1."""
    printed, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1, errors
    report: dict[str, int] = json.loads(printed)
    assert report["rows"] + report["rejected"] == POINTS
    return report


def wait_for_a_part(folder: Path, out: str) -> None:
    parts = folder / f"{out}.parts"
    end = time.monotonic() + PATIENCE_SECONDS
    while not list(parts.glob("*.arrow")):
        assert time.monotonic() < end, "no part was ever finished"
        time.sleep(0.002)


def same(folder: Path, out: str) -> bool:
    """Whether table and rejected rows are those of the undisturbed run, byte for byte."""
    return all(
        (folder / f"{out}{end}").read_bytes() == (folder / f"whole.parquet{end}").read_bytes()
        for end in ("", ".rejected.csv")
    )


def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(scene: Path) -> None:
    process = start(scene, "killed.parquet", "--threads", "1")
    wait_for_a_part(scene, "killed.parquet")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (scene / "killed.parquet").exists()
    report = finish(start(scene, "killed.parquet"))
    assert 1 <= report["resumed_parts"] < 5
    assert same(scene, "killed.parquet")
    assert not (scene / "killed.parquet.parts").exists()


def test_the_points_are_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.csv"
    path.write_text("lat,lon\n53.55,-1.48\n", encoding="utf-8")
    assert main(["plan", "matrix", str(path), "--out", str(tmp_path / "." / "in.csv")]) == 2
    assert "holds the points" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "lat,lon\n53.55,-1.48\n"


# --- a cluster -----------------------------------------------------------------------------------
@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and workers, each a process of its own that nobody restarts."""
    file = folder / "scheduler.json"
    with suppress(FileNotFoundError):
        file.unlink()
    processes: list[subprocess.Popen[bytes]] = []

    def run(module: str, *options: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard"]
        command += ["--scheduler-file", str(file), *options]
        void = subprocess.DEVNULL
        processes.append(
            subprocess.Popen(command, cwd=folder, env=clean(), stdout=void, stderr=void)
        )

    try:
        run("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        for _ in range(workers):
            run("dask_worker", "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1")
        yield _address(file, workers), processes[1:]
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def _address(file: Path, workers: int) -> str:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with suppress(OSError, ValueError, ClusterUnavailable):
            address: str = json.loads(file.read_text())["address"]
            with connect(address) as client:
                client.wait_for_workers(workers, timeout=PATIENCE_SECONDS)
            return address
        time.sleep(0.1)
    raise AssertionError("the scheduler did not start")


def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(scene: Path) -> None:
    with cluster(scene, workers=2) as (address, (lost, kept)):
        # It stands still from the start: what it was given is certainly not done when it dies.
        lost.send_signal(signal.SIGSTOP)
        process = start(scene, "cluster.parquet", "--scheduler", address)
        wait_for_a_part(scene, "cluster.parquet")
        lost.kill()
        report = finish(process)
        assert kept.poll() is None
    assert report["resumed_parts"] == 0
    assert same(scene, "cluster.parquet")


def test_workers_get_the_graph_sent_and_grow_trees(scene: Path, tmp_path: Path) -> None:
    path = tmp_path / "town.graph"
    path.write_bytes((scene / "town.graph").read_bytes())
    snapshot = open_snapshot(path, Limits(snap_limit_m=150.0))
    source = open_points(scene / "in.parquet", snapshot.bbox)
    chunk = next(source.chunks())
    with cluster(tmp_path, workers=1) as (address, _), connect(address) as client:
        sent = Cluster(client, path, snapshot, ship=True)
        elsewhere = tmp_path / "elsewhere.graph"
        path.rename(elsewhere)  # as if the workers had disks of their own
        unsent = Cluster(client, elsewhere.with_name("missing.graph"), snapshot)
        with pytest.raises(GraphFileMissing, match=r"missing\.graph.*--ship"):
            list(unsent.solve([chunk], True))
        assert list(sent.solve([chunk], True)) == [(0, solve_chunk(snapshot, chunk, True))]
        other = replace(snapshot, graph_id="another")
        with pytest.raises(ClusterUnavailable, match="is another graph"):
            list(Cluster(client, elsewhere, other).solve([chunk], True))
        seen: list[int] = []
        tree_ms, tree_cm = grow_on(client)(snapshot.graph, on_tree=seen.append)
        assert (tree_ms == snapshot.graph.tree_ms).all()
        assert (tree_cm == snapshot.graph.tree_cm).all()
        assert sorted(seen) == [0, 1, 2, 3]
        # And from the command line, with a second set of speeds.
        files = [tmp_path / "here.graph", tmp_path / "there.graph"]
        for file, options in zip(files, ([], ["--scheduler", address]), strict=True):
            assert main(["build", *town_source(tmp_path), "--out", str(file), *options]) == 0
        assert files[0].read_bytes() == files[1].read_bytes()


def town_source(folder: Path) -> list[str]:
    """Options of `hasu build` for a map of one street with a unit at either end."""
    xml = """<osm version="0.6">
      <node id="1" lat="53.40" lon="-1.5"/><node id="2" lat="53.60" lon="-1.5"/>
      <way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/></way></osm>"""
    units = "".join(
        f'[[unit]]\nods_code = "{k}"\nname = "{k}"\nlat = {lat}\nlon = -1.5\n'
        for k, lat in (("N", 53.6), ("S", 53.4))
    )
    (folder / "street.osm").write_text(xml, encoding="utf-8")
    (folder / "units.toml").write_text(units, encoding="utf-8")
    sets = str(ROOT / "graphs" / "speed_sets.toml")
    files = ["--xml", str(folder / "street.osm"), "--units", str(folder / "units.toml")]
    return [*files, "--speed-sets", sets]


def test_without_a_scheduler_it_says_how_to_start_one() -> None:
    with (
        pytest.raises(ClusterUnavailable, match="dask scheduler"),
        connect("tcp://127.0.0.1:9"),
    ):
        pass
