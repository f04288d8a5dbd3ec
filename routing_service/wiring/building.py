"""From a map to a graph file."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routing_service.config import default_region
from routing_service.errors import InvalidRequest
from routing_service.graph.build import build_graph
from routing_service.graph.calibration import Calibration
from routing_service.graph.graph_file import write_graph_file
from routing_service.graph.profile import Profile
from routing_service.graph.sources.raw import RawNetwork
from routing_service.graph.speed_sets import SpeedSets
from routing_service.graph.trees import Grow, grow_trees
from routing_service.graph.units_file import read_units
from routing_service.progress import Progress

DEFAULT_PROFILE = "blue_light"


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build: one kind of source (none of them means the default network) and where to.

    `bbox` is west, south, east, north in degrees; without a `calibration` the times are those of
    the profile.
    """

    units: Path
    out: Path
    profile: str = DEFAULT_PROFILE
    pbf: tuple[Path, ...] = ()
    xml: Path | None = None
    graphml: Path | None = None
    place: str | None = None
    bbox: tuple[float, float, float, float] | None = None
    region: Path | None = None
    speed_sets: Path | None = None
    calibration: Path | None = None


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was built, and how long each stage took."""

    graph_id: str
    path: Path
    manifest: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


def read_source(request: BuildRequest, progress: Progress | None = None) -> RawNetwork:
    """Read the map that a request names; exactly one kind of source, or none for the default.

    Raises
    ------
    InvalidRequest
        If two kinds of source are named.
    """
    given = [
        kind
        for kind in ("pbf", "xml", "graphml", "place", "bbox", "region")
        if getattr(request, kind)
    ]
    if len(given) > 1:
        raise InvalidRequest(f"name one kind of map source, not {' and '.join(given)}")
    kind = given[0] if given else "region"
    if kind == "region":
        from routing_service.graph.sources.surrogate import read_surrogate

        return read_surrogate(request.region or default_region(), progress=progress)
    if kind == "pbf":
        from routing_service.graph.sources.pbf import read_pbf

        return read_pbf(request.pbf, progress=progress)
    from routing_service.graph.sources.osmnx_source import read_graphml, read_overpass, read_xml

    if request.xml:
        return read_xml(request.xml)
    if request.graphml:
        return read_graphml(request.graphml)
    return read_overpass(place=request.place, bbox=request.bbox)


def build_network(
    request: BuildRequest, progress: Progress | None = None, grow: Grow = grow_trees
) -> BuildReport:
    """Read a map, build its network and write the graph file; `grow` does what takes longest."""
    seconds: dict[str, float] = {}
    started = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal started
        now = time.perf_counter()
        seconds[stage], started = round(now - started, 3), now

    # Small files first: a mistake in them is told before the long work begins.
    units = read_units(request.units)
    profile = Profile.load(request.profile)
    speed_sets = SpeedSets.load(request.speed_sets) if request.speed_sets else None
    calibration = Calibration.load(request.calibration) if request.calibration else None
    raw = read_source(request, progress)
    lap("read")
    graph = build_graph(
        raw,
        profile,
        units,
        speed_sets=speed_sets,
        calibration=calibration,
        grow=grow,
        progress=progress,
    )
    lap("build")
    request.out.parent.mkdir(parents=True, exist_ok=True)
    graph_id = write_graph_file(request.out, graph.manifest, graph.sections())
    lap("write")
    return BuildReport(graph_id, request.out, dict(graph.manifest), seconds)
