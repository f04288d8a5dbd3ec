"""`hasu plan scenario`: named scenarios against a baseline, for a whole population."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_json
from routing_service.commands.plan.study import STAGES, add_study, find

FORMATS = ("csv", "parquet")


def _options(parser: ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="Also write a row per place, group, flow and unit, and all figures as JSON.",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="Of the tables; default csv."
    )
    add_json(parser)


def _run(args: Namespace) -> int:
    from routing_service.planner.result_files import write_results

    written: tuple[Path, ...] = ()
    with terminal.Bar(STAGES) as bar:
        findings, tree = find(args, bar)
        if args.out:
            bar("write", 0.0)
            written = write_results(findings, tree, args.out, args.format)
    if args.json:
        terminal.print_json(tree)
    else:
        print(_report(tree, written))
    return OK


def _report(tree: dict[str, Any], written: tuple[Path, ...]) -> str:
    from routing_service.planner.tables import (
        change_table,
        flow_table,
        gap_table,
        overview,
        unit_table,
    )

    population, network = tree["population"], tree["manifest"]["network"]
    lines = [
        tree["title"],
        f"{population['places']:,} {population['what']}; weight: {population['weight']},"
        f" {population['total']:,.1f} in all; times of the {population['times']}",
        f"{network['network']} network {network['graph_id'][:12]}, profile {network['profile']},"
        f" calibration {network['calibration'][:12]}",
        *population["notes"],
    ]
    for table in [overview(tree)]:
        lines += ["", table.title, terminal.as_text(table)]
    for scenario in tree["scenarios"]:
        lines += ["", f"=== {scenario['name']} ===", *filter(None, [scenario["note"]])]
        for make in (change_table, gap_table, unit_table, flow_table):
            table = make(scenario)
            lines += [] if not table.rows else ["", table.title, terminal.as_text(table)]
    lines += [
        "",
        "Minutes are not outcomes. This reports; whether anybody is worse off, people say.",
    ]
    lines += [str(path) for path in written]
    return "\n".join(lines)


COMMAND = Command(
    name="scenario",
    summary="Hold named scenarios against a baseline: who gains, who loses, where they go.",
    example="hasu plan scenario study.toml --out results",
    add_options=_options,
    run=_run,
)
