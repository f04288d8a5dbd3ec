"""Whether stated probabilities and bands hold, judged on places that did not set the spread."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from typing import Any, Final

import numpy as np

from routing_service.calibration import metrics
from routing_service.calibration.splits import SEED
from routing_service.calibration.validate import Result
from routing_service.decision.uncertainty import ErrorModel
from routing_service.units import INF_MS, MS_PER_MINUTE, BoolArray, FloatArray

BINS: Final = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 0.995, 1.0)
"""Of the probability of the nearest unit. Most decisions are clear, hence the fine end."""

MINUTES: Final = (0.0, 10.0, 15.0, 20.0, 30.0, 45.0)


def check(result: Result) -> dict[str, Any] | None:
    """Reliability of `p_nearest` and coverage of the 10 to 90 % band.

    The spread is estimated on a random half of the places and judged on the other, both ways:
    nothing here is held against the figures that it was made from.

    Returns
    -------
    dict or None
        ``coverage`` (a share of the pairs), ``coverage_by_minutes`` (a row between each two of
        `MINUTES`, by our time), ``reliability`` (a row for each of `BINS`) and
        ``mean_probability`` of all decisions beside their ``share_right``, a tie being right by
        half; None where no choice is made or there are too few places.
    """
    if not result.chooses:
        return None
    whole = metrics.comparable(result.reference_by_place)
    whole &= ~np.isnan(result.ours_by_place).any(axis=(0, 2))
    reference, ours = result.reference_by_place[whole], result.ours_by_place[:, whole]
    half = np.random.default_rng(SEED).permutation(len(reference)) % 2 == 0
    try:
        halves = [_judge(ours, reference, part) for part in (half, ~half)]
    except ValueError:
        return None
    stated, right, times, p10, p90, truth = (
        np.concatenate(part) for part in zip(*halves, strict=True)
    )
    by_minutes = [
        {
            "low": low,
            "high": high,
            "n": int(inside.sum()),
            "coverage": metrics.coverage(p10[inside], p90[inside], truth[inside]),
        }
        for low, high in pairwise((*MINUTES, np.inf))
        if (inside := (times >= low) & (times < high)).any()
    ]
    return {
        "coverage": metrics.coverage(p10, p90, truth),
        "coverage_by_minutes": by_minutes,
        "mean_probability": float(np.mean(stated)),
        "share_right": float(np.mean(right)),
        "reliability": [asdict(row) for row in metrics.reliability(stated, right, BINS)],
    }


def _judge(ours: FloatArray, reference: FloatArray, judged: BoolArray) -> tuple[FloatArray, ...]:
    """Judge decisions and pairs by the spread of the places that are not judged.

    Parameters
    ----------
    ours
        ``float64[draws, places, units]``, minutes.
    reference
        ``float64[places, units]``.
    judged
        ``bool[places]``; the others set the spread.

    Returns
    -------
    tuple
        Of each decision the probability stated and how right it was; of each pair our minutes,
        the ends of their band and the reference's minutes.
    """
    draws = len(ours)
    fitted = np.concatenate(ours[:, ~judged])
    model = ErrorModel(
        **metrics.estimate_error_model(fitted, np.tile(reference[~judged], (draws, 1)))
    )
    times = np.concatenate(ours[:, judged])
    truth = np.tile(reference[judged], (draws, 1))
    stated = nearest_probability(times, model)
    low, high = (factor * (times + model.shift_minutes) for factor in (model.low, model.high))
    pairs = (times, low - model.shift_minutes, high - model.shift_minutes, truth)
    return stated, metrics.credits(times, truth), *(part.ravel() for part in pairs)


def nearest_probability(minutes: FloatArray, model: ErrorModel) -> FloatArray:
    """Probability that the unit with the least time is the nearest, as the service states it.

    Parameters
    ----------
    minutes
        ``float64[n, units]``; NaN where there is no route.
    model
        Of the error.

    Returns
    -------
    ndarray
        ``float64[n]``.
    """
    from routing_service.kernels.probability import SCRATCH, nearest_probabilities_many

    ms = np.where(np.isnan(minutes), INF_MS, np.rint(minutes * MS_PER_MINUTE)).astype(np.int32)
    out, scratch = np.empty(ms.shape), np.empty((SCRATCH, ms.shape[1]))
    nearest_probabilities_many(ms, model.sigma_unit, model.shift_ms, scratch, out)
    return np.asarray(out[np.arange(len(ms)), metrics.chosen(minutes)])
