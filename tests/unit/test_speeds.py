"""Travel speeds from class, setting and limit; speeds in mph are worked out in comments."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing_service.graph.profile import ROAD_CLASSES, Profile
from routing_service.graph.rules.maxspeed import KPH_PER_MPH

CAR = Profile.load("car")
BLUE = Profile.load("blue_light")


def kph(profile: Profile, **tags: str) -> float:
    """Forward speed; ``__`` stands for the colon of a key."""
    return profile.way({key.replace("__", ":"): value for key, value in tags.items()}).forward_kph


def mph(profile: Profile, **tags: str) -> float:
    return round(kph(profile, **tags) / KPH_PER_MPH, 6)


@pytest.mark.parametrize("profile", [CAR, BLUE], ids=["car", "blue_light"])
@pytest.mark.parametrize("highway", [c for c in ROAD_CLASSES if c not in ("pedestrian", "busway")])
def test_every_class_has_sane_speeds_without_a_limit(profile: Profile, highway: str) -> None:
    urban = kph(profile, highway=highway, hasu__setting="urban")
    rural = kph(profile, highway=highway, hasu__setting="rural")
    assert 5 <= urban <= rural <= 120


def test_better_roads_are_faster_without_a_limit() -> None:
    order = [
        "motorway",
        "trunk",
        "primary",
        "secondary",
        "tertiary",
        "residential",
        "living_street",
    ]
    for profile in (CAR, BLUE):
        for setting in ("urban", "rural"):
            speeds = [kph(profile, highway=c, hasu__setting=setting) for c in order]
            assert speeds == sorted(speeds, reverse=True)


def test_speed_follows_the_limit_along_the_curve() -> None:
    # The car's rural curve has (50, 45) and (60, 50) mph; 55 lies half-way: 47.5.
    assert mph(CAR, highway="primary", maxspeed="50 mph") == 45
    assert mph(CAR, highway="primary", maxspeed="60 mph") == 50
    assert mph(CAR, highway="primary", maxspeed="55 mph") == 47.5
    # Below the first point (20 mph, 17 in town) it runs to zero: 10 mph gives 8.5.
    assert mph(CAR, highway="primary", maxspeed="10 mph") == 8.5


def test_a_high_limit_does_not_widen_a_lane() -> None:
    # 60 mph on a country lane: the class's free speed (60 km/h) holds, not the curve's 80.
    assert kph(CAR, highway="unclassified", maxspeed="national") == 60
    # Without any limit the curve stays at its last point, 68 mph.
    assert mph(CAR, highway="motorway", maxspeed="none") == 68


def test_walking_pace_is_kept_above_the_floor() -> None:
    # 4 mph on the urban curve is 17 × 4/20 = 3.4 mph = 5.47 km/h; the floor is 5 km/h.
    assert kph(CAR, highway="service", maxspeed="walk") == pytest.approx(3.4 * KPH_PER_MPH)
    assert kph(CAR, highway="service", maxspeed="2 mph") == 5


def test_blue_light_beats_the_car_in_town_and_not_in_the_country() -> None:
    for limit in ("20 mph", "30 mph", "40 mph"):
        town = {"highway": "primary", "maxspeed": limit, "hasu:setting": "urban"}
        assert BLUE.way(town).forward_kph > CAR.way(town).forward_kph
    for limit in ("50 mph", "60 mph", "70 mph"):
        country = {"highway": "primary", "maxspeed": limit, "hasu:setting": "rural"}
        assert BLUE.way(country).forward_kph < CAR.way(country).forward_kph


@pytest.mark.parametrize(
    ("tags", "urban"),
    [
        ({}, True),  # tertiary roads without a hint are taken to be in town
        ({"hasu:setting": "rural"}, False),
        ({"hasu:setting": "rural", "maxspeed": "30 mph"}, False),  # our own tag outranks
        ({"maxspeed": "30 mph"}, True),
        ({"maxspeed": "50 mph"}, False),
        ({"maxspeed": "40 mph"}, True),
        ({"maxspeed": "40 mph", "lit": "no"}, False),
        ({"maxspeed": "40 mph", "lit": "no", "source:maxspeed": "GB:urban"}, True),
        ({"maxspeed": "40 mph", "source:maxspeed": "GB:rural"}, False),
        ({"lit": "yes"}, True),
        ({"lit": "no"}, False),
        ({"lit": "automatic"}, True),
        ({"hasu:setting": "suburb", "lit": "no"}, False),  # an unknown setting says nothing
    ],
)
def test_town_and_country_are_told_apart(tags: dict[str, str], urban: bool) -> None:
    tags = {"highway": "tertiary", **tags}
    forced = "urban" if urban else "rural"
    expected = CAR.way({**tags, "hasu:setting": forced}).forward_kph
    other = CAR.way({**tags, "hasu:setting": "rural" if urban else "urban"}).forward_kph
    assert CAR.way(tags).forward_kph == expected != other


def test_caps_take_the_lowest_and_zero_closes() -> None:
    assert kph(CAR, highway="service", service="driveway") == 12
    assert kph(CAR, highway="service", service="driveway", surface="grass") == 8
    assert kph(CAR, highway="residential", surface="asphalt") == 29
    assert CAR.way({"highway": "track", "tracktype": "grade5"}).dropped == "impassable"
    assert CAR.way({"highway": "service", "smoothness": "horrible"}).dropped == "impassable"


def test_limits_by_direction_give_speeds_by_direction() -> None:
    use = CAR.way(
        {"highway": "primary", "maxspeed:forward": "30 mph", "maxspeed:backward": "60 mph"}
    )
    # In town at 30 mph the car makes 24 mph, in the country at 60 mph it makes 50.
    assert use.forward_kph == pytest.approx(24 * KPH_PER_MPH)
    assert use.backward_kph == pytest.approx(50 * KPH_PER_MPH)


def test_conditional_speeds_change_nothing(tmp_path: Path) -> None:
    plain = {"highway": "primary", "maxspeed": "40 mph"}
    assert CAR.way({**plain, "maxspeed:conditional": "20 mph @ (08:00-09:00)"}) == CAR.way(plain)
