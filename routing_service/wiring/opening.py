"""From a graph file to a snapshot that answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from routing_service.config import Settings
from routing_service.graph.graph_file import open_graph_file
from routing_service.graph.road_graph import RoadGraph
from routing_service.live.policy import read_policy
from routing_service.live.snapshot import Limits, Snapshot


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


def open_base(settings: Settings) -> Snapshot:
    """The network of the settings with their thresholds and policy, before anything happened."""
    snapshot = open_snapshot(settings.graph, limits_of(settings))
    if settings.policy is None:
        return snapshot
    return replace(snapshot, policy=read_policy(settings.policy, snapshot.units))
