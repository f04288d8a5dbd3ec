"""Composition root: puts sources, profile, builder, file and engine together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from routing_service.config import Settings, default_region
from routing_service.decision.model import Location, Unit
from routing_service.errors import HasuError, InvalidRequest
from routing_service.graph.build import build_graph
from routing_service.graph.calibration import Calibration
from routing_service.graph.graph_file import open_graph_file, write_graph_file
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.raw import RawNetwork
from routing_service.graph.speed_sets import SpeedSets
from routing_service.graph.trees import Grow, check_trees, grow_trees
from routing_service.graph.units_file import read_units
from routing_service.kernels import question, respond
from routing_service.kernels.base64 import base64
from routing_service.live.engine import Engine
from routing_service.live.follower import Clock, Follower
from routing_service.live.golden import Miss, check_golden, read_golden
from routing_service.live.no_store import Nowhere
from routing_service.live.overlay import prepare
from routing_service.live.policy import read_policy
from routing_service.live.recorder import Recorder
from routing_service.live.snapshot import Limits, Snapshot
from routing_service.live.store import LiveStore, open_store
from routing_service.live.view import View
from routing_service.observe.audit import Audit
from routing_service.observe.segment_writer import SegmentWriter, try_folder
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


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked: sections with their checksums, edges and turns under the certificate."""

    graph_id: str
    sections: int
    edges: int
    turns: int
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldenReport:
    """How many golden incidents were asked, and those that were answered wrongly."""

    path: Path
    incidents: int
    misses: tuple[Miss, ...]


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


def open_snapshot(path: Path, limits: Limits | None = None) -> Snapshot:
    """Map a graph file and stand it up as a snapshot; checksums are checked on the way."""
    file = open_graph_file(path, verify=True)
    graph = RoadGraph.from_sections(file.manifest, file.sections)
    return Snapshot(graph, file.graph_id, limits=limits or Limits())


def limits_of(settings: Settings) -> Limits:
    """The thresholds among the settings."""
    return Limits(
        snap_limit_m=settings.snap_limit_m,
        poor_snap_m=settings.poor_snap_m,
        near_tie_minutes=settings.near_tie_minutes,
    )


def open_engine(settings: Settings) -> Engine:
    """Open the graph file of the settings and answer once, so that every kernel is ready."""
    snapshot = open_base(settings)
    warm_snapshot(snapshot)
    return Engine(snapshot)


def open_base(settings: Settings) -> Snapshot:
    """The network of the settings with their thresholds and policy, before anything happened."""
    snapshot = open_snapshot(settings.graph, limits_of(settings))
    if settings.policy is None:
        return snapshot
    return replace(snapshot, policy=read_policy(settings.policy, snapshot.units))


def open_follower(settings: Settings, engine: Engine, clock: Clock) -> Follower:
    """Make what keeps an engine at the state of the settings' store; started after the fork.

    The snapshot in the engine is the base of all that follows. Where there is a store the engine
    answers nothing until the state was read: without the day's closures it could be wrong.
    """
    base = engine.snapshot
    if not settings.store:
        return Follower(engine, base, Nowhere, clock, settings.stale_limit_s, has_store=False)
    prepare(engine.snapshot.graph)
    engine.withdraw()
    open_it = partial(open_store, settings.store)
    return Follower(engine, base, open_it, clock, settings.stale_limit_s)


def read_view(settings: Settings, clock: Clock) -> View:
    """What is known of the day now, read once; without a store nothing is.

    Raises
    ------
    StoreUnavailable, StoreCorrupt
        The day's closures are not known, so any answer could be wrong.
    """
    moment = clock()
    view = View.of(open_base(settings), moment)
    store: LiveStore = open_store(settings.store) if settings.store else Nowhere()
    try:
        return view.after(store.read(0), moment)
    finally:
        store.close()


def open_recorder(settings: Settings, clock: Clock) -> Recorder | None:
    """Make what puts decisions on the audit trail of the settings; None if none is kept.

    Its file is opened after the fork. Here only whether that will do is tried.

    Raises
    ------
    AuditUnavailable
        If the folder cannot be written.
    """
    if settings.audit == "off":
        return None
    folder = settings.audit_dir
    try_folder(folder)
    open_writer = partial(SegmentWriter, folder, clock, days=settings.audit_days)
    audit = Audit(open_writer, clock, strict=settings.audit == "strict")
    return Recorder(audit, folder)


def warm_snapshot(snapshot: Snapshot) -> None:
    """Take every path that a request can take, from each unit's own door."""
    question.reading()
    respond.responding()
    base64(np.zeros(1, dtype=np.uint8))
    for unit in snapshot.units[:1]:
        here = Location(unit.lat, unit.lon, accuracy_m=50.0, heading_deg=0.0)
        snapshot.decide(here)
        for other in snapshot.units:
            try:
                snapshot.route(here, other.ods_code)
            except HasuError:
                continue


def verify_network(path: Path) -> VerifyReport:
    """Check a graph file in full: every checksum, the structure, the certificate of each tree.

    Raises
    ------
    GraphFileMissing, NotAGraphFile, GraphFileVersion, GraphFileTruncated, GraphFileCorrupt
        Saying what does not hold.
    """
    file = open_graph_file(path, verify=True)
    graph = RoadGraph.from_sections(file.manifest, file.sections)
    graph.validate()
    check_trees(graph)
    return VerifyReport(
        graph_id=file.graph_id,
        sections=len(file.sections),
        edges=graph.n_edges,
        turns=len(graph.turn_to),
        units=tuple(unit.ods_code for unit in graph.units),
    )


def verify_golden(path: Path, incidents: Path | None = None) -> GoldenReport:
    """Ask a graph file for every golden incident of a file; without one, of the default region.

    Raises
    ------
    InvalidGolden
        If the incidents cannot be read or were written for other units.
    """
    source = incidents or default_region() / "golden.toml"
    golden = read_golden(source)
    misses = check_golden(open_snapshot(path), golden)
    return GoldenReport(source, len(golden.incidents), misses)


def warm_kernels() -> float:
    """Compile every kernel into the cache, on a network of one crossroads; seconds it took."""
    from routing_service.graph.sources.pbf_blocks import SMALLEST_BLOCK, read_block

    started = time.perf_counter()
    read_block(SMALLEST_BLOCK)
    e7 = np.array([0, -10_000, 10_000, 0, 0], dtype=np.int32)
    raw = RawNetwork(
        network="osm",
        node_ids=np.arange(1, 6, dtype=np.int64),
        node_lon_e7=e7 - 14_800_000,
        node_lat_e7=np.roll(e7, 2) + 535_500_000,
        node_tags={},
        way_ids=np.arange(1, 5, dtype=np.int64),
        way_first=np.arange(0, 10, 2, dtype=np.int32),
        way_nodes=np.array([0, 1, 0, 2, 0, 3, 0, 4], dtype=np.int32),
        way_tagset=np.zeros(4, dtype=np.int32),
        tagsets=({"highway": "primary"},),
        way_label=np.zeros(4, dtype=np.int32),
        labels=(("A61", "Wakefield Road"),),
        restrictions=(),
        sources=(),
    )
    units = (Unit("A", "a", 53.5501, -1.48), Unit("B", "b", 53.5499, -1.48))
    graph = build_graph(raw, Profile.load(DEFAULT_PROFILE), units)
    # An error model, so that the probabilities are compiled too.
    known = {**graph.manifest, "error_model": {"sigma_scene": 0.1, "sigma_unit": 0.1}}
    warm_snapshot(Snapshot(replace(graph, manifest=known), "warm"))
    prepare(graph)
    return time.perf_counter() - started
