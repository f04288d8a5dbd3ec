"""Running a study: times, choices, and every scenario held against the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routing_service.errors import InvalidStudy
from routing_service.graph.weekly import Hours
from routing_service.planner.choice import Assignment, choose
from routing_service.planner.equity import Gap, GroupFigures, gaps, group_figures
from routing_service.planner.measures import flows
from routing_service.planner.network import Columns, NetworkTimes, ReferenceTimes, Times
from routing_service.planner.week import phases_of
from routing_service.units import MS_PER_MINUTE, NONE

if TYPE_CHECKING:
    from routing_service.decision.model import Unit
    from routing_service.live.snapshot import Snapshot
    from routing_service.planner.population import Population
    from routing_service.planner.study import Scenario, Study
    from routing_service.progress import Progress
    from routing_service.units import BoolArray, IntArray, LongArray


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One scenario against the baseline.

    Attributes
    ----------
    flows
        ``int64[columns + 1, columns + 1]``, see `measures.flows`.
    """

    scenario: Scenario
    after: Assignment
    figures: tuple[GroupFigures, ...]
    gaps: tuple[Gap, ...]
    flows: LongArray


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """All that a study found."""

    study: Study
    population: Population
    columns: Columns
    before: Assignment
    outcomes: tuple[Outcome, ...]

    @property
    def week_minutes(self) -> int:
        """What parts of flows are to be divided by, besides `PARTS`."""
        return int(self.before.minutes.sum())


def run_study(
    study: Study, population: Population, snapshot: Snapshot, progress: Progress | None = None
) -> Findings:
    """Hold every scenario of a study against its baseline.

    Raises
    ------
    InvalidStudy
        If a scenario names a unit or a speed set that the network does not have, closes all units,
        or opens one that it has.
    InvalidPopulation
        If a policy names a group that the population does not have.
    InvalidUnits, InvalidClosure
        See `NetworkTimes`.
    """
    tell = progress or (lambda stage, share: None)
    scenarios = (study.baseline, *study.scenarios)
    columns = columns_of(snapshot.units, scenarios)
    for scenario in scenarios:
        check_codes(scenario, columns)
    times: Times = (
        NetworkTimes(snapshot, columns, population)
        if study.population.times == "network"
        else ReferenceTimes(columns, population)
    )
    # All scenarios share one week, so that before and after can be held together phase by phase.
    hours = [opening_hours(scenario, columns) for scenario in scenarios]
    week = phases_of([each for opening in hours for each in opening.values()])
    assignments, used = [], 0
    for k, scenario in enumerate(scenarios):
        tell("times", k / len(scenarios))
        ms = times.ms(scenario.closures, scenario.speed_set)
        known = dict(zip(hours[k], week.holds[:, used : used + len(hours[k])].T, strict=True))
        used += len(hours[k])
        assignments.append(assign(scenario, columns, population, ms, Opening(week.minutes, known)))
    before, outcomes = assignments[0], []
    for k, (scenario, after) in enumerate(zip(study.scenarios, assignments[1:], strict=True)):
        tell("figures", k / len(study.scenarios))
        outcomes.append(
            Outcome(
                scenario,
                after,
                group_figures(population, before, after),
                gaps(population, before, after),
                flows(before, after, population.parts, len(columns.units)),
            )
        )
    return Findings(study, population, columns, before, tuple(outcomes))


def columns_of(units: Sequence[Unit], scenarios: Sequence[Scenario]) -> Columns:
    """The units of the network, then all that scenarios open or move, each place once."""
    new = {unit for scenario in scenarios for unit in (*scenario.open, *scenario.move)}
    in_order = sorted(new, key=lambda unit: (unit.ods_code, unit.lat, unit.lon, unit.name))
    return Columns((*units, *in_order), len(units))


def check_codes(scenario: Scenario, columns: Columns) -> None:
    """Refuse a scenario whose units are not those of the network; see `run_study`."""
    known = [unit.ods_code for unit in columns.units[: columns.known]]
    opened = [unit.ods_code for unit in scenario.open]
    moved = [unit.ods_code for unit in scenario.move]
    where = f"scenario {scenario.name!r}"
    for code in opened:
        if code in known:
            raise InvalidStudy(f"{where} opens {code}, which the network has; move it instead")
    for code in (*scenario.close, *moved):
        if code not in known:
            raise InvalidStudy(f"{where}: no unit {code} in the network, only {', '.join(known)}")
    eligible = [code for policy in scenario.policies for code in policy.eligible]
    for code in (*scenario.hours, *scenario.divert_minutes, *eligible):
        if code not in (*known, *opened):
            there = ", ".join((*known, *opened))
            raise InvalidStudy(f"{where}: there is no unit {code}, only {there}")
    for code in (*moved, *scenario.hours, *scenario.divert_minutes):
        if code in scenario.close:
            raise InvalidStudy(f"{where} closes {code}, and says more of it")
    for codes in (opened, moved):
        if len(set(codes)) < len(codes):
            raise InvalidStudy(f"{where} opens or moves a unit twice")
    if set(known) <= set(scenario.close) and not opened:
        raise InvalidStudy(f"{where} closes every unit")


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """The phases of a week, and in which of them each column that is not always open is.

    Attributes
    ----------
    minutes
        ``int64[phases]``, see `week.Week`.
    holds
        ``bool[phases]`` by column.
    """

    minutes: LongArray
    holds: Mapping[int, BoolArray]


def opening_hours(scenario: Scenario, columns: Columns) -> dict[int, Hours]:
    """Opening hours by column, of the units that a scenario has and that are not always open."""
    there = _present(scenario, columns)
    hours = {
        k: scenario.hours.get(unit.ods_code) or Hours.read(unit.hours)
        for k, unit in enumerate(columns.units)
        if there[k]
    }
    return {k: each for k, each in hours.items() if each.periods}


def assign(
    scenario: Scenario,
    columns: Columns,
    population: Population,
    ms: IntArray,
    opening: Opening,
) -> Assignment:
    """Who goes where in one scenario.

    Parameters
    ----------
    ms
        ``int32[n, columns]``, times in the scenario's state of the roads.
    opening
        The week, and when units that are not always open are.
    """
    there = _present(scenario, columns)
    nearest, nearest_ms = choose(ms, there)
    allowed = there & _policy(scenario, columns, population, there)
    divert_ms = _divert_ms(scenario, columns, there)
    unit, chosen_ms = [], []
    for phase in range(len(opening.minutes)):
        eligible = allowed.copy()
        for column, holds in opening.holds.items():
            if not holds[phase]:
                eligible[:, column] = False
        chosen = choose(ms, eligible, divert_ms)
        unit.append(chosen[0])
        chosen_ms.append(chosen[1])
    return Assignment(np.stack(unit), np.stack(chosen_ms), opening.minutes, nearest, nearest_ms)


def _present(scenario: Scenario, columns: Columns) -> BoolArray:
    """``bool[columns]``: the units that a scenario has, at their places."""
    gone = {*scenario.close, *(unit.ods_code for unit in scenario.move)}
    there = np.zeros(len(columns.units), dtype=np.bool_)
    for k, unit in enumerate(columns.units[: columns.known]):
        there[k] = unit.ods_code not in gone
    for unit in (*scenario.open, *scenario.move):
        there[columns.index(unit)] = True
    return there


def _column(code: str, columns: Columns, there: BoolArray) -> int:
    """The column of a unit at the place that it has in a scenario; -1 if it is not there."""
    for k, unit in enumerate(columns.units):
        if there[k] and unit.ods_code == code:
            return k
    return NONE


def _divert_ms(scenario: Scenario, columns: Columns, there: BoolArray) -> list[int] | None:
    if not scenario.divert_minutes:
        return None
    limits = [NONE] * len(columns.units)
    for code, minutes in scenario.divert_minutes.items():
        limits[_column(code, columns, there)] = round(minutes * MS_PER_MINUTE)
    return limits


def _policy(
    scenario: Scenario, columns: Columns, population: Population, there: BoolArray
) -> BoolArray:
    """``bool[n, columns]``: where each place's people may go, by the first policy of theirs."""
    allowed = np.ones((len(population), len(columns.units)), dtype=np.bool_)
    free = np.ones(len(population), dtype=np.bool_)
    for policy in scenario.policies:
        eligible = np.zeros(len(columns.units), dtype=np.bool_)
        for code in policy.eligible:
            if (column := _column(code, columns, there)) != NONE:
                eligible[column] = True
        members = population.members(policy.grouping, policy.groups) & free
        allowed[members] = eligible
        free &= ~members
    return allowed
