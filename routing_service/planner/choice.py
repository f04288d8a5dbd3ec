"""Who goes where: the quickest unit that a place may use, in each phase of the week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routing_service.units import INF_MS, NONE

if TYPE_CHECKING:
    from routing_service.units import BoolArray, IntArray, LongArray


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Where every place goes and how long it takes, phase by phase.

    Attributes
    ----------
    unit, ms
        ``int32[phases, n]``, column of the unit, and time; `NONE` and ``INF_MS`` where nobody may
        or can be taken anywhere.
    minutes
        ``int64[phases]``, how much of the week each phase is, in lowest terms.
    nearest, nearest_ms
        ``int32[n]``, the quickest of the scenario's units whatever rules hold.
    """

    unit: IntArray
    ms: IntArray
    minutes: LongArray
    nearest: IntArray
    nearest_ms: IntArray

    @property
    def mean_ms(self) -> LongArray:
        """``int64[n]``, mean over the week, halves up; ``INF_MS`` if ever nobody can be taken."""
        whole = int(self.minutes.sum())
        total = (self.ms.astype(np.int64) * self.minutes[:, None]).sum(axis=0)
        mean = (2 * total + whole) // (2 * whole)
        return np.where((self.ms >= INF_MS).any(axis=0), np.int64(INF_MS), mean)

    @property
    def usual_unit(self) -> IntArray:
        """``int32[n]``, the unit of the longest phase, the earlier of two as long."""
        return np.asarray(self.unit[int(self.minutes.argmax())])


def choose(
    ms: IntArray, eligible: BoolArray, divert_ms: Sequence[int] | None = None
) -> tuple[IntArray, IntArray]:
    """Choose a unit for each place.

    Parameters
    ----------
    ms
        ``int32[n, units]``, ``INF_MS`` without a route; of equal times the first unit wins.
    eligible
        ``bool[n, units]`` or ``bool[units]``: who may be taken where.
    divert_ms
        For each unit `NONE`, or how much longer a patient who is diverted from it may take. Those
        for whom the next unit that is not on divert is further than that are taken there still.

    Returns
    -------
    tuple
        ``int32[n]`` column and ``int32[n]`` time; `NONE` and ``INF_MS`` where there is none.

    Examples
    --------
    >>> ms = np.array([[10, 14], [10, 19], [30, 12]], dtype=np.int32)
    >>> unit, time = choose(ms, np.array([True, True]), divert_ms=[5, -1])
    >>> unit.tolist(), time.tolist()
    ([1, 0, 1], [14, 10, 12])
    """
    allowed = np.where(eligible, ms, np.int32(INF_MS))
    unit, best_ms = _least(allowed)
    if divert_ms is not None:
        limit_ms = np.array(divert_ms, dtype=np.int64)
        other, other_ms = _least(np.where(limit_ms == NONE, allowed, np.int32(INF_MS)))
        limit_at = limit_ms[unit]
        extra_ms = other_ms.astype(np.int64) - best_ms
        diverted = (limit_at != NONE) & (other_ms < INF_MS) & (extra_ms <= limit_at)
        unit, best_ms = np.where(diverted, other, unit), np.where(diverted, other_ms, best_ms)
    unit = np.where(best_ms < INF_MS, unit, np.int32(NONE)).astype(np.int32)
    return unit, best_ms.astype(np.int32)


def _least(ms: IntArray) -> tuple[IntArray, IntArray]:
    at = ms.argmin(axis=1).astype(np.int32)
    return at, ms[np.arange(len(ms)), at]
