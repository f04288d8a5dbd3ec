"""Closures: trees repaired, beside trees grown anew."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from routing_service.decision.model import Unit
from routing_service.graph.build import build_graph
from routing_service.graph.doors import seeds_of
from routing_service.graph.profile import Profile
from routing_service.graph.repair import spot_check
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.trees import grow_one, grow_trees, ring_size
from routing_service.kernels.buckets import END, RECORD
from routing_service.kernels.repair import Roads, Scratch, repair_tree
from routing_service.live.closure import Closure, Disc
from routing_service.live.effect import effect_of
from routing_service.live.overlay import overlaid
from routing_service.units import E7, INF_MS
from routing_service.wiring.opening import open_snapshot
from tests.benchmarks.foundation import GRAPH, extract
from tests.benchmarks.harness import SEED, Row, in_turns, median, seconds

EDGES = 4_000
LOCAL = 100
LOCAL_M = 60.0
DOOR_M = 100.0
MANY = 10_000
REPEATS = 3


def edge_rows(graph: RoadGraph, place: str, wanted: str) -> list[Row]:
    """One tree after one random closed edge, beside the same tree grown anew."""
    n = graph.n_edges
    edge_ms = graph.edge_ms.copy()
    timed = replace(graph, edge_ms=edge_ms)  # the same array: closed and opened below
    edge_ms.setflags(write=True)
    roads = Roads(*(getattr(timed, name) for name in Roads._fields))
    records = np.empty((n, RECORD), np.int32)
    scratch = Scratch(np.empty(n, np.int32), records, np.full(1 << 14, END, np.int32))
    tree_ms, tree_cm = graph.tree_ms.copy(), graph.tree_cm.copy()
    grown_ms, grown_cm = np.empty(n, np.int32), np.empty(n, np.int32)
    seeds = [seeds_of(graph.doors, u) for u in range(len(tree_ms))]
    ring = ring_size(graph)
    repaired_us, grown_us, touched = [], [], []
    closed = np.random.default_rng(SEED).integers(n, size=EDGES, dtype=np.int32)
    for k, e in enumerate(closed):
        u = k % len(tree_ms)
        edge_ms[e] = INF_MS
        before = (graph.tree_ms[u], graph.tree_cm[u])
        after = (tree_ms[u], tree_cm[u])
        started = time.perf_counter_ns()
        count = repair_tree(roads, seeds[u], closed[k : k + 1], *before, *after, n, scratch)
        repaired_us.append((time.perf_counter_ns() - started) / 1000)
        touched.append(count)
        if k % (EDGES // 40) == 0:
            wall_s = seconds(partial(grow_one, timed, u, grown_ms, grown_cm, ring))
            grown_us.append(wall_s * 1e6)
            assert (grown_ms == tree_ms[u]).all()
            assert (grown_cm == tree_cm[u]).all()
        edge_ms[e] = graph.edge_ms[e]
        back = scratch.withdrawn[:count]
        tree_ms[u, back], tree_cm[u, back] = graph.tree_ms[u, back], graph.tree_cm[u, back]
    # The first call of a process loads the kernel.
    p50, p99, most = np.percentile(repaired_us[1:], [50, 99, 100])
    anew = median(grown_us[1:])
    return [
        Row(
            f"tree after one closed edge, {place}, {n:,} edges; labels touched: "
            f"p50 {np.median(touched):.0f}, p99 {np.percentile(touched, 99):,.0f}",
            f"p50 {p50:.1f} µs, p99 {p99:,.0f} µs, most {most / 1000:.1f} ms",
            f"grown anew {anew / 1000:.1f} ms",
            f"{anew / p50:,.0f}× at p50, {anew / p99:,.0f}× at p99",
            wanted,
        )
    ]


def extract_graph() -> RoadGraph:
    """The network of a real extract with four units at random nodes of its core."""
    pbf = extract()
    raw = read_pbf([pbf])
    rng = np.random.default_rng(SEED)
    middle = np.median(raw.node_lon_e7) / E7, np.median(raw.node_lat_e7) / E7
    units = [
        Unit(f"U{k}", f"Unit {k}", middle[1] + y, middle[0] + x)
        for k, (x, y) in enumerate(rng.uniform(-0.01, 0.01, (4, 2)).tolist())
    ]
    return build_graph(raw, Profile.load("blue_light"), units)


def overlay_rows(graph: RoadGraph) -> list[Row]:
    """Whole networks under closures, found and applied, beside all trees grown anew."""
    rng = np.random.default_rng(SEED)
    places = rng.integers(len(graph.node_ids), size=MANY)
    discs = [
        Disc(int(graph.node_lat_e7[i]) / E7, int(graph.node_lon_e7[i]) / E7, LOCAL_M)
        for i in places
    ]
    local = [closure(where) for where in discs[:LOCAL]]
    doors = [closure(Disc(unit.lat, unit.lon, DOOR_M)) for unit in graph.units]
    many = [closure(where, f"c{k}") for k, where in enumerate(discs)]
    overlaid(graph, local[:1])  # the kernels, and the index of the edges
    anew, local_s, door_s = in_turns(
        REPEATS,
        lambda: [seconds(lambda: grow_trees(graph))],
        lambda: [seconds(partial(overlaid, graph, [each])) for each in local],
        lambda: [seconds(partial(overlaid, graph, [each])) for each in doors],
    )
    found_s = seconds(lambda: [effect_of(graph, each) for each in many])
    effects = [effect_of(graph, each) for each in many]
    many_s = median([seconds(lambda: overlaid(graph, effects)) for _ in range(REPEATS)])
    for each in (local, doors, many):
        assert spot_check(graph, overlaid(graph, each), labels=2_000, seed=SEED) == 0
    grown_ms = 1000 * median([each[0] for each in anew])
    return [
        _row(f"closure of {LOCAL_M:.0f} m anywhere", local_s, grown_ms, "< 50 ms"),
        _row("closure at a hospital's door", door_s, grown_ms, "< 400 ms"),
        Row(
            f"{MANY:,} closures at once",
            f"found {found_s:.2f} s, once; applied {1000 * many_s:.0f} ms",
            f"all trees grown anew {grown_ms:.0f} ms",
            "",
            "",
        ),
    ]


def closure(where: Disc, name: str = "c") -> Closure:
    """A made-up closure."""
    return Closure(name, "flood", "J. Bloggs", "benchmark", where)


def _row(what: str, turns: Sequence[Sequence[float]], grown_ms: float, wanted: str) -> Row:
    p50, p99 = np.percentile(np.array(turns).ravel() * 1000, [50, 99])
    return Row(
        f"network under a {what}: found, four trees, copies",
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
        f"all trees grown anew {grown_ms:.0f} ms",
        f"{grown_ms / p50:.1f}× at p50",
        wanted,
    )


def rows() -> list[Row]:
    """All figures, on the default network and a real extract."""
    graph = open_snapshot(GRAPH).graph
    name = extract().name.partition(".")[0].capitalize()
    return [
        *edge_rows(graph, "default network", "≥ 500×, ≥ 20×"),
        *edge_rows(extract_graph(), name, ""),
        *overlay_rows(graph),
    ]
