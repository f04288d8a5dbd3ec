"""`hasu plan isochrones` and `hasu plan catchments`: areas on the map."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_json, add_settings, read_settings


def _common(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="To be written: .geojson or .gpkg."
    )
    add_settings(parser, "graph", "snap_limit_m", "near_tie_minutes")
    parser.add_argument(
        "--spacing",
        type=_metres,
        default=250.0,
        metavar="M",
        help="Metres between the points that are asked; default 250.",
    )
    add_json(parser)


def _isochrone_options(parser: ArgumentParser) -> None:
    parser.add_argument("--unit", required=True, metavar="ODS", help="ODS code of the unit.")
    parser.add_argument(
        "--minutes",
        type=_limits,
        default=(15.0, 30.0, 45.0),
        metavar="A,B",
        help="Limits of the bands; default 15,30,45.",
    )
    _common(parser)


def _metres(text: str) -> float:
    return _number(text, 20.0, 5_000.0)


def _limits(text: str) -> tuple[float, ...]:
    return tuple(_number(part, 0.1, 600.0) for part in text.split(","))


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from {low:g} to {high:g} is needed")
    return value


def _run_isochrones(args: Namespace) -> int:
    from routing_service.areas.features import isochrones

    return _tell(args, isochrones(_snapshot(args), args.unit, args.minutes, args.spacing))


def _run_catchments(args: Namespace) -> int:
    from routing_service.areas.features import catchment_areas

    return _tell(args, catchment_areas(_snapshot(args), args.spacing))


def _snapshot(args: Namespace) -> Any:
    from routing_service.planner.area_files import check_area_output
    from routing_service.wiring.opening import limits_of, open_snapshot

    if args.out:
        check_area_output(args.out)
    settings = read_settings(args)
    return open_snapshot(settings.graph, limits_of(settings))


def _tell(args: Namespace, found: dict[str, Any]) -> int:
    from routing_service.planner.area_files import write_areas

    if args.out:
        write_areas(args.out, found)
    if args.json:
        terminal.print_json(found)
        return OK
    rows = [["unit", "area", "km²"]]
    for feature in found["features"]:
        about = feature["properties"]
        rows.append(
            [f"{about['name']} ({about['ods_code']})", _what(about), f"{about['square_km']:,.1f}"]
        )
    print(terminal.table(rows, right=(2,)))
    if args.out:
        print(f"\nWritten: {args.out}")
    return OK


def _what(about: dict[str, Any]) -> str:
    if "near_tie" in about:
        return "nearest, near tie" if about["near_tie"] else "nearest"
    return f"{about['from_minutes']:g} to {about['to_minutes']:g} minutes"


ISOCHRONES = Command(
    name="isochrones",
    summary="From where one unit is reached within so many minutes, as areas.",
    example="hasu plan isochrones --unit RXF05 --minutes 15,30,45 --out pinderfields.geojson",
    add_options=_isochrone_options,
    run=_run_isochrones,
)
CATCHMENTS = Command(
    name="catchments",
    summary="Which unit is nearest where, with the belts of near ties, as areas.",
    example="hasu plan catchments --out catchments.gpkg",
    add_options=_common,
    run=_run_catchments,
)
