"""Street scenes of nodes and turns: barriers, delays, turn costs, turn restrictions.

Built through the production path; a character of a drawing is 100 m.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from routing_service.graph.profile import Profile
from routing_service.graph.sources.raw import Tags
from tests.toymap import (
    Ban,
    can_drive,
    drive_ms,
    edges,
    reachable,
    scene,
    turn_cost_ms,
)

STREET: Tags = {"highway": "residential"}
MAIN: Tags = {"highway": "primary"}

LINE = "A--B--C"

FORK = """
A--B--C
   |
   D
"""

CROSS = """
   N
   |
W--X--E
   |
   S
"""
CROSS_WAYS: Mapping[str, Tags] = {"WX": STREET, "XE": STREET, "NX": STREET, "XS": STREET}


# --- barriers and delays -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tags", "car", "blue_light"),
    [
        ({"barrier": "bollard"}, False, False),
        ({"barrier": "bollard", "emergency": "yes"}, False, False),
        ({"barrier": "planter"}, False, False),
        ({"barrier": "block"}, False, False),
        ({"barrier": "jersey_barrier"}, False, False),
        ({"barrier": "kissing_gate"}, False, False),
        ({"barrier": "cycle_barrier"}, False, False),
        ({"barrier": "gate"}, True, True),
        ({"barrier": "gate", "access": "private"}, False, False),
        ({"barrier": "gate", "locked": "yes"}, False, False),
        ({"barrier": "gate", "locked": "yes", "emergency": "yes"}, False, True),
        ({"barrier": "lift_gate", "access": "no", "bus": "yes"}, False, True),
        ({"barrier": "toll_booth"}, True, True),
        ({"barrier": "cattle_grid"}, True, True),
        ({"barrier": "height_restrictor", "maxheight": "2.1"}, True, False),
    ],
    ids=str,
)
def test_barriers_cut_the_road_for_those_they_stop(tags: Tags, car: bool, blue_light: bool) -> None:
    for profile, passes in (("car", car), ("blue_light", blue_light)):
        graph = scene(LINE, {"AB": STREET, "BC": STREET}, nodes={"B": tags}, profile=profile)
        assert can_drive(graph, "ABC") == can_drive(graph, "CBA") == passes
        assert reachable(graph, "A", "C") == passes
        # The road is there on both sides, up to the barrier.
        assert edges(graph) == ["AB", "BA", "BC", "CB"]


def test_at_a_shut_barrier_one_can_turn_round() -> None:
    graph = scene(LINE, {"ABC": STREET}, nodes={"B": {"barrier": "bollard"}})
    assert turn_cost_ms(graph, "ABA") == 30_000


@pytest.mark.parametrize(
    ("tags", "car_ms", "blue_light_ms"),
    [
        ({"barrier": "gate"}, 20_000, 20_000),
        ({"barrier": "lift_gate"}, 10_000, 10_000),
        ({"barrier": "cattle_grid"}, 2_000, 2_000),
        ({"highway": "give_way"}, 3_000, 2_000),
        ({"highway": "stop"}, 5_000, 3_000),
        ({"highway": "mini_roundabout"}, 3_000, 2_000),
        ({"highway": "crossing", "crossing": "zebra"}, 1_000, 1_000),
        ({"railway": "level_crossing"}, 15_000, 15_000),
        ({"ford": "yes"}, 10_000, 10_000),
        ({"highway": "traffic_signals"}, 12_000, 5_000),  # at the stop line, no junction here
    ],
    ids=str,
)
def test_what_only_costs_time(tags: Tags, car_ms: int, blue_light_ms: int) -> None:
    for profile, ms in (("car", car_ms), ("blue_light", blue_light_ms)):
        graph = scene(LINE, {"ABC": STREET}, nodes={"B": tags}, profile=profile)
        assert turn_cost_ms(graph, "ABC") == turn_cost_ms(graph, "CBA") == ms


def test_what_costs_nothing_does_not_even_cut_the_road() -> None:
    for tags in ({"highway": "turning_circle"}, {"highway": "bus_stop", "access": "no"}):
        graph = scene(LINE, {"ABC": STREET}, nodes={"B": tags})
        assert edges(graph) == ["AC", "CA"]


# --- turns -------------------------------------------------------------------------------------
def test_turns_cost_as_one_drives_on_the_left() -> None:
    graph = scene(CROSS, CROSS_WAYS, unit_at="W", profile="blue_light")
    assert turn_cost_ms(graph, "WXE") == 0
    assert turn_cost_ms(graph, "WXN") == 3_500  # left
    assert turn_cost_ms(graph, "WXS") == 5_000  # right, across the traffic
    # From any arm it is the same: the compass does not matter.
    for left in ("NXE", "EXS", "SXW"):
        assert turn_cost_ms(graph, left) == 3_500
    for right in ("NXW", "EXN", "SXE"):
        assert turn_cost_ms(graph, right) == 5_000


def test_signals_at_a_junction_delay_every_turn() -> None:
    signals = {"X": {"highway": "traffic_signals"}}
    graph = scene(CROSS, CROSS_WAYS, nodes=signals, unit_at="W", profile="car")
    assert turn_cost_ms(graph, "WXE") == 12_000
    assert turn_cost_ms(graph, "WXS") == 12_000 + 8_000


def test_a_bend_in_the_road_is_no_turn() -> None:
    bend = """
A--B
   |
   C
"""
    graph = scene(bend, {"AB": STREET, "BC": {**STREET, "name": "Other Street"}})
    assert turn_cost_ms(graph, "ABC") == 0


def test_one_turns_round_only_where_there_is_no_other_way_on() -> None:
    graph = scene(FORK, {"ABC": STREET, "BD": STREET})
    assert not can_drive(graph, "ABA")
    assert turn_cost_ms(graph, "BDB") == 30_000
    assert can_drive(graph, "ABDBC")


def test_a_profile_may_turn_round_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "nimble.toml"
    path.write_text('extends = "car"\nname = "nimble"\n[turns]\nu_turns = "everywhere"\n')
    graph = scene(FORK, {"ABC": STREET, "BD": STREET}, profile=Profile.load(path))
    assert turn_cost_ms(graph, "ABA") == 25_000


# --- turn restrictions -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "to_way", "barred"),
    [
        ("no_left_turn", "NX", {"WXN"}),
        ("no_right_turn", "XS", {"WXS"}),
        ("no_straight_on", "XE", {"WXE"}),
        ("no_entry", "XE", {"WXE"}),
        ("no_exit", "XS", {"WXS"}),
        ("only_left_turn", "NX", {"WXE", "WXS"}),
        ("only_right_turn", "XS", {"WXE", "WXN"}),
        ("only_straight_on", "XE", {"WXN", "WXS"}),
    ],
)
def test_restrictions_at_a_crossroads(kind: str, to_way: str, barred: set[str]) -> None:
    graph = scene(CROSS, CROSS_WAYS, bans=[Ban("WX", "X", to_way, kind)], unit_at="W")
    turns = {f"{a}X{b}" for a in "WNES" for b in "WNES" if a != b}
    assert {turn for turn in turns if not can_drive(graph, turn)} == barred


def test_a_restriction_on_u_turns_bars_them_even_where_they_are_free(tmp_path: Path) -> None:
    path = tmp_path / "nimble.toml"
    path.write_text('extends = "car"\nname = "nimble"\n[turns]\nu_turns = "everywhere"\n')
    ban = Ban("WX", "X", "WX", "no_u_turn")
    graph = scene(CROSS, CROSS_WAYS, bans=[ban], unit_at="W", profile=Profile.load(path))
    assert not can_drive(graph, "WXW")
    assert can_drive(graph, "NXN")
    assert can_drive(graph, "WXE")


@pytest.mark.parametrize(
    ("tags", "car", "blue_light"),
    [
        ({"except": "emergency"}, False, True),
        ({"except": "psv;emergency"}, False, True),
        ({"except": "psv"}, False, False),
        ({"except": "motorcar"}, True, True),
        ({"restriction:emergency": "none"}, False, True),
        ({"hour_on": "07:00", "hour_off": "09:00"}, True, True),
    ],
    ids=str,
)
def test_exemptions_from_a_ban(tags: Tags, car: bool, blue_light: bool) -> None:
    ban = Ban("WX", "X", "NX", "no_left_turn", tags)
    for profile, may in (("car", car), ("blue_light", blue_light)):
        graph = scene(CROSS, CROSS_WAYS, bans=[ban], unit_at="W", profile=profile)
        assert can_drive(graph, "WXN") == may


def test_a_ban_for_lorries_binds_neither() -> None:
    ban = Ban("WX", "X", "NX", "", {"restriction": "", "restriction:hgv": "no_left_turn"})
    for profile in ("car", "blue_light"):
        assert can_drive(scene(CROSS, CROSS_WAYS, bans=[ban], profile=profile, unit_at="W"), "WXN")


DUAL = """
A--B--C
   |
D--E--F
"""
# Two carriageways, the upper driven westwards, and a gap between them.
DUAL_WAYS: Mapping[str, Tags] = {
    "CB": {**MAIN, "oneway": "yes"},
    "BA": {**MAIN, "oneway": "yes"},
    "DE": {**MAIN, "oneway": "yes"},
    "EF": {**MAIN, "oneway": "yes"},
    "BE": STREET,
}


def test_a_ban_across_a_central_reservation_binds_only_who_came_that_way() -> None:
    # No U-turn from D-E through the gap E-B to B-A; from F nothing is barred.
    ways = {**DUAL_WAYS, "EG": STREET}
    drawing = DUAL + "   |\n   G\n"
    bans = [Ban("DE", ("BE",), "BA", "no_u_turn")]
    free = scene(drawing, ways, unit_at="G")
    bound = scene(drawing, ways, bans=bans, unit_at="G")
    assert can_drive(free, "DEBA")
    assert not can_drive(bound, "DEBA")
    assert can_drive(bound, "GEBA")
    assert can_drive(bound, "DEF")
    assert drive_ms(bound, "GEBA") == drive_ms(free, "GEBA")


def test_only_straight_on_via_a_way_leaves_one_exit() -> None:
    drawing = """
A--B--C--D
   |  |
   E  F
"""
    ways = {"AB": STREET, "BC": STREET, "CD": STREET, "BE": STREET, "CF": STREET}
    graph = scene(drawing, ways, bans=[Ban("AB", ("BC",), "CD", "only_straight_on")])
    assert can_drive(graph, "ABCD")
    assert not can_drive(graph, "ABCF")
    assert can_drive(graph, "EBCF")


# --- the mesh of the surrogate -----------------------------------------------------------------
LINK: Tags = {"highway": "residential", "hasu:link": "mesh"}


def test_a_corner_of_mesh_links_costs_nothing() -> None:
    ways = {"WX": LINK, "XE": LINK, "NX": LINK, "XS": LINK}
    graph = scene(CROSS, ways, unit_at="W")
    assert turn_cost_ms(graph, "NXE") == turn_cost_ms(graph, "SXE") == 0


def test_a_mesh_link_that_meets_a_real_road_meets_it_at_a_junction() -> None:
    real = scene(CROSS, CROSS_WAYS, unit_at="W")
    graph = scene(CROSS, {"WXE": MAIN, "NX": LINK, "XS": LINK}, unit_at="W")
    for turn in ("NXE", "WXS", "EXN"):
        assert turn_cost_ms(graph, turn) == turn_cost_ms(real, turn) > 0
