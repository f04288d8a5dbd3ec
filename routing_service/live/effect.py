"""What closures do to the times of edges.

Of several closures on one edge the one that costs most counts, and shut costs most of all: the
maximum does not depend on the order, and two reports of one flood are one flood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing_service.graph.road_graph import RoadGraph
from routing_service.kernels.metric import metres_per_e7
from routing_service.live.closure import Closure, Disc, Polygon
from routing_service.live.hit import find_edges
from routing_service.units import CM_PER_M, INF_MS, MS_PER_MINUTE, IntArray

# Bearings from which the extent of an area is taken, every five degrees of a half turn: what lies
# askew of all of them is measured 0.1 % short.
BEARINGS = np.radians(np.arange(0.0, 180.0, 5.0))


@dataclass(frozen=True, eq=False, slots=True)
class Effect:
    """A closure on one network.

    Attributes
    ----------
    closure
        As it was ordered.
    edges
        ``int32[k]``, ascending: the edges that it hits.
    extra_ms
        ``int32[k]``: what is added to the time of each; all ``INF_MS`` if it shuts them.
    """

    closure: Closure
    edges: IntArray
    extra_ms: IntArray


def effect_of(graph: RoadGraph, closure: Closure) -> Effect:
    """Find what a closure does on a network.

    Raises
    ------
    ClosureHitsNothing, InvalidClosure
        See `hit.find_edges`.
    """
    edges = find_edges(graph, closure)
    if closure.shuts:
        return Effect(closure, edges, np.full(len(edges), INF_MS, dtype=np.int32))
    extra_ms = np.zeros(len(edges), dtype=np.int32)
    if closure.delay_minutes:
        share = np.minimum(graph.edge_cm[edges] / stretch_cm(graph, closure, edges), 1.0)
        extra_ms = np.rint(closure.delay_minutes * MS_PER_MINUTE * share).astype(np.int32)
    return Effect(closure, edges, extra_ms)


def slowed_ms(edge_ms: IntArray, effects: Sequence[Effect]) -> tuple[IntArray, IntArray]:
    """Times of the edges that some closures make slower.

    Parameters
    ----------
    edge_ms
        ``int32[edges]``: times without closures.
    effects
        The closures, in any order.

    Returns
    -------
    tuple
        ``int32[k]`` each: the edges that take longer, ascending, and their times, ``INF_MS`` where
        one is shut.
    """
    edges = np.concatenate([effect.edges for effect in effects])
    extra_ms = np.concatenate([effect.extra_ms for effect in effects])
    factors = np.array([effect.closure.delay_factor or 1.0 for effect in effects])
    factor = np.repeat(factors, [len(effect.edges) for effect in effects])
    slow_ms = np.minimum(np.rint(edge_ms[edges] * factor) + extra_ms, INF_MS).astype(np.int32)
    order = np.lexsort((slow_ms, edges))
    last = np.append(edges[order][1:] != edges[order][:-1], True)  # the slowest of each edge
    worst = order[last]
    worst = worst[slow_ms[worst] > edge_ms[edges[worst]]]
    return edges[worst], slow_ms[worst]


def stretch_cm(graph: RoadGraph, closure: Closure, edges: IntArray) -> float:
    """How far it is past what a closure hits: what `Closure.delay_minutes` is spread over.

    Along a road it is the length of the road: of its carriageways in the direction that has more of
    them. Through an area it is the area's extent: nobody drives all of its streets.
    """
    own = edges[graph.edge_base[edges] == edges]
    x_m, y_m = _ends_m(graph, own)
    along = np.cos(BEARINGS)[:, None] * x_m.ravel() + np.sin(BEARINGS)[:, None] * y_m.ravel()
    extents_m = np.ptp(along, axis=1)
    if isinstance(closure.where, Disc | Polygon):
        return max(float(extents_m.max()) * CM_PER_M, 1.0)
    axis = BEARINGS[extents_m.argmax()]
    steps = np.cos(axis) * np.diff(x_m)[:, 0] + np.sin(axis) * np.diff(y_m)[:, 0]
    onward = steps >= 0.0
    cm = graph.edge_cm[own].astype(np.int64)
    return float(max(cm[onward].sum(), cm[~onward].sum(), 1))


def _ends_m(graph: RoadGraph, edges: IntArray) -> tuple[np.ndarray, np.ndarray]:
    """Metres east and north of both ends of edges, ``float64[n, 2]`` each."""
    nodes = np.column_stack([graph.edge_from[edges], graph.edge_to[edges]])
    lon, lat = (a[nodes].astype(np.float64) for a in (graph.node_lon_e7, graph.node_lat_e7))
    kx, ky = metres_per_e7(float(lat.mean()))
    return (lon - lon[0, 0]) * kx, (lat - lat[0, 0]) * ky
