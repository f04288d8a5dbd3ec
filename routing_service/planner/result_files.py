"""Tables of a study as files: a row per place, per group, per pair of units, per unit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from routing_service.planner.population import PARTS, UNKNOWN
from routing_service.planner.summary import NOWHERE, unit_codes
from routing_service.units import INF_MS, MS_PER_MINUTE, NONE

if TYPE_CHECKING:
    import pyarrow as pa

    from routing_service.planner.choice import Assignment
    from routing_service.planner.run import Findings, Outcome
    from routing_service.units import FloatArray, LongArray

FORMATS: Final = ("csv", "parquet")
SUMMARY_FILE: Final = "summary.json"


def write_results(
    findings: Findings, tree: Mapping[str, Any], folder: Path, kind: str = "csv"
) -> tuple[Path, ...]:
    """Write all tables and the summary into a folder, which is made if need be.

    Parameters
    ----------
    tree
        Of `summary.as_tree`, with the manifest.
    kind
        One of `FORMATS`.

    Returns
    -------
    tuple of Path
        What was written: the same study gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "changes": changes(findings),
        "populations": _of_rows(_population_rows(tree)),
        "flows": _of_rows(_named(tree, "flows")),
        "units": _of_rows(_named(tree, "units")),
    }
    written = []
    for name, table in tables.items():
        path = folder / f"{name}.{kind}"
        _write(table, path, kind)
        written.append(path)
    summary = folder / SUMMARY_FILE
    text = json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False)
    summary.write_text(text + "\n", encoding="utf-8")
    return (*written, summary)


def changes(findings: Findings) -> pa.Table:
    """The change table: a row for each scenario and place, places in order of their ids.

    Minutes are means over the week, to a hundredth; units are those of the longest phase of it;
    `nearest` is the quickest of the scenario's units whatever rules hold.
    """
    import pyarrow as pa

    population = findings.population
    order = np.array(sorted(range(len(population)), key=population.ids.__getitem__), dtype=np.int64)
    fixed: dict[str, Any] = {
        "id": [population.ids[i] for i in order.tolist()],
        "area": [_or_empty(population.areas, population.area[i]) for i in order],
        "area_code": [_or_empty(population.area_codes, population.area[i]) for i in order],
        "lat": np.round(population.lat[order], 6),
        "lon": np.round(population.lon[order], 6),
        "weight": population.parts[order] / PARTS,
    }
    for grouping in population.groupings:
        if grouping.codes is not None:
            labels = np.array([*grouping.labels, UNKNOWN])
            fixed[grouping.name.replace(" ", "_")] = labels[grouping.codes[order]]
    codes = np.array([*unit_codes(findings), NOWHERE])
    parts = [
        pa.table(
            {
                "scenario": np.repeat(outcome.scenario.name, len(order)),
                **fixed,
                **_of_outcome(findings.before, outcome, order, codes),
            }
        )
        for outcome in findings.outcomes
    ]
    return pa.concat_tables(parts)


def _of_outcome(
    before: Assignment, outcome: Outcome, order: LongArray, codes: np.ndarray[Any, Any]
) -> dict[str, Any]:
    import pyarrow as pa

    after = outcome.after
    before_ms, after_ms = before.mean_ms[order], after.mean_ms[order]
    both = (before_ms < INF_MS) & (after_ms < INF_MS)
    return {
        "before_unit": codes[before.usual_unit[order]],
        "before_minutes": _minutes(before_ms),
        "after_unit": codes[after.usual_unit[order]],
        "after_minutes": _minutes(after_ms),
        "change_minutes": pa.array(_hundredths(after_ms - before_ms), mask=~both),
        "nearest": codes[after.nearest[order]],
        "nearest_minutes": _minutes(after.nearest_ms[order].astype(np.int64)),
    }


def _minutes(ms: LongArray) -> pa.Array:
    import pyarrow as pa

    return pa.array(_hundredths(ms), mask=ms >= INF_MS)


def _hundredths(ms: LongArray) -> FloatArray:
    """As `summary.minutes`, for a column."""
    return np.asarray((200 * ms + MS_PER_MINUTE) // (2 * MS_PER_MINUTE) / 100)


def _or_empty(names: Sequence[str], index: int) -> str:
    return "" if index == NONE else names[index]


def _population_rows(tree: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for scenario in tree["scenarios"]:
        for group in scenario["groups"]:
            row = {"scenario": scenario["name"]}
            row |= {name: group[name] for name in ("grouping", "label", "weight")}
            for when in ("before", "after"):
                row |= {f"{when}_{name}": value for name, value in group[when].items()}
            rows.append(row | group["change"])
    return rows


def _named(tree: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return [
        {"scenario": scenario["name"], **row}
        for scenario in tree["scenarios"]
        for row in scenario[key]
    ]


def _of_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    names = list(rows[0]) if rows else ["scenario"]
    return pa.table({name: [row[name] for row in rows] for name in names})


def _write(table: pa.Table, path: Path, kind: str) -> None:
    from pyarrow import csv, parquet

    if kind == "parquet":
        parquet.write_table(table, path, compression="zstd")
    else:
        csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))
