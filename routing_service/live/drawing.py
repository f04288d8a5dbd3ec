"""Main roads as lines, for the map page."""

from __future__ import annotations

from collections import defaultdict

from routing_service.graph.road_graph import RoadGraph
from routing_service.units import E7, NONE

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
    for e in range(graph.n_edges):
        road_class = classes[graph.edge_class[e]]
        twin = int(graph.edge_twin[e])
        if road_class in DRAWN and graph.edge_base[e] == e and (twin == NONE or twin > e):
            ref = graph.label(e)[0]
            pieces[ref, road_class][int(graph.edge_from[e])].append(e)
    lines = []
    for (ref, road_class), by_node in sorted(pieces.items()):
        for start in sorted(by_node):
            while by_node[start]:
                lines.append((ref, road_class, _walk(graph, by_node, start)))
    return lines


def _walk(graph: RoadGraph, by_node: dict[int, list[int]], node: int) -> Line:
    """Take pieces one after another from `node` until none goes on."""
    line: Line = []
    while by_node.get(node):
        e = by_node[node].pop(0)
        lon, lat = graph.shape(e)
        points = [
            (round(x, 5), round(y, 5))
            for x, y in zip((lon / E7).tolist(), (lat / E7).tolist(), strict=True)
        ]
        line += points if not line else points[1:]
        node = int(graph.edge_to[e])
    return line
