"""Larger maps from a real one: copies side by side, joined by main roads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from routing_service.graph.sources.raw import RawNetwork, Restriction
from routing_service.units import E7, IntArray, LongArray
from tests.benchmarks.made_up import MAIN_ROADS

LINKS = 4
"""Roads from each copy to the next."""

JOIN = {"highway": "primary"}


def tile(raw: RawNetwork, columns: int, rows: int) -> RawNetwork:
    """The map `columns` times from west to east and `rows` times from south to north.

    Ids of a copy are those of the original plus a multiple of a number that is larger than all.
    """
    copies = columns * rows
    stride = int(max(raw.node_ids.max(), raw.way_ids.max())) + 1
    width = int(np.ptp(raw.node_lon_e7)) + E7 // 500
    height = int(np.ptp(raw.node_lat_e7)) + E7 // 500
    at = np.arange(copies)
    n, w = len(raw.node_ids), len(raw.way_nodes)
    joined = replace(
        raw,
        node_ids=_spread(raw.node_ids, at * stride),
        node_lon_e7=_spread(raw.node_lon_e7, at % columns * width).astype(np.int32),
        node_lat_e7=_spread(raw.node_lat_e7, at // columns * height).astype(np.int32),
        node_tags={i + k * n: tags for k in range(copies) for i, tags in raw.node_tags.items()},
        way_ids=_spread(raw.way_ids, at * stride),
        way_first=np.append(_spread(raw.way_first[:-1], at * w), copies * w).astype(np.int32),
        way_nodes=_spread(raw.way_nodes, at * n).astype(np.int32),
        way_tagset=np.tile(raw.way_tagset, copies),
        way_label=np.tile(raw.way_label, copies),
        restrictions=tuple(_moved(r, k * stride) for k in range(copies) for r in raw.restrictions),
    )
    return _with_links(joined, _links(raw, columns, rows), copies * stride)


def _spread(values: IntArray | LongArray, shifts: LongArray) -> LongArray:
    """The values once for each shift."""
    result: LongArray = (shifts[:, None] + values.astype(np.int64)[None, :]).ravel()
    return result


def _moved(restriction: Restriction, by: int) -> Restriction:
    def moved(ids: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(i + by for i in ids)

    return replace(
        restriction,
        relation_id=restriction.relation_id + by,
        from_ways=moved(restriction.from_ways),
        via_nodes=moved(restriction.via_nodes),
        via_ways=moved(restriction.via_ways),
        to_ways=moved(restriction.to_ways),
    )


def _links(raw: RawNetwork, columns: int, rows: int) -> list[tuple[int, int]]:
    """Pairs of nodes that join each copy to its neighbours in the east and in the north."""
    nodes = main_nodes(raw)
    lon, lat = raw.node_lon_e7[nodes].astype(np.int64), raw.node_lat_e7[nodes].astype(np.int64)
    east, west = _outermost(lat, lon, nodes), _outermost(lat, -lon, nodes)
    north, south = _outermost(lon, lat, nodes), _outermost(lon, -lat, nodes)
    n = len(raw.node_ids)
    pairs = []
    for k in range(columns * rows):
        if k % columns + 1 < columns:
            pairs += [(a + k * n, b + (k + 1) * n) for a, b in zip(east, west, strict=True)]
        if k // columns + 1 < rows:
            pairs += [(a + k * n, b + (k + columns) * n) for a, b in zip(north, south, strict=True)]
    return pairs


def main_nodes(raw: RawNetwork) -> IntArray:
    """Nodes of main roads that lead both ways."""
    main = [tags.get("highway") in MAIN_ROADS and not _one_way(tags) for tags in raw.tagsets]
    of_way = np.array(main)[raw.way_tagset]
    nodes: IntArray = np.unique(raw.way_nodes[np.repeat(of_way, np.diff(raw.way_first))])
    return nodes


def _one_way(tags: object) -> bool:
    text = str(tags)
    return "oneway" in text or "roundabout" in text


def _outermost(across: LongArray, outward: LongArray, nodes: IntArray) -> list[int]:
    """In each of `LINKS` bands across, the node that lies furthest out."""
    band = np.searchsorted(np.quantile(across, np.linspace(0, 1, LINKS + 1)[1:-1]), across)
    return [int(nodes[band == k][outward[band == k].argmax()]) for k in range(LINKS)]


def _with_links(raw: RawNetwork, pairs: list[tuple[int, int]], next_id: int) -> RawNetwork:
    first, n = int(raw.way_first[-1]), len(pairs)
    tagset, label = len(raw.tagsets), len(raw.labels)
    return replace(
        raw,
        way_ids=np.append(raw.way_ids, next_id + np.arange(n)),
        way_first=np.append(raw.way_first, first + 2 * np.arange(1, n + 1)).astype(np.int32),
        way_nodes=np.append(raw.way_nodes, np.array(pairs).ravel()).astype(np.int32),
        way_tagset=np.append(raw.way_tagset, np.full(n, tagset)).astype(np.int32),
        way_label=np.append(raw.way_label, np.full(n, label)).astype(np.int32),
        tagsets=(*raw.tagsets, JOIN),
        labels=(*raw.labels, ("", "")),
    )
