"""OpenStreetMap extracts: one or several files, merged to one network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from routing_service.errors import InvalidSource
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.extract import Extract, Nodes
from routing_service.graph.sources.merge import positions
from routing_service.graph.sources.osm_tags import ATTRIBUTION, LICENCE
from routing_service.graph.sources.pbf_blocks import UnusualPbf
from routing_service.graph.sources.pbf_roads import read_quickly
from routing_service.graph.sources.raw import RawNetwork, Source, Tags
from routing_service.progress import Progress
from routing_service.units import NONE, IntArray, LongArray


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


def _read(path: Path, file_format: str, builder: RawBuilder) -> Extract:
    """Pass over a file: roads and restrictions to the builder, nodes to the result."""
    if file_format == "pbf":
        try:
            return read_quickly(path, builder)
        except UnusualPbf:
            pass
    from routing_service.graph.sources.osmium_reader import read_with_osmium

    return read_with_osmium(path, file_format, builder)


def _add_nodes(extracts: Sequence[Extract], builder: RawBuilder) -> None:
    """Give the builder the nodes of the roads, with versions where files disagree.

    Every file is asked for the nodes of all ways: one may have what another cut off.
    """
    wanted = builder.referenced_nodes()
    found = [extract.locate(wanted[wanted > 0]) for extract in extracts]
    contested = _contested(extracts, found)
    for extract, nodes in zip(extracts, found, strict=True):
        versions = _versions(extract, nodes, contested)
        tags = _by_position(extract.tags, nodes.ids)
        builder.add_nodes(nodes.ids, nodes.lon_e7, nodes.lat_e7, tags, versions)


def _versions(extract: Extract, nodes: Nodes, contested: Sequence[int]) -> IntArray:
    """Versions of a file's nodes, ``int32[nodes]``: 0 for those that are not contested."""
    versions = np.zeros(len(nodes.ids), np.int32)
    if contested:
        from routing_service.graph.sources.osmium_reader import versions_of

        for node_id, version in versions_of(extract, contested):
            versions[np.searchsorted(nodes.ids, node_id)] = version
    return versions


def _by_position(tags: Mapping[int, Tags], node_ids: LongArray) -> dict[int, Tags]:
    """Key tags by position in `node_ids` instead of by id; others' tags are left out."""
    tagged = np.array(sorted(tags), np.int64)
    places = positions(node_ids, tagged)
    return {
        place: tags[node_id]
        for place, node_id in zip(places.tolist(), tagged.tolist(), strict=True)
        if place != NONE
    }


def _contested(extracts: Sequence[Extract], found: Sequence[Nodes]) -> list[int]:
    """Ids of nodes whose position or tags differ between files, rising.

    Extracts of one date agree everywhere; only for contested nodes are versions worth a pass.
    """
    if len(extracts) == 1:
        return []
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


def _tags_differ(node_id: int, extracts: Sequence[Extract], found: Sequence[Nodes]) -> bool:
    """Tell whether the files that have the node give it different tags."""
    tags = [
        extract.tags.get(node_id, {})
        for extract, nodes in zip(extracts, found, strict=True)
        if positions(nodes.ids, np.array([node_id]))[0] != NONE
    ]
    return any(other != tags[0] for other in tags)
