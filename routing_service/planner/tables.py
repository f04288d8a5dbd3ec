"""The tables of a study, the same on a terminal and in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing_service.pages.table import Table
from routing_service.pages.table import minutes as told
from routing_service.planner.equity import EVERYONE

Figures = Mapping[str, Any]


def percent(value: float) -> str:
    """A share as people say it; what is not quite nothing is not nothing.

    Examples
    --------
    >>> percent(0.3333), percent(0.0), percent(0.0002), percent(1.0)
    ('33.3 %', '0', 'under 0.1 %', '100 %')
    """
    if value == 0.0:
        return "0"
    if value < 0.0005:
        return "under 0.1 %"
    return "100 %" if value == 1.0 else f"{100 * value:.1f} %"


def overview(tree: Figures) -> Table:
    """A row for each scenario, over everyone."""
    rows = []
    for scenario in tree["scenarios"]:
        everyone = scenario["groups"][0]
        change = everyone["change"]
        rows.append(
            (
                scenario["name"],
                percent(change["affected"]),
                told(change["mean_extra_minutes_of_affected"], 1, "+"),
                percent(change["better"]),
                told(change["mean_change_minutes"], 1, "+"),
                told(everyone["before"]["mean_minutes"], 1),
                told(everyone["after"]["mean_minutes"], 1),
                percent(change["worse_over_5"]),
                percent(change["worse_over_10"]),
                percent(change["newly_beyond_45"]),
                percent(change["newly_beyond_60"]),
            )
        )
    heading = (
        "scenario",
        "longer",
        "by, min",
        "shorter",
        "mean change",
        "mean before",
        "after",
        "> 5 min",
        "> 10 min",
        "newly > 45",
        "newly > 60",
    )
    return Table("Every scenario against the baseline", heading, tuple(rows))


def access_table(scenario: Figures) -> Table:
    """How each group reaches its units, before and after."""
    rows = []
    for group in scenario["groups"]:
        before, after = group["before"], group["after"]
        pairs = []
        for key in ("mean_minutes", "median_minutes", "p90_minutes", "max_minutes"):
            pairs += [told(before[key], 1), told(after[key], 1)]
        for key in ("within_30", "within_45", "within_60"):
            pairs += [percent(before[key]), percent(after[key])]
        rows.append((*_names(group), *pairs))
    figures = ("mean", "median", "p90", "max", "in 30 min", "in 45 min", "in 60 min")
    heading = ("group", "", *(word for figure in figures for word in (figure, "after")))
    return Table("Access before and after", heading, tuple(rows), texts=2)


def change_table(scenario: Figures) -> Table:
    """What changes for each group."""
    rows = []
    for group in scenario["groups"]:
        change = group["change"]
        rows.append(
            (
                *_names(group),
                f"{group['weight']:,.0f}",
                percent(change["affected"]),
                told(change["mean_extra_minutes_of_affected"], 1, "+"),
                percent(change["better"]),
                told(change["mean_change_minutes"], 1, "+"),
                percent(change["worse_over_5"]),
                percent(change["worse_over_10"]),
                percent(change["newly_beyond_45"]),
                percent(change["newly_beyond_60"]),
                percent(change["lost_route"]),
            )
        )
    longer = ("longer", "by, min", "shorter", "mean change", "> 5 min", "> 10 min")
    heading = ("group", "", "weight", *longer, "newly > 45", "newly > 60", "no unit left")
    return Table("Who gains and who loses", heading, tuple(rows), texts=2)


def gap_table(scenario: Figures) -> Table:
    """Gaps between extremes, each with its interval."""
    rows = [
        (
            f"{gap['labels'][0]} less {gap['labels'][1]}",
            *(_interval(gap[when]) for when in ("before", "after", "change")),
            f"{gap['areas'][0]} and {gap['areas'][1]}",
        )
        for gap in scenario["gaps"]
    ]
    heading = ("gap in mean minutes", "before", "after", "change", "small areas")
    return Table("The gap, with its 95 % bootstrap interval", heading, tuple(rows))


def unit_table(scenario: Figures) -> Table:
    """What each unit takes."""
    rows = [
        (
            row["ods_code"],
            row["name"],
            f"{row['before']:,.1f}",
            f"{row['after']:,.1f}",
            told(row["extra"], 1, "+,"),
            f"{row['after'] / row['before'] - 1:+.0%}" if row["before"] and row["after"] else "–",
        )
        for row in scenario["units"]
    ]
    heading = ("unit", "", "before", "after", "extra", "")
    return Table("What each unit takes", heading, tuple(rows), texts=2)


def flow_table(scenario: Figures) -> Table:
    """Who goes elsewhere."""
    total = scenario["groups"][0]["weight"]
    rows = [
        (row["from"], row["to"], f"{row['weight']:,.1f}", percent(row["weight"] / total))
        for row in scenario["flows"]
    ]
    return Table("Flows between units", ("from", "to", "weight", "of all"), tuple(rows), texts=2)


def scenario_tables(scenario: Figures) -> list[Table]:
    """The tables of one scenario; those without rows are left out."""
    tables = (
        change_table(scenario),
        access_table(scenario),
        gap_table(scenario),
        unit_table(scenario),
        flow_table(scenario),
    )
    return [table for table in tables if table.rows]


def _names(group: Figures) -> tuple[str, str]:
    if group["grouping"] == EVERYONE:
        return EVERYONE, ""
    return group["grouping"], group["label"]


def _interval(estimate: Figures) -> str:
    low, high = (told(estimate[f"{end}_minutes"], 1, "+") for end in ("low", "high"))
    return f"{told(estimate['minutes'], 1, '+')} ({low} to {high})"
