"""Figures of accuracy, worked out in the head."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from routing_service.calibration import metrics
from routing_service.units import NONE

NAN = float("nan")

# Five places, three units. Places 0 to 2 are clear, 3 ties in the reference, 4 is lost.
REFERENCE = np.array(
    [
        [10.0, 16.0, 30.0],  # margin 6
        [20.0, 17.0, 30.0],  # margin 3
        [21.0, 20.0, 30.0],  # margin 1
        [15.0, 15.0, 30.0],  # a tie
        [40.0, 30.0, 33.0],  # margin 3
    ]
)
OURS = np.array(
    [
        [11.0, 15.0, 30.0],
        [20.0, 18.0, 30.0],
        [19.0, 20.0, 30.0],  # the other unit: 1 minute lost
        [15.0, 14.0, 30.0],  # either is right
        [40.0, 35.0, 31.0],  # the other unit: 3 minutes lost
    ]
)


# --- one place ---------------------------------------------------------------------------------
def test_equal_times_choose_the_first_unit_and_no_times_choose_none() -> None:
    minutes = np.array([[9.0, 7.0, 7.0], [NAN, 8.0, 9.0], [NAN, NAN, NAN]])
    assert metrics.chosen(minutes).tolist() == [1, 1, NONE]


def test_the_margin_is_to_the_second_unit_and_endless_where_there_is_none() -> None:
    minutes = np.array([[9.0, 7.5, 12.0], [NAN, 8.0, NAN], [5.0, 5.0, NAN]])
    assert metrics.margins(minutes).tolist() == [1.5, np.inf, 0.0]
    assert metrics.margins(np.array([[3.0]])).tolist() == [np.inf]


def test_a_loss_is_the_references_time_to_our_unit_less_its_best() -> None:
    assert metrics.losses(OURS, REFERENCE).tolist() == [0.0, 0.0, 1.0, 0.0, 3.0]


# --- choices -----------------------------------------------------------------------------------
def test_a_tie_counts_for_either_unit() -> None:
    found = metrics.choices(OURS, REFERENCE)
    assert (found.places, found.ties, found.unanswered) == (5, 1, 0)
    assert found.agreement == pytest.approx(3 / 5)
    # Margins 6, 3 and 3 are over two; the last of them is wrong. Only 6 is over five.
    assert (found.places_over_2, found.places_over_5) == (3, 1)
    assert found.agreement_over_2 == pytest.approx(2 / 3)
    assert found.agreement_over_5 == 1.0
    assert found.loss_minutes == pytest.approx((1.0 + 3.0) / 5)


def test_almost_equal_times_are_no_tie() -> None:
    reference = np.array([[20.0, 20.1]])
    assert metrics.choices(np.array([[20.0, 19.0]]), reference).agreement == 0.0


def test_admissions_weigh_places() -> None:
    found = metrics.choices(OURS, REFERENCE, np.array([1.0, 1.0, 5.0, 1.0, 0.0]))
    assert found.agreement == pytest.approx(3 / 8)
    assert found.loss_minutes == pytest.approx(5 / 8)


def test_a_place_without_an_answer_is_wrong_and_loses_nothing_known() -> None:
    ours = OURS.copy()
    ours[0] = NAN
    found = metrics.choices(ours, REFERENCE)
    assert found.unanswered == 1
    assert found.agreement == pytest.approx(2 / 5)
    assert found.agreement_over_5 == 0.0
    assert found.loss_minutes == pytest.approx(4 / 4)


def test_where_the_reference_lacks_a_unit_it_does_not_choose() -> None:
    reference = REFERENCE.copy()
    reference[2, 2] = NAN
    assert metrics.choices(OURS, reference).places == 4
    alone = metrics.choices(OURS[:, :1], REFERENCE[:, :1])
    assert (alone.places, alone.agreement, alone.loss_minutes) == (0, None, None)


minutes_strategy = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6),
    elements=st.integers(1, 40).map(lambda k: 5.8 + 1.074 * k),
)


@given(minutes_strategy)
def test_a_reference_agrees_with_itself(reference: np.ndarray) -> None:
    found = metrics.choices(reference, reference)
    assert found.agreement == 1.0
    assert found.loss_minutes == 0.0
    wrong = metrics.confusion(reference, reference)
    assert wrong.sum() == np.trace(wrong) == len(reference)
    error = metrics.errors(reference.ravel(), reference.ravel())
    assert (error.mae_minutes, error.sd_minutes, error.p95_minutes) == (0.0, 0.0, 0.0)


@given(minutes_strategy, st.integers(0, 2**32 - 1))
def test_no_choice_gains_and_shares_stay_shares(reference: np.ndarray, seed: int) -> None:
    ours = reference + np.random.default_rng(seed).normal(0.0, 3.0, reference.shape)
    found = metrics.choices(ours, reference)
    assert found.loss_minutes is not None
    assert found.agreement is not None
    assert found.loss_minutes >= 0.0
    assert 0.0 <= found.agreement <= 1.0
    assert (found.loss_minutes == 0.0) == (found.agreement == 1.0)
    # Trace and agreement count the same places.
    assert np.trace(metrics.confusion(ours, reference)) == pytest.approx(
        found.agreement * len(reference)
    )


def test_confusion_has_the_references_unit_in_rows_and_ties_on_the_diagonal() -> None:
    assert metrics.confusion(OURS, REFERENCE).tolist() == [
        [1.0, 0.0, 0.0],
        [1.0, 2.0, 1.0],  # place 2 to unit 0; 1 and the tied 3 rightly; 4 to unit 2
        [0.0, 0.0, 0.0],
    ]


def test_the_worst_places_lose_most_and_an_unanswered_one_is_worse() -> None:
    assert metrics.worst(OURS, REFERENCE, 3).tolist() == [4, 2, 0]
    ours = OURS.copy()
    ours[1] = NAN
    assert metrics.worst(ours, REFERENCE, 2).tolist() == [1, 4]


# --- errors ------------------------------------------------------------------------------------
def test_errors_of_four_pairs() -> None:
    # Errors -1, 0, 2, 3: mean 1, squares about it 4 + 1 + 1 + 4, absolute 0 1 2 3.
    found = metrics.errors(np.array([9.0, 10.0, 12.0, 13.0]), np.full(4, 10.0))
    assert found.pairs == 4
    assert found.mae_minutes == pytest.approx(1.5)
    assert found.bias_minutes == pytest.approx(1.0)
    assert found.sd_minutes == pytest.approx(2.5**0.5)
    assert found.p95_minutes == 3.0


def test_weights_move_every_figure_and_a_weight_of_nothing_is_left_out() -> None:
    found = metrics.errors(
        np.array([9.0, 10.0, 99.0]), np.full(3, 10.0), np.array([1.0, 19.0, 0.0])
    )
    assert found.pairs == 2
    assert found.bias_minutes == pytest.approx(-1 / 20)
    assert found.p95_minutes == 0.0  # 19 of 20 are exact


def test_pairs_without_a_route_are_counted_and_nothing_else() -> None:
    found = metrics.errors(np.array([NAN, 12.0]), np.array([10.0, 10.0]))
    assert (found.pairs, found.no_route, found.mae_minutes) == (1, 1, 2.0)
    nothing = metrics.errors(np.array([NAN]), np.array([10.0]))
    assert (nothing.pairs, nothing.mae_minutes) == (0, None)


def test_a_quantile_is_the_least_value_that_the_share_does_not_exceed() -> None:
    values = np.arange(1.0, 11.0)
    assert metrics.weighted_quantile(values, np.ones(10), 0.9) == 9.0
    assert metrics.weighted_quantile(values, np.full(10, 0.1), 0.9) == 9.0
    assert metrics.weighted_quantile(values, np.ones(10), 0.91) == 10.0


def test_access_of_a_district_by_admissions() -> None:
    minutes = np.array([[10.0, 11.0], [30.0, 20.0], [12.0, 16.0]])
    found = metrics.access(minutes, np.array([5.0, 3.0, 2.0]))
    assert found.mean_minutes == pytest.approx((50 + 60 + 24) / 10)
    assert (found.p90_minutes, found.max_minutes) == (20.0, 20.0)
    assert found.unit_shares == pytest.approx((0.7, 0.3))
    assert (found.under_2_share, found.under_5_share) == pytest.approx((0.5, 0.7))


# --- probabilities -----------------------------------------------------------------------------
def test_reliability_by_bin() -> None:
    stated = np.array([0.5, 0.55, 0.7, 0.75, 0.8, 1.0])
    right = np.array([True, False, True, True, False, True])
    low, middle, high = metrics.reliability(stated, right, [0.5, 0.7, 0.8, 1.0])
    assert (low.n, middle.n, high.n) == (2, 2, 2)
    assert low.mean_probability == pytest.approx(0.525)
    assert (low.share_right, middle.share_right, high.share_right) == (0.5, 1.0, 0.5)


def test_an_empty_bin_says_nothing() -> None:
    empty, _ = metrics.reliability(np.array([0.9]), np.array([True]), [0.0, 0.5, 1.0])
    assert (empty.n, empty.mean_probability, empty.share_right) == (0, None, None)


def test_coverage_counts_the_ends_of_the_band_and_skips_what_is_not_known() -> None:
    p10, p90 = np.array([8.0, 8.0, 8.0, 8.0]), np.array([12.0, 12.0, 12.0, 12.0])
    assert metrics.coverage(p10, p90, np.array([8.0, 12.1, 10.0, NAN])) == pytest.approx(2 / 3)


def test_ties_are_right_by_half_when_probabilities_are_judged() -> None:
    assert metrics.credits(OURS, REFERENCE).tolist() == [1.0, 1.0, 0.0, 0.5, 0.0]


def test_an_error_model_of_two_places_by_hand() -> None:
    # Rows 0.3 0.1 and -0.1 -0.3: means 0.2 and -0.2. Within: four squares of 0.1 over 4 - 2
    # give 0.02. Between: 2 * (0.04 + 0.04) / 1 = 0.16; (0.16 - 0.02) / 2 = 0.07. So 2/9 of the
    # variance are the unit's. Of 0.1 0.1 0.3 0.3 the least that 80 % do not exceed is 0.3.
    variance = (0.3 / 1.2815515655446004) ** 2
    model = metrics.split_error(np.array([[0.3, 0.1], [-0.1, -0.3]]))
    assert model["sigma_unit"] ** 2 == pytest.approx(variance * 2 / 9)
    assert model["sigma_scene"] ** 2 == pytest.approx(variance * 7 / 9)


def lognormal_errors() -> np.ndarray:
    rng = np.random.default_rng(7)
    return rng.normal(0.0, 0.08, (6000, 1)) + rng.normal(0.0, 0.05, (6000, 4))


def test_an_error_model_is_found_again_where_pairs_are_missing() -> None:
    residuals = lognormal_errors()
    residuals[np.random.default_rng(8).random(residuals.shape) < 0.3] = NAN
    model = metrics.split_error(residuals)
    assert model["sigma_scene"] == pytest.approx(0.08, rel=0.03)
    assert model["sigma_unit"] == pytest.approx(0.05, rel=0.03)


def test_a_few_wild_errors_widen_the_band_little() -> None:
    residuals = lognormal_errors()
    tame = metrics.split_error(residuals)
    residuals[::100] *= 10.0
    wild = metrics.split_error(residuals)
    before, after = (math.hypot(*model.values()) for model in (tame, wild))
    assert np.std(residuals) > 1.3 * before
    assert after < 1.03 * before


def test_a_bias_of_all_is_the_scenes_and_a_bias_of_one_unit_its_own() -> None:
    shifted = metrics.split_error(lognormal_errors() + 0.2)
    assert shifted["sigma_unit"] == pytest.approx(0.05, rel=0.03)
    assert shifted["sigma_scene"] > 0.15
    apart = metrics.split_error(np.tile([0.1, -0.1], (50, 1)))
    assert apart["sigma_scene"] == 0.0
    assert apart["sigma_unit"] == pytest.approx(0.1 / 1.2815515655446004)


@pytest.mark.parametrize("residuals", [[[0.1, 0.2]], [[0.1, NAN], [NAN, 0.2]]])
def test_too_little_makes_no_error_model(residuals: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="two places"):
        metrics.split_error(np.array(residuals))


@pytest.mark.parametrize("shift", [0.0, 5.7, 45.3])
def test_the_shift_of_an_error_is_found_again(shift: float) -> None:
    # 8,000 places by 3 units, 6 to 80 minutes; log (reference + shift) strays by 0.03 and 0.02.
    rng = np.random.default_rng(3)
    ours = 6.0 * (80.0 / 6.0) ** rng.uniform(size=(8000, 3))
    errors = rng.normal(0.0, 0.03, (8000, 1)) + rng.normal(0.0, 0.02, (8000, 3))
    reference = (ours + shift) / np.exp(errors) - shift
    reference[reference < 0.5] = np.nan
    model = metrics.estimate_error_model(ours, reference)
    assert model["shift_minutes"] == pytest.approx(shift, rel=0.5, abs=1.0)
    assert model["sigma_scene"] == pytest.approx(0.03, rel=0.3)
    assert model["sigma_unit"] == pytest.approx(0.02, rel=0.3)


def test_perfect_times_have_an_error_model_of_nothing() -> None:
    minutes = np.array([[10.0, 20.0], [12.0, 9.0]])
    model = metrics.estimate_error_model(minutes, minutes)
    assert (model["sigma_scene"], model["sigma_unit"]) == (0.0, 0.0)
