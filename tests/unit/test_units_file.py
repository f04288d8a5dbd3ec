"""The units file: what it must hold, and what each mistake is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing_service.decision.model import Unit
from routing_service.errors import InvalidUnits
from routing_service.graph.units_file import read_units

REGION = Path(__file__).parents[2] / "graphs" / "south_yorkshire"

GOOD = """
[[unit]]
ods_code = "RXF05"
name = "Pinderfields Hospital"
lat = 53.692421
lon = -1.48854

[[unit]]
ods_code = "RFSDA"
name = "Chesterfield Royal Hospital"
lat = 53.2
lon = -1
door = "surveyed"
trust = "RFS"
postcode = "S44 5BL"
capabilities = ["ivt", "ct"]
hours = "mon-fri 08:00-20:00"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "units.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_units_come_sorted_by_code_with_defaults(tmp_path: Path) -> None:
    assert read_units(write(tmp_path, GOOD)) == (
        Unit(
            "RFSDA", "Chesterfield Royal Hospital", 53.2, -1.0, "surveyed", "RFS", "S44 5BL",
            ("ivt", "ct"), "mon-fri 08:00-20:00",
        ),
        Unit("RXF05", "Pinderfields Hospital", 53.692421, -1.48854),
    )  # fmt: skip


def test_the_region_has_its_four_units_and_no_claimed_doors() -> None:
    units = read_units(REGION / "hasus.toml")
    assert [unit.ods_code for unit in units] == ["RFSDA", "RHQHH", "RP5DR", "RXF05"]
    assert {unit.door for unit in units} == {"site_point"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "Pinderfields Hospital"', "", "unit 1 lacks name"),
        ("lat = 53.692421\nlon = -1.48854", "", "unit 1 lacks lat, lon"),
        ("lat = 53.692421", 'lat = "53.692421"', "unit 1: lat must be a number"),
        ("lat = 53.692421", "lat = true", "unit 1: lat must be a number"),
        ("lat = 53.692421", "lat = nan", "unit 1: lat=nan is outside"),
        ("lat = 53.692421", "lat = 95", "unit 1: lat=95 is outside -90 to 90"),
        ("lat = 53.692421\nlon = -1.48854", "lat = -1.4\nlon = 53.6", "look exchanged"),
        ('door = "surveyed"', 'door = "back"', "unit 2: door must be one of"),
        ('"RXF05"', '"RXF 05"', "unit 1: ods_code must be"),
        ('"RXF05"', "5", "unit 1: ods_code must be text"),
        ('"RXF05"', '"RFSDA"', "RFSDA is given twice"),
        ('trust = "RFS"', 'owner = "RFS"', "unit 2: unknown owner"),
        ('["ivt", "ct"]', '"ivt"', "unit 2: capabilities must be a list"),
        ('name = "Pinderfields Hospital"', 'name = " "', "unit 1: name is empty"),
        ("mon-fri 08:00-20:00", "weekdays", "unit 2: hours 'weekdays' cannot be read"),
    ],
)
def test_a_mistake_names_the_file_and_the_unit(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in GOOD
    with pytest.raises(InvalidUnits, match=says) as caught:
        read_units(write(tmp_path, GOOD.replace(old, new)))
    assert "units.toml" in caught.value.detail


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no units"),
        ("unit = []", "names no units"),
        ("unit = 4", "names no units"),
        ("unit = [4]", "unit 1 is not a table"),
        ("[[units]]\nods_code = 'X'", "unknown units"),
        ("[[unit]\n", "cannot be read as TOML"),
    ],
)
def test_a_file_without_units(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidUnits, match=says):
        read_units(write(tmp_path, text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidUnits, match=r"none\.toml cannot be read"):
        read_units(tmp_path / "none.toml")
