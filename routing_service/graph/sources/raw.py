"""`RawNetwork`: roads as the map says, before any rule of the road is applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from routing_service.units import IntArray, LongArray

Network = Literal["osm", "surrogate"]
Tags = Mapping[str, str]

MESH_TAG = ("hasu:link", "mesh")
"""Our own tag on links that stand for streets and are none: where only such meet is no junction."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input of a build, as the manifest records it."""

    name: str
    sha256: str
    licence: str
    attribution: str


@dataclass(frozen=True, slots=True)
class Restriction:
    """A turn restriction relation.

    `from_ways` and `to_ways` hold OSM way ids; `via_nodes` OSM node ids; `via_ways` way ids in
    order of travel (empty for a restriction via a node).
    """

    relation_id: int
    tags: Tags
    from_ways: tuple[int, ...]
    via_nodes: tuple[int, ...]
    via_ways: tuple[int, ...]
    to_ways: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RawNetwork:
    """Nodes, ways and restrictions as arrays and interned tag sets.

    Nodes are sorted by OSM id, ways by OSM id: the order of the input cannot matter. A way's
    nodes are ``way_nodes[way_first[w]:way_first[w + 1]]``, indices into the node arrays.

    Attributes
    ----------
    node_ids
        ``int64[n]``, OSM ids.
    node_lon_e7, node_lat_e7
        ``int32[n]``, WGS84 degrees x 10**7.
    node_tags
        Tags of the few nodes that have any that matter (barriers, signals), by node index.
    way_ids
        ``int64[w]``, OSM ids.
    way_first, way_nodes
        CSR of the ways' nodes, ``int32[w + 1]`` and ``int32[k]``.
    way_tagset
        ``int32[w]``, index into `tagsets`.
    tagsets
        The distinct tag sets, without names: thousands of ways share one.
    way_label
        ``int32[w]``, index into `labels`.
    labels
        Distinct (ref, name) pairs.
    restrictions
        Turn restrictions, sorted by relation id.
    dropped
        What the reader left out and why, ``reason: count``.
    """

    network: Network
    node_ids: LongArray
    node_lon_e7: IntArray
    node_lat_e7: IntArray
    node_tags: Mapping[int, Tags]
    way_ids: LongArray
    way_first: IntArray
    way_nodes: IntArray
    way_tagset: IntArray
    tagsets: tuple[Tags, ...]
    way_label: IntArray
    labels: tuple[tuple[str, str], ...]
    restrictions: tuple[Restriction, ...]
    sources: tuple[Source, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
