"""`hasu plan report`: a study as one page with maps, curves, tables, method and manifest."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_json
from routing_service.commands.plan.study import STAGES, add_study, find


def _options(parser: ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.html", help="Page to write; prints well."
    )
    add_json(parser)


def _run(args: Namespace) -> int:
    from routing_service.planner.report import write_report

    with terminal.Bar(STAGES) as bar:
        findings, tree = find(args, bar)
        bar("page", 0.0)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(write_report(findings, tree), encoding="utf-8")
    if args.json:
        terminal.print_json(tree)
    else:
        print(
            f"{args.out}: {len(findings.outcomes)} scenarios, {len(findings.population):,} places"
        )
    return OK


COMMAND = Command(
    name="report",
    summary="Write a study as one self-contained page: maps, curves, tables, method, manifest.",
    example="hasu plan report study.toml --out report.html",
    add_options=_options,
    run=_run,
)
