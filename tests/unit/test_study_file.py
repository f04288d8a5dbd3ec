"""A file of scenarios, read whole or refused with the key that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing_service.errors import HasuError, InvalidStudy
from routing_service.graph.weekly import Hours
from routing_service.live.closure import Road
from routing_service.planner.study import AreaTable, Policy
from routing_service.planner.study_file import read_study

ROOT = Path(__file__).parents[2]

WHOLE = """
title = "Everything at once"

[population]
points = "postcodes"
districts = ["Rotherham", "Sheffield"]
urban_rural = { file = "ru.csv", code = "LSOA", column = "Class", vintage = 2011 }
age = { file = "age.csv", code = "LSOA", columns = ["0-64", "65+"], vintage = 2011 }

[population.deprivation]
file = "imd.csv"
code = "LSOA"
column = "Decile"
vintage = 2021
lookup = "l.csv"

[baseline]
divert = [{ ods_code = "RP5DR", max_extra_minutes = 20 }]

[[scenario]]
name = "busy"
note = "A bad day."
close = ["RHQHH"]
open = [{ ods_code = "RFRPA", name = "Rotherham", lat = 53.414, lon = -1.343, door = "surveyed" }]
move = [{ ods_code = "RFSDA", name = "Chesterfield", lat = 53.24, lon = -1.43 }]
hours = { RXF05 = "mon-fri 08:00-20:00" }
speed_set = "night"

[[scenario.closure]]
road = "A61"
reason = "flood"
[scenario.closure.polygon]
type = "Polygon"
coordinates = [[[-1.6, 53.4], [-1.4, 53.4], [-1.4, 53.5], [-1.6, 53.4]]]

[[scenario.policy]]
grouping = "district"
groups = ["Rotherham"]
eligible = ["RHQHH", "RP5DR"]
"""

LEAST = '[population]\npoints = "lsoa"\n[[scenario]]\nname = "x"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, WHOLE))
    assert study.title == "Everything at once"
    people = study.population
    assert (people.points, people.districts) == ("postcodes", ("Rotherham", "Sheffield"))
    assert people.deprivation == AreaTable(
        tmp_path / "imd.csv", "LSOA", 2021, ("Decile",), tmp_path / "l.csv"
    )
    assert people.age is not None
    assert people.age.columns == ("0-64", "65+")
    assert study.baseline.divert_minutes == {"RP5DR": 20.0}
    (busy,) = study.scenarios
    assert (busy.name, busy.note, busy.close) == ("busy", "A bad day.", ("RHQHH",))
    assert [(unit.ods_code, unit.door) for unit in busy.open] == [("RFRPA", "surveyed")]
    assert [unit.lat for unit in busy.move] == [53.24]
    assert busy.hours == {"RXF05": Hours.read("mon-fri 08:00-20:00")}
    assert isinstance(busy.closures[0].where, Road)
    assert busy.policies == (Policy("district", ("Rotherham",), ("RHQHH", "RP5DR")),)
    assert busy.speed_set == "night"


def test_the_least_that_can_be_said_is_the_network_as_it_is(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, LEAST))
    assert study.title == "study"
    assert study.baseline.close == ()
    assert study.population.times == "network"


def test_the_shipped_study_closes_each_unit(tmp_path: Path) -> None:
    study = read_study(ROOT / "graphs" / "south_yorkshire" / "study.toml")
    assert sorted(code for each in study.scenarios for code in each.close) == [
        "RFSDA",
        "RHQHH",
        "RP5DR",
        "RXF05",
    ]


def test_the_example_of_the_documentation_is_a_study(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "planning.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    study = read_study(write(tmp_path, example))
    (scenario,) = study.scenarios
    assert scenario.closures
    assert scenario.policies
    assert scenario.divert_minutes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("population = 3", "cannot be read as TOML|must be a table"),
        (LEAST.replace('[[scenario]]\nname = "x"\n', ""), r"no \[\[scenario\]\]"),
        (LEAST + LEAST[LEAST.index("[[") :], "a name of its own"),
        (LEAST.replace("name", "nam"), r"scenario\[0\].name: is missing"),
        (LEAST + 'shut = ["A"]', r"scenario\[0\].shut: is not a key of a study"),
        (LEAST.replace("lsoa", 'lsoa"\nweight = "w'), "is a column of a file of points"),
        (LEAST.replace("lsoa", 'lsoa"\ntimes = "guessed'), "must be one of network, reference"),
        (LEAST + "close = [1]", "must be a list of strings"),
        (LEAST + 'hours = { A = "noon" }', "hours.A: hours 'noon' cannot be read"),
        (
            LEAST + 'open = [{ ods_code = "A", lat = 53.0 }]',
            r"open\[0\].ods_code: unit A lacks",
        ),
        (LEAST + 'closure = [{ reason = "x" }]', "Say where"),
        (LEAST + 'divert = [{ ods_code = "A" }]', r"divert\[0\].max_extra_minutes: is missing"),
        (
            LEAST + 'policy = [{ grouping = "district", groups = [], eligible = ["A"] }]',
            "at least one group",
        ),
        (
            LEAST.replace(
                "lsoa", 'lsoa"\nage = { file = "a", code = "c", columns = ["x"], vintage = 2001 }#'
            ),
            "vintage: must be one of 2011, 2021",
        ),
    ],
)
def test_a_mistake_is_told_with_its_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidStudy, match=words):
        read_study(write(tmp_path, text))


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(HasuError, match=r"nothing\.toml cannot be read"):
        read_study(tmp_path / "nothing.toml")
