"""``maxspeed`` in all its spellings."""

from __future__ import annotations

import math

import pytest

from routing_service.graph.rules.maxspeed import KPH_PER_MPH, LimitWords
from routing_service.graph.rules.toml_table import load_profile_tables


@pytest.fixture(scope="module")
def limits() -> LimitWords:
    root, _ = load_profile_tables("car")
    return LimitWords.from_table(root.table("limits"))


def mph(limits: LimitWords, **tags: str) -> float | None:
    """Forward limit in mph; ``__`` stands for the colon of a key."""
    kph = limits.limit_kph(
        {key.replace("__", ":"): value for key, value in tags.items()}, "forward", False
    )
    return None if kph is None else round(kph / KPH_PER_MPH, 6)


@pytest.mark.parametrize(
    ("value", "kph"),
    [
        ("30 mph", 48.28032),
        ("30mph", 48.28032),
        ("30 MPH", 48.28032),
        ("48", 48.0),
        ("48 km/h", 48.0),
        ("48kmh", 48.0),
        ("80 kph", 80.0),
        ("10 knots", 18.52),
        (" 20 mph ", 32.18688),
        ("2.5 mph", 4.02336),
        ("walk", 6.437376),
        ("none", math.inf),
        ("GB:nsl_single", 96.56064),
        ("GB:nsl_dual", 112.65408),
        ("GB:nsl_restricted", 48.28032),
        ("GB:motorway", 112.65408),
        ("GB:urban", 48.28032),
        ("GB:zone20", 32.18688),
        ("GB:zone:30", 48.28032),
        ("GB:20", 32.18688),
    ],
)
def test_a_limit_is_read(limits: LimitWords, value: str, kph: float) -> None:
    assert limits.read(value, {}, oneway=False) == pytest.approx(kph)


@pytest.mark.parametrize(
    "value",
    ["signals", "variable", "", "fast", "30 furlongs", "-30", "0", "0 mph", "300", "30 mph mph",
     "30|40", "FR:urban", "thirty mph", "1e3"],
)  # fmt: skip
def test_nonsense_is_no_limit(limits: LimitWords, value: str) -> None:
    assert limits.read(value, {}, oneway=False) is None


def test_the_lowest_of_a_list_counts_and_nonsense_in_it_is_skipped(limits: LimitWords) -> None:
    assert mph(limits, maxspeed="40 mph;30 mph; signals") == 30


def test_national_depends_on_the_kind_of_road(limits: LimitWords) -> None:
    def national(oneway: bool = False, **tags: str) -> float:
        kph = limits.limit_kph({"maxspeed": "national", **tags}, "forward", oneway)
        assert kph is not None
        return round(kph / KPH_PER_MPH)

    assert national(highway="primary") == 60
    assert national(highway="motorway", oneway=True) == 70
    # One half of a dual carriageway is a one-way road under the national limit …
    assert national(highway="primary", oneway=True) == 70
    assert national(highway="primary", dual_carriageway="yes") == 70
    # … but a roundabout, a slip road and a one-way street said to be single are not.
    assert national(highway="primary", oneway=True, junction="roundabout") == 60
    assert national(highway="primary_link", oneway=True) == 60
    assert national(highway="primary", oneway=True, dual_carriageway="no") == 60


def test_each_direction_has_its_own_limit(limits: LimitWords) -> None:
    tags = {"maxspeed": "40 mph", "maxspeed:forward": "30 mph"}
    forward = limits.limit_kph(tags, "forward", False)
    backward = limits.limit_kph(tags, "backward", False)
    assert forward == pytest.approx(30 * KPH_PER_MPH)
    assert backward == pytest.approx(40 * KPH_PER_MPH)


def test_the_rule_gives_the_limit_where_no_number_does(limits: LimitWords) -> None:
    assert mph(limits, maxspeed="signals", maxspeed__type="GB:motorway") == 70
    assert mph(limits, source__maxspeed="GB:nsl_single") == 60
    assert mph(limits, zone__maxspeed="GB:20") == 20
    # A number outranks the rule; "sign" names no rule.
    assert mph(limits, maxspeed="50 mph", maxspeed__type="GB:nsl_dual") == 50
    assert mph(limits, maxspeed__type="sign") is None


def test_conditional_and_advisory_limits_are_not_read(limits: LimitWords) -> None:
    assert (
        mph(limits, maxspeed__conditional="20 mph @ (Mo-Fr)", maxspeed__advisory="15 mph") is None
    )
