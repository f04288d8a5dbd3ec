"""`hasu build`: from map data to a graph file."""

from __future__ import annotations

import argparse
import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_json, add_settings, read_settings
from routing_service.config import DEFAULT_GRAPH, Settings, default_region

if TYPE_CHECKING:
    from routing_service.wiring.building import BuildReport, BuildRequest

Box = tuple[float, float, float, float]

DEFAULT_PROFILE = "blue_light"

SURROGATE = (
    "Building a surrogate network: main roads drawn by hand, local streets as a mesh over "
    "postcodes.\nIt shows how the service works; for real roads give an OpenStreetMap extract "
    "with --pbf."
)

STAGES = {
    "split": "Cutting roads at junctions",
    "turns": "Listing turns",
    "core": "Finding the connected core",
    "trees": "Growing a tree to each unit",
    "certificate": "Proving that the trees are shortest",
}


def _options(parser: ArgumentParser) -> None:
    add_source(parser)
    parser.add_argument(
        "--calibration",
        metavar="FILE|none",
        help="From `hasu calibrate`; default the region's own, if the profile is blue_light.",
    )
    parser.add_argument(
        "--speed-sets", type=Path, metavar="FILE", help="Other speeds for parts of the week."
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="Default: graphs/, named after the source."
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="Grow the trees on the workers of a Dask scheduler."
    )
    add_json(parser)


def add_source(parser: ArgumentParser) -> None:
    """Give a command the options that name a map, its units and the vehicle."""
    source = parser.add_argument_group("source (one; without any, the default network)")
    one = source.add_mutually_exclusive_group()
    one.add_argument(
        "--pbf", nargs="+", type=Path, metavar="FILE", help="OpenStreetMap extracts; they merge."
    )
    one.add_argument("--xml", type=Path, metavar="FILE", help="OpenStreetMap XML, through OSMnx.")
    one.add_argument("--graphml", type=Path, metavar="FILE", help="A graph saved by OSMnx.")
    one.add_argument("--place", metavar="NAME", help="A place by name, from Overpass.")
    one.add_argument(
        "--bbox", type=_box, metavar="W,S,E,N", help="A box in degrees, from Overpass."
    )
    one.add_argument("--region", type=Path, metavar="FOLDER", help="A folder with a region.toml.")
    add_settings(parser, "units")
    parser.add_argument(
        "--profile",
        default=DEFAULT_PROFILE,
        metavar="NAME|FILE",
        help="car, blue_light or a TOML file; default blue_light.",
    )


def _box(text: str) -> Box:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("four numbers W,S,E,N are needed") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise argparse.ArgumentTypeError(
            f"{text.strip()} is not west < east, south < north in degrees"
        )
    return west, south, east, north


def _run(args: Namespace) -> int:
    from routing_service.wiring.building import build_network

    asked = request(args, read_settings(args))
    if asked.region:
        print(SURROGATE, file=sys.stderr)
    with terminal.Bar(STAGES) as bar:
        if args.scheduler:
            from routing_service.planner.cluster import connect, grow_on

            with connect(args.scheduler) as client:
                report = build_network(asked, bar, grow_on(client))
        else:
            report = build_network(asked, bar)
    if args.json:
        terminal.print_json(_as_json(report))
    else:
        print(_summary(report))
    return OK


def request(args: Namespace, settings: Settings) -> BuildRequest:
    """Turn the options into what is to be built, from which map and to which file."""
    from routing_service.wiring.building import BuildRequest

    region = region_of(args)
    return BuildRequest(
        pbf=tuple(args.pbf or ()),
        xml=args.xml,
        graphml=args.graphml,
        place=args.place,
        bbox=args.bbox,
        region=region,
        units=settings.units or (region or default_region()) / "hasus.toml",
        profile=args.profile,
        speed_sets=args.speed_sets,
        calibration=_calibration(args, region),
        out=args.out or _default_out(args),
    )


def region_of(args: Namespace) -> Path | None:
    """The region's folder, that of the default network where no source is named."""
    given = (args.pbf, args.xml, args.graphml, args.place, args.bbox, args.region)
    return args.region or (None if any(given) else default_region())


def _calibration(args: Namespace, region: Path | None) -> Path | None:
    """The calibration to build with: the one that is named, or that of the region.

    A region's own was fitted for the default profile and says nothing of another.
    """
    if args.calibration:
        return None if args.calibration == "none" else Path(args.calibration)
    if region is None or args.profile != DEFAULT_PROFILE:
        return None
    shipped = region / "calibration.toml"
    return shipped if shipped.is_file() else None


def _default_out(args: Namespace) -> Path:
    """Name the file after its source.

    HASU_GRAPH has no say: it may name a real network, which a surrogate must never replace
    because someone left out an option.
    """
    if args.bbox:
        name = "bbox"
    elif args.place:
        name = args.place
    else:
        files = [args.region, args.xml, args.graphml, *(args.pbf or [])]
        source = next((path for path in files if path), None)
        if source is None:
            return DEFAULT_GRAPH
        name = source.resolve().name.split(".")[0]
    return DEFAULT_GRAPH.parent / f"{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}.graph"


def _as_json(report: BuildReport) -> dict[str, object]:
    return {
        "graph_id": report.graph_id,
        "path": str(report.path),
        "seconds": dict(report.seconds),
        "manifest": {k: v for k, v in report.manifest.items() if k != "sections"},
    }


def _summary(report: BuildReport) -> str:
    counts = report.manifest.get("counts", {})
    told = {
        "network": report.manifest["network"],
        "calibration": report.manifest["calibration"],
        "graph_id": report.graph_id,
        "counts": counts,
        "dropped": report.manifest.get("dropped", {}),
        "seconds": dict(report.seconds),
    }
    return (
        f"{terminal.facts(told)}\nBuilt {report.path}. Serve it: hasu serve --graph {report.path}"
    )


COMMAND = Command(
    name="build",
    summary="Build a graph file: the default network, or one from OpenStreetMap.",
    example="hasu build\n  hasu build --pbf sheffield.osm.pbf derbyshire.osm.pbf --out real.graph",
    add_options=_options,
    run=_run,
)
