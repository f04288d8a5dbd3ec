"""Which speed set is in force is a matter of the local clock, and of nothing else."""

from __future__ import annotations

import weakref
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from routing_service.decision.model import Location, Unit
from routing_service.errors import GraphFileCorrupt, InvalidSpeedSets
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.speed_sets import SpeedSets
from routing_service.graph.trees import check_trees
from routing_service.live.snapshot import Snapshot
from routing_service.units import E7
from tests.toymap import CELL_M, positions, read_map

SHIPPED = Path(__file__).parents[2] / "graphs" / "speed_sets.toml"
LONDON = ZoneInfo("Europe/London")
WEEK = """
timezone = "Europe/London"
[[set]]
name = "school_run"
evidence = "made up for this test"
by_class = { residential = 0.5, primary = 0.8 }
periods = [{ days = ["mon", "tue", "wed", "thu", "fri"], from = "08:00", to = "09:00" }]
[[set]]
name = "friday_night"
evidence = "made up for this test"
factor = 0.9
periods = [{ days = ["fri"], from = "23:00", to = "03:00" }]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sets.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def week(tmp_path: Path) -> SpeedSets:
    return SpeedSets.load(write(tmp_path, WEEK))


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        # 2026-11-20 is a Friday; winter, so London is on UTC.
        (datetime(2026, 11, 20, 7, 59, 59, tzinfo=UTC), "default"),
        (datetime(2026, 11, 20, 8, 0, tzinfo=UTC), "school_run"),
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), "default"),
        (datetime(2026, 11, 21, 8, 30, tzinfo=UTC), "default"),  # a Saturday
        (datetime(2026, 11, 20, 23, 30, tzinfo=UTC), "friday_night"),
        (datetime(2026, 11, 21, 2, 59, tzinfo=UTC), "friday_night"),  # still Friday's night
        (datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "default"),
        # 2026-07-03 is a Friday; in summer 07:00 UTC is 08:00 in London.
        (datetime(2026, 7, 3, 7, 0, tzinfo=UTC), "school_run"),
        (datetime(2026, 7, 3, 8, 0, tzinfo=UTC), "default"),
    ],
)
def test_the_local_clock_decides(week: SpeedSets, moment: datetime, name: str) -> None:
    assert week.names[week.at(moment)] == name
    # The same moment written in another zone is the same moment.
    assert week.at(moment.astimezone(ZoneInfo("Asia/Tokyo"))) == week.at(moment)


def test_the_hour_that_summer_time_repeats_or_skips_has_one_answer() -> None:
    night = SpeedSets.load(SHIPPED)
    # 2026-10-25 02:00 BST becomes 01:00 GMT: 01:30 happens twice, at night both times.
    for fold in (0, 1):
        assert night.at(datetime(2026, 10, 25, 1, 30, fold=fold, tzinfo=LONDON)) == 1
    # 2026-03-29 01:00 GMT becomes 02:00 BST: 05:59 local is 04:59 UTC, the last minute of night.
    assert night.at(datetime(2026, 3, 29, 4, 59, tzinfo=UTC)) == 1
    assert night.at(datetime(2026, 3, 29, 5, 0, tzinfo=UTC)) == 0


def test_factors_go_by_class_and_fall_back_to_the_sets_own(week: SpeedSets) -> None:
    classes = ("motorway", "primary", "residential")
    assert week.sets[0].factors(classes).tolist() == [1.0, 0.8, 0.5]
    assert week.sets[1].factors(classes).tolist() == [0.9, 0.9, 0.9]


def test_what_the_manifest_keeps_reads_back_the_same(week: SpeedSets) -> None:
    assert SpeedSets.from_json(week.as_json()) == week
    assert SpeedSets.from_json({}) == SpeedSets()


def test_a_moment_without_a_zone_is_refused(week: SpeedSets) -> None:
    with pytest.raises(ValueError, match="time zone"):
        week.at(datetime(2026, 11, 20, 8, 0))  # noqa: DTZ001 (the point of the test)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"Europe/London"', '"Europe/Barnsley"', "no such time zone"),
        ('name = "school_run"', 'name = "default"', "name of its own"),
        ('name = "school_run"', 'name = "school run"', "letters, digits"),
        ('evidence = "made up for this test"', "", "evidence"),
        ('"08:00"', '"8 o\'clock"', "from and to"),
        ('["fri"]', '["friday"]', "mon, tue"),
        ("factor = 0.9", "factor = 0.0", "0.1 to 10"),
        ("factor = 0.9", "speed = 0.9", "'speed' is not known"),
        ("[[set]]", "[[sets]]", "'sets' is not known"),
    ],
)
def test_a_malformed_file_says_what_is_wrong(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(InvalidSpeedSets, match=says):
        SpeedSets.load(write(tmp_path, WEEK.replace(old, new, 1 if old != "[[set]]" else -1)))


# --- in a network ----------------------------------------------------------------------------
# A unit at each end of a street of two classes.
DRAWING = "A--B--C--D"
ROADS = {"AB": {"highway": "residential"}, "BCD": {"highway": "primary"}}


def street(sets: SpeedSets | None) -> RoadGraph:
    units = [
        Unit(f"TOY{letter}", "Toy Hospital", lat_e7 / E7, lon_e7 / E7)
        for letter, (lon_e7, lat_e7) in positions(DRAWING, CELL_M).items()
        if letter in "AD"
    ]
    raw = read_map(DRAWING, ROADS, None, (), CELL_M)
    return build_graph(raw, Profile.load("blue_light"), units, speed_sets=sets)


def test_each_set_has_trees_of_its_own_and_the_moment_chooses(week: SpeedSets) -> None:
    base, timed = street(None), street(week)
    assert (timed.tree_ms == base.tree_ms).all()  # the default is not touched
    school = timed.in_set(1)
    # Half the speed on residential roads, four fifths on primary ones: times x 2 and x 1.25.
    slower = {"residential": 2.0, "primary": 1.25}
    for e in range(timed.n_edges):
        road_class = timed.manifest["road_classes"][timed.edge_class[e]]
        assert school.edge_ms[e] == round(int(base.edge_ms[e]) * slower[road_class])
    check_trees(timed)
    wrong = timed.set_tree_ms.copy()
    wrong[1, 0, 0] += 1
    with pytest.raises(GraphFileCorrupt, match="friday_night speeds"):
        check_trees(replace(timed, set_tree_ms=wrong))


def test_a_snapshot_that_has_answered_goes_with_its_last_user(week: SpeedSets) -> None:
    # Without waiting for the garbage collector: what closures made of a network is 20 MB.
    snapshot = Snapshot(street(week), "g")
    unit = snapshot.units[0]
    for hour in (8, 12):
        moment = datetime(2026, 11, 20, hour, 30, tzinfo=LONDON)
        snapshot.at(moment).decide(Location(unit.lat, unit.lon))
    gone = weakref.ref(snapshot)
    del snapshot
    assert gone() is None


def test_a_snapshot_answers_by_the_set_in_force(week: SpeedSets) -> None:
    graph = street(week)
    snapshot = Snapshot(graph, "g")
    school = snapshot.at(datetime(2026, 11, 20, 8, 30, tzinfo=LONDON))
    assert (snapshot.speed_set_name, school.speed_set_name) == ("default", "school_run")
    assert snapshot.at(datetime(2026, 11, 20, 12, 0, tzinfo=LONDON)) is snapshot
    assert school.at(datetime(2026, 11, 20, 12, 0, tzinfo=LONDON)).speed_set_name == "default"
    unit = graph.units[0]
    here = Location(float(graph.node_lat_e7.mean()) / 1e7, float(graph.node_lon_e7.mean()) / 1e7)
    for each in (snapshot, school):
        route = each.route(here, unit.ods_code)
        times = {row.ods_code: row.minutes for row in each.decide(here).ranking}
        assert route.minutes == times[unit.ods_code]
    ms, _, _ = snapshot.times(np.array([here.lon]), np.array([here.lat]))
    slow, _, _ = school.times(np.array([here.lon]), np.array([here.lat]))
    assert (slow > ms).all()
