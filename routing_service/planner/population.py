"""`Population`: who lives where, how much each place weighs, and the groups that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.errors import InvalidPopulation
from routing_service.units import NONE

if TYPE_CHECKING:
    from routing_service.units import BoolArray, FloatArray, IntArray, LongArray

UNKNOWN: Final = "unknown"
"""Label of places that a grouping says nothing of; they are shown, not dropped."""

PARTS: Final = 10**6
"""Weights are whole numbers of millionths, so that sums do not depend on their order."""

MOST: Final = 9 * 10**8
"""Sum of weights up to which their parts, shared out over the minutes of a week, fit 64 bits."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that figures were made of: by its name, since where it lies is nobody's concern."""

    name: str
    sha256: str
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """A way to part a population.

    Attributes
    ----------
    name
        Such as ``"district"``.
    labels
        The groups, in the order in which they are told.
    codes
        ``int32[n]``, index into `labels` of each place; `NONE` where unknown. None where places
        hold people of every group.
    parts
        ``int64[labels, n]``, the weight of each group in each place, where `codes` is None.
    extremes
        Labels between which a gap is told, the one expected to be worse off first.
    note
        What a reader must know of it, such as the vintage of its areas.
    """

    name: str
    labels: tuple[str, ...]
    codes: IntArray | None
    parts: LongArray | None = None
    extremes: tuple[str, str] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Places with their weights.

    Attributes
    ----------
    what
        What a place is, such as ``"small areas (LSOA, 2011)"``.
    weight_what
        What the weights count, such as ``"stroke admissions a year"``.
    ids
        Sorted, each once.
    lon, lat
        ``float64[n]``, degrees: where the place is shown.
    parts
        ``int64[n]``, weights as whole numbers: a weight of 1.0 is `PARTS`.
    area
        ``int32[n]``, index into `areas` (small areas), `NONE` outside all; places of an area are
        drawn together by the bootstrap.
    areas, area_codes
        Names and codes of the small areas.
    first, point_lon, point_lat
        Place `i` is as far as the mean over the points ``first[i]:first[i + 1]``.
    groupings
        What is compared.
    sources
        What it was read from.
    """

    what: str
    weight_what: str
    ids: tuple[str, ...]
    lon: FloatArray
    lat: FloatArray
    parts: LongArray
    area: IntArray
    areas: tuple[str, ...]
    area_codes: tuple[str, ...]
    first: IntArray
    point_lon: FloatArray
    point_lat: FloatArray
    groupings: tuple[Grouping, ...] = ()
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.ids)

    def grouping(self, name: str) -> Grouping:
        """The grouping of that name.

        Raises
        ------
        InvalidPopulation
            If there is none; names those there are.
        """
        for each in self.groupings:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.groupings) or "none"
        raise InvalidPopulation(f"the population has no grouping {name!r}; known: {known}")

    def members(self, name: str, labels: Sequence[str]) -> BoolArray:
        """``bool[n]``: the places of some groups.

        Raises
        ------
        InvalidPopulation
            If the grouping or a label is unknown, or places hold people of every group.
        """
        grouping = self.grouping(name)
        if grouping.codes is None:
            raise InvalidPopulation(f"places hold people of every {name}: no place is of one alone")
        unknown = sorted(set(labels) - set(grouping.labels))
        if unknown:
            known = ", ".join(grouping.labels)
            raise InvalidPopulation(f"no {name} is called {unknown[0]!r}; known: {known}")
        wanted = np.array([label in labels for label in grouping.labels], dtype=np.bool_)
        return np.asarray((grouping.codes != NONE) & wanted[grouping.codes])


def by_label(name: str, values: Sequence[str], note: str = "") -> Grouping:
    """Group places by a word each; an empty word is unknown.

    Examples
    --------
    >>> grouping = by_label("district", ["Sheffield", "Barnsley", ""])
    >>> grouping.labels, grouping.codes.tolist()
    (('Barnsley', 'Sheffield'), [1, 0, -1])
    """
    labels = tuple(sorted({value for value in values if value}))
    number = {label: k for k, label in enumerate(labels)} | {"": NONE}
    codes = np.array([number[value] for value in values], dtype=np.int32)
    return Grouping(name, labels, codes, note=note)


def whole_parts(weights: FloatArray) -> LongArray:
    """Weights as whole numbers of parts, ``int64[n]``; none is off by more than half a part.

    Parameters
    ----------
    weights
        ``float64[n]``, none negative, not all zero.

    Raises
    ------
    InvalidPopulation
        If a weight is negative or no number, if all are zero, or their sum is above `MOST`.

    Examples
    --------
    >>> whole_parts(np.array([0.5, 2.0])).tolist()
    [500000, 2000000]
    """
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InvalidPopulation("weights must be numbers of zero or more")
    total = float(weights.sum())
    if total > MOST:
        raise InvalidPopulation(f"the weights add up to more than {MOST:,}: give them in thousands")
    parts = np.rint(weights * PARTS).astype(np.int64)
    if not parts.any():
        raise InvalidPopulation("the weights are all zero: nobody lives there")
    return parts
