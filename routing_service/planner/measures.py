"""Figures of access and of change, in whole numbers until the very last division.

Weights are whole parts (`population.whole_parts`) and times whole milliseconds, so a sum is the
same in any order and on any machine. Means are rounded to the millisecond, halves up; a quantile is
one of the times; shares are divided last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.units import INF_MS, MS_PER_MINUTE

if TYPE_CHECKING:
    from routing_service.planner.choice import Assignment
    from routing_service.units import BoolArray, LongArray

WITHIN_MINUTES: Final = (30, 45, 60)
"""An ideal, the limit of the one public divert rule, and the standard of the region's service."""
BEYOND_MINUTES: Final = (45, 60)
WORSE_MINUTES: Final = (5, 10)


@dataclass(frozen=True, slots=True)
class Access:
    """How one population reaches its units; times are None where nobody has a route.

    `within` are shares of the whole weight within `WITHIN_MINUTES`: who has no route is not.
    """

    mean_ms: int | None
    median_ms: int | None
    p90_ms: int | None
    max_ms: int | None
    within: tuple[float, ...]
    no_route: float


@dataclass(frozen=True, slots=True)
class Change:
    """What a scenario does to one population; all are shares of its whole weight but the means.

    Attributes
    ----------
    affected, better
        Whose time grows; whose time falls.
    other_unit
        Who goes to another unit, whatever the time.
    worse
        Whose time grows by more than `WORSE_MINUTES`.
    newly_beyond
        Who was within `BEYOND_MINUTES` and no longer is, be it for want of a route.
    lost_route
        Who had a route and has none.
    mean_change_ms, mean_extra_ms
        Of all who have a route before and after; of the affected among them.
    """

    affected: float
    better: float
    other_unit: float
    worse: tuple[float, ...]
    newly_beyond: tuple[float, ...]
    lost_route: float
    mean_change_ms: int | None
    mean_extra_ms: int | None


def access(ms: LongArray, parts: LongArray) -> Access:
    """Figures of one population before or after.

    Parameters
    ----------
    ms
        ``int[k]``, times, ``INF_MS`` without a route.
    parts
        ``int64[k]``, weights; their sum is above zero.

    Examples
    --------
    >>> minutes = np.array([10, 20, 50])
    >>> found = access(minutes * 60_000, np.array([1, 2, 1]))
    >>> found.mean_ms, found.median_ms, found.within
    (1500000, 1200000, (0.75, 0.75, 1.0))
    """
    whole = int(parts.sum())
    reached = (ms < INF_MS) & (parts > 0)
    order = np.argsort(ms[reached], kind="stable")
    times, weights = ms[reached][order], parts[reached][order]
    return Access(
        mean_ms=mean_ms(times, weights),
        median_ms=_quantile(times, weights, 1, 2),
        p90_ms=_quantile(times, weights, 9, 10),
        max_ms=int(times[-1]) if len(times) else None,
        within=tuple(
            share(parts, whole, ms <= minutes * MS_PER_MINUTE) for minutes in WITHIN_MINUTES
        ),
        no_route=share(parts, whole, ms >= INF_MS),
    )


def change(before_ms: LongArray, after_ms: LongArray, parts: LongArray, moved: BoolArray) -> Change:
    """Figures of one population's change.

    Parameters
    ----------
    before_ms, after_ms
        ``int[k]``, times, ``INF_MS`` without a route.
    parts
        ``int64[k]``, weights; their sum is above zero.
    moved
        ``bool[k]``, whether the unit is another.
    """
    whole = int(parts.sum())
    both = (before_ms < INF_MS) & (after_ms < INF_MS)
    lost = (before_ms < INF_MS) & (after_ms >= INF_MS)
    extra = after_ms.astype(np.int64) - before_ms
    affected = extra > 0
    limits = [minutes * MS_PER_MINUTE for minutes in BEYOND_MINUTES]
    return Change(
        affected=share(parts, whole, affected),
        better=share(parts, whole, extra < 0),
        other_unit=share(parts, whole, moved),
        worse=tuple(
            share(parts, whole, extra > minutes * MS_PER_MINUTE) for minutes in WORSE_MINUTES
        ),
        newly_beyond=tuple(
            share(parts, whole, (before_ms <= limit) & (after_ms > limit)) for limit in limits
        ),
        lost_route=share(parts, whole, lost),
        mean_change_ms=mean_ms(extra[both], parts[both]),
        mean_extra_ms=mean_ms(extra[both & affected], parts[both & affected]),
    )


def mean_ms(ms: LongArray, parts: LongArray) -> int | None:
    """Weighted mean in whole milliseconds, halves up; None without any weight.

    Examples
    --------
    >>> mean_ms(np.array([1, 2]), np.array([1, 1])), mean_ms(np.array([-1, -2]), np.array([1, 1]))
    (2, -1)
    """
    whole = int(parts.sum())
    if whole == 0:
        return None
    return (2 * _dot(parts, ms) + whole) // (2 * whole)


def _dot(parts: LongArray, ms: LongArray) -> int:
    """Sum of the products, exact: in 64 bits where they hold it, else in Python's own integers."""
    most = int(parts.sum()) * int(np.abs(ms).max(initial=0))
    if most < 2**63:
        return int((parts * ms).sum())
    return int((parts.astype(object) * ms).sum())


def _quantile(ms: LongArray, parts: LongArray, over: int, under: int) -> int | None:
    """The least of the sorted times that ``over / under`` of the weight does not exceed."""
    if len(ms) == 0:
        return None
    reached = np.cumsum(parts)
    wanted = -(-int(reached[-1]) * over // under)
    return int(ms[int(np.searchsorted(reached, wanted))])


def share(parts: LongArray, whole: int, which: BoolArray) -> float:
    """Share of the weight that is marked."""
    return int(parts[which].sum()) / whole if whole else 0.0


# --- a week ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Before and after over a week: the phases of both, one after the other, as one column each."""

    before_ms: LongArray
    after_ms: LongArray
    moved: BoolArray
    minutes: LongArray
    n: int

    @classmethod
    def of(cls, before: Assignment, after: Assignment) -> Pair:
        """Join two assignments over the same phases."""
        return cls(
            before.ms.ravel().astype(np.int64),
            after.ms.ravel().astype(np.int64),
            (before.unit != after.unit).ravel(),
            after.minutes,
            before.ms.shape[1],
        )

    def weights(self, parts: LongArray) -> LongArray:
        """``int64[phases * n]``: each place's weight, by how much of the week a phase is."""
        return np.asarray((parts[None, :] * self.minutes[:, None]).ravel())

    def rows(self, places: LongArray) -> LongArray:
        """The rows of some places, in all phases."""
        return np.concatenate([places + self.n * phase for phase in range(len(self.minutes))])


def flows(before: Assignment, after: Assignment, parts: LongArray, units: int) -> LongArray:
    """Weight that goes from unit to unit, ``int64[units + 1, units + 1]``; the last is nowhere.

    Parts are multiplied by the minutes of the phases, as in `Pair.weights`.
    """
    table = np.zeros((units + 1, units + 1), dtype=np.int64)
    for phase, minutes in enumerate(after.minutes.tolist()):
        # Nowhere is -1, which is the last.
        np.add.at(table, (before.unit[phase], after.unit[phase]), parts * minutes)
    return table
