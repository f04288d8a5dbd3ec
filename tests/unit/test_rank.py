"""Ranking: by time, ties by ODS code, the pure nearest always visible."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from routing_service.decision.model import Decision, Snap, Status, Unit
from routing_service.decision.rank import rank
from routing_service.units import INF_MS

MINUTE = 60_000
UNITS = tuple(Unit(code, f"Unit {code}", 53.5, -1.5) for code in ("RFSDA", "RHQHH", "RP5DR"))
SNAP = Snap(53.5, -1.5, 4.0, "A61", "good")
OPEN: tuple[Status, ...] = ("open", "open", "open")


def decide(
    minutes: Sequence[float | None], statuses: Sequence[Status] = OPEN, near_tie: float = 2.0
) -> Decision:
    ms = [INF_MS if m is None else round(m * MINUTE) for m in minutes]
    cm = [INF_MS if m is None else round(m * 100_000) for m in minutes]  # a kilometre a minute
    return rank(UNITS, statuses, ms, cm, near_tie_ms=round(near_tie * MINUTE), snap=SNAP)


def codes(decision: Decision) -> list[str]:
    return [row.ods_code for row in decision.ranking]


def test_the_quickest_open_unit_is_the_destination() -> None:
    decision = decide([21.04, 18.26, 30.0])
    assert codes(decision) == ["RHQHH", "RFSDA", "RP5DR"]
    assert [row.rank for row in decision.ranking] == [1, 2, 3]
    assert [row.minutes for row in decision.ranking] == [18.3, 21.0, 30.0]
    assert [row.km for row in decision.ranking] == [18.3, 21.0, 30.0]
    assert decision.destination is decision.ranking[0]
    assert decision.nearest_ods_code == "RHQHH"
    assert decision.margin_minutes == 2.8  # 21.04 - 18.26 = 2.78
    assert (decision.near_tie, decision.flags) == (False, ())
    assert [row.reasons for row in decision.ranking] == [("nearest",), ("further",), ("further",)]
    assert decision.snap is SNAP


def test_equal_times_rank_by_ods_code() -> None:
    decision = decide([20.0, 20.0, 20.0])
    assert codes(decision) == ["RFSDA", "RHQHH", "RP5DR"]
    assert (decision.margin_minutes, decision.near_tie) == (0.0, True)
    assert codes(decide([20.0, 10.0, 20.0])) == ["RHQHH", "RFSDA", "RP5DR"]


def test_a_millisecond_decides_even_where_the_shown_minutes_are_equal() -> None:
    decision = rank(
        UNITS, OPEN, [600_001, 600_000, 600_002], [5, 9, 1], near_tie_ms=MINUTE, snap=SNAP
    )
    assert codes(decision) == ["RHQHH", "RFSDA", "RP5DR"]
    assert decision.margin_minutes == 0.0


@pytest.mark.parametrize(
    ("margin", "near_tie"), [(0.0, True), (1.9999, True), (2.0, False), (2.1, False)]
)
def test_below_the_threshold_it_is_a_near_tie(margin: float, near_tie: bool) -> None:
    decision = decide([10.0, 10.0 + margin, 30.0])
    assert decision.near_tie is near_tie
    assert ("near_tie" in decision.flags) is near_tie
    assert decision.ranking[1].reasons == (("near_tie",) if near_tie else ("further",))


@pytest.mark.parametrize("status", ["divert", "closed"])
def test_a_unit_that_takes_nobody_stays_in_sight(status: Status) -> None:
    decision = decide([10.0, 25.0, 40.0], (status, "open", "open"))
    nearest = decision.ranking[0]
    assert (nearest.ods_code, nearest.eligible, nearest.status) == ("RFSDA", False, status)
    assert nearest.reasons == ("nearest", status)
    assert decision.nearest_ods_code == "RFSDA"
    assert decision.destination is decision.ranking[1]
    assert decision.margin_minutes == 15.0  # between those that take patients: 40 - 25
    assert not decision.near_tie


def test_a_near_tie_with_a_closed_unit_is_none() -> None:
    decision = decide([10.0, 10.5, 40.0], ("open", "closed", "open"))
    assert not decision.near_tie
    assert decision.ranking[1].reasons == ("near_tie", "closed")


def test_no_open_unit_means_no_destination() -> None:
    decision = decide([10.0, 20.0, 30.0], ("closed", "divert", "closed"))
    assert decision.destination is None
    assert decision.margin_minutes is None
    assert decision.nearest_ods_code == "RFSDA"
    assert decision.flags == ("no_eligible_unit",)


def test_one_open_unit_has_no_margin() -> None:
    decision = decide([10.0, 20.0, 30.0], ("closed", "open", "closed"))
    assert decision.destination is decision.ranking[1]
    assert (decision.margin_minutes, decision.near_tie) == (None, False)


def test_a_unit_without_a_route_has_no_minutes_and_comes_last() -> None:
    decision = decide([None, 20.0, 10.0])
    assert codes(decision) == ["RP5DR", "RHQHH", "RFSDA"]
    last = decision.ranking[2]
    assert (last.minutes, last.km, last.eligible, last.reasons) == (
        None,
        None,
        False,
        ("no_route",),
    )
    assert last.status == "open"
    assert decision.flags == ("unit_unreachable",)


def test_without_any_route_there_is_no_destination_and_no_nearest() -> None:
    decision = decide([None, None, None])
    assert decision.destination is None
    assert decision.nearest_ods_code is None
    assert codes(decision) == ["RFSDA", "RHQHH", "RP5DR"]
    assert decision.flags == ("no_route", "no_eligible_unit")


def test_doubts_that_are_known_already_come_first() -> None:
    decision = rank(
        UNITS,
        OPEN,
        [MINUTE, MINUTE, INF_MS],
        [1, 1, INF_MS],
        near_tie_ms=1,
        snap=SNAP,
        flags=("uncalibrated",),
    )
    assert decision.flags == ("uncalibrated", "near_tie", "unit_unreachable")


# --- what is known of the error ----------------------------------------------------------------
def test_each_row_has_the_spread_of_its_own_unit_and_a_row_without_a_route_has_none() -> None:
    spread = [*(170, 260, 200), *(150, 220, 800), *(0, 0, 0)]
    decision = rank(
        *(UNITS, OPEN, [21 * MINUTE, 18 * MINUTE, INF_MS], [1, 1, INF_MS]),
        near_tie_ms=1,
        snap=SNAP,
        spread=spread,
    )
    assert codes(decision) == ["RHQHH", "RFSDA", "RP5DR"]
    assert [(row.p10_minutes, row.p90_minutes, row.p_nearest) for row in decision.ranking] == [
        (15.0, 22.0, 0.8),
        (17.0, 26.0, 0.2),
        (None, None, None),
    ]


def test_without_an_error_model_nothing_is_said_of_the_error() -> None:
    for row in decide([21.04, 18.26, 30.0]).ranking:
        assert (row.p10_minutes, row.p90_minutes, row.p_nearest) == (None, None, None)


@pytest.mark.parametrize("seed", range(20))
def test_the_ranking_is_the_sorted_list_of_times_and_codes(seed: int) -> None:
    rng = random.Random(seed)
    statuses: list[Status] = [rng.choice(("open", "divert", "closed")) for _ in UNITS]
    minutes = [rng.choice([None, 5.0, 6.0, 7.0, 30.0]) for _ in UNITS]
    decision = decide(minutes, statuses)
    keyed = sorted(
        (float("inf") if m is None else m, unit.ods_code, m is not None and s == "open")
        for unit, m, s in zip(UNITS, minutes, statuses, strict=True)
    )
    assert [(row.ods_code, row.eligible) for row in decision.ranking] == [
        (code, eligible) for _, code, eligible in keyed
    ]
    first = next((code for _, code, eligible in keyed if eligible), None)
    assert (decision.destination.ods_code if decision.destination else None) == first
