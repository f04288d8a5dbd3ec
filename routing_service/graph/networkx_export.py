"""`RoadGraph` → a `MultiDiGraph` with OSMnx's attributes, so that planners can go on from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import shapely

from routing_service.units import E7

if TYPE_CHECKING:
    import numpy.typing as npt

    from routing_service.graph.road_graph import RoadGraph
    from routing_service.units import LongArray


def to_networkx(graph: RoadGraph) -> nx.MultiDiGraph:
    """Convert a network to the form that OSMnx reads, plots and saves.

    Nodes are OSM ids with ``x``, ``y``; edges carry ``osmid``, ``highway``, ``ref``, ``name``,
    ``oneway``, ``reversed``, ``length`` (m), ``speed_kph``, ``travel_time`` (s) and ``geometry``.
    Turn costs and restrictions have no place in such a graph and are left out, and with them the
    copies of edges that restrictions made. A node that nobody may pass, such as a bollard, stands
    as a node of its own for each road that ends there; all but the first have negative ids.

    Examples
    --------
    >>> import osmnx  # doctest: +SKIP
    >>> osmnx.plot_graph(graph.to_networkx())  # doctest: +SKIP
    """
    result = nx.MultiDiGraph(crs="epsg:4326", simplified=True, created_with="routing_service")
    ids = _end_ids(graph)
    lon = (graph.node_lon_e7 / E7).tolist()
    lat = (graph.node_lat_e7 / E7).tolist()
    for end, nodes in ((0, graph.edge_from.tolist()), (1, graph.edge_to.tolist())):
        for e, node in enumerate(nodes):
            result.add_node(ids[end][e], x=lon[node], y=lat[node])
    classes, labels = graph.manifest["road_classes"], graph.labels()
    bases = np.flatnonzero(graph.edge_base == np.arange(graph.n_edges))
    for e, line in zip(bases.tolist(), _lines(graph, bases), strict=True):
        ref, name = labels[graph.edge_label[e]]
        metres = int(graph.edge_cm[e]) / 100.0
        seconds = int(graph.edge_ms[e]) / 1000.0
        attributes = {
            "osmid": int(graph.edge_way[e]),
            "highway": classes[graph.edge_class[e]],
            "oneway": bool(graph.edge_twin[e] < 0),
            "reversed": bool(graph.edge_reversed[e]),
            "length": metres,
            "speed_kph": 3.6 * metres / seconds,
            "travel_time": seconds,
            "geometry": line,
        }
        attributes.update({key: text for key, text in (("ref", ref), ("name", name)) if text})
        result.add_edge(ids[0][e], ids[1][e], **attributes)
    return result


def path_nodes(graph: RoadGraph, edges: Sequence[int]) -> list[int]:
    """Nodes of a path in the graph of `to_networkx`, from the start of its first edge.

    Parameters
    ----------
    graph
        The network.
    edges
        Edges that follow one another, as of `live.route.path_edges`.
    """
    starts, ends = _end_ids(graph)
    bases = [int(graph.edge_base[e]) for e in edges]
    return [starts[bases[0]], *(ends[e] for e in bases)]


def _lines(graph: RoadGraph, edges: LongArray) -> npt.NDArray[np.object_]:
    """The shapes of some edges, all at once: one by one they take eighty times as long."""
    segments = graph.edge_segments[edges].astype(np.int64)
    of = np.repeat(np.arange(len(edges)), segments + 1)
    at = np.arange(len(of)) - np.repeat(np.cumsum(segments + 1) - segments - 1, segments + 1)
    at = np.where(graph.edge_reversed[edges][of] == 1, segments[of] - at, at)
    last = at == segments[of]
    rows = graph.segments[graph.edge_segment[edges][of] + at - last]
    points = np.where(last[:, None], rows[:, 2:4], rows[:, 0:2]) / E7
    return np.asarray(shapely.linestrings(points, indices=of))


def _end_ids(graph: RoadGraph) -> tuple[list[int], list[int]]:
    """Node ids of the start and of the end of every edge."""
    of = np.repeat(np.arange(graph.n_edges), np.diff(graph.turn_first))
    onward = graph.edge_twin[of] != graph.turn_to
    passed = np.zeros(len(graph.node_ids), dtype=np.bool_)
    passed[graph.edge_to[of[onward]]] = True
    start, end = graph.node_ids[graph.edge_from], graph.node_ids[graph.edge_to]
    # The two directions of a road end at the same node: at the end of the first of them.
    road = np.where(
        graph.edge_twin >= 0, np.minimum(graph.edge_twin, graph.edge_base), graph.edge_base
    )
    first: dict[int, int] = {}
    for ids, nodes, side in ((start, graph.edge_from, 0), (end, graph.edge_to, 1)):
        for e in np.flatnonzero(~passed[nodes]).tolist():
            this = 2 * int(road[e]) + (side ^ int(graph.edge_reversed[e]))
            if first.setdefault(int(nodes[e]), this) != this:
                ids[e] = -1 - this
    return start.tolist(), end.tolist()
