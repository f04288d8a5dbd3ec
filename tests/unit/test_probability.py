"""How likely each unit is the nearest, against closed forms, quadrature and simulation."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy.stats import norm

from routing_service.answer import P10, P90, SHARE, TIMES, columns
from routing_service.decision.uncertainty import ErrorModel
from routing_service.kernels.probability import (
    REACH,
    SCRATCH,
    SHARES,
    doubt_times,
    nearest_probabilities,
    nearest_probabilities_many,
)
from routing_service.units import INF_MS, minutes_from_ms

MINUTE = 60_000
QUADRATURE = 2e-6
"""What 15 nodes may differ from adaptive quadrature."""
LEFT_OUT = 1.2e-5
"""Phi(-6 / sqrt 2): the most that one unit beyond reach can have."""

times = st.integers(MINUTE, 60 * MINUTE)
sigmas = st.floats(0.01, 0.5)


def nearest(ms: Sequence[int], sigma_unit: float, shift_ms: float = 0.0) -> list[float]:
    scratch = np.empty((SCRATCH, len(ms)))
    nearest_probabilities(np.array(ms, dtype=np.int32), sigma_unit, shift_ms, scratch)
    return [float(p) for p in scratch[SHARES]]


def integrals(ms: Sequence[int], sigma_unit: float, shift_ms: float = 0.0) -> list[float]:
    """The plain twin: one adaptive integral for each unit."""
    at = np.log((np.array(ms) + shift_ms) / (min(ms) + shift_ms)) / sigma_unit

    def density(x: float, u: int) -> float:
        return float(norm.pdf(x - at[u]) * np.prod(norm.sf(x - np.delete(at, u))))

    return [
        integrate.quad(density, -9.0, 9.0, args=(u,), epsabs=1e-12, limit=200)[0]
        for u in range(len(ms))
    ]


# --- answers done in the head ------------------------------------------------------------------
@pytest.mark.parametrize("units", [1, 2, 3, 4, 8, 120])
def test_equal_times_are_equally_likely(units: int) -> None:
    assert nearest([20 * MINUTE] * units, 0.06) == pytest.approx([1 / units] * units, abs=1e-9)


def test_two_units_are_the_normal_distribution_of_their_difference() -> None:
    # The logs of 20 and 22 minutes lie 0.0953 apart; the difference of two errors of 0.06 has a
    # standard deviation of 0.06 sqrt 2 = 0.0849: Phi(1.123) = 0.869.
    first, second = nearest([20 * MINUTE, 22 * MINUTE], 0.06)
    assert first == pytest.approx(norm.cdf(math.log(1.1) / (0.06 * math.sqrt(2.0))), abs=1e-12)
    assert first == pytest.approx(0.869, abs=5e-4)
    assert first + second == pytest.approx(1.0, abs=1e-15)


def test_a_unit_without_a_route_is_never_the_nearest() -> None:
    assert nearest([INF_MS, 20 * MINUTE, 20 * MINUTE], 0.06) == [0.0, 0.5, 0.5]
    assert nearest([INF_MS, INF_MS], 0.06) == [0.0, 0.0]


def test_at_a_door_that_unit_is_certain() -> None:
    assert nearest([0, 20 * MINUTE, INF_MS], 0.06) == [1.0, 0.0, 0.0]
    assert nearest([0, 0], 0.06) == [0.5, 0.5]


# --- against slower methods --------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_integral(seed: int) -> None:
    rng = np.random.default_rng(seed)
    units = 2 + seed % 7
    ms = rng.integers(18 * MINUTE, 27 * MINUTE, units).tolist()
    # With 0.07, 27 minutes lie 5.8 sigma behind 18: none is left out.
    assert nearest(ms, 0.07) == pytest.approx(integrals(ms, 0.07), abs=QUADRATURE)


def test_the_error_that_units_share_does_not_matter() -> None:
    # Simulated with a scene error twice as large as the units' own; 400,000 incidents have a
    # standard error below 0.0008.
    rng = np.random.default_rng(2024)
    ours = np.log([20.0, 21.0, 22.5, 40.0])
    scene = rng.normal(0.0, 0.12, (400_000, 1))
    true = ours + scene + rng.normal(0.0, 0.06, (400_000, 4))
    simulated = np.bincount(true.argmin(axis=1), minlength=4) / 400_000
    ms = [round(float(np.exp(log)) * MINUTE) for log in ours]
    assert nearest(ms, 0.06) == pytest.approx(simulated.tolist(), abs=0.003)


def test_those_beyond_reach_had_next_to_nothing() -> None:
    just_beyond = round(20 * MINUTE * math.exp(0.06 * REACH)) + 1
    ms = [20 * MINUTE, 21 * MINUTE, 22 * MINUTE, just_beyond]
    assert nearest(ms, 0.06)[3] == 0.0
    assert nearest(ms, 0.06) == pytest.approx(integrals(ms, 0.06), abs=LEFT_OUT)


def test_of_a_hundred_and_twenty_units_only_the_near_count() -> None:
    rng = np.random.default_rng(3)
    ms = rng.integers(20 * MINUTE, 180 * MINUTE, 120).tolist()
    found = nearest(ms, 0.06)
    assert sum(found) == pytest.approx(1.0, abs=1e-12)
    assert found == pytest.approx(integrals(ms, 0.06), abs=120 * LEFT_OUT)
    assert 1 < sum(p > 0.0 for p in found) < 60


# --- what holds for all ------------------------------------------------------------------------
@given(st.lists(times, min_size=1, max_size=8), sigmas)
def test_they_sum_to_one_and_stand_in_the_order_of_the_times(ms: list[int], sigma: float) -> None:
    found = nearest(ms, sigma)
    assert sum(found) == pytest.approx(1.0, abs=1e-12)
    assert all(0.0 <= p <= 1.0 for p in found)
    by_time = sorted(range(len(ms)), key=lambda u: ms[u])
    for sooner, later in pairwise(by_time):
        assert found[sooner] >= found[later] - QUADRATURE


@given(st.lists(times, min_size=2, max_size=6), times, sigmas)
def test_who_comes_nearer_becomes_likelier_and_nobody_else_does(
    ms: list[int], other: int, sigma: float
) -> None:
    nearer, further = sorted((ms[0], other))
    before, after = nearest([further, *ms[1:]], sigma), nearest([nearer, *ms[1:]], sigma)
    slack = len(ms) * LEFT_OUT
    assert after[0] >= before[0] - slack
    assert all(b <= a + slack for a, b in zip(before[1:], after[1:], strict=True))


@given(st.lists(times, min_size=2, max_size=6), sigmas, st.randoms(use_true_random=False))
def test_the_order_of_the_units_does_not_matter(
    ms: list[int], sigma: float, rng: random.Random
) -> None:
    order = list(range(len(ms)))
    rng.shuffle(order)
    found = nearest(ms, sigma)
    shuffled = nearest([ms[u] for u in order], sigma)
    assert shuffled == pytest.approx([found[u] for u in order], abs=1e-12)


@given(st.lists(times, min_size=2, max_size=6), sigmas, st.integers(2, 50))
def test_ratios_of_the_times_are_all_that_counts(ms: list[int], sigma: float, factor: int) -> None:
    # So far as whole milliseconds can tell; at the edge of reach a unit may fall out.
    longer = nearest([factor * t for t in ms], sigma)
    assert longer == pytest.approx(nearest(ms, sigma), abs=len(ms) * LEFT_OUT)


@given(st.lists(st.lists(times, min_size=3, max_size=3), min_size=1, max_size=5), sigmas)
def test_many_are_the_same_as_one_by_one(rows: list[list[int]], sigma: float) -> None:
    out, scratch = np.empty((len(rows), 3)), np.empty((SCRATCH, 3))
    nearest_probabilities_many(np.array(rows, dtype=np.int32), sigma, 0.0, scratch, out)
    assert out.tolist() == [nearest(row, sigma) for row in rows]


# --- as people are shown it --------------------------------------------------------------------
@given(
    st.lists(st.one_of(times, st.just(INF_MS)), min_size=1, max_size=6),
    sigmas,
    st.floats(0.0, 100.0),
)
def test_what_is_shown_is_rounded_as_all_minutes_are(
    ms: list[int], sigma: float, shift: float
) -> None:
    model, n = ErrorModel(2.0 * sigma, sigma, shift), len(ms)
    answer = np.full(columns(n), -7, dtype=np.int32)
    answer[TIMES : TIMES + n] = ms
    spread = np.array([model.low, model.high, sigma, model.shift_ms])
    doubt_times(spread, answer, np.empty((SCRATCH, n)))
    for u, (t, p) in enumerate(zip(ms, nearest(ms, sigma, model.shift_ms), strict=True)):
        low, high, share = (int(answer[TIMES + block * n + u]) for block in (P10, P90, SHARE))
        if t == INF_MS:
            assert (low, high, share) == (0, 0, 0)
            continue
        low_ms = max(model.low * (t + model.shift_ms) - model.shift_ms, 0.0)
        assert low / 10 == minutes_from_ms(math.floor(low_ms))
        assert high / 10 == minutes_from_ms(
            math.floor(model.high * (t + model.shift_ms) - model.shift_ms)
        )
        assert share / 1000 == pytest.approx(p, abs=0.00051)


def test_without_an_error_model_nothing_is_written_but_zeros() -> None:
    answer = np.full(columns(2), 60_000, dtype=np.int32)
    doubt_times(np.zeros(4), answer, np.empty((SCRATCH, 2)))
    assert answer[TIMES + 2 * P10 :].tolist() == [0] * 6
