"""What a study found, as one tree of figures: the JSON, and what tables and report are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from routing_service.graph.weekly import DAYS
from routing_service.planner.measures import BEYOND_MINUTES, WITHIN_MINUTES, WORSE_MINUTES
from routing_service.planner.population import PARTS
from routing_service.units import MS_PER_MINUTE

if TYPE_CHECKING:
    from routing_service.graph.weekly import Hours
    from routing_service.planner.equity import Estimate, Gap, GroupFigures
    from routing_service.planner.measures import Access, Change
    from routing_service.planner.population import Population
    from routing_service.planner.run import Findings, Outcome
    from routing_service.planner.study import Scenario

SHARE_DIGITS: Final = 6
WEIGHT_DIGITS: Final = 3
NOWHERE: Final = "nowhere"
"""Where those go for whom there is no unit."""


def as_tree(findings: Findings) -> dict[str, Any]:
    """All figures of a study by name: minutes, shares from 0 to 1, weights as the population's."""
    population = findings.population
    return {
        "title": findings.study.title,
        "population": describe(population) | {"times": findings.study.population.times},
        "week_phases": [int(m) for m in findings.before.minutes],
        "units": [
            {"ods_code": unit.ods_code, "name": unit.name, "lat": unit.lat, "lon": unit.lon}
            | {"in_network": k < findings.columns.known}
            for k, unit in enumerate(findings.columns.units)
        ],
        "baseline": scenario_json(findings.study.baseline),
        "scenarios": [_outcome(findings, outcome) for outcome in findings.outcomes],
    }


def describe(population: Population) -> dict[str, Any]:
    """What a population is and how it is parted."""
    return {
        "what": population.what,
        "weight": population.weight_what,
        "places": len(population),
        "total": weight(int(population.parts.sum())),
        "notes": list(population.notes),
        "groupings": [
            {"name": each.name, "labels": list(each.labels), "note": each.note}
            for each in population.groupings
        ],
    }


def scenario_json(scenario: Scenario) -> dict[str, Any]:
    """What a scenario changes, without what it leaves."""
    told: dict[str, Any] = {"name": scenario.name, "note": scenario.note}
    changes = {
        "close": list(scenario.close),
        "open": [{"ods_code": u.ods_code, "name": u.name} for u in scenario.open],
        "move": [{"ods_code": u.ods_code, "lat": u.lat, "lon": u.lon} for u in scenario.move],
        "hours": {code: _hours(each) for code, each in scenario.hours.items()},
        "divert_max_extra_minutes": dict(scenario.divert_minutes),
        "closures": [closure.to_json() for closure in scenario.closures],
        "speed_set": "" if scenario.speed_set == "default" else scenario.speed_set,
        "policies": [
            {"grouping": p.grouping, "groups": list(p.groups), "eligible": list(p.eligible)}
            for p in scenario.policies
        ],
    }
    return told | {name: value for name, value in changes.items() if value}


def _hours(hours: Hours) -> list[dict[str, Any]]:
    return [
        {
            "days": [DAYS[day] for day in period.days],
            "from": period.start.isoformat("minutes"),
            "to": period.until.isoformat("minutes"),
        }
        for period in hours.periods
    ]


def _outcome(findings: Findings, outcome: Outcome) -> dict[str, Any]:
    return scenario_json(outcome.scenario) | {
        "groups": [_group(each) for each in outcome.figures],
        "gaps": [_gap(each) for each in outcome.gaps],
        "flows": flow_rows(findings, outcome),
        "units": unit_rows(findings, outcome),
    }


# --- people ------------------------------------------------------------------------------------
def _group(figures: GroupFigures) -> dict[str, Any]:
    return {
        "grouping": figures.grouping,
        "label": figures.label,
        "weight": weight(figures.parts),
        "before": access_json(figures.before),
        "after": access_json(figures.after),
        "change": change_json(figures.change),
    }


def access_json(found: Access) -> dict[str, Any]:
    """Figures of access by name."""
    return {
        "mean_minutes": minutes(found.mean_ms),
        "median_minutes": minutes(found.median_ms),
        "p90_minutes": minutes(found.p90_ms),
        "max_minutes": minutes(found.max_ms),
        **{
            f"within_{limit}": share(value)
            for limit, value in zip(WITHIN_MINUTES, found.within, strict=True)
        },
        "no_route": share(found.no_route),
    }


def change_json(found: Change) -> dict[str, Any]:
    """Figures of change by name."""
    return {
        "affected": share(found.affected),
        "better": share(found.better),
        "other_unit": share(found.other_unit),
        **{
            f"worse_over_{limit}": share(value)
            for limit, value in zip(WORSE_MINUTES, found.worse, strict=True)
        },
        **{
            f"newly_beyond_{limit}": share(value)
            for limit, value in zip(BEYOND_MINUTES, found.newly_beyond, strict=True)
        },
        "lost_route": share(found.lost_route),
        "mean_change_minutes": minutes(found.mean_change_ms),
        "mean_extra_minutes_of_affected": minutes(found.mean_extra_ms),
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "grouping": gap.grouping,
        "labels": list(gap.labels),
        "areas": list(gap.areas),
        "before": _estimate(gap.before),
        "after": _estimate(gap.after),
        "change": _estimate(gap.change),
    }


def _estimate(found: Estimate) -> dict[str, Any]:
    return {
        "minutes": minutes(found.ms),
        "low_minutes": minutes(found.low_ms),
        "high_minutes": minutes(found.high_ms),
    }


# --- units -------------------------------------------------------------------------------------
def flow_rows(findings: Findings, outcome: Outcome) -> list[dict[str, Any]]:
    """Who goes from which unit to which other, largest first."""
    codes = [*unit_codes(findings), NOWHERE]
    table = outcome.flows
    rows = [
        (int(table[a, b]), codes[a], codes[b]) for a, b in np.argwhere(table > 0).tolist() if a != b
    ]
    rows.sort(key=lambda row: (-row[0], row[1:]))
    return [
        {"from": a, "to": b, "weight": weight(parts, findings.week_minutes)} for parts, a, b in rows
    ]


def unit_rows(findings: Findings, outcome: Outcome) -> list[dict[str, Any]]:
    """What each unit takes before and after; a unit at another place is another row."""
    before, after = outcome.flows.sum(axis=1).tolist(), outcome.flows.sum(axis=0).tolist()
    names = [*(unit.name for unit in findings.columns.units), "nobody can be taken anywhere"]
    week = findings.week_minutes
    return [
        {
            "ods_code": code,
            "name": name,
            "before": weight(b, week),
            "after": weight(a, week),
            "extra": weight(a - b, week),
        }
        for code, name, b, a in zip(
            [*unit_codes(findings), NOWHERE], names, before, after, strict=True
        )
        if a or b
    ]


def unit_codes(findings: Findings) -> list[str]:
    """Codes of the columns; a unit at another place has a star."""
    codes: list[str] = []
    for unit in findings.columns.units:
        code = unit.ods_code
        while code in codes:
            code += "*"
        codes.append(code)
    return codes


# --- numbers -----------------------------------------------------------------------------------
def minutes(ms: int | None) -> float | None:
    """Minutes to a hundredth, halves up.

    Examples
    --------
    >>> minutes(90_300), minutes(-300), minutes(None)
    (1.51, 0.0, None)
    """
    if ms is None:
        return None
    return (2 * ms * 100 + MS_PER_MINUTE) // (2 * MS_PER_MINUTE) / 100


def share(value: float) -> float:
    """A share to a millionth."""
    return round(value, SHARE_DIGITS)


def weight(parts: int, week_minutes: int = 1) -> float:
    """A weight to a thousandth."""
    return round(parts / (PARTS * week_minutes), WEIGHT_DIGITS)
