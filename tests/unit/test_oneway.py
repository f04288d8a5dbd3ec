"""``oneway`` in all its spellings, and who may drive against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing_service.graph.profile import Profile, flag_names

CAR = Profile.load("car")
BLUE = Profile.load("blue_light")


def ways(profile: Profile, **tags: str) -> str:
    """Open directions of a residential road: ``"forward"``, ``"backward"``, ``"both"``."""
    spelt = {key.replace("__", ":"): value for key, value in tags.items()}
    use = profile.way({"highway": "residential", **spelt})
    names = {(True, True): "both", (True, False): "forward", (False, True): "backward"}
    return names.get((use.forward_kph > 0, use.backward_kph > 0), str(use.dropped))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("yes", "forward"),
        ("true", "forward"),
        ("1", "forward"),
        ("-1", "backward"),
        ("reverse", "backward"),
        ("no", "both"),
        ("false", "both"),
        ("0", "both"),
        ("alternating", "both"),
        ("reversible", "reversible_oneway"),
        ("maybe", "both"),
    ],
)
def test_spellings(value: str, expected: str) -> None:
    assert ways(CAR, oneway=value) == ways(BLUE, oneway=value) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"junction": "roundabout"}, "forward"),
        ({"junction": "circular"}, "forward"),
        ({"junction": "roundabout", "oneway": "-1"}, "backward"),
        ({"junction": "circular", "oneway": "no"}, "both"),
        ({"junction": "yes"}, "both"),
        ({"highway": "motorway"}, "forward"),
        ({"highway": "motorway_link"}, "forward"),
        ({"highway": "motorway_link", "oneway": "no"}, "both"),
        ({"highway": "trunk_link"}, "both"),
    ],
)
def test_implied_one_ways(tags: dict[str, str], expected: str) -> None:
    assert ways(BLUE, **tags) == expected


def test_the_more_specific_key_wins() -> None:
    assert ways(CAR, oneway="yes", oneway__motor_vehicle="no") == "both"
    assert ways(CAR, oneway__motorcar="yes") == "forward"
    assert ways(CAR, oneway="yes", oneway__bicycle="no") == "forward"


def test_only_emergency_vehicles_use_their_exemption() -> None:
    assert ways(CAR, oneway="yes", oneway__emergency="no") == "forward"
    use = BLUE.way({"highway": "residential", "oneway": "yes", "oneway:emergency": "no"})
    assert use.forward_kph == use.backward_kph > 0
    assert flag_names(use.forward_flags) == ("oneway",)
    assert flag_names(use.backward_flags) == ("oneway_exempt", "oneway")


@pytest.mark.parametrize(
    "tags",
    [
        {"oneway:psv": "no"},
        {"oneway:bus": "no"},
        {"busway": "opposite_lane"},
        {"busway:right": "opposite_lane"},
        {"lanes:psv:backward": "1"},
        {"lanes:bus:backward": "2"},
        {"bus:lanes:backward": "designated"},
        {"psv:lanes:backward": "no|designated"},
    ],
)
def test_contraflow_bus_lanes_are_for_ambulances_only(tags: dict[str, str]) -> None:
    street = {"highway": "residential", "oneway": "yes", **tags}
    assert CAR.way(street).backward_kph == 0
    use = BLUE.way(street)
    assert use.backward_kph > 0
    assert flag_names(use.backward_flags) == ("bus_lane", "oneway")


def test_no_bus_lane_no_contraflow() -> None:
    for tags in ({"busway": "lane"}, {"lanes:psv:backward": "0"}, {"bus:lanes:backward": "no|no"},
                 {"lanes:psv:forward": "1"}):  # fmt: skip
        assert BLUE.way({"highway": "residential", "oneway": "yes", **tags}).backward_kph == 0


def test_a_contraflow_against_a_reversed_one_way_runs_forward() -> None:
    use = BLUE.way({"highway": "residential", "oneway": "-1", "lanes:psv:forward": "1"})
    assert flag_names(use.forward_flags) == ("bus_lane", "oneway")
    assert flag_names(use.backward_flags) == ("oneway",)


def test_a_profile_may_drive_against_one_ways_slowly(tmp_path: Path) -> None:
    path = tmp_path / "bold.toml"
    path.write_text('extends = "blue_light"\nname = "bold"\n[oneway]\nagainst_kph = 8\n')
    bold = Profile.load(path)
    street = bold.way({"highway": "residential", "oneway": "yes"})
    assert (street.forward_kph, street.backward_kph) == (34, 8)
    assert flag_names(street.backward_flags) == ("oneway_exempt", "oneway")
    assert bold.way({"highway": "residential", "junction": "roundabout"}).backward_kph == 0
    assert bold.way({"highway": "motorway"}).backward_kph == 0
