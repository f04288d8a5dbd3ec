"""Figures of accuracy: our times against a reference, and the units that either would choose.

Everything here takes minutes as ``float64[places, units]`` or flat ``float64[n]``; NaN means no
time. Units are columns in the order of their ODS codes, which is how equal times rank.

A tie in the reference counts for either unit. A tie is exact equality: the default reference lies
on a lattice of 1.074 minutes printed to a tenth, so its times are equal or at least 1.0 apart (of
1,414 places 30 tie, and none has a margin between 0 and 1.0), and a tolerance of up to a whole
step would change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routing_service.decision.uncertainty import Z90
from routing_service.units import NONE, BoolArray, FloatArray, IntArray

CLOSE_MINUTES, CLEAR_MINUTES = 2.0, 5.0
"""Margins of the reference beyond which a call is no longer close, and beyond which it is clear."""

SHIFTS_MINUTES = (0.0, *(float(round(2 ** (k / 2), 1)) for k in range(15)))
"""Shifts of an error model that are tried: none, and 1 to 128 minutes by factors of sqrt 2."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Ours less the reference, over place and unit pairs; figures are None over no pairs.

    `p95_minutes` is the absolute error that 95 % of the pairs (or of their weight) do not exceed;
    `no_route` counts pairs without a time of ours, which no figure here includes.
    """

    pairs: int
    no_route: int
    mae_minutes: float | None
    bias_minutes: float | None
    sd_minutes: float | None
    p95_minutes: float | None


@dataclass(frozen=True, slots=True)
class Choice:
    """How often our unit is the reference's, and what it costs; shares are None over no places.

    `loss_minutes` is the mean of the reference's time to our unit less its time to its own.
    A place without any time of ours is `unanswered` and counts as a disagreement.
    """

    places: int
    ties: int
    unanswered: int
    agreement: float | None
    places_over_2: int
    agreement_over_2: float | None
    places_over_5: int
    agreement_over_5: float | None
    loss_minutes: float | None


@dataclass(frozen=True, slots=True)
class Access:
    """How a district reaches its nearest units: minutes, the units' shares, and close calls."""

    mean_minutes: float
    p90_minutes: float
    max_minutes: float
    unit_shares: tuple[float, ...]
    under_2_share: float
    under_5_share: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Decisions whose stated probability lies between `low` and `high`, and how many were right."""

    low: float
    high: float
    n: int
    mean_probability: float | None
    share_right: float | None


# --- one place ---------------------------------------------------------------------------------
def chosen(minutes: FloatArray) -> IntArray:
    """Column of the least time in each row, the first of equals; ``NONE`` in a row without times.

    Examples
    --------
    >>> chosen(np.array([[9.0, 7.0, 7.0], [np.nan, np.nan, np.nan]])).tolist()
    [1, -1]
    """
    times = np.where(np.isnan(minutes), np.inf, minutes)
    best = np.argmin(times, axis=1).astype(np.int32)
    return np.where(np.isfinite(times.min(axis=1)), best, NONE).astype(np.int32)


def margins(minutes: FloatArray) -> FloatArray:
    """``float64[places]``: how much longer the second unit takes; infinite where there is none."""
    times = np.sort(np.where(np.isnan(minutes), np.inf, minutes), axis=1)
    if times.shape[1] < 2:
        return np.full(len(times), np.inf)
    second = times[:, 1]
    first = np.where(np.isfinite(second), times[:, 0], 0.0)
    return np.asarray(second - first)


def losses(ours: FloatArray, reference: FloatArray) -> FloatArray:
    """``float64[places]``: minutes lost by our choice, by the reference; NaN where we have none."""
    choice = chosen(ours)
    at_choice = reference[np.arange(len(reference)), choice]
    return np.where(choice == NONE, np.nan, at_choice - np.nanmin(reference, axis=1))


def comparable(reference: FloatArray) -> BoolArray:
    """Places where the reference can choose: it has a time to each of two or more units."""
    return np.asarray(~np.isnan(reference).any(axis=1) & (reference.shape[1] > 1))


def credits(ours: FloatArray, reference: FloatArray) -> FloatArray:
    """``float64[places]``: 1 where our unit is the reference's, a half where it is one of two tied.

    What probabilities are held against: of a tie the reference does not know the nearer either.
    """
    tied = (reference == np.nanmin(reference, axis=1, keepdims=True)).sum(axis=1)
    return np.asarray((losses(ours, reference) == 0.0) / tied)


# --- all places --------------------------------------------------------------------------------
def errors(ours: FloatArray, reference: FloatArray, weights: FloatArray | None = None) -> Errors:
    """Figures of the error over pairs.

    Parameters
    ----------
    ours, reference
        ``float64[n]``, minutes; pairs that the reference does not have are left out.
    weights
        ``float64[n]``; without them each pair counts once.
    """
    weights = np.ones(len(ours)) if weights is None else weights
    asked = ~np.isnan(reference)
    known = asked & ~np.isnan(ours) & (weights > 0.0)
    no_route = int(np.sum(asked & np.isnan(ours)))
    error, weight = (ours - reference)[known], weights[known]
    if len(error) == 0:
        return Errors(0, no_route, None, None, None, None)
    bias = float(np.average(error, weights=weight))
    return Errors(
        pairs=len(error),
        no_route=no_route,
        mae_minutes=float(np.average(np.abs(error), weights=weight)),
        bias_minutes=bias,
        sd_minutes=float(np.sqrt(np.average((error - bias) ** 2, weights=weight))),
        p95_minutes=weighted_quantile(np.abs(error), weight, 0.95),
    )


def choices(ours: FloatArray, reference: FloatArray, weights: FloatArray | None = None) -> Choice:
    """Figures of the choice over the places where the reference can choose.

    Parameters
    ----------
    ours, reference
        ``float64[places, units]``, minutes.
    weights
        ``float64[places]``; without them each place counts once.
    """
    weights = np.ones(len(ours)) if weights is None else weights
    rows = comparable(reference)
    ours, reference, weights = ours[rows], reference[rows], weights[rows]
    loss, margin = losses(ours, reference), margins(reference)
    right = loss == 0.0
    close, clear = margin > CLOSE_MINUTES, margin > CLEAR_MINUTES
    answered = ~np.isnan(loss)
    return Choice(
        places=len(right),
        ties=int(np.sum(margin == 0.0)),
        unanswered=int(np.sum(~answered)),
        agreement=_mean(right, weights),
        places_over_2=int(close.sum()),
        agreement_over_2=_mean(right[close], weights[close]),
        places_over_5=int(clear.sum()),
        agreement_over_5=_mean(right[clear], weights[clear]),
        loss_minutes=_mean(loss[answered], weights[answered]),
    )


def confusion(
    ours: FloatArray, reference: FloatArray, weights: FloatArray | None = None
) -> FloatArray:
    """``float64[units, units]``: weight of the places by the reference's unit (row) and ours.

    Where the reference ties and ours is one of the tied, the place is on the diagonal.
    """
    weights = np.ones(len(ours)) if weights is None else weights
    rows = comparable(reference) & (chosen(ours) != NONE)
    ours, reference, weights = ours[rows], reference[rows], weights[rows]
    ours_unit = chosen(ours)
    truth = np.where(losses(ours, reference) == 0.0, ours_unit, chosen(reference))
    table = np.zeros((reference.shape[1],) * 2)
    np.add.at(table, (truth, ours_unit), weights)
    return table


def worst(ours: FloatArray, reference: FloatArray, count: int) -> IntArray:
    """Rows of the places that lose most minutes; of equal losses the largest errors first."""
    loss = np.where(np.isnan(losses(ours, reference)), np.inf, losses(ours, reference))
    largest = np.nan_to_num(np.abs(ours - reference), nan=0.0).max(axis=1)
    order = np.lexsort((np.arange(len(loss)), -largest, -loss))
    order = order[comparable(reference)[order]]
    return order[:count].astype(np.int32)


def access(minutes: FloatArray, weights: FloatArray) -> Access:
    """How the places of one district reach their nearest units, by weight.

    Parameters
    ----------
    minutes
        ``float64[places, units]`` without a missing time.
    weights
        ``float64[places]``, patients.
    """
    best, unit, margin = minutes.min(axis=1), chosen(minutes), margins(minutes)
    whole = float(weights.sum())
    by_unit = np.bincount(unit, weights=weights, minlength=minutes.shape[1]) / whole
    return Access(
        mean_minutes=float(np.average(best, weights=weights)),
        p90_minutes=weighted_quantile(best, weights, 0.9),
        max_minutes=float(best.max()),
        unit_shares=tuple(by_unit.tolist()),
        under_2_share=float(weights[margin < CLOSE_MINUTES].sum() / whole),
        under_5_share=float(weights[margin < CLEAR_MINUTES].sum() / whole),
    )


def weighted_quantile(values: FloatArray, weights: FloatArray, share: float) -> float:
    """Return the least value that `share` of the weight does not exceed.

    Examples
    --------
    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0]), 0.9)
    2.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    # A sum of parts may miss the whole by a rounding; that must not move the answer.
    place = int(np.searchsorted(reached, share * reached[-1] * (1.0 - 1e-12)))
    return float(values[order[place]])


def _mean(values: npt.NDArray[np.generic], weights: FloatArray) -> float | None:
    return float(np.average(values.astype(float), weights=weights)) if weights.sum() > 0 else None


# --- probabilities -----------------------------------------------------------------------------
def reliability(
    p_nearest: FloatArray, correct: npt.NDArray[np.bool_ | np.float64], bins: Sequence[float]
) -> tuple[ReliabilityBin, ...]:
    """Hold stated probabilities against what was right.

    Parameters
    ----------
    p_nearest
        ``float64[n]``, the stated probability that the unit is the nearest.
    correct
        ``bool[n]``, whether it is; or ``float64[n]`` with parts for ties.
    bins
        Rising edges; a probability equal to an inner edge belongs above it, one equal to the
        last edge below.

    Examples
    --------
    >>> low, high = reliability(
    ...     np.array([0.6, 0.9, 1.0]), np.array([True, False, True]), [0.5, 0.8, 1.0]
    ... )
    >>> low.share_right, high.share_right
    (1.0, 0.5)
    """
    where = np.clip(np.searchsorted(bins, p_nearest, side="right") - 1, 0, len(bins) - 2)
    rows = []
    for k in range(len(bins) - 1):
        inside = where == k
        ones = np.ones(int(inside.sum()))
        rows.append(
            ReliabilityBin(
                low=float(bins[k]),
                high=float(bins[k + 1]),
                n=len(ones),
                mean_probability=_mean(p_nearest[inside], ones),
                share_right=_mean(correct[inside], ones),
            )
        )
    return tuple(rows)


def coverage(p10: FloatArray, p90: FloatArray, actual: FloatArray) -> float:
    """Share of the actual times that lie within their 10 to 90 % band; 0.8 when all is well."""
    known = ~np.isnan(actual)
    inside = (p10 <= actual) & (actual <= p90)
    return float(np.mean(inside[known]))


def estimate_error_model(ours: FloatArray, reference: FloatArray) -> dict[str, float]:
    """Find how times go wrong: what is shared, what is each unit's own, and by which shift.

    The model is that of `decision.uncertainty`. Of the shifts of `SHIFTS_MINUTES` the likeliest is
    taken: the one that gives the observed reference times the greatest density, with the spread
    measured by quantile so that a few wild times do not choose it. The rest is `split_error`.

    Parameters
    ----------
    ours, reference
        ``float64[places, units]``, minutes, held-out; NaN where there is no time.

    Returns
    -------
    dict
        ``sigma_scene``, ``sigma_unit`` and ``shift_minutes``.

    Raises
    ------
    ValueError
        As of `split_error`.
    """

    def surprise(shift: float) -> float:
        errors = shifted_logs(ours, reference, shift)
        known = ~np.isnan(errors)
        spread = _normal_spread(errors[known]) if known.any() else 0.0
        if spread == 0.0:
            return -math.inf
        return math.log(spread) + float(np.mean(np.log(reference[known] + shift)))

    shift = min(SHIFTS_MINUTES, key=surprise)
    return {**split_error(shifted_logs(ours, reference, shift)), "shift_minutes": shift}


def shifted_logs(ours: FloatArray, reference: FloatArray, shift_minutes: float) -> FloatArray:
    """Errors of times on the log scale of an error model."""
    return np.log((ours + shift_minutes) / (reference + shift_minutes))


def split_error(residuals: FloatArray) -> dict[str, float]:
    """Split the error of log times into what a scene's units share and what each has to itself.

    The model is ``residuals[p, u] = scene[p] + unit[p, u]``, both parts normal with mean zero and
    independent. Their proportion is found by moments, their size by quantile:

    1. One-way analysis of variance with unequal group sizes. The mean square within places is the
       unit's variance; what the mean square between places has beyond it, by the mean number of
       units per place, is the scene's. A bias of one unit counts as its own error, since it moves
       decisions just the same.
    2. Real errors have longer tails than a normal one (kurtosis 8 on held-out halves of the default
       region), and moments follow the tails: a 10 to 90 % band made of them held 85 %. So both
       are scaled until 80 % of the residuals lie within the band of their mean, and what the
       overall mean is off, which moves no decision, widens the scene's part.

    Parameters
    ----------
    residuals
        ``float64[places, units]``, held-out; NaN where either time is missing.

    Returns
    -------
    dict
        ``sigma_scene`` and ``sigma_unit``, standard deviations on the log scale.

    Raises
    ------
    ValueError
        If there are not two places, one of them with two units.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> errors = rng.normal(0.0, 0.06, (5000, 1)) + rng.normal(0.0, 0.03, (5000, 4))
    >>> {name: round(value, 2) for name, value in split_error(errors).items()}
    {'sigma_scene': 0.06, 'sigma_unit': 0.03}
    """
    known = ~np.isnan(residuals)
    shared, own = _variance_components(residuals, known)
    values = residuals[known]
    spread = _normal_spread(values - values.mean())
    sigma_unit = spread * (own / (shared + own)) ** 0.5 if own > 0.0 else 0.0
    total = max(_normal_spread(values), spread)
    return {
        "sigma_scene": max(total**2 - sigma_unit**2, 0.0) ** 0.5,
        "sigma_unit": sigma_unit,
    }


def _normal_spread(values: FloatArray) -> float:
    """Standard deviation of the normal distribution with the same middle 80 %."""
    return weighted_quantile(np.abs(values), np.ones(len(values)), 0.8) / Z90


def _variance_components(residuals: FloatArray, known: BoolArray) -> tuple[float, float]:
    """Variance between places beyond chance, and within them."""
    sizes = known.sum(axis=1)
    residuals, known, sizes = residuals[sizes > 0], known[sizes > 0], sizes[sizes > 0]
    places, pairs = len(sizes), int(sizes.sum())
    if places < 2 or pairs == places:
        raise ValueError("an error model needs two places, one of them with two units")
    values = np.where(known, residuals, 0.0)
    place_mean = values.sum(axis=1) / sizes
    within = np.where(known, values - place_mean[:, None], 0.0)
    within_square = float((within**2).sum()) / (pairs - places)
    mean = values.sum() / pairs
    between_square = float((sizes * (place_mean - mean) ** 2).sum()) / (places - 1)
    typical_size = (pairs - float((sizes**2).sum()) / pairs) / (places - 1)
    return max(between_square - within_square, 0.0) / typical_size, within_square
