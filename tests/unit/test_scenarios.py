"""What becomes of six villages when units close, open, move, fill up or roads are shut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routing_service.decision.model import Unit
from routing_service.errors import (
    ClosureHitsNothing,
    InvalidPopulation,
    InvalidStudy,
    InvalidUnits,
)
from routing_service.graph.build import build_graph
from routing_service.graph.more_units import with_more_units
from routing_service.graph.profile import Profile
from routing_service.graph.trees import check_trees
from routing_service.graph.weekly import Hours
from routing_service.live.closure import Closure
from routing_service.live.snapshot import Snapshot
from routing_service.planner.study import Policy, Scenario
from routing_service.planner.summary import as_tree, flow_rows, unit_rows
from routing_service.units import INF_MS
from tests import api_scene
from tests.networks import random_network, units_at
from tests.planner_scene import graph, run, units

MIDDLE = Unit("MID", "Middle General", 53.50, -1.5)


def shut(lat: float) -> Closure:
    """The road shut within 100 m of a latitude."""
    where = {"point": {"lat": lat, "lon": -1.5}, "radius_m": 100.0}
    named = {"id": "c1", "reason": "flood", "author": "study", "source": "study"}
    return Closure.from_json({**named, **where})


# --- units -------------------------------------------------------------------------------------
def test_everybody_goes_to_the_nearest() -> None:
    assert units(run(Scenario("as it is"))) == "NNNSSS"


def test_who_went_to_a_closed_unit_goes_on_to_the_other() -> None:
    found = run(Scenario("north closed", close=("NORTH",)))
    assert units(found) == "SSSSSS"
    everyone = found.outcomes[0].figures[0]
    assert everyone.change.affected == 0.6  # 1 + 2 + 3 of 10
    assert [
        (row["from"], row["to"], row["weight"]) for row in flow_rows(found, found.outcomes[0])
    ] == [("NORTH", "SOUTH", 6.0)]
    assert [(row["ods_code"], row["extra"]) for row in unit_rows(found, found.outcomes[0])] == [
        ("NORTH", -6.0),
        ("SOUTH", 6.0),
    ]


def test_a_new_unit_takes_those_that_it_is_nearest_to() -> None:
    found = run(Scenario("middle opened", open=(MIDDLE,)))
    assert units(found) == "NNMMSS"
    assert found.outcomes[0].figures[0].change.better == 0.5
    assert found.outcomes[0].figures[0].change.affected == 0.0


def test_a_moved_unit_is_where_it_moved_to_and_not_where_it_was() -> None:
    moved = Unit("NORTH", "North General", 53.50, -1.5)
    found = run(Scenario("north moved", move=(moved,)))
    # At 53.58 it is 8 from the new place, where nobody else is nearer.
    assert units(found) == "NNNNSS"
    rows = {row["ods_code"]: row["extra"] for row in unit_rows(found, found.outcomes[0])}
    assert rows == {"NORTH": -6.0, "SOUTH": -2.0, "NORTH*": 8.0}
    a, d = (found.outcomes[0].after.ms[0, k] - found.before.ms[0, k] for k in (0, 3))
    assert a > 0 > d


def test_two_scenarios_may_move_a_unit_to_different_places() -> None:
    places = [replace(api_scene.NORTH, lat=lat) for lat in (53.50, 53.42)]
    found = run(*(Scenario(f"to {unit.lat}", move=(unit,)) for unit in places))
    assert [units(found, k) for k in (0, 1)] == ["NNNNSS", "NNNNNS"]


def test_the_baseline_may_differ_from_the_network() -> None:
    closed = Scenario("", close=("NORTH",))
    found = run(Scenario("north opened again"), baseline=closed)
    assert units(found) == "NNNSSS"
    assert found.outcomes[0].figures[0].change.better == 0.6


# --- rules -------------------------------------------------------------------------------------
def test_a_divert_spares_those_who_live_far_from_the_next() -> None:
    """From 53.54 it is 14 hundredths to SOUTH and 6 to NORTH: 8 more, 6.6 minutes."""
    near = run(Scenario("divert", divert_minutes={"NORTH": 6.0}))
    far = run(Scenario("divert", divert_minutes={"NORTH": 7.0}))
    assert (units(near), units(far)) == ("NNNSSS", "NNSSSS")


def test_a_policy_sends_a_district_to_its_units_and_shows_the_nearest() -> None:
    policy = Policy("district", ("Upland",), ("SOUTH",))
    found = run(Scenario("all to the south", policies=(policy,)))
    assert units(found) == "SSSSSS"
    assert found.outcomes[0].after.nearest.tolist() == [0, 0, 0, 1, 1, 1]


def test_the_first_policy_that_names_a_group_holds() -> None:
    first = Policy("deprivation", ("2 (least deprived)",), ("NORTH",))
    second = Policy("district", ("Upland", "Lowland"), ("SOUTH",))
    assert units(run(Scenario("both", policies=(first, second)))) == "NNNSSS"


def test_a_unit_open_by_day_is_closed_for_half_the_week() -> None:
    found = run(Scenario("by day", hours={"NORTH": Hours.read("mon-sun 08:00-20:00")}))
    assert units(found) == "SSSSSS!NNNSSS"
    everyone = found.outcomes[0].figures[0]
    assert everyone.change.affected == 0.3
    assert flow_rows(found, found.outcomes[0])[0]["weight"] == 3.0


def test_hours_of_the_units_file_hold_unless_a_scenario_says_otherwise() -> None:
    known = graph()
    described = [{**unit, "hours": "mon-sun 08:00-20:00"} for unit in known.manifest["units"][:1]]
    listed = [*described, *known.manifest["units"][1:]]
    limited = replace(known, manifest={**known.manifest, "units": listed})
    at = Snapshot(limited, api_scene.GRAPH_ID)
    always = Scenario("always", hours={"NORTH": Hours()})
    found = run(Scenario("as it is"), always, at=at)
    assert units(found, 0) == "SSSSSS!NNNSSS"
    assert units(found, 1) == "NNNSSS!NNNSSS"


def test_behind_a_shut_road_is_only_what_lies_there() -> None:
    found = run(Scenario("flood", closures=(shut(53.57),)))
    assert units(found) == "NNSSSS"
    change = found.outcomes[0].figures[0].change
    # b stands where the shut stretch begins and has to turn: 8 s. Only c goes far.
    assert (change.affected, change.other_unit, change.worse[0]) == (0.5, 0.3, 0.3)


def test_who_is_cut_off_has_no_unit_and_is_told_apart() -> None:
    found = run(Scenario("cut off", close=("NORTH",), closures=(shut(53.49),)))
    assert units(found) == "---SSS"
    everyone = found.outcomes[0].figures[0]
    assert everyone.change.lost_route == 0.6
    assert everyone.after.no_route == 0.6
    assert everyone.change.mean_change_ms == 0
    assert as_tree(found)["scenarios"][0]["flows"][0]["to"] == "nowhere"
    assert found.outcomes[0].after.mean_ms[0] == INF_MS


# --- mistakes ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        (Scenario("x", close=("EAST",)), "no unit EAST in the network, only NORTH, SOUTH"),
        (Scenario("x", close=("NORTH", "SOUTH")), "closes every unit"),
        (Scenario("x", open=(replace(MIDDLE, ods_code="NORTH"),)), "move it instead"),
        (Scenario("x", divert_minutes={"MID": 5.0}), "there is no unit MID"),
        (Scenario("x", close=("NORTH",), divert_minutes={"NORTH": 5.0}), "says more of it"),
        (Scenario("x", open=(MIDDLE, replace(MIDDLE, lat=53.51))), "twice"),
        (Scenario("x", speed_set="night"), "no speed set 'night', only default"),
    ],
)
def test_what_the_network_does_not_have_is_refused(scenario: Scenario, words: str) -> None:
    with pytest.raises(InvalidStudy, match=words):
        run(scenario)


def test_a_policy_for_a_group_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidPopulation, match="no district is called 'Highland'"):
        run(Scenario("x", policies=(Policy("district", ("Highland",), ("NORTH",)),)))
    with pytest.raises(InvalidPopulation, match="no grouping 'county'; known: district"):
        run(Scenario("x", policies=(Policy("county", ("Kent",), ("NORTH",)),)))


def test_a_unit_in_the_sea_and_a_closure_of_no_road_are_refused() -> None:
    with pytest.raises(InvalidUnits, match="m away"):
        run(Scenario("x", open=(replace(MIDDLE, lon=0.5),)))
    with pytest.raises(ClosureHitsNothing):
        run(Scenario("x", closures=(shut(54.5),)))


# --- further trees -----------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(6))
def test_a_unit_that_is_added_has_the_tree_that_a_build_gives_it(seed: int) -> None:
    raw = random_network(seed, side=5, bans=4, onlys=2)
    first, second, third = units_at(raw, 0, 12, 24)
    whole = build_graph(raw, Profile.load("car"), (first, second, third))
    part = with_more_units(build_graph(raw, Profile.load("car"), (first,)), (second, third))
    assert np.array_equal(part.tree_ms, whole.tree_ms)
    assert np.array_equal(part.tree_cm, whole.tree_cm)
    assert [unit.ods_code for unit in part.units] == [unit.ods_code for unit in whole.units]
    for u in range(3):
        rows = [graph.doors[u][graph.doors[u][:, 0] >= 0].tolist() for graph in (part, whole)]
        assert rows[0] == rows[1]
    check_trees(part)
