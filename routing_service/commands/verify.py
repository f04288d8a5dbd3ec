"""`hasu verify`: every byte as written, every tree shortest, and known answers given."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.commands import terminal
from routing_service.commands.command import (
    FAILED,
    OK,
    Command,
    add_graph_argument,
    add_json,
    read_settings,
)

if TYPE_CHECKING:
    from routing_service.live.golden import Miss
    from routing_service.wiring.verifying import GoldenReport


def _options(parser: ArgumentParser) -> None:
    add_graph_argument(parser)
    parser.add_argument(
        "--golden",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="FILE",
        help="Also ask for places whose answer is known; without FILE, those of the region. "
        "Exit code 1 if one is answered wrongly.",
    )
    add_json(parser)


def _run(args: Namespace) -> int:
    from routing_service.wiring.verifying import verify_golden, verify_network

    path = read_settings(args).graph
    report: dict[str, Any] = {"path": str(path), "verified": True, **asdict(verify_network(path))}
    golden = None
    if args.golden is not None:
        golden = verify_golden(path, args.golden if args.golden != Path() else None)
        report["verified"] = not golden.misses
    if args.json:
        terminal.print_json({**report, "golden": _golden(golden)} if golden else report)
    else:
        print(terminal.facts(report), *([_told(golden)] if golden else []), sep="\n")
    return OK if report["verified"] else FAILED


def _golden(golden: GoldenReport) -> dict[str, Any]:
    return {
        "path": str(golden.path),
        "incidents": golden.incidents,
        "missed": [
            {**asdict(miss.incident), "found": miss.found, "fault": miss.fault}
            for miss in golden.misses
        ],
    }


def _told(golden: GoldenReport) -> str:
    """One line if all is well, else a table of the incidents that fail, each with its reason."""
    if not golden.misses:
        return f"\nAll {golden.incidents} golden incidents are answered as expected."
    rows = [["place", "lat, lon", "expected", "minutes found", "fault"], *map(_row, golden.misses)]
    lines = [f"{miss.incident.name}: {miss.incident.why}" for miss in golden.misses]
    head = f"{len(golden.misses)} of {golden.incidents} golden incidents are answered wrongly:"
    return "\n".join(["", head, "", terminal.table(rows), "", *lines])


def _row(miss: Miss) -> list[str]:
    place = miss.incident
    expected = " or ".join(place.units)
    return [place.name, f"{place.lat:.4f}, {place.lon:.4f}", expected, miss.found, miss.fault]


COMMAND = Command(
    name="verify",
    summary="Check every byte of a graph file against its checksum, and every tree for being "
    "shortest.",
    example="hasu verify graphs/south_yorkshire.graph\n"
    "  hasu verify graphs/south_yorkshire.graph --golden",
    add_options=_options,
    run=_run,
)
