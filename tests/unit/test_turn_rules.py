"""Turn costs for driving on the left, and which turn restrictions bind whom."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from routing_service.graph.profile import Profile

CAR = Profile.load("car")
BLUE = Profile.load("blue_light")


def cost_ms(
    profile: Profile, angle_deg: float, junction: bool = True, signals: bool = False
) -> int:
    cost = profile.turn.cost_ms(np.array([angle_deg]), np.array([junction]), np.array([signals]))
    assert cost.dtype == np.int32
    return int(cost[0])


def test_turn_costs_are_read_off_the_curve() -> None:
    # Points of the car's curve, and 67.5 degrees half-way between 3.5 s at 45 and 8 s at 90.
    assert cost_ms(CAR, 0) == 0
    assert cost_ms(CAR, -90) == 4_000
    assert cost_ms(CAR, 90) == 8_000
    assert cost_ms(CAR, 67.5) == 5_750
    assert cost_ms(CAR, 180) == 12_000


def test_turning_right_crosses_the_traffic() -> None:
    for profile in (CAR, BLUE):
        for angle_deg in range(20, 181, 10):
            assert cost_ms(profile, angle_deg) > cost_ms(profile, -angle_deg) > 0


def test_an_ambulance_loses_less_at_a_junction() -> None:
    for angle_deg in (-120, -60, 60, 90, 150):
        assert cost_ms(BLUE, angle_deg) < cost_ms(CAR, angle_deg)
    assert cost_ms(BLUE, 0, signals=True) == 5_000 < cost_ms(CAR, 0, signals=True) == 12_000


def test_a_bend_costs_nothing() -> None:
    assert cost_ms(CAR, 90, junction=False) == 0


def test_signals_add_to_the_turn() -> None:
    assert cost_ms(CAR, 90, signals=True) == 8_000 + 12_000


def test_signals_before_a_junction_cost_as_much() -> None:
    assert cost_ms(CAR, 0, junction=False, signals=True) == 12_000


def test_many_turns_at_once() -> None:
    costs = CAR.turn.cost_ms(
        np.array([90.0, 90.0, 0.0]), np.array([True, False, True]), np.array([False, False, True])
    )
    assert costs.tolist() == [8_000, 0, 12_000]


@pytest.mark.parametrize(
    ("tags", "car", "blue_light"),
    [
        ({"restriction": "no_left_turn"}, "no", "no"),
        ({"restriction": "no_right_turn"}, "no", "no"),
        ({"restriction": "no_straight_on"}, "no", "no"),
        ({"restriction": "no_u_turn"}, "no", "no"),
        ({"restriction": "no_entry"}, "no", "no"),
        ({"restriction": "no_exit"}, "no", "no"),
        ({"restriction": "only_left_turn"}, "only", "only"),
        ({"restriction": "only_right_turn"}, "only", "only"),
        ({"restriction": "only_straight_on"}, "only", "only"),
        ({"restriction": "no_left_turn;no_u_turn"}, "no", "no"),
        # Not for this vehicle.
        ({"restriction": "no_left_turn", "except": "emergency"}, "no", None),
        ({"restriction": "no_left_turn", "except": "psv;emergency"}, "no", None),
        ({"restriction": "no_left_turn", "except": "psv, bicycle"}, "no", "no"),
        ({"restriction": "no_left_turn", "except": "motorcar"}, None, None),
        ({"restriction:hgv": "no_left_turn"}, None, None),
        ({"restriction:motorcar": "no_left_turn"}, "no", "no"),
        ({"restriction:emergency": "no_left_turn"}, None, "no"),
        ({"restriction": "no_left_turn", "restriction:emergency": "none"}, "no", None),
        # Not at all hours, or nothing that we know.
        ({"restriction:conditional": "no_left_turn @ (07:00-09:00)"}, None, None),
        ({"restriction": "no_left_turn", "hour_on": "07:00", "hour_off": "09:00"}, None, None),
        ({"restriction": "stop"}, None, None),
        ({"restriction": "no_left_turn;only_straight_on"}, None, None),
        ({}, None, None),
    ],
    ids=str,
)
def test_which_restrictions_bind(
    tags: dict[str, str],
    car: Literal["no", "only"] | None,
    blue_light: Literal["no", "only"] | None,
) -> None:
    tags = {"type": "restriction", **tags}
    assert (CAR.restriction(tags), BLUE.restriction(tags)) == (car, blue_light)
