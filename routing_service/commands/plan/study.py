"""What `hasu plan scenario` and `hasu plan report` share: reading a study and running it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.commands import terminal
from routing_service.commands.command import add_settings, read_settings

if TYPE_CHECKING:
    from routing_service.planner.run import Findings

STAGES = {
    "open": "Opening the network",
    "population": "Reading the population",
    "times": "Times in every scenario",
    "figures": "Working out the figures",
    "write": "Writing the tables",
    "page": "Drawing the report",
}


def add_study(parser: ArgumentParser) -> None:
    """Give a command a study and a network."""
    parser.add_argument("study", type=Path, metavar="FILE.toml", help="Population and scenarios.")
    add_settings(parser, "graph")


def find(args: Namespace, bar: terminal.Bar) -> tuple[Findings, dict[str, Any]]:
    """Run the study of a call: what it found, and its figures with their manifest."""
    from routing_service.planner.manifest import make_manifest
    from routing_service.planner.population import Source
    from routing_service.planner.populations import read_population
    from routing_service.planner.run import run_study
    from routing_service.planner.study_file import read_study
    from routing_service.planner.summary import as_tree
    from routing_service.wiring.opening import open_snapshot

    study = read_study(args.study)
    bar("open", 0.0)
    snapshot = open_snapshot(read_settings(args).graph)
    bar("population", 0.0)
    population = read_population(study.population, snapshot.bbox)
    findings = run_study(study, population, snapshot, bar)
    sources = (Source(study.file, study.sha256, "study"), *population.sources)
    command = f"hasu plan {args.command.name} {study.file}"
    return findings, as_tree(findings) | {"manifest": make_manifest(snapshot, sources, command)}
