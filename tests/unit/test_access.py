"""The access hierarchy, by kind of road and vehicle."""

from __future__ import annotations

import pytest

from routing_service.graph.profile import Profile, flag_names

CAR = Profile.load("car")
BLUE = Profile.load("blue_light")

OPEN = "open"


def verdict(profile: Profile, tags: dict[str, str]) -> str:
    """Say what a road is to a profile: why it is shut, the privileges used, or ``open``."""
    use = profile.way({"highway": "residential", **tags})
    return use.dropped or " ".join(flag_names(use.forward_flags)) or OPEN


@pytest.mark.parametrize(
    ("tags", "car", "blue_light"),
    [
        # The public hierarchy: the most specific key wins.
        ({}, OPEN, OPEN),
        ({"access": "yes"}, OPEN, OPEN),
        ({"access": "permissive"}, OPEN, OPEN),
        ({"access": "no"}, "no_access", "no_access"),
        ({"access": "no", "vehicle": "yes"}, OPEN, OPEN),
        ({"access": "no", "motor_vehicle": "yes"}, OPEN, OPEN),
        ({"access": "yes", "motor_vehicle": "no"}, "no_access", "no_access"),
        ({"motor_vehicle": "no", "motorcar": "yes"}, OPEN, OPEN),
        ({"motor_vehicle": "yes", "motorcar": "no"}, "no_access", "no_access"),
        ({"access": "no", "foot": "yes"}, "no_access", "no_access"),
        # What kinds of permission mean.
        ({"access": "private"}, "private", "private"),
        ({"access": "permit"}, "private", "private"),
        ({"motor_vehicle": "delivery"}, "private", "private"),
        ({"motor_vehicle": "agricultural;forestry"}, "private", "private"),
        ({"access": "destination"}, "destination_only", "destination_only"),
        ({"access": "customers"}, "destination_only", "destination_only"),
        ({"access": "military"}, "no_access", "no_access"),
        # Values that say nothing are passed over; of a list the most open counts.
        ({"access": "no", "motor_vehicle": "unknown"}, "no_access", "no_access"),
        ({"access": "banana"}, OPEN, OPEN),
        ({"motor_vehicle": "private;destination"}, "destination_only", "destination_only"),
        # Hours are not read.
        ({"motor_vehicle:conditional": "no @ (10:00-16:00)"}, OPEN, OPEN),
        # Buses.
        ({"access": "no", "bus": "yes"}, "no_access", "bus_lane"),
        ({"access": "no", "psv": "designated"}, "no_access", "bus_lane"),
        ({"motor_vehicle": "psv"}, "bus_only", "bus_lane"),
        ({"access": "yes", "bus": "yes"}, OPEN, OPEN),
        ({"bus": "no"}, OPEN, OPEN),
        ({"highway": "busway"}, "bus_only", "bus_lane"),
        ({"highway": "busway", "access": "no", "bus": "designated"}, "no_access", "bus_lane"),
        ({"highway": "busway", "access": "no"}, "no_access", "no_access"),
        ({"highway": "busway", "motor_vehicle": "yes"}, OPEN, OPEN),
        # Emergency vehicles.
        ({"access": "no", "emergency": "yes"}, "no_access", "emergency_only"),
        ({"motor_vehicle": "no", "emergency": "designated"}, "no_access", "emergency_only"),
        ({"access": "emergency"}, "emergency_only", "emergency_only"),
        ({"access": "no", "bus": "yes", "emergency": "yes"}, "no_access", "emergency_only"),
        ({"access": "no", "bus": "yes", "emergency": "no"}, "no_access", "no_access"),
        ({"emergency": "no"}, OPEN, "no_access"),
        ({"emergency": "yes"}, OPEN, OPEN),
        ({"access": "private", "emergency": "yes"}, "private", "emergency_only"),
        ({"highway": "service", "service": "emergency_access"}, "emergency_only", "emergency_only"),
        (
            {"highway": "service", "service": "emergency_access", "access": "no"},
            "no_access",
            "emergency_only",
        ),
        (
            {"highway": "service", "service": "emergency_access", "emergency": "no"},
            "emergency_only",
            "no_access",
        ),
        # Pedestrian streets: access=yes there is meant for feet.
        ({"highway": "pedestrian"}, "pedestrian_street", "no_motor_vehicles"),
        ({"highway": "pedestrian", "access": "yes"}, "pedestrian_street", "no_motor_vehicles"),
        ({"highway": "pedestrian", "motor_vehicle": "no"}, "no_access", "no_motor_vehicles"),
        ({"highway": "pedestrian", "access": "no"}, "no_access", "no_access"),
        ({"highway": "pedestrian", "motor_vehicle": "yes"}, OPEN, "no_motor_vehicles"),
        # Tracks lead to farms: not for through traffic.
        ({"highway": "track"}, "destination_only", OPEN),
        ({"highway": "track", "motor_vehicle": "yes"}, OPEN, OPEN),
    ],
    ids=str,
)
def test_who_may_use_a_road(tags: dict[str, str], car: str, blue_light: str) -> None:
    shut_to_car = {"private", "no_access", "bus_only", "emergency_only", "pedestrian_street"}
    assert verdict(CAR, tags) == car
    assert (CAR.way({"highway": "residential", **tags}).dropped is not None) == (car in shut_to_car)
    assert verdict(BLUE, tags) == blue_light
    assert (BLUE.way({"highway": "residential", **tags}).dropped is not None) == (
        blue_light == "no_access"
    )


def test_permission_may_differ_by_direction() -> None:
    use = CAR.way({"highway": "residential", "motor_vehicle:forward": "no"})
    assert (use.forward_kph, use.backward_kph) == (0, 29)
    assert use.forward_flags == 0
    # The more specific key wins, however it is split.
    use = CAR.way({"highway": "residential", "access:backward": "no", "motor_vehicle": "yes"})
    assert (use.forward_kph, use.backward_kph) == (29, 29)


def test_a_bus_gate_in_one_direction_is_a_privilege_in_that_direction() -> None:
    use = BLUE.way(
        {"highway": "residential", "motor_vehicle:backward": "no", "psv:backward": "yes"}
    )
    assert flag_names(use.forward_flags) == ()
    assert flag_names(use.backward_flags) == ("bus_lane",)


def test_a_one_way_that_is_shut_along_its_only_direction_is_dropped() -> None:
    use = CAR.way({"highway": "residential", "oneway": "yes", "access:forward": "no"})
    assert use.dropped == "no_access"


def test_private_and_pedestrian_streets_are_slow() -> None:
    assert BLUE.way({"highway": "residential", "access": "private"}).forward_kph == 24
    assert BLUE.way({"highway": "pedestrian"}).forward_kph == 10
    assert CAR.way({"highway": "residential", "access": "destination"}).forward_kph == 20
    assert BLUE.way({"highway": "residential", "access": "destination"}).forward_kph == 34
