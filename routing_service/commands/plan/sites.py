"""`hasu plan sites`: where to put units, exactly, and what more patients in each would cost."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_json, add_settings, read_settings

SETS = ("lsoa", "postcodes")
BY = ("mean", "within_30", "within_45")
EXISTING = ("candidates", "kept", "ignored")

STAGES = {
    "open": "Opening the network",
    "population": "Reading the population",
    "sites": "Choosing among the sites",
}


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "candidates",
        type=Path,
        metavar="CANDIDATES.csv",
        help="id, name and lat, lon (or another form) of each site that a unit could have.",
    )
    parser.add_argument(
        "--open", type=_count, required=True, metavar="K", help="At most so many open sites."
    )
    add_settings(parser, "graph")
    parser.add_argument(
        "--by", choices=BY, default=BY[0], help="Least mean time, or most within 30 or 45 minutes."
    )
    parser.add_argument(
        "--existing",
        choices=EXISTING,
        default=EXISTING[0],
        help="Units of the network: candidates like others (the default), kept, or ignored.",
    )
    parser.add_argument(
        "--floor",
        type=_weight,
        default=0.0,
        metavar="N",
        help="Only sets in which every open site gets N admissions a year.",
    )
    parser.add_argument(
        "--front",
        action="store_true",
        help="Also all sets that no other beats in both time and least admissions.",
    )
    parser.add_argument(
        "--points",
        default=SETS[0],
        metavar="lsoa|postcodes|FILE",
        help="The population, as in a study; default lsoa.",
    )
    parser.add_argument("--weight", metavar="COLUMN", help="Column of FILE with weights.")
    parser.add_argument(
        "--districts", default="", metavar="A,B", help="Only these districts, with commas."
    )
    add_json(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 60:
        raise argparse.ArgumentTypeError("a whole number from 1 to 60 is needed")
    return int(text)


def _weight(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1e9:
        raise argparse.ArgumentTypeError("a number from 0 is needed")
    return value


def _run(args: Namespace) -> int:
    from routing_service.planner.manifest import make_manifest
    from routing_service.planner.populations import read_population
    from routing_service.planner.sites import SitesRequest, choose_sites, read_candidates
    from routing_service.planner.study import PopulationRequest
    from routing_service.wiring.opening import open_snapshot

    candidates, source = read_candidates(args.candidates)
    with terminal.Bar(STAGES) as bar:
        bar("open", 0.0)
        snapshot = open_snapshot(read_settings(args).graph)
        bar("population", 0.0)
        points = args.points if args.points in SETS else Path(args.points)
        districts = tuple(name.strip() for name in args.districts.split(",") if name.strip())
        asked = PopulationRequest(points, args.weight, districts)
        population = read_population(asked, snapshot.bbox)
        bar("sites", 0.0)
        request = SitesRequest(args.open, args.by, args.existing, args.floor, args.front)
        found = choose_sites(request, candidates, population, snapshot)
    command = f"hasu plan sites {args.candidates.name}"
    found["manifest"] = make_manifest(snapshot, (source, *population.sources), command)
    if args.json:
        terminal.print_json(found)
    else:
        print(_report(found))
    return OK


def _report(found: dict[str, Any]) -> str:
    from routing_service.planner.sites import USUAL_FLOOR

    population = found["population"]
    lines = [
        f"{population['places']:,} {population['what']}; weight: {population['weight']},"
        f" {population['total']:,.1f} in all",
    ]
    titles = {"best": "The best set of each size", "front": "What no other set beats in both"}
    for key, title in titles.items():
        if key in found:
            lines += ["", title, terminal.table(_rows(found[key]), right=(0, 1, 2, 3, 4))]
    shown = [each for key in titles for each in found.get(key, ()) if each["sites"]]
    lines.append("")
    if not all(each["reaches_usual_floor"] for each in shown):
        lines.append(f"* below the usual {USUAL_FLOOR} admissions a year")
    lines.append("Minutes are not outcomes, and not every site can be had.")
    return "\n".join(lines)


def _rows(sets: list[dict[str, Any]]) -> list[list[str]]:
    rows = [["open", "mean min", "in 30 min", "in 45 min", "least", "sites with what each gets"]]
    for each in sets:
        if each["sites"] is None:
            rows.append([str(each["open"]), "–", "–", "–", "–", "no set reaches the floor"])
            continue
        loads = ", ".join(f"{code} {load:,.0f}" for code, load in each["weights"].items())
        rows.append(
            [
                str(each["open"]),
                f"{each['mean_minutes']:.1f}",
                f"{each['within_30']:.1%}",
                f"{each['within_45']:.1%}",
                f"{each['least_weight']:,.0f}{'' if each['reaches_usual_floor'] else ' *'}",
                loads,
            ]
        )
    return rows


COMMAND = Command(
    name="sites",
    summary="Choose the best sites for units: by mean time, or by who is within 30 or 45 minutes.",
    example="hasu plan sites candidates.csv --open 4 --front",
    add_options=_options,
    run=_run,
)
