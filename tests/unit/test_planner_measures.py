"""Figures of access and change on populations small enough to reckon by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.graph.weekly import Hours
from routing_service.planner.choice import Assignment, choose
from routing_service.planner.measures import Pair, access, change, flows, mean_ms
from routing_service.planner.week import phases_of
from routing_service.units import INF_MS, NONE

MINUTE = 60_000


def ms(*minutes: float | None) -> np.ndarray:
    return np.array([INF_MS if m is None else round(m * MINUTE) for m in minutes], dtype=np.int64)


def parts(*weights: int) -> np.ndarray:
    return np.array(weights, dtype=np.int64)


# --- access ------------------------------------------------------------------------------------
def test_access_of_five_villages() -> None:
    # Weights 4, 3, 2, 1, 0 at 10, 20, 40, 50, 70 minutes; nobody lives in the last.
    found = access(ms(10, 20, 40, 50, 70), parts(4, 3, 2, 1, 0))
    assert found.mean_ms == (4 * 10 + 3 * 20 + 2 * 40 + 1 * 50) * MINUTE // 10  # 23 minutes
    assert found.median_ms == 20 * MINUTE  # 4 of 10 are within 10, 7 within 20
    assert found.p90_ms == 40 * MINUTE  # 9 of 10 are within 40
    assert found.max_ms == 50 * MINUTE
    assert found.within == (0.7, 0.9, 1.0)
    assert found.no_route == 0.0


def test_exactly_thirty_minutes_is_within_thirty() -> None:
    assert access(ms(30, 30 + 1 / MINUTE), parts(1, 1)).within[0] == 0.5


def test_who_has_no_route_is_within_nothing_and_in_no_mean() -> None:
    found = access(ms(10, None), parts(3, 1))
    assert found.mean_ms == 10 * MINUTE
    assert found.within == (0.75, 0.75, 0.75)
    assert found.no_route == 0.25


def test_a_population_without_any_route_has_no_times() -> None:
    found = access(ms(None), parts(1))
    assert (found.mean_ms, found.median_ms, found.p90_ms, found.max_ms) == (None,) * 4
    assert found.no_route == 1.0


def test_a_mean_beyond_64_bits_is_exact() -> None:
    weights = parts(2**50, 2**50 + 2)
    # (2**50 * 100000 + (2**50 + 2) * 100001) / (2**51 + 2) is a little over 100000.5.
    assert mean_ms(np.array([100_000, 100_001]), weights) == 100_001


@given(
    st.lists(
        st.tuples(st.integers(0, 100 * MINUTE), st.integers(0, 50)), min_size=1, max_size=30
    ).filter(lambda rows: any(weight for _, weight in rows))
)
def test_a_weight_is_as_many_people(rows: list[tuple[int, int]]) -> None:
    """Weight 3 at one place is the same as three people there."""
    times, weights = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    people = np.repeat(times, weights)
    assert access(times, weights) == access(people, np.ones(len(people), dtype=np.int64))


# --- change ------------------------------------------------------------------------------------
def test_change_of_six_villages() -> None:
    before = ms(10, 20, 28, 44, 50, 30)
    after = ms(10, 26, 40, 47, 61, 25)
    #          0  +6  +12  +3  +11  -5
    found = change(before, after, parts(1, 2, 3, 1, 2, 1), before != after)
    assert found.affected == 0.8
    assert found.better == 0.1
    assert found.other_unit == 0.9
    assert found.worse == (0.7, 0.5)  # over 5: 2 + 3 + 2; over 10: 3 + 2
    assert found.newly_beyond == (0.1, 0.2)  # 44 to 47; 50 to 61
    assert found.lost_route == 0.0
    extra = (2 * 6 + 3 * 12 + 1 * 3 + 2 * 11) * MINUTE
    assert found.mean_extra_ms == (2 * extra + 8) // 16
    assert found.mean_change_ms == (2 * (extra - 5 * MINUTE) + 10) // 20


def test_five_minutes_more_is_not_more_than_five() -> None:
    assert change(ms(10), ms(15), parts(1), np.array([True])).worse == (0.0, 0.0)


def test_losing_every_route_is_beyond_all_limits_and_in_no_mean() -> None:
    found = change(ms(10, 10), ms(10, None), parts(1, 1), np.array([False, True]))
    assert found.lost_route == 0.5
    assert found.newly_beyond == (0.5, 0.5)
    assert found.mean_change_ms == 0


# --- choice ------------------------------------------------------------------------------------
TIMES = np.array(
    [
        [10, 12, 30],  # nearest A
        [10, 25, 12],  # nearest A
        [20, 10, 10],  # B and C alike
        [INF_MS, INF_MS, 40],  # only C
        [INF_MS, INF_MS, INF_MS],
    ],
    dtype=np.int32,
)


def test_the_quickest_eligible_unit_takes_them_and_the_first_of_equals() -> None:
    unit, time_ms = choose(TIMES, np.ones(3, dtype=np.bool_))
    assert unit.tolist() == [0, 0, 1, 2, NONE]
    assert time_ms.tolist() == [10, 10, 10, 40, INF_MS]


def test_who_may_not_be_taken_to_the_nearest_goes_on() -> None:
    unit, _ = choose(TIMES, np.array([[False, True, True]] * 3 + [[True, True, False]] * 2))
    assert unit.tolist() == [1, 2, 1, NONE, NONE]


def test_a_divert_sends_on_only_whom_the_next_is_near_enough_for() -> None:
    # A on divert, 2 more at most: the first goes to B (+2), the second to C (+2).
    unit, _ = choose(TIMES, np.ones(3, dtype=np.bool_), divert_ms=[2, NONE, NONE])
    assert unit.tolist() == [1, 2, 1, 2, NONE]
    # With 1 more at most both stay.
    unit, _ = choose(TIMES, np.ones(3, dtype=np.bool_), divert_ms=[1, NONE, NONE])
    assert unit.tolist() == [0, 0, 1, 2, NONE]


def test_nobody_is_diverted_to_a_unit_on_divert() -> None:
    # A and B on divert: the first could go to C for 20 more, which is too far.
    unit, _ = choose(TIMES, np.ones(3, dtype=np.bool_), divert_ms=[5, 5, NONE])
    assert unit.tolist() == [0, 2, 2, 2, NONE]


# --- a week ------------------------------------------------------------------------------------
def test_a_unit_open_by_day_parts_the_week_in_two() -> None:
    week = phases_of([Hours.read("mon-sun 08:00-20:00")])
    assert week.minutes.tolist() == [1, 1]
    assert week.holds.tolist() == [[False], [True]]


def test_without_hours_the_week_is_one_phase() -> None:
    week = phases_of([])
    assert week.minutes.tolist() == [1]
    assert week.holds.shape == (1, 0)


def test_two_units_hours_that_overlap_make_four_phases() -> None:
    week = phases_of([Hours.read("mon-sun 08:00-20:00"), Hours.read("mon-sun 18:00-23:00")])
    # 00-08 and 23-24: 9 h; 08-18: 10 h; 18-20: 2 h; 20-23: 3 h.
    assert week.minutes.tolist() == [9, 10, 2, 3]
    assert week.holds.tolist() == [[False, False], [True, False], [True, True], [False, True]]


def assignment(unit: list[list[int]], times: list[list[int]], minutes: list[int]) -> Assignment:
    units, of_ms = np.array(unit, dtype=np.int32), np.array(times, dtype=np.int32)
    return Assignment(units, of_ms, np.array(minutes), units[0], of_ms[0])


def test_a_place_that_is_worse_off_at_night_is_worse_off_by_the_nights_share() -> None:
    before = assignment([[0, 1], [0, 1]], [[10, 20], [10, 20]], [2, 1])
    after = assignment([[0, 1], [1, 1]], [[10, 20], [40, 20]], [2, 1])
    assert after.mean_ms.tolist() == [20, 20]
    assert after.usual_unit.tolist() == [0, 1]
    pair, weight = Pair.of(before, after), np.array([3, 1])
    found = change(pair.before_ms, pair.after_ms, pair.weights(weight), pair.moved)
    assert found.affected == pytest.approx(3 / 12)
    # Of 12 parts (weight by minutes), 9 go to A before, 6 after; the last row is nowhere.
    assert flows(before, after, weight, 2).tolist() == [[6, 3, 0], [0, 3, 0], [0, 0, 0]]
