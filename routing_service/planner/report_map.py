"""Maps of a study: small areas coloured by minutes, by unit and by change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.location.small_areas import outlines_of
from routing_service.pages.flat_map import AreaMap, Colouring, classes_of, legend_of
from routing_service.planner.summary import NOWHERE, unit_codes
from routing_service.units import INF_MS, MS_PER_MINUTE, NONE

if TYPE_CHECKING:
    from routing_service.decision.model import Unit
    from routing_service.planner.choice import Assignment
    from routing_service.planner.run import Findings, Outcome
    from routing_service.units import FloatArray, IntArray, LongArray

MINUTE_LIMITS: Final = (10.0, 20.0, 30.0, 45.0, 60.0)
CHANGE_LIMITS: Final = (-5.0, -0.5, 0.5, 5.0, 10.0, 15.0)
"""Half a minute either way is no change that a map should show."""
UNIT_COLOURS: Final = 8

Pictures = tuple[Colouring, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AreaTimes:
    """What an assignment means for each small area of a map: ``float64`` minutes, and units."""

    minutes: FloatArray
    unit: IntArray


class StudyMap:
    """The map that all scenarios of a study share."""

    def __init__(self, findings: Findings) -> None:
        population = findings.population
        self._findings = findings
        self._shown = np.unique(population.area[population.area != NONE])
        self._at = np.searchsorted(self._shown, population.area)
        self._names = [population.areas[a] for a in self._shown.tolist()]
        lon, lat = (self._mean(column) for column in (population.lon, population.lat))
        self._map = AreaMap(self._names, lon, lat, outlines_of(self._names), findings.columns.units)
        self._before = self._times(findings.before)

    @property
    def shapes(self) -> str:
        """The outlines, to be written once before the first picture."""
        return self._map.shapes

    def baseline(self) -> tuple[Pictures, str]:
        """Pictures of the baseline, and their HTML."""
        times = self._before
        pictures = (
            self._by_unit("base-unit", "Unit in the baseline", times),
            _by_minutes("base-minutes", "Minutes in the baseline", times.minutes),
        )
        words = [f"{name}\n{self._say(times, k)}" for k, name in enumerate(self._names)]
        units = self._units(findings_assignment=self._findings.before)
        return pictures, self._map.pictures(pictures, words, units, "base")

    def scenario(self, number: int, outcome: Outcome) -> tuple[Pictures, str]:
        """Pictures of one scenario, and their HTML."""
        times, before = self._times(outcome.after), self._before
        key = f"s{number}"
        pictures = (
            _by_change(f"{key}-change", times.minutes - before.minutes),
            self._by_unit(f"{key}-unit", "Unit in this scenario", times),
            _by_minutes(f"{key}-minutes", "Minutes in this scenario", times.minutes),
        )
        words = [
            f"{name}\nbefore: {self._say(before, k)}\nafter: {self._say(times, k)}"
            for k, name in enumerate(self._names)
        ]
        units = self._units(findings_assignment=outcome.after)
        return pictures, self._map.pictures(pictures, words, units, key)

    # --- areas ---------------------------------------------------------------------------------
    def _mean(self, column: FloatArray) -> FloatArray:
        inside = self._findings.population.area != NONE
        total = np.bincount(self._at[inside], weights=column[inside], minlength=len(self._shown))
        count = np.bincount(self._at[inside], minlength=len(self._shown))
        return np.asarray(total / count)

    def _times(self, assignment: Assignment) -> AreaTimes:
        """Mean minutes of each area's places, and the unit of most of them, first of equals."""
        population, ms = self._findings.population, assignment.mean_ms
        inside = (population.area != NONE) & (ms < INF_MS)
        n, units = len(self._shown), len(self._findings.columns.units)
        at = self._at[inside]
        total: LongArray = np.zeros(n, dtype=np.int64)
        count: LongArray = np.zeros(n, dtype=np.int64)
        by_unit: LongArray = np.zeros((n, units), dtype=np.int64)
        np.add.at(total, at, ms[inside])
        np.add.at(count, at, 1)
        np.add.at(by_unit, (at, assignment.usual_unit[inside]), 1)
        minutes = np.where(count > 0, total / np.maximum(count, 1) / MS_PER_MINUTE, np.nan)
        unit = np.where(count > 0, by_unit.argmax(axis=1), NONE).astype(np.int32)
        return AreaTimes(minutes, unit)

    def _say(self, times: AreaTimes, k: int) -> str:
        codes = [*unit_codes(self._findings), NOWHERE]
        if times.unit[k] == NONE:
            return codes[NONE]
        return f"{codes[times.unit[k]]}, {times.minutes[k]:.1f} min"

    def _units(self, findings_assignment: Assignment) -> list[Unit]:
        """The units that anybody is nearest to or goes to."""
        used = {*findings_assignment.nearest.tolist(), *findings_assignment.unit.ravel().tolist()}
        return [u for k, u in enumerate(self._findings.columns.units) if k in used]

    def _by_unit(self, key: str, title: str, times: AreaTimes) -> Colouring:
        names = [unit.name for unit in self._findings.columns.units]
        codes = unit_codes(self._findings)
        classes = tuple(
            "none" if u == NONE else f"u{u % UNIT_COLOURS}" for u in times.unit.tolist()
        )
        used = sorted(set(times.unit.tolist()) - {NONE})
        legend = [(f"u{u % UNIT_COLOURS}", f"{names[u]} ({codes[u]})") for u in used]
        return Colouring(key, title, classes, (*legend, ("none", "no unit")))


def _by_minutes(key: str, title: str, minutes: FloatArray) -> Colouring:
    classes = classes_of("t", minutes, MINUTE_LIMITS)
    return Colouring(key, title, classes, legend_of("t", MINUTE_LIMITS, "{} min", "no unit"))


def _by_change(key: str, minutes: FloatArray) -> Colouring:
    classes = classes_of("c", minutes, CHANGE_LIMITS)
    legend = legend_of("c", CHANGE_LIMITS, "{} min", "no unit before or after")
    return Colouring(key, "Change in minutes", classes, legend)


def keys_of(pictures: Sequence[Colouring]) -> list[str]:
    """Names by which a style sheet finds pictures."""
    return [each.key for each in pictures]
