"""`RoadGraph` → a `MultiDiGraph` with OSMnx's attributes, so that planners can go on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
from shapely import LineString

from routing_service.units import E7

if TYPE_CHECKING:
    from routing_service.graph.road_graph import RoadGraph


def to_networkx(graph: RoadGraph) -> nx.MultiDiGraph:
    """Convert a network to the form that OSMnx reads, plots and saves.

    Nodes are OSM ids with ``x``, ``y``; edges carry ``osmid``, ``highway``, ``ref``, ``name``,
    ``oneway``, ``reversed``, ``length`` (m), ``speed_kph``, ``travel_time`` (s) and ``geometry``.
    Turn costs and restrictions have no place in such a graph and are left out, and with them the
    copies of edges that restrictions made.

    Examples
    --------
    >>> import osmnx  # doctest: +SKIP
    >>> osmnx.plot_graph(graph.to_networkx())  # doctest: +SKIP
    """
    result = nx.MultiDiGraph(crs="epsg:4326", simplified=True, created_with="routing_service")
    ids = graph.node_ids.tolist()
    lon = (graph.node_lon_e7 / E7).tolist()
    lat = (graph.node_lat_e7 / E7).tolist()
    for node, x, y in zip(ids, lon, lat, strict=True):
        result.add_node(node, x=x, y=y)
    classes = graph.manifest["road_classes"]
    for e in range(graph.n_edges):
        if graph.edge_base[e] != e:
            continue
        ref, name = graph.label(e)
        metres = int(graph.edge_cm[e]) / 100.0
        seconds = int(graph.edge_ms[e]) / 1000.0
        line_lon, line_lat = graph.shape(e)
        attributes = {
            "osmid": int(graph.edge_way[e]),
            "highway": classes[graph.edge_class[e]],
            "oneway": bool(graph.edge_twin[e] < 0),
            "reversed": bool(graph.edge_reversed[e]),
            "length": metres,
            "speed_kph": 3.6 * metres / seconds,
            "travel_time": seconds,
            "geometry": LineString(zip(line_lon / E7, line_lat / E7, strict=True)),
        }
        attributes.update({key: text for key, text in (("ref", ref), ("name", name)) if text})
        result.add_edge(ids[graph.edge_from[e]], ids[graph.edge_to[e]], **attributes)
    return result
