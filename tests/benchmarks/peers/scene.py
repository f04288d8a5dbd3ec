"""What all engines are asked on one map: units, seeded incidents, a closure that matters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from routing_service.decision.model import Unit
from routing_service.graph.build import build_graph
from routing_service.graph.doors import seeds_of
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.sources.raw import RawNetwork
from routing_service.kernels.path import trace_path
from routing_service.live.disc import METRES_PER_DEGREE
from routing_service.live.snapshot import Snapshot
from routing_service.units import E7, BoolArray, FloatArray, IntArray
from tests.benchmarks.harness import SEED
from tests.benchmarks.made_up import Point, make_units
from tests.benchmarks.peers.peer import Closure

INCIDENTS = 400
AWAY_M = 500.0


@dataclass(frozen=True)
class Questions:
    """Units, incidents and a closure on one map, and its size for the table.

    `without_turns_s` are our own times, ``[incidents, units]``, where turns cost nothing: what a
    graph of junctions should answer.
    """

    units: tuple[Point, ...]
    incidents: list[Point]
    closure: Closure
    without_turns_s: FloatArray
    junctions: int
    edges: int


def make_questions(pbf: Path) -> Questions:
    """Incidents at random junctions, a little off the road, and the road that most of them take."""
    raw = read_pbf([pbf])
    units = make_units(raw)
    made_up = [Unit(f"U{k}", f"Unit {k}", lat, lon) for k, (lon, lat) in enumerate(units)]
    graph = build_graph(raw, Profile.load("car"), made_up)
    rng = np.random.default_rng(SEED)
    core = np.flatnonzero(graph.edge_core)
    at = graph.edge_to[rng.choice(core, INCIDENTS)]
    lon = graph.node_lon_e7[at] / E7 + rng.normal(0.0, 3e-4, INCIDENTS)
    lat = graph.node_lat_e7[at] / E7 + rng.normal(0.0, 2e-4, INCIDENTS)
    incidents = list(zip(lon.tolist(), lat.tolist(), strict=True))
    closure = _closure(raw, graph, _most_used(graph, rng.choice(core, INCIDENTS)))
    plain_s = _without_turns(raw, made_up, lon, lat)
    return Questions(units, incidents, closure, plain_s, len(graph.node_ids), graph.n_edges)


def _without_turns(
    raw: RawNetwork, units: list[Unit], lon: FloatArray, lat: FloatArray
) -> FloatArray:
    car = Profile.load("car")
    free = replace(car.turn, seconds=(0.0,) * len(car.turn.seconds), signal_ms=0)
    graph = build_graph(raw, replace(car, turn=free), units)
    seconds: FloatArray = Snapshot(graph, "without turns").times(lon, lat)[0] / 1000.0
    return seconds


def _most_used(graph: RoadGraph, starts: IntArray) -> int:
    """The edge that most routes to a nearest unit use, of those that lie away from all units."""
    taken: Counter[int] = Counter()
    away = _away(graph)
    turns = np.empty(graph.n_edges, dtype=np.int32)
    for start in starts.tolist():
        u = int(graph.tree_ms[:, start].argmin())
        table = graph.turn_first, graph.turn_to, graph.turn_ms, graph.edge_ms, graph.edge_cm
        tree = seeds_of(graph.doors, u), graph.tree_ms[u], graph.tree_cm[u]
        n = trace_path(start, *table, *tree, turns)
        path = graph.turn_to[turns[:n]]
        taken.update(path[away[path]].tolist())
    return min(taken, key=lambda e: (-taken[e], e))


def _away(graph: RoadGraph) -> BoolArray:
    """Whether each edge ends further than `AWAY_M` from every unit: engines place doors unlike."""
    lon, lat = graph.node_lon_e7[graph.edge_to] / E7, graph.node_lat_e7[graph.edge_to] / E7
    far = np.ones(graph.n_edges, dtype=np.bool_)
    for unit in graph.units:
        shrink = np.cos(np.radians(unit.lat))
        far &= np.hypot((lon - unit.lon) * shrink, lat - unit.lat) * METRES_PER_DEGREE > AWAY_M
    return far


def _closure(raw: RawNetwork, graph: RoadGraph, e: int) -> Closure:
    """The stretch of edge `e`, node by node as the map has it."""
    way = int(np.searchsorted(raw.way_ids, graph.edge_way[e]))
    nodes = raw.way_nodes[raw.way_first[way] : raw.way_first[way + 1]]
    ids = raw.node_ids[nodes]
    a, b, n = graph.node_ids[graph.edge_from[e]], graph.node_ids[graph.edge_to[e]], len(nodes)
    span = int(graph.edge_segments[e])
    first = next(i for i in range(n - span) if {ids[i], ids[i + span]} == {a, b})
    nodes = nodes[first : first + span + 1]
    lon, lat = raw.node_lon_e7[nodes] / E7, raw.node_lat_e7[nodes] / E7
    middles = (lon[1:] + lon[:-1]) / 2, (lat[1:] + lat[:-1]) / 2
    points = tuple((float(x), float(y)) for x, y in zip(*middles, strict=True))
    return Closure(tuple(raw.node_ids[nodes].tolist()), points)
