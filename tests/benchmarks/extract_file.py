"""A network of roads as an extract in OSM PBF, for any engine to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import osmium
from osmium.osm.mutable import Node, Relation, Way

from routing_service.graph.sources.raw import RawNetwork, Restriction
from routing_service.units import E7


def write_pbf(raw: RawNetwork, path: Path) -> None:
    """The roads as an extract that any engine reads."""
    header = osmium.io.Header()
    header.set("sorting", "Type_then_ID")
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for node in _nodes(raw):
            writer.add_node(node)
        for way in _ways(raw):
            writer.add_way(way)
        for restriction in raw.restrictions:
            writer.add_relation(_relation(restriction))


def _nodes(raw: RawNetwork) -> Iterator[Node]:
    lon, lat = (raw.node_lon_e7 / E7).tolist(), (raw.node_lat_e7 / E7).tolist()
    for i, node_id in enumerate(raw.node_ids.tolist()):
        tags = raw.node_tags.get(i, {})
        yield Node(id=node_id, version=1, location=(lon[i], lat[i]), tags=dict(tags))


def _ways(raw: RawNetwork) -> Iterator[Way]:
    ids = raw.node_ids[raw.way_nodes].tolist()
    first, labels = raw.way_first.tolist(), raw.way_label.tolist()
    tagsets = raw.way_tagset.tolist()
    for w, way_id in enumerate(raw.way_ids.tolist()):
        ref, name = raw.labels[labels[w]]
        words = {key: value for key, value in (("ref", ref), ("name", name)) if value}
        tags = {**raw.tagsets[tagsets[w]], **words}
        yield Way(id=way_id, version=1, nodes=ids[first[w] : first[w + 1]], tags=tags)


def _relation(restriction: Restriction) -> Relation:
    members = [("w", way, "from") for way in restriction.from_ways]
    members += [("n", node, "via") for node in restriction.via_nodes]
    members += [("w", way, "via") for way in restriction.via_ways]
    members += [("w", way, "to") for way in restriction.to_ways]
    tags = dict(restriction.tags)
    return Relation(id=restriction.relation_id, version=1, members=members, tags=tags)
