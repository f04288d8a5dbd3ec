"""Closures of a made-up day, and the plain twin of the network under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from routing_service.graph.doors import seeds_of
from routing_service.graph.road_graph import RoadGraph, section_names
from routing_service.graph.trees import beyond_doors, grow_trees
from routing_service.live.closure import Closure, Disc, Line, Polygon, Road, Way, Where
from routing_service.live.effect import Effect, effect_of
from routing_service.units import E7, INF_MS, NONE, IntArray

MOVED = ("edge_ms", "doors", "tree_ms", "tree_cm")
MOVED_SETS = tuple(f"set_{name}" for name in MOVED)


def closure(where: Where, name: str = "c", **more: Any) -> Closure:
    return Closure(name, "flood", "J. Bloggs", "test", where, **more)


# --- the plain twin ------------------------------------------------------------------------
def grown(base: RoadGraph, closures: Sequence[Closure | Effect]) -> RoadGraph:
    """The network under closures, every tree of every speed set grown from scratch."""
    effects = [each if isinstance(each, Effect) else effect_of(base, each) for each in closures]
    sets = [_grown_set(base.in_set(k), effects) for k in range(len(base.speed_sets.names))]
    further: dict[str, Any] = {
        f"set_{name}": np.array([getattr(each, name) for each in sets[1:]], np.int32).reshape(
            getattr(base, f"set_{name}").shape
        )
        for name in MOVED
    }
    return replace(sets[0], segments=_segments(base, sets[0]), **further)


def _segments(base: RoadGraph, timed: RoadGraph) -> IntArray:
    """Segments without the edges that are shut."""
    segments = base.segments.copy()
    for edges in (segments[:, 4], segments[:, 5]):
        edges[(edges >= 0) & (timed.edge_ms[edges] >= INF_MS)] = NONE
    return segments


def _grown_set(base: RoadGraph, effects: Sequence[Effect]) -> RoadGraph:
    timed = replace(base, edge_ms=slow_ms(base, effects))
    timed = replace(timed, doors=_doors(base, timed.edge_ms))
    tree_ms, tree_cm = grow_trees(timed)
    timed = replace(timed, tree_ms=tree_ms, tree_cm=tree_cm)
    return replace(timed, doors=beyond_doors(timed))


def slow_ms(base: RoadGraph, effects: Sequence[Effect]) -> IntArray:
    """Times of all edges: of the times that the closures give an edge, the longest."""
    times_ms = base.edge_ms.tolist()
    for effect in effects:
        each = effect.closure
        for e, extra_ms in zip(effect.edges.tolist(), effect.extra_ms.tolist(), strict=True):
            slow = round(int(base.edge_ms[e]) * (each.delay_factor or 1.0)) + extra_ms
            times_ms[e] = max(times_ms[e], INF_MS if each.shuts else slow)
    return np.array(times_ms, np.int32)


def _doors(base: RoadGraph, edge_ms: IntArray) -> IntArray:
    """Doors as far along their edges in space as before."""
    doors = base.doors.copy()
    start_ms = int(base.manifest.get("start_ms", 0))
    for row in doors.reshape(-1, 5):
        if row[0] >= 0 and edge_ms[row[0]] < INF_MS:
            row[1] = int(edge_ms[row[0]]) * int(row[2]) // int(base.edge_cm[row[0]]) + start_ms
    return doors


def differences(ours: RoadGraph, twin: RoadGraph) -> list[str]:
    """Names of the arrays that are not the same."""
    return [
        name
        for name in section_names()
        if not np.array_equal(getattr(ours, name), getattr(twin, name))
    ]


# --- random closures -----------------------------------------------------------------------
@st.composite
def closures(draw: st.DrawFn, /, graph: RoadGraph, name: str = "c", **more: Any) -> Closure:
    """A closure of any form that may or may not hit something, somewhere on a network."""
    delays: dict[str, Any] = {}
    if draw(st.booleans()):
        delays["delay_factor"] = draw(st.sampled_from([1.0, 1.5, 3.0, 100.0]))
    if draw(st.integers(0, 2)) == 0:
        delays["delay_minutes"] = draw(st.sampled_from([0.0, 0.05, 2.0, 1_440.0]))
    direction_deg = draw(st.sampled_from([None, None, 0.0, 100.0, 250.0]))
    where = draw(_wheres(graph))
    return closure(where, name, direction_deg=direction_deg, **delays, **more)


def _wheres(graph: RoadGraph) -> st.SearchStrategy[Where]:
    # At the junctions, a little off them, and at the doors.
    edges = st.one_of(
        st.integers(0, graph.n_edges - 1),
        st.sampled_from([int(e) for u in range(len(graph.doors)) for e in _at_door(graph, u)]),
    )
    points = st.builds(
        lambda e, east, north: (
            (int(graph.node_lon_e7[graph.edge_from[e]]) + east) / E7,
            (int(graph.node_lat_e7[graph.edge_from[e]]) + north) / E7,
        ),
        edges,
        st.integers(-3_000, 3_000),
        st.integers(-3_000, 3_000),
    )
    rings = st.builds(
        lambda p, w, h: ((p, (p[0] + w, p[1]), (p[0] + w, p[1] + h), (p[0], p[1] + h), p),),
        points,
        st.sampled_from([0.0005, 0.002]),
        st.sampled_from([0.0005, 0.002]),
    )
    return st.one_of(
        st.builds(lambda e: Way(int(graph.edge_way[e])), edges),
        st.builds(lambda p, r: Disc(p[1], p[0], r), points, st.sampled_from([5.0, 30.0, 200.0])),
        st.builds(lambda a, b: Line((a, b)), points, points).filter(
            lambda line: line.points[0] != line.points[1]
        ),
        st.builds(Polygon, rings),
        st.builds(Road, st.sampled_from(["A61", "mill lane"]), rings),
    )


def _at_door(graph: RoadGraph, unit: int) -> list[int]:
    edges: list[int] = seeds_of(graph.doors, unit)[:, 0].tolist()
    return edges
