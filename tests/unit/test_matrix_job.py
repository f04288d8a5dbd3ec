"""A job of many parts gives one table, whatever the order of the work and however often begun."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import compute as pc
from pyarrow import csv as pa_csv
from pyarrow import parquet

from routing_service.decision.model import Location
from routing_service.errors import InvalidPoints, InvalidRequest, JobChanged
from routing_service.live.snapshot import Snapshot
from routing_service.planner.job import MatrixJob, MatrixReport, run_matrix, solve_chunk
from routing_service.planner.local import Threads
from routing_service.planner.points import Chunk, open_points
from routing_service.planner.writers import Rows, write_table
from tests.unit.test_travel_times import places, snapshot

ROWS = 64
"""Rows of a part in these tests."""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("readers", "points", "order", "job"):
        monkeypatch.setattr(f"routing_service.planner.{module}.CHUNK_ROWS", ROWS)


def town() -> Snapshot:
    return snapshot(1)


def write_points(path: Path, n: int = 1_000, *, shuffled: bool = False) -> Path:
    """Points in and around the town, named so that texts and numbers order differently."""
    lon, lat = places(9, n)
    rows = [(f"p{i}", lat[i], lon[i]) for i in range(n)]
    if shuffled:
        random.Random(1).shuffle(rows)
    lines = [f"{name},{y:.7f},{x:.7f}" for name, y, x in rows]
    path.write_text("\n".join(["id,lat,lon", *lines, "bad,here,there", ""]), encoding="utf-8")
    return path


def job(
    points: Path, out: Path, current: Snapshot | None = None, crs: str = "EPSG:4326"
) -> MatrixJob:
    current = current or town()
    source = open_points(points, current.bbox)
    return MatrixJob(source, current, out, out.with_name("rejected.csv"), crs)


def run(work: MatrixJob, threads: int = 2) -> MatrixReport:
    return run_matrix(work, Threads(work.snapshot, threads))


class Backwards:
    """An executor that hands out the parts in the wrong order, and may break off."""

    def __init__(self, current: Snapshot, break_after: int | None = None) -> None:
        self.current = current
        self.break_after = break_after
        self.solved: list[int] = []

    def solve(self, chunks: Iterable[Chunk], covering: bool) -> Iterator[tuple[int, bytes]]:
        for chunk in reversed(list(chunks)):
            if self.break_after is not None and len(self.solved) >= self.break_after:
                raise KeyboardInterrupt
            self.solved.append(chunk.index)
            yield chunk.index, solve_chunk(self.current, chunk, covering)


# --- what is in it -------------------------------------------------------------------------------
def test_the_table_says_of_each_point_what_a_decision_says(tmp_path: Path) -> None:
    work = job(write_points(tmp_path / "in.csv"), tmp_path / "out.parquet")
    report = run(work)
    rows = parquet.read_table(work.out).to_pylist()
    assert len(rows) == report.rows > 100
    for row in rows:
        decision = work.snapshot.decide(Location(row["lat"], row["lon"]))
        destination = decision.destination
        assert row["destination_ods_code"] == (destination and destination.ods_code)
        assert row["nearest_ods_code"] == decision.nearest_ods_code
        assert row["margin_minutes"] == decision.margin_minutes
        assert row["near_tie"] == decision.near_tie
        assert tuple(row["flags"].split()) == decision.flags
        assert row["snap_distance_m"] == decision.snap.distance_m
        for unit in decision.ranking:
            for name in ("minutes", "km", "p10_minutes", "p90_minutes", "p_nearest"):
                assert row[f"{unit.ods_code}_{name}"] == getattr(unit, name)


def test_rows_are_sorted_by_id_and_bad_ones_stand_beside_with_their_lines(tmp_path: Path) -> None:
    work = job(write_points(tmp_path / "in.csv"), tmp_path / "out.parquet")
    report = run(work)
    ids = parquet.read_table(work.out)["id"].to_pylist()
    assert ids == sorted(ids)
    with work.rejected.open(newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    lines = [int(row["line"]) for row in told]
    assert lines == sorted(lines)
    assert len(told) == report.rejected == 1_001 - report.rows
    # Line 2 holds p0: the name and the line lead to the same row.
    assert all(row["id"] == f"p{int(row['line']) - 2}" for row in told[:-1])
    assert {row["code"] for row in told} == {
        "outside_region",
        "invalid_location",
    }
    assert told[-1] == {
        "line": "1002",
        "id": "bad",
        "code": "invalid_location",
        "detail": "lat must be a number such as 53.5526.",
    }
    assert not set(ids) & {row["id"] for row in told}


def test_types_are_fixed_and_the_table_says_what_it_was_made_from(tmp_path: Path) -> None:
    work = job(write_points(tmp_path / "in.csv"), tmp_path / "out.parquet")
    run(work)
    schema = parquet.read_schema(work.out)
    figures = ("minutes", "km", "p10_minutes", "p90_minutes", "p_nearest")
    expected = ["id", "lat", "lon", "easting_m", "northing_m", "snap_distance_m"]
    expected += ["destination_ods_code", "nearest_ods_code", "margin_minutes", "near_tie", "flags"]
    expected += [f"U{k}_{figure}" for k in (1, 2, 3, 4) for figure in figures]
    assert schema.names == expected
    kinds = {name: str(schema.field(name).type) for name in expected}
    assert {name for name, kind in kinds.items() if kind != "double"} == {
        "id",
        "destination_ods_code",
        "nearest_ods_code",
        "near_tie",
        "flags",
    }
    assert b'"graph_id": "town"' in schema.metadata[b"hasu"]
    assert work.source.sha256.encode() in schema.metadata[b"hasu"]


# --- the same bytes ------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".gpkg", ".geojson"])
def test_the_same_bytes_whoever_did_the_work_and_in_whatever_order(
    tmp_path: Path, suffix: str
) -> None:
    points = write_points(tmp_path / "in.csv")
    first = job(points, tmp_path / f"one{suffix}")
    run(first, threads=3)
    second = job(points, tmp_path / f"two{suffix}")
    run_matrix(second, Backwards(second.snapshot))
    assert first.out.read_bytes() == second.out.read_bytes()
    assert list(tmp_path.glob("*.parts")) == []


def test_a_shuffled_table_gives_the_same_result_apart_from_the_lines(tmp_path: Path) -> None:
    in_order = job(write_points(tmp_path / "in.csv"), tmp_path / "one.csv")
    shuffled = job(write_points(tmp_path / "mixed.csv", shuffled=True), tmp_path / "two.csv")
    run(in_order)
    run(shuffled)
    assert in_order.out.read_bytes() == shuffled.out.read_bytes()


def test_equal_ids_stay_in_the_order_of_the_table(tmp_path: Path) -> None:
    lon, lat = town().graph.node_lon_e7 / 1e7, town().graph.node_lat_e7 / 1e7
    n = 300
    at = np.arange(n) % len(lon)
    people = np.arange(n)
    columns = {"id": people % 3, "lat": lat[at], "lon": lon[at], "people": people}
    parquet.write_table(pa.table(columns), tmp_path / "in.parquet")
    source = open_points(tmp_path / "in.parquet", town().bbox, keep=("people",))
    work = MatrixJob(source, town(), tmp_path / "out.parquet", tmp_path / "rejected.csv")
    run(work)
    found = parquet.read_table(work.out).select(["id", "people"]).to_pylist()
    assert found == [{"id": k, "people": p} for k in range(3) for p in range(k, n, 3)]


# --- broken off ----------------------------------------------------------------------------------
def test_a_job_that_was_broken_off_goes_on_with_what_is_done(tmp_path: Path) -> None:
    points = write_points(tmp_path / "in.csv")
    whole = job(points, tmp_path / "whole.parquet")
    run(whole)
    work = job(points, tmp_path / "out.parquet")
    with pytest.raises(KeyboardInterrupt):
        run_matrix(work, Backwards(work.snapshot, break_after=5))
    assert not work.out.exists()
    # One part was only half on the disk when the power went.
    damaged = sorted(work.parts_folder.glob("*.arrow"))[2]
    damaged.write_bytes(damaged.read_bytes()[:-50])
    again = Backwards(work.snapshot)
    report = run_matrix(work, again)
    assert report.resumed_parts == 4
    assert len(again.solved) == 16 - 4
    assert int(damaged.stem) in again.solved
    assert work.out.read_bytes() == whole.out.read_bytes()
    assert not work.parts_folder.exists()


@pytest.mark.parametrize("change", ["points", "graph", "limits"])
def test_a_job_does_not_go_on_with_the_parts_of_another(tmp_path: Path, change: str) -> None:
    points = write_points(tmp_path / "in.csv")
    work = job(points, tmp_path / "out.csv")
    with pytest.raises(KeyboardInterrupt):
        run_matrix(work, Backwards(work.snapshot, break_after=2))
    changed = work
    if change == "points":
        changed = job(write_points(points, n=999), work.out)
    elif change == "graph":
        changed = job(points, work.out, Snapshot(town().graph, "other", limits=town().limits))
    else:
        changed = job(points, work.out, Snapshot(town().graph, "town", 1))
    named = {"points": "points_sha256", "graph": "graph_id", "limits": "limits"}[change]
    with pytest.raises(JobChanged, match=rf"out\.csv\.parts .*{named}.*--restart"):
        run(changed)
    report = run_matrix(changed, Threads(changed.snapshot, 1), restart=True)
    assert report.resumed_parts == 0


# --- refused before the work ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "crs", "words"),
    [
        ("out.xlsx", "EPSG:4326", r"\.csv, \.parquet, \.gpkg, \.geojson"),
        ("out.geojson", "EPSG:27700", "RFC 7946"),
        ("out.gpkg", "EPSG:3857", "not one of EPSG:4326, EPSG:27700"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(
    tmp_path: Path, name: str, crs: str, words: str
) -> None:
    work = job(write_points(tmp_path / "in.csv", 3), tmp_path / name, crs=crs)
    with pytest.raises(InvalidRequest, match=words):
        run(work)
    assert not work.parts_folder.exists()


def test_a_kept_column_may_not_hide_one_of_the_result(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("lat,lon,U2_km\n53.55,-1.48,1\n", encoding="utf-8")
    source = open_points(path, town().bbox, keep=("U2_km",))
    work = MatrixJob(source, town(), tmp_path / "out.csv", tmp_path / "rejected.csv")
    with pytest.raises(InvalidPoints, match="own column U2_km"):
        run(work)


def test_a_table_of_nothing_but_bad_rows_gives_an_empty_table(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("lat,lon\nx,y\n", encoding="utf-8")
    for suffix in (".csv", ".parquet", ".gpkg", ".geojson"):
        report = run(job(path, tmp_path / f"out{suffix}"))
        assert (report.rows, report.rejected) == (0, 1)
        assert (tmp_path / f"out{suffix}").exists()


def test_no_file_of_rejected_rows_is_left_when_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    unit = town().units[0]
    path.write_text(f"lat,lon\n{unit.lat},{unit.lon}\nx,y\n", encoding="utf-8")
    work = job(path, tmp_path / "out.csv")
    run(work)
    assert work.rejected.exists()
    path.write_text(f"lat,lon\n{unit.lat},{unit.lon}\n", encoding="utf-8")
    assert run(job(path, work.out)).rejected == 0
    assert not work.rejected.exists()


# --- files ---------------------------------------------------------------------------------------
def test_geometries_are_in_the_crs_asked_for(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    points = write_points(tmp_path / "in.csv")
    for crs, x, y in (("EPSG:4326", "lon", "lat"), ("EPSG:27700", "easting_m", "northing_m")):
        work = job(points, tmp_path / f"{crs[5:]}.gpkg", crs=crs)
        run(work)
        frame = geopandas.read_file(work.out)
        assert frame.crs == crs
        assert frame.geometry.x.tolist() == frame[x].tolist()
        assert frame.geometry.y.tolist() == frame[y].tolist()
        assert frame["near_tie"].dtype == bool


def test_every_format_holds_the_same_rows(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    points = write_points(tmp_path / "in.csv", 200)
    for suffix in (".csv", ".parquet", ".gpkg", ".geojson"):
        run(job(points, tmp_path / f"out{suffix}"))
    table = parquet.read_table(tmp_path / "out.parquet")
    read = pa_csv.read_csv(tmp_path / "out.csv")
    for name in table.schema.names:
        as_read = read[name].cast(table.schema.field(name).type)
        assert pc.all(pc.equal(table[name], as_read)).as_py() is not False, name
    for suffix in (".gpkg", ".geojson"):
        frame = geopandas.read_file(tmp_path / f"out{suffix}").drop(columns="geometry")
        expected = table.to_pandas()
        assert frame["id"].tolist() == expected["id"].tolist()
        for name in ("U1_minutes", "U3_p_nearest", "margin_minutes"):
            np.testing.assert_array_equal(frame[name].to_numpy(float), expected[name].to_numpy())


def test_a_float_is_written_so_that_it_reads_back_the_same(tmp_path: Path) -> None:
    numbers = pa.table({"x": np.random.default_rng(1).uniform(-2, 60, 500)})
    write_table(tmp_path / "x.csv", ".csv", Rows(numbers.schema, [numbers]), "EPSG:4326")
    assert pa_csv.read_csv(tmp_path / "x.csv")["x"].to_pylist() == numbers["x"].to_pylist()


def test_small_parts_are_really_used(tmp_path: Path) -> None:
    source = open_points(write_points(tmp_path / "in.csv"), town().bbox)
    assert len(list(source.chunks())) == 16  # 1,001 rows by 64
