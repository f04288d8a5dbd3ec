"""Turn restrictions: from relation members to `Restriction`, and which of them can be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np

from routing_service.graph.sources.raw import RawNetwork, Restriction, Tags

Member = tuple[str, int, str]
"""Type (``n``, ``w`` or ``r``), OSM id and role of one relation member."""

MAX_ORDERED_VIA_WAYS = 5
"""Beyond this the members' own order is trusted; mapped U-turn bans have one to three."""


def is_restriction(tags: Tags) -> bool:
    """Tell whether a relation is a turn restriction, general or for some vehicles only."""
    kind = tags.get("type", "")
    return kind == "restriction" or kind.startswith("restriction:")


def parse_restriction(
    relation_id: int, tags: Tags, members: Iterable[Member]
) -> Restriction | None:
    """Read a turn restriction relation.

    Parameters
    ----------
    relation_id, tags
        Of the relation.
    members
        In the relation's order. Roles other than ``from``, ``via`` and ``to`` say nothing about
        the turn and are passed over.

    Returns
    -------
    The restriction, or ``None`` when it is broken: no ``restriction`` tag, no ``from`` or ``to``
    way, or a ``via`` that is neither one node nor one or more ways.
    """
    ways: dict[str, list[int]] = {"from": [], "via": [], "to": []}
    via_nodes: list[int] = []
    for kind, ref, role in members:
        if kind == "n" and role == "via":
            via_nodes.append(ref)
        elif role in ways:
            if kind != "w":
                return None
            ways[role].append(ref)
    kept = {key: tags[key] for key in sorted(tags) if _is_restriction_key(key)}
    banned = any(key.startswith("restriction") for key in kept)
    one_via = (len(via_nodes) == 1) != bool(ways["via"]) and len(via_nodes) <= 1
    if not (banned and one_via and ways["from"] and ways["to"]):
        return None
    return Restriction(
        relation_id=relation_id,
        tags=kept,
        from_ways=tuple(ways["from"]),
        via_nodes=tuple(via_nodes),
        via_ways=tuple(ways["via"]),
        to_ways=tuple(ways["to"]),
    )


class Members:
    """Which ways and nodes a network has, asked by OSM id."""

    def __init__(self, raw: RawNetwork) -> None:
        self._raw = raw

    def has_way(self, way_id: int) -> bool:
        """Tell whether any piece of the way is in the network."""
        first, last = np.searchsorted(self._raw.way_ids, (way_id, way_id + 1))
        return bool(first < last)

    def has_node(self, node_id: int) -> bool:
        """Tell whether a node of a way has that id."""
        first, last = np.searchsorted(self._raw.node_ids, (node_id, node_id + 1))
        return bool(first < last)

    def nodes_of(self, way_id: int) -> frozenset[int]:
        """Give the indices of all nodes of all pieces of the way."""
        first, last = np.searchsorted(self._raw.way_ids, (way_id, way_id + 1))
        nodes = self._raw.way_nodes[self._raw.way_first[first] : self._raw.way_first[last]]
        return frozenset(nodes.tolist())

    def usable(self, restriction: Restriction) -> Restriction | None:
        """Keep a restriction as far as its members are in the network.

        Of several ``from`` (or ``to``) ways those that are missing are left out; a missing
        ``via`` breaks the restriction. Several ``via`` ways are put in the order of travel.

        Returns
        -------
        The restriction, or ``None`` when what is left of it bans nothing.
        """
        from_ways = tuple(filter(self.has_way, restriction.from_ways))
        to_ways = tuple(filter(self.has_way, restriction.to_ways))
        whole_via = all(map(self.has_node, restriction.via_nodes)) and all(
            map(self.has_way, restriction.via_ways)
        )
        if not (from_ways and to_ways and whole_via):
            return None
        via_ways = self._in_order_of_travel(from_ways[0], restriction.via_ways, to_ways[0])
        return replace(restriction, from_ways=from_ways, via_ways=via_ways, to_ways=to_ways)

    def _in_order_of_travel(
        self, from_way: int, via_ways: tuple[int, ...], to_way: int
    ) -> tuple[int, ...]:
        """Order via ways so that each touches the next; as mapped when no order does."""
        if not 2 <= len(via_ways) <= MAX_ORDERED_VIA_WAYS:
            return via_ways
        for order in permutations(via_ways):
            chain = (from_way, *order, to_way)
            if all(self.nodes_of(a) & self.nodes_of(b) for a, b in pairwise(chain)):
                return order
        return via_ways


def _is_restriction_key(key: str) -> bool:
    hours = ("day_on", "day_off", "hour_on", "hour_off")
    return key in ("type", "except", *hours) or key.startswith("restriction")
