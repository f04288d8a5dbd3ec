"""Ranking: by time, ties by ODS code, the pure nearest always visible; and who is passed over."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.answer import BITS, CM, MS, P10, P90, SHARE, TIMES, columns, pack
from routing_service.decision.decision import Decision, Roster
from routing_service.decision.model import Status, Unit
from routing_service.decision.standing import Standing
from routing_service.kernels.ranking import rank_units
from routing_service.units import INF_MS
from tests import reference

MINUTE = 60_000
UNITS = tuple(
    Unit(code, f"Unit {code}", 53.5, -1.5, door="surveyed") for code in ("RFSDA", "RHQHH", "RP5DR")
)
OPEN: tuple[Status, ...] = ("open", "open", "open")


def decide(
    minutes: Sequence[float | None],
    statuses: Sequence[Status] = OPEN,
    near_tie: float = 2.0,
    *,
    guards: Sequence[float | None] = (None, None, None),
    allowed: Sequence[bool] = (True, True, True),
    doubts: tuple[str, ...] = (),
) -> Decision:
    ms = [INF_MS if m is None else round(m * MINUTE) for m in minutes]
    cm = [INF_MS if m is None else round(m * 100_000) for m in minutes]  # a kilometre a minute
    guards_ms = tuple(INF_MS if g is None else round(g * MINUTE) for g in guards)
    standing = Standing(UNITS, tuple(statuses), guards_ms, tuple(allowed))
    answer = np.zeros(columns(3), np.int32)
    answer[TIMES + 3 * MS : TIMES + 3 * CM] = ms
    answer[TIMES + 3 * CM : TIMES + 3 * CM + 3] = cm
    rank_units(standing.table, round(near_tie * MINUTE), answer)
    return decision_of(answer.tolist(), Roster(standing, ["A61"], doubts))


def decision_of(numbers: Sequence[int], roster: Roster) -> Decision:
    return Decision(pack(numbers), roster, numbers[BITS])


def codes(decision: Decision) -> list[str]:
    return [row.ods_code for row in decision.ranking]


def test_the_quickest_open_unit_is_the_destination() -> None:
    decision = decide([21.04, 18.26, 30.0])
    assert codes(decision) == ["RHQHH", "RFSDA", "RP5DR"]
    assert [row.rank for row in decision.ranking] == [1, 2, 3]
    assert [row.minutes for row in decision.ranking] == [18.3, 21.0, 30.0]
    assert [row.km for row in decision.ranking] == [18.3, 21.0, 30.0]
    assert decision.destination == decision.ranking[0]
    assert decision.nearest_ods_code == "RHQHH"
    assert decision.margin_minutes == 2.8  # 21.04 - 18.26 = 2.78
    assert (decision.near_tie, decision.flags) == (False, ())
    assert [row.reasons for row in decision.ranking] == [("nearest",), ("further",), ("further",)]


def test_equal_times_rank_by_ods_code() -> None:
    decision = decide([20.0, 20.0, 20.0])
    assert codes(decision) == ["RFSDA", "RHQHH", "RP5DR"]
    assert (decision.margin_minutes, decision.near_tie) == (0.0, True)
    assert codes(decide([20.0, 10.0, 20.0])) == ["RHQHH", "RFSDA", "RP5DR"]


def test_a_millisecond_decides_even_where_the_shown_minutes_are_equal() -> None:
    decision = decide([600_001 / MINUTE, 600_000 / MINUTE, 600_002 / MINUTE])
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
    assert decision.destination == decision.ranking[1]
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
    assert decision.destination == decision.ranking[1]
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


def test_doubts_about_the_network_come_first() -> None:
    decision = decide([1.0, 1.0, None], doubts=("uncalibrated",))
    assert decision.flags == ("uncalibrated", "near_tie", "unit_unreachable")


# --- a divert may be too dear --------------------------------------------------------------------
def test_a_divert_within_its_guard_is_taken() -> None:
    decision = decide([10.0, 25.0, 40.0], ("divert", "open", "open"), guards=(15.0, None, None))
    assert decision.destination == decision.ranking[1]
    assert "divert_exceeds_guard" not in decision.flags


def test_a_divert_beyond_its_guard_is_shown_and_not_taken() -> None:
    # The next open unit costs 15 minutes more; 14.9 were authorised.
    decision = decide([10.0, 25.0, 40.0], ("divert", "open", "open"), guards=(14.9, None, None))
    first = decision.ranking[0]
    assert decision.destination == first
    assert (first.status, first.eligible) == ("divert", True)
    assert first.reasons == ("nearest", "divert", "divert_not_taken")
    assert decision.margin_minutes == 15.0
    assert decision.flags == ("divert_exceeds_guard",)


def test_of_two_diverts_the_first_that_may_not_cost_so_much_keeps_its_patient() -> None:
    decision = decide([10.0, 12.0, 40.0], ("divert", "divert", "open"), guards=(60.0, 20.0, None))
    assert decision.destination == decision.ranking[1]  # 40 - 10 <= 60, but 40 - 12 > 20


def test_a_guarded_divert_without_any_open_unit_is_not_taken() -> None:
    decision = decide([10.0, 20.0, 30.0], ("divert", "closed", "closed"), guards=(45.0, None, None))
    assert decision.destination == decision.ranking[0]
    assert decision.margin_minutes is None
    assert decision.flags == ("divert_exceeds_guard",)


# --- the policy of an area -----------------------------------------------------------------------
def test_a_unit_that_the_policy_leaves_out_stays_in_sight() -> None:
    decision = decide([10.0, 11.0, 40.0], allowed=(False, True, True))
    nearest = decision.ranking[0]
    assert (nearest.ods_code, nearest.eligible) == (decision.nearest_ods_code, False)
    assert nearest.reasons == ("nearest", "not_in_policy")
    assert decision.destination == decision.ranking[1]
    assert decision.margin_minutes == 29.0
    assert decision.flags == ("policy_differs",)


@pytest.mark.parametrize("status", ["divert", "closed"])
def test_a_policy_makes_no_difference_where_the_unit_would_not_take_anyone(status: Status) -> None:
    decision = decide([10.0, 11.0, 40.0], (status, "open", "open"), allowed=(False, True, True))
    assert decision.flags == ()
    further = decide([10.0, 11.0, 40.0], allowed=(True, True, False))
    assert "policy_differs" not in further.flags


def test_a_door_that_was_not_surveyed_is_a_doubt() -> None:
    units = (Unit("A", "A", 53.5, -1.5), *UNITS[1:])
    answer = np.zeros(columns(3), np.int32)
    answer[TIMES : TIMES + 3] = [MINUTE, 2 * MINUTE, 3 * MINUTE]
    rank_units(Standing(units).table, 1, answer)
    assert decision_of(answer.tolist(), Roster(Standing(units), [])).flags == ("site_point_door",)


# --- what is known of the error ----------------------------------------------------------------
def test_each_row_has_the_spread_of_its_own_unit_and_a_row_without_a_route_has_none() -> None:
    numbers = list(decide([21.0, 18.0, None]).numbers)
    for block, values in ((P10, [170, 150, 0]), (P90, [260, 220, 0]), (SHARE, [200, 800, 0])):
        numbers[TIMES + 3 * block : TIMES + 3 * block + 3] = values
    decision = decision_of(numbers, Roster(Standing(UNITS), ["A61"], error_known=True))
    assert codes(decision) == ["RHQHH", "RFSDA", "RP5DR"]
    assert [(row.p10_minutes, row.p90_minutes, row.p_nearest) for row in decision.ranking] == [
        (15.0, 22.0, 0.8),
        (17.0, 26.0, 0.2),
        (None, None, None),
    ]


def test_without_an_error_model_nothing_is_said_of_the_error() -> None:
    for row in decide([21.04, 18.26, 30.0]).ranking:
        assert (row.p10_minutes, row.p90_minutes, row.p_nearest) == (None, None, None)


# --- whatever the case -----------------------------------------------------------------------
times = st.one_of(st.just(INF_MS), st.integers(0, 40).map(lambda minutes: minutes * MINUTE))
unit_rows = st.tuples(
    times,
    st.integers(0, 2),
    st.one_of(st.just(INF_MS), st.integers(0, 20).map(lambda minutes: minutes * MINUTE)),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(unit_rows, min_size=1, max_size=7), st.integers(1, 5))
def test_the_rule_is_that_of_the_plain_twin(
    rows: list[tuple[int, int, int, bool, bool]], near_tie: int
) -> None:
    units = len(rows)
    answer = np.zeros(columns(units), np.int32)
    answer[TIMES : TIMES + units] = [row[0] for row in rows]
    standing = np.array([row[1:] for row in rows], dtype=np.int32)
    rank_units(standing, near_tie * MINUTE, answer)
    wanted = reference.ranking(rows, near_tie * MINUTE)
    assert answer[BITS:TIMES].tolist() == wanted[0]
    assert answer[TIMES + 2 * units : TIMES + 4 * units].tolist() == wanted[1]


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
