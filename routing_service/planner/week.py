"""The week in phases: stretches over which the same rules hold in every scenario of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from routing_service.graph.weekly import Hours
    from routing_service.units import BoolArray, LongArray

MINUTES_PER_DAY: Final = 1_440
DAYS: Final = 7


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """The phases of a week.

    Attributes
    ----------
    minutes
        ``int64[phases]``, how much of the week each phase is, in lowest terms.
    holds
        ``bool[phases, hours]``, which of the given opening hours hold in each phase.
    """

    minutes: LongArray
    holds: BoolArray


def phases_of(hours: Sequence[Hours]) -> Week:
    """Part the week wherever one of several opening hours begins or ends.

    Minutes of the week in which the same of the hours hold are one phase. Emergencies are taken to
    come evenly over the week. Phases stand in the order in which they first occur.

    Examples
    --------
    >>> from routing_service.graph.weekly import Hours
    >>> week = phases_of([Hours.read("mon-fri 08:00-20:00")])
    >>> week.minutes.tolist(), week.holds.tolist()
    ([9, 5], [[False], [True]])
    """
    clocks = [time(minute // 60, minute % 60) for minute in range(MINUTES_PER_DAY)]
    grid = np.array(
        [
            [any(period.holds(day, clock) for period in each.periods) for each in hours]
            for day in range(DAYS)
            for clock in clocks
        ],
        dtype=np.bool_,
    ).reshape(DAYS * MINUTES_PER_DAY, len(hours))
    patterns, first, count = np.unique(grid, axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    minutes = count[order].astype(np.int64)
    return Week(minutes // np.gcd.reduce(minutes), patterns[order])
