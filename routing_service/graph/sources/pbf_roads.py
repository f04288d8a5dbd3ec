"""The blocks of an OSM PBF file put together: roads, restrictions and nodes of one extract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.extract import Extract, Nodes
from routing_service.graph.sources.merge import gathered, positions
from routing_service.graph.sources.osm_tags import (
    is_label_key,
    is_road,
    is_routing_key,
    is_routing_node,
    road_label,
)
from routing_service.graph.sources.pbf_blocks import (
    NodeBlock,
    RelationRecord,
    WayBlock,
    read_blocks,
)
from routing_service.graph.sources.raw import Tags
from routing_service.graph.sources.tag_rows import joined
from routing_service.units import NONE, LongArray

MAX_LON_E7, MAX_LAT_E7 = 1_800_000_000, 900_000_000


def read_quickly(path: Path, builder: RawBuilder) -> Extract:
    """Read a file of the common form: roads and restrictions to the builder, nodes to the result.

    Raises
    ------
    UnusualPbf
        The file is better left to pyosmium; the builder was not touched.
    """
    found = read_blocks(path)
    _add_ways([one for one in found if isinstance(one, WayBlock)], builder)
    for one in found:
        if isinstance(one, RelationRecord):
            builder.add_relation(one.id, one.tags, one.members, version=one.version)
    blocks = [one for one in found if isinstance(one, NodeBlock)]
    table = NodeTable(blocks)
    return Extract(path, "pbf", _node_tags(blocks), table.locate)


def _add_ways(blocks: Sequence[WayBlock], builder: RawBuilder) -> None:
    rows = joined([block.tags for block in blocks])
    tagsets, tagset = rows.where(is_routing_key).distinct()
    names, name = rows.where(is_label_key).distinct()
    road = np.array([is_road(tags) for tags in tagsets], np.bool_)
    kept = np.flatnonzero(road[tagset])
    first = np.cumsum(_joined([np.zeros(1, np.int64), *(np.diff(b.first) for b in blocks)]))
    builder.add_ways(
        _joined([block.ids for block in blocks])[kept],
        _joined([block.versions for block in blocks])[kept],
        gathered(first, _joined([block.refs for block in blocks]), kept),
        (tagsets, tagset[kept]),
        ([road_label(tags) for tags in names], name[kept]),
    )


def _node_tags(blocks: Sequence[NodeBlock]) -> dict[int, Tags]:
    """Tags of the nodes that may slow or stop a vehicle, by id."""
    tagsets, tagset = joined([block.tags for block in blocks]).distinct()
    slows = np.array([is_routing_node(tags) for tags in tagsets], np.bool_)[tagset]
    ids = _joined([block.ids[block.tagged] for block in blocks])[slows].tolist()
    return {node_id: tagsets[k] for node_id, k in zip(ids, tagset[slows].tolist(), strict=True)}


class NodeTable:
    """All nodes of a file, by rising id."""

    def __init__(self, blocks: Sequence[NodeBlock]) -> None:
        nothing = np.zeros(0, np.int32)
        self._ids = _joined([block.ids for block in blocks])
        self._lon_e7 = np.concatenate([nothing, *(block.lon_e7 for block in blocks)])
        self._lat_e7 = np.concatenate([nothing, *(block.lat_e7 for block in blocks)])
        if (self._ids[1:] <= self._ids[:-1]).any():
            order = np.argsort(self._ids, kind="stable")
            self._ids, self._lon_e7 = self._ids[order], self._lon_e7[order]
            self._lat_e7 = self._lat_e7[order]

    def locate(self, wanted: LongArray) -> Nodes:
        """Those of the wanted nodes that the file has, where they lie on the globe."""
        at = positions(self._ids, wanted)
        at = at[at != NONE]
        lon_e7, lat_e7 = self._lon_e7[at], self._lat_e7[at]
        real = (np.abs(lon_e7) <= MAX_LON_E7) & (np.abs(lat_e7) <= MAX_LAT_E7)
        return Nodes(self._ids[at[real]], lon_e7[real], lat_e7[real])


def _joined(columns: Sequence[LongArray]) -> LongArray:
    return np.concatenate([np.zeros(0, np.int64), *columns])
