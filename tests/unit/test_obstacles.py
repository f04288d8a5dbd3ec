"""Barriers, signals and delays on nodes, and signed sizes."""

from __future__ import annotations

import pytest

from routing_service.graph.profile import Profile, flag_names
from routing_service.graph.rules.vehicle_size import read_size

CAR = Profile.load("car")
BLUE = Profile.load("blue_light")

GATE = {"barrier": "gate"}


@pytest.mark.parametrize(
    "kind",
    ["bollard", "block", "planter", "jersey_barrier", "kissing_gate", "cycle_barrier", "bus_trap",
     "stile", "debris"],
)  # fmt: skip
def test_solid_barriers_are_never_crossed_whatever_the_tags_say(kind: str) -> None:
    for extra in ({}, {"access": "yes"}, {"emergency": "yes"}, {"motor_vehicle": "yes"}):
        for profile in (CAR, BLUE):
            assert not profile.node({"barrier": kind, **extra}).passable


@pytest.mark.parametrize(
    ("tags", "car", "blue_light"),
    [
        ({"barrier": "cattle_grid"}, True, True),
        ({"barrier": "toll_booth"}, True, True),
        ({"barrier": "lift_gate"}, True, True),
        ({"barrier": "no"}, True, True),
        (GATE, True, True),
        ({**GATE, "access": "yes"}, True, True),
        ({**GATE, "access": "no"}, False, False),
        ({**GATE, "access": "no", "emergency": "yes"}, False, True),
        ({**GATE, "access": "no", "bus": "yes"}, False, True),
        ({**GATE, "emergency": "no"}, True, False),
        # Crews have no code for a private gate.
        ({**GATE, "access": "private"}, False, False),
        ({**GATE, "access": "private", "emergency": "designated"}, False, True),
        ({**GATE, "access": "customers"}, True, True),
        # A lock needs more than permission.
        ({**GATE, "locked": "yes"}, False, False),
        ({**GATE, "locked": "yes", "access": "yes"}, False, False),
        ({**GATE, "locked": "yes", "emergency": "yes"}, False, True),
        ({**GATE, "locked": "yes", "bus": "yes", "access": "no"}, False, False),
        ({**GATE, "locked": "no"}, True, True),
        # Shut unless the tags open it; unknown kinds too.
        ({"barrier": "chain"}, False, False),
        ({"barrier": "chain", "motor_vehicle": "yes"}, True, True),
        ({"barrier": "yes"}, False, False),
        ({"barrier": "moat"}, False, False),
        ({"barrier": "moat", "emergency": "yes"}, False, True),
        # Without a barrier only the motor keys count: `access` is about the bus stop.
        ({"highway": "crossing", "access": "no"}, True, True),
        ({"highway": "crossing", "motor_vehicle": "no"}, False, False),
        ({"motor_vehicle": "no", "psv": "yes"}, False, True),
        # Size.
        ({"barrier": "height_restrictor"}, True, False),
        ({"barrier": "height_restrictor", "maxheight": "2.1"}, True, False),
        ({"barrier": "height_restrictor", "maxheight": "3.2"}, True, True),
        ({"barrier": "width_restrictor", "maxwidth": "6'6\""}, True, False),
        ({"barrier": "width_restrictor", "maxwidth": "7'6\""}, True, True),
        ({"barrier": "width_restrictor"}, False, False),
        ({**GATE, "maxheight": "2.5"}, True, False),
    ],
    ids=str,
)
def test_what_can_be_crossed(tags: dict[str, str], car: bool, blue_light: bool) -> None:
    assert (CAR.node(tags).passable, BLUE.node(tags).passable) == (car, blue_light)


def test_a_gate_costs_time_and_is_marked() -> None:
    use = BLUE.node(GATE)
    assert (use.penalty_ms, flag_names(use.flags)) == (20_000, ("gate",))
    use = BLUE.node({**GATE, "access": "no", "emergency": "yes"})
    assert flag_names(use.flags) == ("emergency_only", "gate")


def test_a_bus_gate_on_a_node_is_a_privilege() -> None:
    assert flag_names(BLUE.node({"motor_vehicle": "no", "bus": "yes"}).flags) == ("bus_lane",)


def test_signals_are_marked_and_charged_by_the_turn() -> None:
    use = CAR.node({"highway": "traffic_signals"})
    assert (use.passable, use.signals, use.penalty_ms) == (True, True, 0)
    assert CAR.node({"highway": "crossing;traffic_signals"}).signals
    assert not CAR.node({"highway": "crossing"}).signals


def test_delays_add_up() -> None:
    # The car: a hump 3 s on a zebra crossing 1 s.
    use = CAR.node({"highway": "crossing", "crossing": "zebra", "traffic_calming": "hump"})
    assert use.penalty_ms == 4_000
    assert CAR.node({"highway": "give_way"}).penalty_ms == 3_000
    assert CAR.node({"highway": "turning_circle"}).penalty_ms == 0
    ford = BLUE.node({"ford": "yes"})
    assert (ford.penalty_ms, flag_names(ford.flags)) == (10_000, ("ford",))


def test_a_node_without_a_meaning_costs_nothing() -> None:
    use = BLUE.node({"highway": "street_lamp"})
    assert (use.passable, use.penalty_ms, use.signals, use.flags) == (True, 0, False, 0)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4.8", 4.8),
        ("2.1 m", 2.1),
        ("210 cm", 2.1),
        ("7.5 t", 7.5),
        ("3500 kg", 3.5),
        ("15'0\"", 4.572),
        ("6'10\"", 2.0828),
        ("14 ft 6 in", 4.4196),
        ("7'", 2.1336),
        ("default", None),
        ("none", None),
        ("low", None),
        ("2,1", None),
    ],
)
def test_signed_sizes(text: str, size: float | None) -> None:
    assert read_size(text) == (None if size is None else pytest.approx(size))


@pytest.mark.parametrize(
    ("tags", "car", "blue_light"),
    [
        ({"maxheight": "2.1"}, None, "too_low"),
        ({"maxheight": "default"}, None, None),
        ({"maxheight:physical": "2.8 m", "maxheight": "3.0"}, None, "too_low"),
        ({"maxwidth": "6'6\""}, None, "too_narrow"),
        ({"maxweight": "3.5"}, None, "too_weak"),
        ({"maxweight": "7.5"}, None, None),
    ],
    ids=str,
)
def test_a_road_too_small_for_the_vehicle(
    tags: dict[str, str], car: str | None, blue_light: str | None
) -> None:
    street = {"highway": "residential", **tags}
    assert (CAR.way(street).dropped, BLUE.way(street).dropped) == (car, blue_light)
