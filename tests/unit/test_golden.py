"""Golden incidents: what a file must say, and what a network must not get wrong.

The network is the A61 of `api_scene`: SOUTH at 53.40, NORTH at 53.60, driven at 80 km/h;
11.1 km or 8.3 minutes from the middle to either end.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from routing_service.decision.model import Location
from routing_service.errors import InvalidGolden
from routing_service.live.golden import Golden, GoldenIncident, check_golden, read_golden
from tests import api_scene

GOOD = """
tie_minutes = 5

[[incident]]
name = "Southby"
lat = 53.43
lon = -1.5
units = ["SOUTH"]
lsoa = "Southby 001A"
why = "Three kilometres up the road."

[[incident]]
name = "Midway"
lat = 53.5
lon = -1.5
units = ["SOUTH", "NORTH"]
why = "Half-way."
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "golden.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(*incidents: GoldenIncident, tie_minutes: float = 5.0) -> dict[str, str]:
    misses = check_golden(api_scene.snapshot(), Golden(incidents, tie_minutes))
    return {miss.incident.name: miss.fault for miss in misses}


def place(lat: float, *units: str, lon: float = -1.5, name: str = "a place") -> GoldenIncident:
    return GoldenIncident(name, lat, lon, units, "for the test")


# --- the check -----------------------------------------------------------------------------
def test_a_network_that_answers_as_expected_misses_nothing(tmp_path: Path) -> None:
    golden = read_golden(written(tmp_path, GOOD))
    assert check_golden(api_scene.snapshot(), golden) == ()


def test_a_wrong_unit_is_told_with_the_minutes_found() -> None:
    snapshot = api_scene.snapshot()
    (miss,) = check_golden(snapshot, Golden((place(53.43, "NORTH"),), 5.0))
    assert miss.fault == "SOUTH is nearest"
    south, north = snapshot.decide(Location(53.43, -1.5)).ranking
    assert miss.found == f"SOUTH {south.minutes}, NORTH {north.minutes}"


def test_those_that_are_right_are_not_listed() -> None:
    told = faults(place(53.43, "NORTH", name="wrong"), place(53.57, "NORTH", name="right"))
    assert list(told) == ["wrong"]


def test_at_a_near_tie_either_unit_may_be_nearest() -> None:
    assert faults(place(53.498, "NORTH", "SOUTH"), place(53.502, "NORTH", "SOUTH")) == {}


def test_a_near_tie_that_the_network_calls_clear_is_a_fault() -> None:
    # 6.7 km at 80 km/h to SOUTH, 15.6 km to NORTH: 5.0 and 11.6 minutes.
    told = faults(place(53.46, "NORTH", "SOUTH"))
    assert told == {"a place": "SOUTH is nearest by 6.6 minutes, not a near tie"}
    assert faults(place(53.46, "NORTH", "SOUTH"), tie_minutes=8.0) == {}


@pytest.mark.parametrize(("lat", "lon"), [(53.5, -1.2), (55.0, -1.5)])
def test_a_place_that_cannot_be_reached_is_a_fault(lat: float, lon: float) -> None:
    # 20 km east of the road; north of the map.
    assert faults(place(lat, "SOUTH", lon=lon))["a place"].startswith("unreachable: ")


def test_the_network_is_on_trial_and_not_the_day() -> None:
    closed = api_scene.snapshot(south="closed")
    assert check_golden(closed, Golden((place(53.43, "SOUTH"),), 5.0)) == ()


def test_incidents_of_another_region_say_nothing() -> None:
    with pytest.raises(InvalidGolden, match=r"a place expects RXF05.* units are NORTH, SOUTH"):
        faults(place(53.43, "RXF05"))


# --- the file ------------------------------------------------------------------------------
def test_a_file_is_read_in_its_order(tmp_path: Path) -> None:
    golden = read_golden(written(tmp_path, GOOD))
    assert golden.tie_minutes == 5.0
    southby, midway = golden.incidents
    assert southby.why == "Three kilometres up the road."
    assert (southby.lsoa, midway.lsoa) == ("Southby 001A", "")
    assert midway.units == ("SOUTH", "NORTH")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("tie_minutes = 5\n", "", "golden.toml: tie_minutes must be a number from 0 to 60"),
        ("tie_minutes = 5\n", "tie_minutes = -1\n", "tie_minutes must be a number from 0 to 60"),
        ("tie_minutes = 5\n", "tie_minutes = 5\nties = 1\n", "golden.toml: unknown ties"),
        ('name = "Midway"\n', "", "incident 2 lacks name"),
        ('name = "Midway"', 'name = "Southby"', "Southby is given twice"),
        ('name = "Midway"', 'name = " "', "incident 2: name must be text"),
        ('why = "Half-way."', "", "incident 2 lacks why"),
        ('why = "Half-way."', 'why = "Half-way."\nbecause = 1', "incident 2: unknown because"),
        ("lat = 53.5\n", "lat = 153.5\n", "incident 2: lat must be a number from -90 to 90"),
        ("lat = 53.5\n", "lat = nan\n", "incident 2: lat must be a number"),
        ("lat = 53.5\n", "lat = true\n", "incident 2: lat must be a number"),
        ("lat = 53.5\n", 'lat = "53.5"\n', "incident 2: lat must be a number"),
        ('["SOUTH", "NORTH"]', "[]", "incident 2: units must be a list of one or more"),
        ('["SOUTH", "NORTH"]', '"SOUTH"', "incident 2: units must be a list of one or more"),
        ('["SOUTH", "NORTH"]', '["SOUTH", 4]', "incident 2: units must be a list of one or more"),
        ('["SOUTH", "NORTH"]', '["SOUTH", "SOUTH"]', "incident 2: units names one twice"),
        ("[[incident]]", "[incident", "golden.toml cannot be read as TOML"),
        (GOOD, "tie_minutes = 5", "golden.toml has no incidents"),
        (GOOD, "tie_minutes = 5\nincident = [1]", "incident 1 is not a table"),
    ],
)
def test_each_mistake_in_a_file_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidGolden) as caught:
        read_golden(written(tmp_path, GOOD.replace(old, new)))
    assert told in caught.value.detail


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidGolden, match=r"none\.toml cannot be read"):
        read_golden(tmp_path / "none.toml")
