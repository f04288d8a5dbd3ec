"""OpenStreetMap extracts (``.osm.pbf``) through pyosmium.

One pass over each file: pyosmium's C++ filters hand out the few tagged nodes, ways and
relations, and its location table remembers where all nodes are. Python sees only the nodes that
roads use: handing over all 256,508 nodes of Newport takes 0.7 s, more than the whole reader.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import osmium
from osmium.osm.types import OSMEntity

from routing_service.errors import InvalidSource
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.merge import positions
from routing_service.graph.sources.osm_tags import (
    ATTRIBUTION,
    LICENCE,
    NODE_KEYS,
    WAY_KEYS,
    is_road,
    is_routing_node,
    routing_tags,
)
from routing_service.graph.sources.raw import RawNetwork, Source, Tags
from routing_service.graph.sources.restrictions import is_restriction, parse_restriction
from routing_service.progress import Progress
from routing_service.units import NONE, IntArray, LongArray

ID_FILTER_SPAN_BITS = 31
"""Ids per pass of pyosmium's id filter: it takes 4 MB for each 2**25, so at most 256 MB."""


@dataclass(slots=True)
class _Extract:
    """What is kept of a file after the pass over it."""

    path: Path
    file_format: str
    locations: osmium.index.LocationTable
    tags: dict[int, dict[str, str]]

    def nodes(self, wanted: LongArray) -> _Nodes:
        """Look up the wanted nodes; those that the file does not have are left out."""
        ids, lon_e7, lat_e7 = array("q"), array("i"), array("i")
        lookup = self.locations.get
        for node_id in wanted[wanted > 0].tolist():
            try:
                location = lookup(node_id)
            except KeyError:
                continue
            if location.valid():
                ids.append(node_id)
                lon_e7.append(location.x)
                lat_e7.append(location.y)
        return _Nodes(np.asarray(ids), np.asarray(lon_e7), np.asarray(lat_e7))


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Nodes of one file, by rising id."""

    ids: LongArray
    lon_e7: IntArray
    lat_e7: IntArray


def read_pbf(paths: Sequence[Path], *, progress: Progress | None = None) -> RawNetwork:
    """Read one or more extracts; overlapping ones merge, in whatever order they are named.

    Parameters
    ----------
    paths
        Files in OSM PBF.
    progress
        Told about each file.

    Raises
    ------
    InvalidSource
        A file is missing, unreadable or not OSM PBF, or there are no roads in any.

    Examples
    --------
    >>> raw = read_pbf([Path("south-yorkshire.osm.pbf")])  # doctest: +SKIP
    """
    return read_osm_files(paths, "pbf", progress=progress)


def read_osm_files(
    paths: Sequence[Path], file_format: str, *, progress: Progress | None = None
) -> RawNetwork:
    """Read extracts in any format that pyosmium names (``pbf``, ``osm``, ``osm.bz2``…)."""
    if not paths:
        raise InvalidSource("No map file was named. Name at least one .osm.pbf extract.")
    sources = {describe_source(path): path for path in map(Path, paths)}
    builder = RawBuilder()
    report = progress or (lambda _what, _share: None)
    extracts = []
    for done, path in enumerate(sources.values()):
        report(f"Reading {path.name}", done / len(sources))
        extracts.append(_read(path, file_format, builder))
    report("Merging", 1.0)
    _add_nodes(extracts, builder)
    return builder.finish("osm", tuple(sources))


def describe_source(path: Path) -> Source:
    """Record a map file: its base name and SHA-256.

    Raises
    ------
    InvalidSource
        The file is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise InvalidSource(
            f"There is no map file {path}. Check the path, or download an extract of your "
            "region in .osm.pbf."
        ) from error
    except OSError as error:
        raise InvalidSource(f"The map file {path} cannot be read: {error.strerror}.") from error
    return Source(name=path.name, sha256=sha256, licence=LICENCE, attribution=ATTRIBUTION)


def _read(path: Path, file_format: str, builder: RawBuilder) -> _Extract:
    """Pass once over a file: roads and restrictions to the builder, nodes to the result."""
    extract = _Extract(path, file_format, osmium.index.create_map("flex_mem"), {})
    try:
        for entity in _tagged_entities(extract):
            if isinstance(entity, osmium.osm.Way):
                _add_way(entity, builder)
            elif isinstance(entity, osmium.osm.Node):
                tags = dict(entity.tags)
                if is_routing_node(tags):
                    extract.tags[entity.id] = routing_tags(tags)
            elif isinstance(entity, osmium.osm.Relation):
                add_restriction(entity, builder)
    except RuntimeError as error:
        raise InvalidSource(
            f"{path.name} is not a complete OpenStreetMap file in the format {file_format!r} "
            f"({error}). Check its format, or download it again."
        ) from error
    return extract


def _tagged_entities(extract: _Extract) -> Iterable[OSMEntity]:
    """Filter in C++ by key, and remember the location of every node on the way."""
    processor = osmium.FileProcessor(osmium.io.File(extract.path, extract.file_format))
    # The stubs allow only a name here; the code takes a table, and we ask it again later.
    processor.with_locations(extract.locations)  # type: ignore[arg-type]
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


def add_restriction(relation: osmium.osm.Relation, builder: RawBuilder) -> None:
    """Add a relation to the builder if it is a turn restriction; count it if it is broken."""
    tags = dict(relation.tags)
    if not is_restriction(tags):
        return
    members = [(member.type, member.ref, member.role) for member in relation.members]
    restriction = parse_restriction(relation.id, tags, members)
    if restriction is None:
        builder.drop("restriction_incomplete")
    else:
        builder.add_restriction(restriction, version=relation.version)


def _add_nodes(extracts: Sequence[_Extract], builder: RawBuilder) -> None:
    """Give the builder the nodes of the roads, with versions where files disagree.

    Every file is asked for the nodes of all ways: one may have what another cut off.
    """
    wanted = builder.referenced_nodes()
    found = [extract.nodes(wanted) for extract in extracts]
    contested = _contested(extracts, found)
    for extract, nodes in zip(extracts, found, strict=True):
        versions = np.zeros(len(nodes.ids), np.int32)
        for node_id, version in _versions(extract, contested):
            versions[np.searchsorted(nodes.ids, node_id)] = version
        tags = _by_position(extract.tags, nodes.ids)
        builder.add_nodes(nodes.ids, nodes.lon_e7, nodes.lat_e7, tags, versions)


def _by_position(tags: dict[int, dict[str, str]], node_ids: LongArray) -> dict[int, Tags]:
    """Key tags by position in `node_ids` instead of by id; others' tags are left out."""
    tagged = np.array(sorted(tags), np.int64)
    places = positions(node_ids, tagged)
    return {
        place: tags[node_id]
        for place, node_id in zip(places.tolist(), tagged.tolist(), strict=True)
        if place != NONE
    }


def _contested(extracts: Sequence[_Extract], found: Sequence[_Nodes]) -> list[int]:
    """Ids of nodes whose position or tags differ between files, rising.

    Extracts of one date agree everywhere; only for contested nodes are versions worth a pass.
    """
    ids = np.concatenate([nodes.ids for nodes in found])
    lon_e7 = np.concatenate([nodes.lon_e7 for nodes in found])
    lat_e7 = np.concatenate([nodes.lat_e7 for nodes in found])
    order = np.lexsort((lat_e7, lon_e7, ids))
    ids, lon_e7, lat_e7 = ids[order], lon_e7[order], lat_e7[order]
    copy = ids[1:] == ids[:-1]
    moved = copy & ((lon_e7[1:] != lon_e7[:-1]) | (lat_e7[1:] != lat_e7[:-1]))
    retagged = [
        node_id
        for node_id in set(ids[1:][copy].tolist()) & set().union(*(e.tags for e in extracts))
        if _tags_differ(node_id, extracts, found)
    ]
    return sorted({*ids[1:][moved].tolist(), *retagged})


def _tags_differ(node_id: int, extracts: Sequence[_Extract], found: Sequence[_Nodes]) -> bool:
    """Tell whether the files that have the node give it different tags."""
    tags = [
        extract.tags.get(node_id, {})
        for extract, nodes in zip(extracts, found, strict=True)
        if positions(nodes.ids, np.array([node_id]))[0] != NONE
    ]
    return any(other != tags[0] for other in tags)


def _versions(extract: _Extract, node_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Look up the versions of those nodes that the file has: (id, version)."""
    for _, group in groupby(node_ids, key=lambda node_id: node_id >> ID_FILTER_SPAN_BITS):
        file = osmium.io.File(extract.path, extract.file_format)
        nodes = osmium.FileProcessor(file, osmium.osm.NODE)
        for node in nodes.with_filter(osmium.filter.IdFilter(group)):
            if isinstance(node, osmium.osm.Node):
                yield node.id, node.version
