"""S-curves: what share of a population is within each number of minutes, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.pages.svg import Frame, even_axis, line
from routing_service.planner.measures import WITHIN_MINUTES
from routing_service.units import INF_MS, MS_PER_MINUTE

if TYPE_CHECKING:
    from routing_service.planner.choice import Assignment
    from routing_service.units import LongArray

COLOURS: Final = 6
STEPS_PER_MINUTE: Final = 2


def s_curves(curves: Sequence[tuple[str, Assignment]], parts: LongArray) -> str:
    """Share of the weight within each half minute, a line for each name, the first one strongest.

    Parameters
    ----------
    curves
        Names and assignments, the baseline first.
    parts
        ``int64[n]``, weights.
    """
    longest_ms = max(int(a.ms[a.ms < INF_MS].max(initial=0)) for _, a in curves)
    high = max(longest_ms / MS_PER_MINUTE, 30.0)
    frame = Frame(
        even_axis("minutes to the unit", 0.0, high, 5.0),
        even_axis("% of the weight within", 0.0, 100.0, 20.0),
        width=680.0,
        height=360.0,
    )
    last = round(frame.x_axis.high * STEPS_PER_MINUTE)
    limits_ms = np.arange(last + 1) * (MS_PER_MINUTE // STEPS_PER_MINUTE)
    marks = [
        line([(frame.x(m), frame.y(0.0)), (frame.x(m), frame.y(100.0))], "standard")
        for m in WITHIN_MINUTES
        if m <= frame.x_axis.high
    ]
    # The baseline is drawn last, over the others.
    for k, (name, assignment) in reversed(list(enumerate(curves))):
        shares = _shares(assignment, parts, limits_ms)
        points = [
            (frame.x(step / STEPS_PER_MINUTE), frame.y(100.0 * share))
            for step, share in enumerate(shares)
        ]
        drawn = line(points, f"s-curve k{_colour(k)}")
        marks.append(f"<g><title>{escape(name)}</title>{drawn}</g>")
    return frame.draw("Share of the weight within each number of minutes", marks) + _legend(curves)


def _shares(assignment: Assignment, parts: LongArray, limits_ms: LongArray) -> list[float]:
    """Share of the weight within each limit; whoever has no route is in none."""
    weight = (parts[None, :] * assignment.minutes[:, None]).ravel()
    ms = assignment.ms.ravel()
    order = np.argsort(ms, kind="stable")
    reached = np.concatenate([[0], np.cumsum(weight[order])])
    within = np.searchsorted(ms[order], limits_ms, side="right")
    whole = int(weight.sum())
    return [int(reached[k]) / whole for k in within.tolist()]


def _legend(curves: Sequence[tuple[str, Assignment]]) -> str:
    entries = "".join(
        f'<li><i class="k{_colour(k)}"></i>{escape(name)}</li>'
        for k, (name, _) in enumerate(curves)
    )
    return f'<ul class="legend lines">{entries}</ul>'


def _colour(k: int) -> int:
    """Class of a curve's colour: 0 for the baseline; others repeat when there are many."""
    return 0 if k == 0 else 1 + (k - 1) % COLOURS
