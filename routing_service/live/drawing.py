"""Roads as lines, for the map page: the main ones, and those that closures hit."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from routing_service.graph.road_graph import RoadGraph
from routing_service.units import E7, NONE, IntArray

Line = list[tuple[float, float]]
DRAWN = ("motorway", "trunk", "primary")


def main_roads(graph: RoadGraph) -> list[tuple[str, str, Line]]:
    """Lines of the numbered motorways, trunk and primary roads, longest runs first joined.

    Returns
    -------
    list
        (number, class, [(lon, lat), …]), in the order of number and first point.
    """
    classes = graph.manifest["road_classes"]
    pieces: dict[tuple[str, str], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    index = np.arange(graph.n_edges)
    drawn = np.isin(graph.edge_class, [classes.index(name) for name in DRAWN])
    # One direction of a two-way road is enough, and copies show what their base shows.
    once = (graph.edge_twin == NONE) | (graph.edge_twin > index)
    for e in np.flatnonzero(drawn & once & (graph.edge_base == index)).tolist():
        ref = graph.label(e)[0]
        pieces[ref, classes[graph.edge_class[e]]][int(graph.edge_from[e])].append(e)
    lines = []
    for (ref, road_class), by_node in sorted(pieces.items()):
        for start in sorted(by_node):
            while by_node[start]:
                lines.append((ref, road_class, _walk(graph, by_node, start)))
    return lines


def edge_lines(graph: RoadGraph, edges: IntArray) -> list[Line]:
    """Some edges as lines of (lon, lat), each road once: no copies, one of two directions."""
    own = edges[graph.edge_base[edges] == edges]
    twins = graph.edge_twin[own]
    once = own[(twins > own) | ~np.isin(twins, own)]
    return [_points(graph, e) for e in once.tolist()]


def _points(graph: RoadGraph, e: int) -> Line:
    lon, lat = graph.shape(e)
    pairs = zip((lon / E7).tolist(), (lat / E7).tolist(), strict=True)
    return [(round(x, 5), round(y, 5)) for x, y in pairs]


def _walk(graph: RoadGraph, by_node: dict[int, list[int]], node: int) -> Line:
    """Take pieces one after another from `node` until none goes on."""
    line: Line = []
    while by_node.get(node):
        e = by_node[node].pop(0)
        points = _points(graph, e)
        line += points if not line else points[1:]
        node = int(graph.edge_to[e])
    return line
