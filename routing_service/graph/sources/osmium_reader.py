"""Map files in any format through pyosmium: complete and slow, the twin of `pbf_blocks`.

One pass over a file: pyosmium's C++ filters hand out the few tagged nodes, ways and relations, and
its location table remembers where all nodes are. Python sees only the nodes that roads use: handing
over all 256,508 nodes of Newport takes 0.7 s, more than the whole reader.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import osmium
from osmium.osm.types import OSMEntity

from routing_service.errors import InvalidSource
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.extract import Extract, Nodes
from routing_service.graph.sources.osm_tags import (
    NODE_KEYS,
    WAY_KEYS,
    is_road,
    is_routing_node,
    routing_tags,
)
from routing_service.graph.sources.raw import Tags
from routing_service.units import LongArray

ID_FILTER_SPAN_BITS = 31
"""Ids per pass of pyosmium's id filter: it takes 4 MB for each 2**25, so at most 256 MB."""


def read_with_osmium(path: Path, file_format: str, builder: RawBuilder) -> Extract:
    """Pass once over a file: roads and restrictions to the builder, nodes to the result.

    Raises
    ------
    InvalidSource
        The file is not what its format says, or not complete.
    """
    locations = osmium.index.create_map("flex_mem")
    tags: dict[int, Tags] = {}
    file = osmium.io.File(path, file_format)
    try:
        for entity in _tagged_entities(file, locations):
            if isinstance(entity, osmium.osm.Way):
                _add_way(entity, builder)
            elif isinstance(entity, osmium.osm.Node):
                node_tags = dict(entity.tags)
                if is_routing_node(node_tags):
                    tags[entity.id] = routing_tags(node_tags)
            elif isinstance(entity, osmium.osm.Relation):
                add_relation(entity, builder)
    except RuntimeError as error:
        raise InvalidSource(
            f"{path.name} is not a complete OpenStreetMap file in the format {file_format!r} "
            f"({error}). Check its format, or download it again."
        ) from error
    return Extract(path, file_format, tags, lambda wanted: _located(locations, wanted))


def _tagged_entities(
    file: osmium.io.File, locations: osmium.index.LocationTable
) -> Iterable[OSMEntity]:
    """Filter in C++ by key, and remember the location of every node on the way."""
    processor = osmium.FileProcessor(file)
    # The stubs allow only a name here; the code takes a table, and we ask it again later.
    processor.with_locations(locations)  # type: ignore[arg-type]
    for entities, keys in (
        (osmium.osm.NODE, NODE_KEYS),
        (osmium.osm.WAY, WAY_KEYS),
        (osmium.osm.RELATION, ("type",)),
    ):
        wanted = osmium.filter.KeyFilter(*keys)
        wanted.enable_for(entities)
        processor.with_filter(wanted)
    return processor


def _add_way(way: osmium.osm.Way, builder: RawBuilder) -> None:
    tags = dict(way.tags)
    if is_road(tags):
        builder.add_way(way.id, [node.ref for node in way.nodes], tags, version=way.version)


def add_relation(relation: osmium.osm.Relation, builder: RawBuilder) -> None:
    """Hand a relation to the builder, which keeps turn restrictions."""
    members = ((member.type, member.ref, member.role) for member in relation.members)
    builder.add_relation(relation.id, dict(relation.tags), members, version=relation.version)


def _located(locations: osmium.index.LocationTable, wanted: LongArray) -> Nodes:
    ids, lon_e7, lat_e7 = array("q"), array("i"), array("i")
    lookup = locations.get
    for node_id in wanted.tolist():
        try:
            location = lookup(node_id)
        except KeyError:
            continue
        if location.valid():
            ids.append(node_id)
            lon_e7.append(location.x)
            lat_e7.append(location.y)
    return Nodes(np.asarray(ids), np.asarray(lon_e7), np.asarray(lat_e7))


def versions_of(extract: Extract, node_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Look up the versions of those nodes that the file has: (id, version)."""
    for _, group in groupby(node_ids, key=lambda node_id: node_id >> ID_FILTER_SPAN_BITS):
        file = osmium.io.File(extract.path, extract.file_format)
        nodes = osmium.FileProcessor(file, osmium.osm.NODE)
        for node in nodes.with_filter(osmium.filter.IdFilter(group)):
            if isinstance(node, osmium.osm.Node):
                yield node.id, node.version
