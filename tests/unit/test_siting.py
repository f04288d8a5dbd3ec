"""Sites chosen by the solver are those that trying every set would choose."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_service.errors import InvalidRequest
from routing_service.planner.siting import (
    OBJECTIVES,
    By,
    Siting,
    SitingProblem,
    best_sites,
    front,
)
from routing_service.units import INF_MS

pytest.importorskip("highspy")
MINUTE = 60_000


def by_brute_force(problem: SitingProblem, count: int, by: By, floor: int = 0) -> int | None:
    """Cost of the best set, by trying all."""
    costs = [siting.cost(by) for siting in every(problem, count) if siting.least >= floor]
    return min(costs, default=None)


def every(problem: SitingProblem, count: int) -> list[Siting]:
    return [
        problem.evaluate(sites)
        for sites in combinations(range(problem.sites), count)
        if set(problem.kept) <= set(sites)
    ]


@st.composite
def problems(draw: st.DrawFn) -> SitingProblem:
    """Up to eight places, up to five sites, times with many ties, some without a route."""
    n, sites = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    minutes = st.one_of(st.integers(1, 70), st.none())
    rows = [[draw(minutes) for _ in range(sites)] for _ in range(n)]
    ms = [[INF_MS if m is None else m * MINUTE for m in row] for row in rows]
    parts = [draw(st.integers(1, 20)) for _ in range(n)]
    kept = tuple(site for site in range(sites) if draw(st.integers(0, 3)) == 0)
    return SitingProblem(np.array(ms, dtype=np.int32), np.array(parts, dtype=np.int64), kept)


@settings(max_examples=120)
@given(problems(), st.data())
def test_the_best_set_is_the_best_of_all(problem: SitingProblem, data: st.DataObject) -> None:
    count = data.draw(st.integers(max(1, len(problem.kept)), problem.sites))
    by = data.draw(st.sampled_from(OBJECTIVES))
    floor = data.draw(st.sampled_from([0, 1, 5, 15, 40]))
    found = best_sites(problem, count, by, floor)
    wanted = by_brute_force(problem, count, by, floor)
    assert (None if found is None else found.cost(by)) == wanted
    if found is not None:
        assert len(found.sites) == count
        assert set(problem.kept) <= set(found.sites)
        assert found.least >= floor


@settings(max_examples=40)
@given(problems())
def test_the_front_is_what_no_set_beats(problem: SitingProblem) -> None:
    counts = range(max(1, len(problem.kept)), problem.sites + 1)
    all_sets = [siting for count in counts for siting in every(problem, count)]
    pairs = {(siting.cost("mean"), -siting.least) for siting in all_sets}
    wanted = sorted(
        pair
        for pair in pairs
        if not any(q != pair and q[0] <= pair[0] and q[1] <= pair[1] for q in pairs)
    )
    found = front(problem, counts)
    assert [(siting.cost("mean"), -siting.least) for siting in found] == wanted


def test_three_villages_on_a_road() -> None:
    """Villages at 0, 10 and 40 minutes, a site in each; half of all live in the first."""
    at = np.array([0, 10, 40])
    ms = (np.abs(at[:, None] - at) * MINUTE).astype(np.int32)
    problem = SitingProblem(ms, np.array([4, 1, 3], dtype=np.int64))
    # One site: 0 costs 1*10 + 3*40 = 130, 10 costs 4*10 + 3*30 = 130, 40 costs 4*40 + 1*30 = 190.
    one = best_sites(problem, 1)
    assert one is not None
    assert one.total_ms == 130 * MINUTE
    # Two: the first and the last, 10 in all; five and three come.
    two = best_sites(problem, 2)
    assert two == Siting((0, 2), 10 * MINUTE, 8, 8, (5, 3))
    # Within 30 minutes of one site: all, from the middle.
    most = best_sites(problem, 1, "within_30")
    assert most is not None
    assert (most.sites, most.within_30) == ((1,), 8)
    # Each of two must have four: only the first and the middle, which the last comes to (3*30).
    assert best_sites(problem, 2, floor=4) == Siting((0, 1), 90 * MINUTE, 8, 8, (4, 4))
    assert best_sites(problem, 2, floor=5) is None
    # In between, nothing beats any of: three sites, two sites in either way, one site.
    assert [(each.total_ms // MINUTE, each.least) for each in front(problem, (1, 2, 3))] == [
        (0, 1),
        (10, 3),
        (90, 4),
        (130, 8),
    ]


def test_more_sites_than_there_are_is_refused() -> None:
    problem = SitingProblem(np.zeros((1, 2), dtype=np.int32), np.ones(1, dtype=np.int64), (0,))
    with pytest.raises(InvalidRequest, match="3 open sites are not from 1 to 2"):
        best_sites(problem, 3)
