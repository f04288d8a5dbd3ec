"""A plain twin of a whole built network: OSMnx's graph of the same extract, searched by networkx.

Turn costs have no place in such a graph, so it is compared with a network built without them.
What it shares with the product is what a profile says of tags, and the metres of a position unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmium
import osmnx
from osmium.osm.mutable import Way

from routing_service.graph.profile import NodeUse, Profile, WayUse
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.osm_tags import is_routing_node, routing_tags
from routing_service.kernels.metric import metres_per_e7
from routing_service.units import E7

MS_KPH_PER_CM = 36.0
"""A centimetre at 1 km/h."""


@dataclass(frozen=True)
class Streets:
    """Arcs between OSM nodes with their ``ms``.

    A node that no vehicle may pass is a different end for every street that leads to it: `ends`
    has all ends of a node. `uses` says what a way is to the vehicle, by OSM way id.
    """

    arcs: nx.DiGraph = field(default_factory=nx.DiGraph)
    ends: dict[int, set[Any]] = field(default_factory=dict)
    uses: dict[int, WayUse] = field(default_factory=dict)


def read_streets(pbf: Path, xml: Path, profile: Profile) -> Streets:
    """Read an extract through OSMnx (by way of `xml`) and let a profile say how fast it all is."""
    way_of = write_roads(pbf, xml)
    graph = osmnx.graph_from_xml(xml, simplify=False, retain_all=True)
    nodes = dict(graph.nodes(data=True))
    tagged = {node: _tags(data) for node, data in nodes.items()}
    rules = {node: profile.node(tags) for node, tags in tagged.items() if is_routing_node(tags)}
    streets = Streets()
    for a, b, data in graph.edges(data=True):
        tags = _tags(data)
        use = streets.uses.setdefault(way_of[data["osmid"]], profile.way(tags))
        cm = _length_cm(nodes[a], nodes[b])
        # OSMnx measures on a sphere, which at these latitudes is up to 0.4 % off.
        assert abs(cm / 100.0 - data["length"]) <= 0.004 * data["length"] + 0.01
        # OSMnx turns a way round that is one-way against the order of its nodes.
        turned = tags.get("oneway") in ("-1", "reverse", "T")
        first_kph, second_kph = (use.forward_kph, use.backward_kph)[:: -1 if turned else 1]
        _add(streets, (a, b, data["osmid"]), cm, first_kph, rules)
        _add(streets, (b, a, data["osmid"]), cm, second_kph, rules)
    return streets


def write_roads(pbf: Path, xml: Path) -> dict[int, int]:
    """Write the roads of an extract as OSM XML and tell OSMnx to keep all of their tags.

    An extract may lack nodes of its ways; what is left of such a way is written as several. So
    ways are numbered anew: the result maps the new numbers to the old.
    """
    keys: set[str] = set()
    there = {entity.id for entity in osmium.FileProcessor(pbf, osmium.osm.NODE)}
    roads: list[tuple[int, list[int], dict[str, str]]] = []
    for way in osmium.FileProcessor(pbf, osmium.osm.WAY):
        tags = dict(way.tags)
        if isinstance(way, osmium.osm.Way) and "highway" in tags:
            keys |= tags.keys()
            refs = [node.ref for node in way.nodes]
            roads += [(way.id, run, tags) for run in _runs(refs, there) if len(run) > 1]
    wanted = {ref for _, refs, _ in roads for ref in refs}
    with osmium.SimpleWriter(xml) as writer:
        for node in osmium.FileProcessor(pbf, osmium.osm.NODE):
            if node.id in wanted:
                keys |= {tag.k for tag in node.tags}
                writer.add(node)
        for number, (_, refs, tags) in enumerate(roads, start=1):
            writer.add(Way(id=number, version=1, nodes=refs, tags=tags))
    # OSMnx puts numbers of its own under these names.
    useful = sorted(keys - {"length", "reversed", "nodes", "osmid", "x", "y"})
    osmnx.settings.useful_tags_way = osmnx.settings.useful_tags_node = useful
    osmnx.settings.all_oneway = True  # each street once, as drawn, and its oneway tag kept
    return {number: way for number, (way, _, _) in enumerate(roads, start=1)}


def _runs(refs: list[int], there: set[int]) -> list[list[int]]:
    """The stretches of a way whose nodes are all there."""
    runs: list[list[int]] = [[]]
    for ref in refs:
        if ref in there:
            runs[-1].append(ref)
        else:
            runs.append([])
    return runs


def _tags(data: dict[str, Any]) -> dict[str, str]:
    return routing_tags({key: text for key, text in data.items() if isinstance(text, str)})


def _length_cm(a: dict[str, Any], b: dict[str, Any]) -> int:
    """Length in whole centimetres, from positions in whole units."""
    lon = [round(end["x"] * E7) for end in (a, b)]
    lat = [round(end["y"] * E7) for end in (a, b)]
    east, north = metres_per_e7(sum(lat) / 2.0)
    return round(100.0 * float(np.hypot((lon[1] - lon[0]) * east, (lat[1] - lat[0]) * north)))


def _add(
    streets: Streets, street: tuple[int, int, int], cm: int, kph: float, rules: dict[int, NodeUse]
) -> None:
    """Add one direction of a street; who arrives at a node pays there for going on."""
    a, b, way = street
    ends = []
    for node, other in ((a, b), (b, a)):
        passable = node not in rules or rules[node].passable
        ends.append(node if passable else (node, other, way))
        streets.ends.setdefault(node, set()).add(ends[-1])
    if kph > 0.0:
        ms = cm * MS_KPH_PER_CM / kph + (rules[b].penalty_ms if b in rules else 0)
        known_ms = streets.arcs.get_edge_data(*ends, {"ms": np.inf})["ms"]
        streets.arcs.add_edge(*ends, ms=min(ms, known_ms))


@dataclass(frozen=True)
class Drive:
    """Time from a junction to a door, and over how many roads between junctions it leads."""

    ms: float
    roads: int


def drives_to(streets: Streets, graph: RoadGraph, unit: int) -> dict[int, Drive]:
    """The quickest drive to a unit's door from every junction of a built network, by node id.

    Of the network only the place of the door is taken, and which nodes are junctions.
    """
    arcs = streets.arcs.copy()
    for e, _, cm in graph.doors[unit, :, :3].tolist():
        if e >= 0:
            use = streets.uses[int(graph.edge_way[e])]
            kph = use.backward_kph if graph.edge_reversed[e] else use.forward_kph
            (start,) = streets.ends[int(graph.node_ids[graph.edge_from[e]])]
            arcs.add_edge(start, "door", ms=cm * MS_KPH_PER_CM / kph)
    onward, times_ms = nx.dijkstra_predecessor_and_distance(arcs.reverse(), "door", weight="ms")
    junctions = set(graph.node_ids.tolist())
    roads = {"door": 0}
    for end in sorted(times_ms, key=times_ms.__getitem__):
        if onward[end]:
            node = end[0] if isinstance(end, tuple) else end
            roads[end] = roads[onward[end][0]] + (node in junctions)
    return {
        node: min((Drive(times_ms[end], roads[end]) for end in found), key=lambda drive: drive.ms)
        for node in sorted(junctions)
        if (found := [end for end in sorted(streets.ends[node], key=str) if end in times_ms])
    }
