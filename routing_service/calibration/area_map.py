"""The map of a report: the outline of each place, coloured three ways.

Places without an outline (a trust's own trips) are dots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from routing_service.calibration import metrics
from routing_service.calibration.validate import Result
from routing_service.location.small_areas import outlines_of
from routing_service.pages.flat_map import AreaMap, Colouring, classes_of, legend_of
from routing_service.units import FloatArray

ERROR_LIMITS: Final = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)
LOSS_LIMITS: Final = (0.0, 1.5, 3.0)
MARGIN_LIMITS: Final = (2.0, 5.0, 10.0)


def draw_map(result: Result) -> str:
    """The map's three pictures with the buttons that choose one; on paper all three are shown."""
    rows = result.rows
    lon, lat = result.tested.lon[rows], result.tested.lat[rows]
    names = [result.tested.place[row] for row in rows]
    units = [result.tested.units[u] for u in result.columns]
    drawn = AreaMap(names, lon, lat, outlines_of(names), units)
    return f"{drawn.shapes}\n{drawn.pictures(_colourings(result), _words(result, names), units)}"


# --- colours -----------------------------------------------------------------------------------
def _colourings(result: Result) -> tuple[Colouring, ...]:
    reference = result.reference_by_place
    known = ~np.isnan(reference).all(axis=1)
    best = np.where(known, metrics.chosen(reference), 0)
    at_best = np.arange(len(reference)), best
    errors = _mean_over_draws(result.ours_by_place - reference)[at_best]
    by_error = Colouring(
        "error",
        "Error of the time to the reference's unit",
        classes_of("e", errors, ERROR_LIMITS),
        legend_of("e", ERROR_LIMITS, "{} min", "no route"),
    )
    if not result.chooses:
        return (by_error,)
    loss = _mean_over_draws(
        np.stack([metrics.losses(draw, reference) for draw in result.ours_by_place])
    )
    margin = metrics.margins(reference)
    return (
        Colouring(
            "choice",
            "Minutes lost by our choice",
            classes_of("d", loss, LOSS_LIMITS),
            (
                ("d0", "the reference's unit, or a tie"),
                ("d1", "lost up to 1.5 min"),
                ("d2", "1.5 to 3 min"),
                ("d3", "over 3 min"),
                ("none", "no answer"),
            ),
        ),
        by_error,
        Colouring(
            "margin",
            "Margin of the reference",
            classes_of("m", np.where(known, margin, np.nan), MARGIN_LIMITS),
            legend_of("m", MARGIN_LIMITS, "{} min", "no reference"),
        ),
    )


def _mean_over_draws(values: FloatArray) -> FloatArray:
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _words(result: Result, names: Sequence[str]) -> list[str]:
    """What the pointer is told of each place: each unit's minutes, ours and the reference's."""
    codes = [result.tested.units[u].ods_code for u in result.columns]
    ours = _mean_over_draws(result.ours_by_place)
    told = []
    for name, our, reference in zip(
        names, ours.tolist(), result.reference_by_place.tolist(), strict=True
    ):
        pairs = [
            f"{code} {_m(a)} / {_m(b)}" for code, a, b in zip(codes, our, reference, strict=True)
        ]
        told.append(f"{name}\nours / reference, min\n" + "\n".join(pairs))
    return told


def _m(minutes: float) -> str:
    return "–" if math.isnan(minutes) else f"{minutes:.1f}"


def colours_in_use() -> Mapping[str, int]:
    """How many classes each way of colouring has; the style sheet holds a colour for each."""
    return {"e": len(ERROR_LIMITS) + 1, "d": len(LOSS_LIMITS) + 1, "m": len(MARGIN_LIMITS) + 1}
