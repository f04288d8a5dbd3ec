"""Plain records in, one `RawNetwork` out: merging, cutting, sorting and counting for all readers.

A reader says what it found, in any order and as often as it likes; `RawBuilder.finish` makes
the arrays. The result depends on the set of records only, never on their order, so that two
extracts merge to the same bytes whichever is named first.

>>> builder = RawBuilder()
>>> builder.add_node(1, -14_800_000, 535_500_000)
>>> builder.add_node(2, -14_790_000, 535_500_000, {"barrier": "gate"})
>>> builder.add_way(7, [1, 2], {"highway": "primary", "ref": "A61", "name": "Park Road"})
>>> raw = builder.finish("surrogate", ())
>>> raw.way_ids.tolist(), raw.labels, raw.tagsets, raw.node_tags
([7], (('A61', 'Park Road'),), ({'highway': 'primary'},), {1: {'barrier': 'gate'}})
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from routing_service.errors import InvalidSource
from routing_service.graph.sources import merge
from routing_service.graph.sources.osm_tags import road_label, routing_tags
from routing_service.graph.sources.raw import Network, RawNetwork, Restriction, Source, Tags
from routing_service.graph.sources.restrictions import (
    Member,
    Members,
    is_restriction,
    parse_restriction,
)
from routing_service.units import NONE, IntArray, LongArray

Content = TypeVar("Content")
TagItems = tuple[tuple[str, str], ...]


class RawBuilder:
    """Collect nodes, ways and restrictions; `finish` turns them into a `RawNetwork`.

    Records are kept in flat arrays (8 bytes a node reference), never as objects.

    Rules of merging, all counted in ``dropped``:

    - the same id again: the higher version wins, then the longer way (an extract may have cut
      the other), then the greater content, so that order cannot matter (``node_duplicate``,
      ``way_duplicate``, ``restriction_duplicate``);
    - a reference to a node that is nowhere: the way is cut there, and each run of two or more
      nodes stays as a way with the same id (``node_missing`` references, ``way_cut`` ways that
      lost something, ``way_without_nodes`` ways of which nothing is left);
    - a node named twice in a row is named once (``node_repeated``);
    - a restriction whose ways or nodes are not in the network (``restriction_incomplete``).

    Nodes that no way uses are left out without being counted: they are not roads.
    """

    def __init__(self) -> None:
        self._node_ids = array("q")
        self._node_lon_e7 = array("i")
        self._node_lat_e7 = array("i")
        self._node_versions = array("i")
        self._node_tags: dict[int, TagItems] = {}
        self._way_ids = array("q")
        self._way_parts = array("i")
        self._way_versions = array("i")
        self._way_first = array("q", [0])
        self._way_refs = array("q")
        self._way_tagset = array("i")
        self._way_label = array("i")
        self._tagsets: dict[TagItems, int] = {}
        self._labels: dict[tuple[str, str], int] = {}
        self._restrictions: list[tuple[int, Restriction]] = []
        self._dropped: Counter[str] = Counter()

    def add_node(
        self, node_id: int, lon_e7: int, lat_e7: int, tags: Tags | None = None, *, version: int = 0
    ) -> None:
        """Add one node; of its tags, those that routing can use are kept."""
        if tags and (kept := routing_tags(tags)):
            self._node_tags[len(self._node_ids)] = tuple(kept.items())
        self._node_ids.append(node_id)
        self._node_lon_e7.append(lon_e7)
        self._node_lat_e7.append(lat_e7)
        self._node_versions.append(version)

    def add_nodes(
        self,
        node_ids: LongArray,
        lon_e7: IntArray,
        lat_e7: IntArray,
        tags: Mapping[int, Tags] | None = None,
        versions: IntArray | None = None,
    ) -> None:
        """Add many nodes.

        Parameters
        ----------
        node_ids, lon_e7, lat_e7
            ``int64[n]`` and ``int32[n]``.
        tags
            Tags of the few nodes that have any, by position in `node_ids`.
        versions
            ``int32[n]``, all 0 when not given.
        """
        offset = len(self._node_ids)
        for position, node_tags in (tags or {}).items():
            if kept := routing_tags(node_tags):
                self._node_tags[offset + position] = tuple(kept.items())
        _extend(self._node_ids, node_ids, np.int64)
        _extend(self._node_lon_e7, lon_e7, np.int32)
        _extend(self._node_lat_e7, lat_e7, np.int32)
        if versions is None:
            versions = np.zeros(len(node_ids), np.int32)
        _extend(self._node_versions, versions, np.int32)

    def add_way(
        self,
        way_id: int,
        node_ids: Iterable[int],
        tags: Tags,
        *,
        version: int = 0,
        part: int = 0,
    ) -> None:
        """Add one way with its OSM tags; the routing tags and the (ref, name) label are kept.

        A reader that knows a way only in pieces numbers them by `part`: pieces of one way are
        different records, not copies of one.
        """
        self._way_refs.extend(node_ids)
        self._way_first.append(len(self._way_refs))
        self._way_ids.append(way_id)
        self._way_parts.append(part)
        self._way_versions.append(version)
        items = tuple(routing_tags(tags).items())
        self._way_tagset.append(self._tagsets.setdefault(items, len(self._tagsets)))
        self._way_label.append(self._labels.setdefault(road_label(tags), len(self._labels)))

    def add_links(self, way_ids: LongArray, ends: LongArray, tags: Tags) -> None:
        """Add many two-node ways of one tag set: ``int64[n]`` ids, ``int64[n, 2]`` node ids."""
        n, start = len(way_ids), len(self._way_refs)
        items = tuple(routing_tags(tags).items())
        tagset = self._tagsets.setdefault(items, len(self._tagsets))
        label = self._labels.setdefault(road_label(tags), len(self._labels))
        _extend(self._way_refs, ends, np.int64)
        _extend(self._way_first, start + 2 * np.arange(1, n + 1), np.int64)
        _extend(self._way_ids, way_ids, np.int64)
        _extend(self._way_parts, np.zeros(n), np.int32)
        _extend(self._way_versions, np.zeros(n), np.int32)
        _extend(self._way_tagset, np.full(n, tagset), np.int32)
        _extend(self._way_label, np.full(n, label), np.int32)

    def add_ways(
        self,
        way_ids: LongArray,
        versions: LongArray,
        nodes: tuple[LongArray, LongArray],
        tags: tuple[Sequence[Tags], IntArray],
        labels: tuple[Sequence[tuple[str, str]], IntArray],
    ) -> None:
        """Add many ways.

        Parameters
        ----------
        way_ids, versions
            ``int64[n]``.
        nodes
            The ways' node ids as CSR, ``int64[n + 1]`` and ``int64[k]``.
        tags, labels
            The distinct routing tags and (ref, name) labels, and which each way has, ``int32[n]``.
        """
        _extend(self._way_first, len(self._way_refs) + nodes[0][1:], np.int64)
        _extend(self._way_refs, nodes[1], np.int64)
        _extend(self._way_ids, way_ids, np.int64)
        _extend(self._way_parts, np.zeros(len(way_ids)), np.int32)
        _extend(self._way_versions, versions, np.int32)
        items = [tuple(routing_tags(each).items()) for each in tags[0]]
        _extend(self._way_tagset, _codes(self._tagsets, items)[tags[1]], np.int32)
        _extend(self._way_label, _codes(self._labels, labels[0])[labels[1]], np.int32)

    def add_relation(
        self, relation_id: int, tags: Tags, members: Iterable[Member], *, version: int = 0
    ) -> None:
        """Add a relation if it is a turn restriction; count it if it is a broken one."""
        if not is_restriction(tags):
            return
        restriction = parse_restriction(relation_id, tags, members)
        if restriction is None:
            self.drop("restriction_incomplete")
        else:
            self.add_restriction(restriction, version=version)

    def add_restriction(self, restriction: Restriction, *, version: int = 0) -> None:
        """Add one turn restriction; whether its members exist is for `finish` to check."""
        self._restrictions.append((version, restriction))

    def drop(self, reason: str, n: int = 1) -> None:
        """Count `n` things that the reader itself left out."""
        self._dropped[reason] += n

    def referenced_nodes(self) -> LongArray:
        """Give the ids of all nodes that ways name so far, sorted: what a reader must look up."""
        return merge.distinct(np.asarray(self._way_refs))

    def finish(self, network: Network, sources: Sequence[Source]) -> RawNetwork:
        """Merge, cut, sort and index everything that was added.

        Raises
        ------
        InvalidSource
            No way with two known nodes is left.
        """
        dropped = Counter(self._dropped)
        node_rows = self._node_winners(dropped)
        way_rows = self._way_winners(dropped)
        pieces = self._pieces(way_rows, np.asarray(self._node_ids)[node_rows], dropped)
        if not len(pieces.rows):
            raise InvalidSource(
                "The map data holds no roads: no highway with two known nodes. Check that it "
                "covers your region and was extracted together with the nodes of its ways.",
                dropped=_sorted(dropped),
            )
        raw = self._network(network, sources, node_rows, pieces)
        restrictions = self._usable_restrictions(raw, dropped)
        return replace(raw, restrictions=restrictions, dropped=_sorted(dropped))

    def _network(
        self,
        network: Network,
        sources: Sequence[Source],
        node_rows: LongArray,
        pieces: merge.Pieces,
    ) -> RawNetwork:
        """Make the arrays, leaving out nodes, tags and labels that no way uses."""
        used, way_nodes = np.unique(pieces.nodes, return_inverse=True)
        node_rows = node_rows[used]
        tagsets, way_tagset = merge.compacted(
            self._tagsets, np.asarray(self._way_tagset)[pieces.rows]
        )
        labels, way_label = merge.compacted(self._labels, np.asarray(self._way_label)[pieces.rows])
        return RawNetwork(
            network=network,
            node_ids=np.asarray(self._node_ids)[node_rows],
            node_lon_e7=np.asarray(self._node_lon_e7)[node_rows],
            node_lat_e7=np.asarray(self._node_lat_e7)[node_rows],
            node_tags=self._tags_of(node_rows),
            way_ids=np.asarray(self._way_ids)[pieces.rows],
            way_first=pieces.first,
            way_nodes=way_nodes.astype(np.int32),
            way_tagset=way_tagset,
            tagsets=tuple(dict(items) for items in tagsets),
            way_label=way_label,
            labels=labels,
            restrictions=(),
            sources=tuple(sorted(sources, key=lambda source: (source.name, source.sha256))),
        )

    def _node_winners(self, dropped: Counter[str]) -> LongArray:
        """Positions of the nodes to keep, by rising id."""

        def preference() -> tuple[IntArray, ...]:
            tagsets = sorted(set(self._node_tags.values()))
            rank = {items: i for i, items in enumerate(tagsets, start=1)}
            tag_rank = np.zeros(len(self._node_ids), np.int32)
            for position, items in self._node_tags.items():
                tag_rank[position] = rank[items]
            versions, lon_e7 = np.asarray(self._node_versions), np.asarray(self._node_lon_e7)
            return versions, tag_rank, lon_e7, np.asarray(self._node_lat_e7)

        rows = merge.winners((np.asarray(self._node_ids),), preference)
        _count(dropped, "node_duplicate", len(self._node_ids) - len(rows))
        return rows

    def _way_winners(self, dropped: Counter[str]) -> LongArray:
        """Positions of the ways to keep, by rising id and part."""
        first, way_ids = np.asarray(self._way_first), np.asarray(self._way_ids)
        rows = merge.winners(
            identity=(way_ids, np.asarray(self._way_parts)),
            preference=lambda: (
                np.asarray(self._way_versions),
                np.diff(first),
                merge.ranks(self._tagsets)[np.asarray(self._way_tagset)],
                merge.ranks(self._labels)[np.asarray(self._way_label)],
                merge.fingerprints(first, np.asarray(self._way_refs)),
            ),
        )
        _count(dropped, "way_duplicate", len(way_ids) - len(rows))
        return rows

    def _pieces(
        self, way_rows: LongArray, node_ids: LongArray, dropped: Counter[str]
    ) -> merge.Pieces:
        """Ways after cutting; their rows are positions in the builder's own columns."""
        first, refs = merge.gathered(
            np.asarray(self._way_first), np.asarray(self._way_refs), way_rows
        )
        pieces = merge.cut(first, merge.positions(node_ids, refs), dropped)
        return replace(pieces, rows=way_rows[pieces.rows])

    def _tags_of(self, node_rows: LongArray) -> dict[int, Tags]:
        """Node tags by index in the finished arrays, in rising order."""
        index = np.full(len(self._node_ids), NONE, np.int64)
        index[node_rows] = np.arange(len(node_rows))
        tags = {int(index[row]): dict(items) for row, items in self._node_tags.items()}
        return {i: tags[i] for i in sorted(tags) if i != NONE}

    def _usable_restrictions(
        self, raw: RawNetwork, dropped: Counter[str]
    ) -> tuple[Restriction, ...]:
        """Keep the newest copy of each restriction whose members are in the network."""
        newest = {
            restriction.relation_id: restriction
            for _, restriction in sorted(self._restrictions, key=_restriction_order)
        }
        _count(dropped, "restriction_duplicate", len(self._restrictions) - len(newest))
        members = Members(raw)
        kept = [members.usable(newest[relation_id]) for relation_id in sorted(newest)]
        _count(dropped, "restriction_incomplete", kept.count(None))
        return tuple(restriction for restriction in kept if restriction is not None)


def _restriction_order(record: tuple[int, Restriction]) -> tuple[object, ...]:
    """Newest last; copies of one version by content, so that their order cannot matter."""
    version, found = record
    members = (found.from_ways, found.via_nodes, found.via_ways, found.to_ways)
    return found.relation_id, version, members, tuple(sorted(found.tags.items()))


def _codes(interned: dict[Content, int], contents: Iterable[Content]) -> IntArray:
    """Codes of contents, new ones for those that are new."""
    return np.array([interned.setdefault(each, len(interned)) for each in contents], np.int32)


def _extend(column: array[int], values: npt.ArrayLike, dtype: npt.DTypeLike) -> None:
    column.frombytes(np.ascontiguousarray(values, dtype).tobytes())


def _count(dropped: Counter[str], reason: str, n: int) -> None:
    if n:
        dropped[reason] += n


def _sorted(dropped: Counter[str]) -> dict[str, int]:
    return {reason: dropped[reason] for reason in sorted(dropped)}
