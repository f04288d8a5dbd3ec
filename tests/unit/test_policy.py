"""Policy as data: which area a place lies in, which units it may use, and each mistake's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from routing_service.errors import InvalidPolicy
from routing_service.graph.units_file import read_units
from routing_service.live.policy import Policy, read_policy
from tests.api_scene import NORTH, SOUTH

REGION = Path(__file__).parents[2] / "graphs" / "south_yorkshire"
UNITS = (NORTH, SOUTH)

AREA = """
[[area]]
name = "west"
eligible = ["SOUTH"]
reason = "agreed"
source = "minutes of a meeting"
"""
WEST = "polygon = [[[-1.6, 53.4], [-1.5, 53.4], [-1.5, 53.6], [-1.6, 53.6], [-1.6, 53.4]]]"
# The west without a pond in its middle.
HOLED = WEST[:-1] + ", [[-1.56, 53.49], [-1.54, 53.49], [-1.54, 53.51], [-1.56, 53.49]]]"


def read(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return read_policy(path, UNITS)


def test_inside_its_outline_an_area_decides_and_outside_all_are_allowed(tmp_path: Path) -> None:
    policy = read(tmp_path, AREA + WEST)
    assert policy.allowed(-1.55, 53.5) == (False, True)  # in the order NORTH, SOUTH
    assert policy.allowed(-1.5, 53.5) == (False, True)  # on its edge
    assert policy.allowed(-1.4999, 53.5) is None
    area = policy.area(-1.55, 53.5)
    assert area is not None
    assert (area.name, area.reason, area.source) == ("west", "agreed", "minutes of a meeting")


def test_a_hole_is_outside(tmp_path: Path) -> None:
    policy = read(tmp_path, AREA + HOLED)
    assert policy.allowed(-1.545, 53.5) is None
    assert policy.allowed(-1.59, 53.5) == (False, True)


def test_where_areas_overlap_the_first_decides(tmp_path: Path) -> None:
    other = AREA.replace("west", "other").replace("SOUTH", "NORTH") + WEST
    assert read(tmp_path, AREA + WEST + other).allowed(-1.55, 53.5) == (False, True)
    assert read(tmp_path, other + AREA + WEST).allowed(-1.55, 53.5) == (True, False)


def test_an_outline_may_be_a_file_beside_it(tmp_path: Path) -> None:
    rings: list[Any] = json.loads(WEST.partition("= ")[2])
    geometry = {"type": "MultiPolygon", "coordinates": [rings]}
    for content in (geometry, {"type": "Feature", "properties": {}, "geometry": geometry}):
        (tmp_path / "west.geojson").write_text(json.dumps(content))
        policy = read(tmp_path, AREA + 'geojson = "west.geojson"')
        assert policy.allowed(-1.55, 53.5) == (False, True)
        assert policy.allowed(-1.45, 53.5) is None


def test_the_id_changes_with_what_could_change_an_answer(tmp_path: Path) -> None:
    first = read(tmp_path, AREA + WEST).id
    assert read(tmp_path, AREA + WEST).id == first
    assert read(tmp_path, AREA.replace("SOUTH", "NORTH") + WEST).id != first
    assert read(tmp_path, AREA + HOLED).id != first
    # Also with the file that it names.
    outline = {"type": "Polygon", "coordinates": json.loads(WEST.partition("= ")[2])}
    (tmp_path / "west.geojson").write_text(json.dumps(outline))
    named = read(tmp_path, AREA + 'geojson = "west.geojson"').id
    outline["coordinates"][0][1][0] = -1.51
    (tmp_path / "west.geojson").write_text(json.dumps(outline))
    assert read(tmp_path, AREA + 'geojson = "west.geojson"').id != named


MISTAKES = {
    "not TOML": ("[[area", "cannot be read as TOML"),
    "empty": ("", r"needs \[\[area\]\] tables"),
    "another table": (AREA + WEST + "\n[unit]\n", r"needs \[\[area\]\] tables and nothing else"),
    "no reason": (AREA.replace('reason = "agreed"', "") + WEST, "lacks reason"),
    "a misspelt field": (AREA + WEST + "\neligable = []", "unknown 'eligable'"),
    "a reason that is a number": (AREA.replace('"agreed"', "7") + WEST, "reason must be text"),
    "an unknown unit": (AREA.replace("SOUTH", "EAST") + WEST, "no unit 'EAST'.*NORTH, SOUTH"),
    "units as text": (AREA.replace('["SOUTH"]', '"SOUTH"') + WEST, "a list of ODS codes"),
    "no outline": (AREA, "either polygon or geojson"),
    "two outlines": (AREA + WEST + '\ngeojson = "x"', "either polygon or geojson"),
    "no such file": (AREA + 'geojson = "nowhere.geojson"', "outline cannot be read"),
    "no polygon": (AREA + "polygon = 7", "outline cannot be read"),
    "two points": (AREA + "polygon = [[[0, 53], [1, 53]]]", "outline cannot be read"),
    "a bow": (AREA + "polygon = [[[0,52],[1,53],[1,52],[0,53],[0,52]]]", "crosses itself"),
    "metres": (AREA + "polygon = [[[4e5,4e5],[5e5,4e5],[4e5,5e5],[4e5,4e5]]]", "not in degrees"),
    "exchanged": (AREA + "polygon = [[[53,-2],[54,-2],[53,-1],[53,-2]]]", "look exchanged"),
    "a name twice": ((AREA + WEST) * 2, "two areas are named 'west'"),
}


@pytest.mark.parametrize(("text", "says"), MISTAKES.values(), ids=MISTAKES.keys())
def test_each_mistake_is_told(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidPolicy, match=says):
        read(tmp_path, text)


def test_the_example_of_the_region_leaves_chesterfield_out_for_rotherham() -> None:
    units = read_units(REGION / "hasus.toml")
    policy = read_policy(REGION / "policy.example.toml", units)
    codes = [unit.ods_code for unit in units]
    town = policy.allowed(-1.357, 53.430)
    assert town is not None
    assert [code for code, one in zip(codes, town, strict=True) if not one] == ["RFSDA"]
    for lon, lat in ((-1.4797, 53.5526), (-1.47, 53.38), (-1.13, 53.52), (-1.42, 53.235)):
        assert policy.allowed(lon, lat) is None  # Barnsley, Sheffield, Doncaster, Chesterfield
