"""Group by group: the figures behind "no worse off", and the gap between the extremes.

It reports and does not judge: what counts as worse off, and whether a difference matters, is for
those who decide. Minutes are not outcomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.planner.measures import Access, Change, Pair, access, change, mean_ms
from routing_service.planner.population import UNKNOWN
from routing_service.units import INF_MS, NONE

if TYPE_CHECKING:
    from routing_service.planner.choice import Assignment
    from routing_service.planner.population import Grouping, Population
    from routing_service.units import FloatArray, LongArray

EVERYONE: Final = "everyone"
DRAWS: Final = 1_000
SEED: Final = 20190701
"""Any number would do; it is this one, always, so that an interval can be drawn again."""
LOW, HIGH = 0.025, 0.975


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One group: its weight in parts of a million, before, after, and what changed."""

    grouping: str
    label: str
    parts: int
    before: Access
    after: Access
    change: Change


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that holds 95 % of the bootstrap's, in milliseconds."""

    ms: int
    low_ms: int
    high_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Mean time of one group less that of another, before, after, and how it changed.

    The interval says how much the figure hangs on which small areas the groups happen to be made
    of: areas are drawn with replacement, each with all its people, the same for before and after.
    """

    grouping: str
    labels: tuple[str, str]
    areas: tuple[int, int]
    before: Estimate
    after: Estimate
    change: Estimate


def group_figures(
    population: Population, before: Assignment, after: Assignment
) -> tuple[GroupFigures, ...]:
    """Figures of everyone, then of each group that anybody is in, in the order of the labels."""
    pair = Pair.of(before, after)
    weights = pair.weights(population.parts)
    told = [_figures(EVERYONE, EVERYONE, pair, weights, population.parts)]
    for grouping in population.groupings:
        for label, parts in groups_of(grouping, population.parts):
            told.append(_figures(grouping.name, label, pair, pair.weights(parts), parts))
    return tuple(told)


def groups_of(grouping: Grouping, parts: LongArray) -> Iterator[tuple[str, LongArray]]:
    """Each group with the weight of its people in every place; groups without any are left out."""
    if grouping.codes is None:
        assert grouping.parts is not None
        yield from (
            (label, own)
            for label, own in zip(grouping.labels, grouping.parts, strict=True)
            if own.any()
        )
        return
    for k, label in [*enumerate(grouping.labels), (NONE, UNKNOWN)]:
        own = np.where(grouping.codes == k, parts, 0)
        if own.any():
            yield label, own


def _figures(
    grouping: str, label: str, pair: Pair, weights: LongArray, parts: LongArray
) -> GroupFigures:
    rows = np.flatnonzero(weights)
    before, after, weight = pair.before_ms[rows], pair.after_ms[rows], weights[rows]
    return GroupFigures(
        grouping=grouping,
        label=label,
        parts=int(parts.sum()),
        before=access(before, weight),
        after=access(after, weight),
        change=change(before, after, weight, pair.moved[rows]),
    )


# --- the gap -----------------------------------------------------------------------------------
def gaps(population: Population, before: Assignment, after: Assignment) -> tuple[Gap, ...]:
    """The gap of every grouping that names its extremes, where both have people with a route."""
    pair = Pair.of(before, after)
    found = (
        _gap(grouping, population, pair)
        for grouping in population.groupings
        if grouping.extremes is not None
    )
    return tuple(gap for gap in found if gap is not None)


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """By small area: weight, and weight times milliseconds before and after; ``int64[areas]``."""

    weight: LongArray
    before: LongArray
    after: LongArray
    means: tuple[int, int]

    def draws(self, rng: np.random.Generator) -> FloatArray:
        """``float64[2, draws]``: mean before and after of areas drawn with replacement."""
        n = len(self.weight)
        means = np.zeros((2, DRAWS))
        for k in range(DRAWS):
            drawn = rng.integers(0, n, size=n)
            weight = int(self.weight[drawn].sum())
            for row, values in enumerate((self.before, self.after)):
                means[row, k] = int(values[drawn].sum()) / weight
        return means


def _gap(grouping: Grouping, population: Population, pair: Pair) -> Gap | None:
    assert grouping.extremes is not None
    groups = dict(groups_of(grouping, population.parts))
    if not all(label in groups for label in grouping.extremes):
        return None
    sums = [_sums(population, pair, groups[label]) for label in grouping.extremes]
    if not all(len(each.weight) for each in sums):
        return None
    rng = np.random.Generator(np.random.PCG64(SEED))
    worse, better = (each.draws(rng) for each in sums)
    drawn = worse - better
    before, after = (w - b for w, b in zip(sums[0].means, sums[1].means, strict=True))
    return Gap(
        grouping=grouping.name,
        labels=grouping.extremes,
        areas=(len(sums[0].weight), len(sums[1].weight)),
        before=_estimate(before, drawn[0]),
        after=_estimate(after, drawn[1]),
        change=_estimate(after - before, drawn[1] - drawn[0]),
    )


def _sums(population: Population, pair: Pair, parts: LongArray) -> _Sums:
    """Sums by area over those who have a route before and after."""
    both = (pair.before_ms < INF_MS) & (pair.after_ms < INF_MS)
    weights = np.where(both, pair.weights(parts), 0)
    before = np.where(both, pair.before_ms, 0)
    after = np.where(both, pair.after_ms, 0)
    # A place outside all areas is an area of its own.
    own = len(population.areas) + np.arange(len(population))
    area = np.where(population.area == NONE, own, population.area)
    areas, at = np.unique(area, return_inverse=True)
    at = np.tile(at, len(pair.minutes))
    # Sums of a whole draw must fit 64 bits: what does not is cut off the weights' low end.
    most = int(weights.sum()) * int(max(before.max(initial=0), after.max(initial=0)))
    shifted = weights >> max(0, most.bit_length() - 61)
    columns = []
    for values in (shifted, shifted * before, shifted * after):
        column = np.zeros(len(areas), dtype=np.int64)
        np.add.at(column, at, values)
        columns.append(column)
    held = columns[0] > 0
    means = (mean_ms(before, weights) or 0, mean_ms(after, weights) or 0)
    return _Sums(columns[0][held], columns[1][held], columns[2][held], means)


def _estimate(ms: int, drawn: FloatArray) -> Estimate:
    low, high = np.quantile(drawn, (LOW, HIGH), method="inverted_cdf")
    return Estimate(ms, round(float(low)), round(float(high)))
