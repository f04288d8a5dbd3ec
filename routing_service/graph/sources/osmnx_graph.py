"""OSMnx graphs → records: undo what OSMnx does to ways, so that a graph is as good as an extract.

OSMnx stores a way as single edges, a two-way road as two of them, and turns a road that is
one-way against its drawing round. With ``all_oneway`` it keeps the ``oneway`` tag as mapped and
stores each way once: a *raw* graph. Both kinds are read here, and simplified graphs too, where
an edge may be several ways and has a geometry instead of nodes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from routing_service.errors import InvalidSource
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.osm_tags import is_road, is_routing_key, is_routing_node
from routing_service.units import E7

Attributes = Mapping[str, Any]
Position = tuple[int, int]
"""Longitude and latitude, degrees x 10**7."""

TURNED_ROUND = ("-1", "reverse", "T")
"""The spellings of ``oneway`` for which OSMnx turns the nodes round."""

MINOR_FIRST = """
    track service busway living_street pedestrian residential road unclassified tertiary_link
    tertiary secondary_link secondary primary_link primary trunk_link trunk motorway_link motorway
    """.split()  # noqa: SIM905 - a table of 18 quoted words is harder to read
"""Road classes from the slowest: of several on one simplified edge, the first is believed."""


@dataclass(frozen=True, slots=True, order=True)
class _Edge:
    """One edge, in the direction in which its way is drawn.

    `inner` are the positions between its nodes (simplified graphs only); `tags` are sorted.
    """

    way_ids: tuple[int, ...]
    start: int
    end: int
    inner: tuple[Position, ...]
    tags: tuple[tuple[str, str], ...]


def add_graph(graph: Any, builder: RawBuilder) -> None:
    """Add the roads of an OSMnx ``MultiDiGraph`` in degrees to a builder.

    Parameters
    ----------
    graph
        As from ``graph_from_*`` or ``load_graphml``, simplified or not. ``oneway`` and
        ``reversed`` may be booleans or their names. It is not changed.
    builder
        Gets the nodes and ways; what cannot be known is counted there: ``tag_merged`` and
        ``way_id_merged`` for edges of several ways of which one value or id had to be chosen,
        ``tag_direction_unknown`` for tags of a direction on an edge of ways drawn both ways.

    Raises
    ------
    InvalidSource
        The graph was not made by OSMnx, or its directions cannot be told.
    """
    try:
        edges = [(u, v, dict(data)) for u, v, data in graph.edges(data=True)]
        is_raw = any(data.get("oneway") is None or _is_mapped(data["oneway"]) for *_, data in edges)
        if is_raw and any(isinstance(data["osmid"], list) for *_, data in edges):
            raise InvalidSource(
                "The graph was simplified after loading with all_oneway, so the directions of "
                "its roads are lost. Save it unsimplified, or build from the extract itself."
            )
        drawn = _as_mapped(edges, builder) if is_raw else _drawn_once(edges, builder)
        _add_ways(graph, list(drawn), builder)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidSource(
            f"The graph was not made by OSMnx ({error!r}): its nodes need x and y, its edges "
            "osmid. Save one with osmnx.save_graphml, or build from an .osm.pbf extract."
        ) from error


# --- edges as they were drawn ------------------------------------------------------------------
def _is_mapped(oneway: Any) -> bool:
    """Tell an OSM value (``yes``, ``-1``) from OSMnx's own booleans."""
    values = oneway if isinstance(oneway, list) else [oneway]
    return not all(str(value) in ("True", "False") for value in values)


def _as_mapped(
    edges: Iterable[tuple[int, int, Attributes]], builder: RawBuilder
) -> Iterator[_Edge]:
    """Raw graphs: each edge is there once; only roads that were turned round are turned back."""
    for u, v, data in edges:
        tags = _tags(data, builder)
        start, end = (v, u) if tags.get("oneway") in TURNED_ROUND else (u, v)
        yield _Edge(_way_ids(data), start, end, (), tuple(tags.items()))


def _drawn_once(
    edges: Iterable[tuple[int, int, Attributes]], builder: RawBuilder
) -> Iterator[_Edge]:
    """Ordinary graphs: a two-way road is two edges, of which the one drawn is kept."""
    groups: dict[tuple[Any, ...], list[tuple[int, int, Attributes]]] = defaultdict(list)
    for u, v, data in edges:
        inner = _inner(data)
        way: tuple[Any, ...] = (min(u, v), max(u, v), _way_ids(data), min(inner, inner[::-1]))
        if _is_true(data["oneway"]):
            way = (*way, u, inner)
        groups[way].append((u, v, data))
    for members in groups.values():
        u, v, data = min(members, key=_drawing_order)
        tags = _tags(data, builder)
        both_ways = not _is_true(data["oneway"]) and (u == v or len({m[0] for m in members}) == 2)
        if not both_ways:
            tags["oneway"] = "yes"
        else:
            tags.pop("oneway", None)
        if isinstance(data.get("reversed"), list):
            _forget_directions(tags, builder)
        yield _Edge(_way_ids(data), u, v, _inner(data), tuple(sorted(tags.items())))


def _drawing_order(member: tuple[int, int, Attributes]) -> tuple[Any, ...]:
    """Sort the edge that runs as its way is drawn before its twin; else the lesser node first."""
    u, v, data = member
    reversed_ = data.get("reversed")
    mixed = isinstance(reversed_, list) or reversed_ is None
    return (not mixed and _is_true(reversed_), u, v, _inner(data))


def _is_true(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(str(item) == "True" for item in values)


def _way_ids(data: Attributes) -> tuple[int, ...]:
    osmid = data["osmid"]
    return tuple(sorted({int(i) for i in (osmid if isinstance(osmid, list) else [osmid])}))


def _inner(data: Attributes) -> tuple[Position, ...]:
    """Positions of the geometry without its ends, which are the edge's nodes."""
    if "geometry" not in data:
        return ()
    return tuple(_position(x, y) for x, y, *_ in list(data["geometry"].coords)[1:-1])


def _position(lon_deg: Any, lat_deg: Any) -> Position:
    return round(float(lon_deg) * E7), round(float(lat_deg) * E7)


# --- tags --------------------------------------------------------------------------------------
def _tags(data: Attributes, builder: RawBuilder) -> dict[str, str]:
    """Tags of an edge; of several values for one key, the most cautious."""
    tags = {}
    for key in sorted(data):
        if is_routing_key(key) or key in ("ref", "name"):
            value = data[key]
            if isinstance(value, list):
                builder.drop("tag_merged")
                value = _one_of(key, sorted(map(str, value)))
            tags[key] = str(value)
    return tags


def _one_of(key: str, values: list[str]) -> str:
    """Choose among the values of the ways that OSMnx merged to one edge.

    The slower class and the lower limit; ``no`` before ``yes``, which is also their order as
    words; of names and numbers all.
    """
    if key in ("ref", "name"):
        return ";".join(values)
    if key == "highway":
        ranked = [value for value in MINOR_FIRST if value in values]
        return ranked[0] if ranked else values[0]
    return min(values, key=lambda value: (_leading_number(value), value))


def _leading_number(value: str) -> float:
    number = re.match(r"\d+(\.\d+)?", value)
    return float(number[0]) if number else 0.0


def _forget_directions(tags: dict[str, str], builder: RawBuilder) -> None:
    """Remove what holds for one direction of a way: the ways of this edge run both ways."""
    for key in [key for key in tags if {"forward", "backward"} & set(key.split(":"))]:
        builder.drop("tag_direction_unknown")
        del tags[key]


# --- ways and nodes ----------------------------------------------------------------------------
def _add_ways(graph: Any, edges: list[_Edge], builder: RawBuilder) -> None:
    """Join single edges to the ways they came from and add all with their nodes."""
    whole: dict[tuple[int, tuple[tuple[str, str], ...]], list[tuple[int, int]]] = defaultdict(list)
    ways: list[tuple[int, tuple[int, ...], tuple[tuple[str, str], ...]]] = []
    bends = _Bends(min((0, *graph.nodes)), builder)
    for edge in sorted(edge for edge in edges if is_road(dict(edge.tags))):
        if edge.inner or len(edge.way_ids) > 1:
            nodes = (edge.start, *bends.add(edge.inner), edge.end)
            ways.append((edge.way_ids[0], nodes, edge.tags))
            if len(edge.way_ids) > 1:
                builder.drop("way_id_merged")
        else:
            whole[edge.way_ids[0], edge.tags].append((edge.start, edge.end))
    for (way_id, tags), steps in whole.items():
        ways.extend((way_id, tuple(nodes), tags) for nodes in chains(steps))
    parts: dict[int, int] = defaultdict(int)
    for way_id, nodes, tags in sorted(ways):
        builder.add_way(way_id, nodes, dict(tags), part=parts[way_id])
        parts[way_id] += 1
    _add_named_nodes(graph, sorted({node for _, nodes, _ in ways for node in nodes}), builder)


def _add_named_nodes(graph: Any, nodes: Iterable[int], builder: RawBuilder) -> None:
    """Add the graph's own nodes, as opposed to the bends of its geometries."""
    for node in nodes:
        if node in graph.nodes:
            data = graph.nodes[node]
            tags = _tags(data, builder)
            kept = tags if is_routing_node(tags) else None
            builder.add_node(node, *_position(data["x"], data["y"]), kept)


class _Bends:
    """Ids for the nameless positions of geometries: below zero and below every node's."""

    def __init__(self, lowest: int, builder: RawBuilder) -> None:
        self._next = lowest - 1
        self._builder = builder

    def add(self, positions: Iterable[Position]) -> list[int]:
        """Add a node at each position; positions are never shared, as bridges cross roads."""
        ids = []
        for lon_e7, lat_e7 in positions:
            self._builder.add_node(self._next, lon_e7, lat_e7)
            ids.append(self._next)
            self._next -= 1
        return ids


def chains(steps: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Join the steps of a way to runs of nodes.

    A way that crosses or touches itself is cut there, because its order is not known; a ring
    starts at its least node. Steps are never lost nor turned.

    Examples
    --------
    >>> chains([(2, 3), (1, 2), (3, 4)]), chains([(5, 4), (4, 6), (6, 5)])
    ([[1, 2, 3, 4]], [[4, 6, 5, 4]])
    """
    onward: dict[int, list[int]] = defaultdict(list)
    arrivals: dict[int, int] = defaultdict(int)
    for start, end in sorted(steps):
        onward[start].append(end)
        arrivals[end] += 1
    through = {node for node in onward if len(onward[node]) == 1 and arrivals[node] == 1}
    found = []
    for first in [*(node for node in onward if node not in through), *sorted(through)]:
        while onward[first]:
            run = [first, onward[first].pop(0)]
            while run[-1] in through and onward[run[-1]]:
                run.append(onward[run[-1]].pop())
            found.append(run)
    return found
