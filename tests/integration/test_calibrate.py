"""Calibrating real maps: known factors come back, runs repeat, the default network is fitted."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from routing_service.calibration.fit import FitOptions, fit
from routing_service.calibration.observations import Observations
from routing_service.calibration.reference import DISTRICTS, read_reference
from routing_service.config import default_region
from routing_service.decision.model import Unit
from routing_service.graph.build import build_graph
from routing_service.graph.calibration import (
    FIELDS,
    KINDS,
    Calibration,
    Lattice,
    edge_traits,
    misfit,
)
from routing_service.graph.profile import Profile
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.sources.raw import RawNetwork
from routing_service.live.snapshot import Snapshot
from routing_service.location.small_areas import PACKAGE
from routing_service.units import E7, INF_MS, MS_PER_MINUTE, BoolArray, FloatArray

NEWPORT = Path(__file__).parents[2].parent / "shared" / "data" / "newport.osm.pbf"
SEED = 7
START_MS = 240_000
CELL_DEG = 0.02

needs_newport = pytest.mark.skipif(
    not NEWPORT.exists(), reason="needs ../shared/data/newport.osm.pbf"
)


def has_reference() -> bool:
    return any(found.metadata["Name"] == PACKAGE for found in metadata.distributions())


needs_reference = pytest.mark.skipif(not has_reference(), reason=f"needs the package {PACKAGE}")


@cache
def newport() -> tuple[RawNetwork, Profile]:
    return read_pbf([NEWPORT]), Profile.load("blue_light")


@cache
def truth() -> Calibration:
    """Town streets take 1.3 times, rural main roads 0.8 times as long; the east 1.15 times."""
    raw, profile = newport()
    west, south = float(raw.node_lon_e7.min()) / E7, float(raw.node_lat_e7.min()) / E7
    columns = int(np.ptp(raw.node_lon_e7) / E7 / CELL_DEG) + 1
    rows = int(np.ptp(raw.node_lat_e7) / E7 / CELL_DEG) + 1
    kinds = np.zeros(len(KINDS), np.int32)
    kinds[KINDS.index("local urban")] = round(1000 * np.log(1.3))
    kinds[KINDS.index("primary rural")] = round(1000 * np.log(0.8))
    fields = np.zeros((len(FIELDS), rows, columns), np.int32)
    fields[0, :, columns // 2 :] = round(1000 * np.log(1.15))
    lattice = Lattice(west, south, CELL_DEG, CELL_DEG, columns, rows)
    flat = fields.reshape(len(FIELDS), -1)
    return Calibration("osm", profile.name, profile.sha256, lattice, kinds, flat, START_MS)


def units() -> tuple[Unit, ...]:
    """Three doors on the map, at nodes of main roads a third and more of its width apart."""
    raw, profile = newport()
    graph = build_graph(raw, profile, [_unit(raw, int(len(raw.node_ids) // 2), "ANY")])
    core = np.flatnonzero(graph.edge_core)
    lon = graph.node_lon_e7[graph.edge_from[core]]
    chosen = [core[np.argsort(lon)[int(share * len(core))]] for share in (0.1, 0.5, 0.9)]
    return tuple(
        Unit(
            f"U{k}",
            f"Unit {k}",
            float(graph.node_lat_e7[graph.edge_from[e]] / E7),
            float(graph.node_lon_e7[graph.edge_from[e]] / E7),
        )
        for k, e in enumerate(chosen)
    )


def _unit(raw: RawNetwork, node: int, code: str) -> Unit:
    lat, lon = raw.node_lat_e7[node] / E7, raw.node_lon_e7[node] / E7
    return Unit(code, code, float(lat), float(lon))


def times(calibration: Calibration | None, lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Minutes of each point to each unit; NaN without a route."""
    raw, profile = newport()
    graph = build_graph(raw, profile, units(), calibration=calibration)
    ms, _, _ = Snapshot(graph, "x").times(lon, lat)
    return np.where(ms < INF_MS, ms / MS_PER_MINUTE, np.nan)


@cache
def synthetic() -> tuple[Observations, BoolArray]:
    """True times of 500 places, to a tenth of a minute, and which of the rows are for the fit."""
    raw, _ = newport()
    rng = np.random.default_rng(SEED)
    node = rng.choice(len(raw.node_ids), 500, replace=False)
    lon, lat = raw.node_lon_e7[node] / E7, raw.node_lat_e7[node] / E7
    minutes = np.round(times(truth(), lon, lat), 1)
    place, unit = np.divmod(np.arange(minutes.size), minutes.shape[1])
    rows = Observations(
        place=tuple(f"place {p:03d}" for p in place),
        district=("",) * len(place),
        lon=lon[place],
        lat=lat[place],
        unit=unit.astype(np.int32),
        units=units(),
        minutes=minutes.ravel(),
        weight=np.ones(len(place)),
        period=("",) * len(place),
        scored=np.ones(len(place), dtype=np.bool_),
        data_sha256="synthetic",
    )
    routed = np.isfinite(rows.minutes)
    train = (place % 2 == 0)[routed]
    return rows.where(routed), train


@cache
def fitted() -> Calibration:
    raw, profile = newport()
    rows, train = synthetic()
    return fit(raw, profile, rows, train)


def held_out_error(calibration: Calibration | None) -> FloatArray:
    rows, train = synthetic()
    test = rows.where(~train)
    ours = times(calibration, test.lon, test.lat)[np.arange(len(test)), test.unit]
    return np.asarray(ours - test.minutes)


@needs_newport
def test_known_factors_come_back_from_their_times() -> None:
    before, after = held_out_error(None), held_out_error(fitted())
    assert np.abs(before).mean() > 3.5  # the start alone is 4 minutes
    assert np.abs(after).mean() < 0.1
    assert abs(after.mean()) < 0.03
    assert abs(fitted().start_ms - START_MS) < 12_000


@needs_newport
def test_factors_come_back_on_the_roads_that_are_driven() -> None:
    raw, profile = newport()
    graph = build_graph(raw, profile, units())
    traits = edge_traits(graph, raw, profile)
    ratio = [
        calibration.factors_of(traits.kind, calibration.lattice.cells(traits.lon, traits.lat))
        for calibration in (fitted(), truth())
    ]
    error = np.log(ratio[0] / ratio[1])
    for name in ("local urban", "local rural", "tertiary urban", "secondary urban"):
        of_kind = (traits.kind == KINDS.index(name)) & (graph.edge_core != 0)
        weight = graph.edge_ms[of_kind].astype(np.float64)
        # 1.3 and 1.15 are 26 % and 14 %; of that at most 3 % is missed on the mean.
        assert abs(np.average(error[of_kind], weights=weight)) < 0.03, name


@needs_newport
def test_two_fits_are_the_same_bytes(tmp_path: Path) -> None:
    raw, profile = newport()
    rows, train = synthetic()
    again = fit(raw, profile, rows, train)
    for name, calibration in (("a", fitted()), ("b", again)):
        calibration.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@needs_newport
def test_rows_held_out_are_not_looked_at() -> None:
    raw, profile = newport()
    rows, train = synthetic()
    spoilt = replace(rows, minutes=np.where(train, rows.minutes, 999.0))
    assert fit(raw, profile, spoilt, train).id == fitted().id


@needs_newport
def test_smaller_cells_make_a_finer_lattice() -> None:
    raw, profile = newport()
    rows, train = synthetic()
    fine = fit(raw, profile, rows, train, FitOptions(cell_m=1_000.0)).lattice
    coarse = fitted().lattice
    assert fine.cell_lat_deg == pytest.approx(coarse.cell_lat_deg / 2, rel=1e-3)
    assert fine.rows in (2 * coarse.rows - 1, 2 * coarse.rows)


@needs_newport
def test_a_trust_calibrates_and_builds_from_the_command_line(tmp_path: Path) -> None:
    trips, out, graph = tmp_path / "trips.csv", tmp_path / "c.toml", tmp_path / "newport.graph"
    units_file = tmp_path / "units.toml"
    units_file.write_text(
        "\n".join(
            f'[[unit]]\nods_code = "{u.ods_code}"\nname = "{u.name}"\nlat = {u.lat}\nlon = {u.lon}'
            for u in units()
        )
    )
    rows, _ = synthetic()
    with trips.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["lat", "lon", "unit", "minutes"])
        for i in range(len(rows)):
            code = rows.units[rows.unit[i]].ods_code
            table.writerow([rows.lat[i], rows.lon[i], code, rows.minutes[i]])
        table.writerow([rows.lat[0], rows.lon[0], "U0", "soon"])
    given = ("--pbf", str(NEWPORT), "--units", str(units_file))
    told = json.loads(
        hasu("calibrate", "--reference", str(trips), *given, "--out", str(out), "--json")
    )
    assert told["id"] == Calibration.load(out).id
    assert told["rejected"] == ["row 1502: minutes must be a number above 0, not 'soon'"]
    assert told["data"]["observations"] == len(rows)
    assert told["summary"]["before"]["mae_minutes"] > 3.5
    assert told["summary"]["after"]["mae_minutes"] < 0.1
    built = json.loads(
        hasu("build", *given, "--calibration", str(out), "--out", str(graph), "--json")
    )
    assert built["manifest"]["calibration"] == told["id"]
    place = f"{rows.lat[0]},{rows.lon[0]}"
    decision = json.loads(hasu("decide", place, "--graph", str(graph), "--json"))
    assert decision["calibration"] == told["id"]
    assert "uncalibrated" not in decision["flags"]


def hasu(*words: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "routing_service.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


# --- the reference of the default region -------------------------------------------------------
@cache
def reference() -> Observations:
    return read_reference(default_region())


@needs_reference
def test_the_reference_has_every_area_of_the_region_to_every_unit() -> None:
    rows = reference()
    assert int(rows.scored.sum()) == 4 * 1_403
    scored = {d for d, s in zip(rows.district, rows.scored, strict=True) if s}
    assert scored == set(DISTRICTS)
    assert [unit.ods_code for unit in rows.units[:4]] == ["RFSDA", "RHQHH", "RP5DR", "RXF05"]
    assert not np.isnan(rows.minutes).any()


@needs_reference
def test_the_reference_lies_on_its_lattice() -> None:
    # 5.8 + 1.074 k minutes, printed to a tenth: that is what the minutes are worth.
    steps = (reference().minutes - 5.8) / 1.074
    off = np.abs(steps - np.rint(steps)) * 1.074
    assert off.max() < 0.08


@needs_reference
def test_an_area_is_told_by_a_few_of_its_postcodes() -> None:
    rows = reference()
    first, lon, lat = rows.points()
    assert set(np.diff(first).tolist()) == {8}
    centre = np.add.reduceat(lat, first[:-1]) / np.diff(first)
    # Areas are some kilometres across at most; the mean of eight postcodes is near the middle.
    assert np.abs(centre - rows.lat).max() < 0.03
    assert np.abs(lon - np.repeat(rows.lon, 8)).max() < 0.2


@needs_reference
def test_the_shipped_calibration_is_of_this_reference_and_this_profile() -> None:
    shipped = Calibration.load(default_region() / "calibration.toml")
    assert shipped.data["sha256"] == reference().data_sha256
    assert misfit(shipped, "surrogate", Profile.load("blue_light")) == ""
    assert shipped.summary["after"]["mae_minutes"] < 0.9
