"""Turn restrictions, exactly: via a node by removing turns, via ways by copying edges.

A restriction via ways ("coming from A along B you may not enter C") depends on where one came
from, which an edge alone does not tell. So the edges of B get copies that can only be entered
from A, and the turn is removed from the last copy. Everything else about a copy is as its base.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from routing_service.graph.turns import Edges, Turns
from routing_service.units import BoolArray, IntArray, LongArray

if TYPE_CHECKING:
    from routing_service.graph.profile import Profile
    from routing_service.graph.sources.raw import RawNetwork, Restriction

Kind = Literal["no", "only"]

# The side that a restriction names, where its way passes the via node in both directions.
_SIDES = {"left": (-180.0, -20.0), "right": (20.0, 180.0), "straight": (-45.0, 45.0)}


@dataclass(frozen=True)
class RestrictedTurns:
    """Turns after restrictions. Edges ``len(edges.to_node) …`` are copies of `copy_of`."""

    turns: Turns
    copy_of: IntArray
    counts: dict[str, int]


class _Roads:
    """Edges of the ways that restrictions name, by way and end node."""

    def __init__(self, edges: Edges, raw: RawNetwork) -> None:
        named = sorted(
            {w for r in raw.restrictions for w in (*r.from_ways, *r.via_ways, *r.to_ways)}
        )
        self.edges = edges
        self.arriving: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.leaving: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.of_way: dict[int, list[int]] = defaultdict(list)
        for e in np.flatnonzero(np.isin(edges.way, named)).tolist():
            way = int(edges.way[e])
            self.arriving[way, int(edges.to_node[e])].append(e)
            self.leaving[way, int(edges.from_node[e])].append(e)
            self.of_way[way].append(e)

    def into(self, ways: Iterable[int], node: int) -> list[int]:
        return [e for way in ways for e in self.arriving[way, node]]

    def out_of(self, ways: Iterable[int], node: int) -> list[int]:
        return [e for way in ways for e in self.leaving[way, node]]

    def along(self, ways: Sequence[int], start: int, goals: set[int]) -> list[int]:
        """Edges of `ways` from node `start` to the first of `goals`, [] if they do not connect."""
        usable = sorted(e for way in set(ways) for e in self.of_way[way])
        came: dict[int, int] = {}
        frontier = [start]
        seen = {start}
        while frontier:
            reached = []
            for node in frontier:
                for e in (e for e in usable if self.edges.from_node[e] == node):
                    to = int(self.edges.to_node[e])
                    if to in seen:
                        continue
                    seen.add(to)
                    came[to] = e
                    if to in goals:
                        return list(self._back(came, start, to))[::-1]
                    reached.append(to)
            frontier = reached
        return []

    def _back(self, came: dict[int, int], start: int, node: int) -> Iterator[int]:
        while node != start:
            yield came[node]
            node = int(self.edges.from_node[came[node]])


def apply_restrictions(
    turns: Turns, edges: Edges, raw: RawNetwork, profile: Profile
) -> RestrictedTurns:
    """Apply the restrictions that bind the profile; count those that could not be placed."""
    counts: Counter[str] = Counter()
    roads = _Roads(edges, raw)
    keep = np.ones(len(turns.of), dtype=np.bool_)
    first = np.searchsorted(turns.of, np.arange(len(edges.to_node) + 1)).astype(np.int64)
    via_ways: list[tuple[list[int], list[int], Kind]] = []
    for restriction in raw.restrictions:
        kind = profile.restriction(restriction.tags)
        if kind is None:
            counts["restriction_not_for_profile"] += 1
        elif restriction.via_ways:
            found = _chains(restriction, roads)
            via_ways += [(chain, targets, kind) for chain, targets in found]
            counts["restriction_applied" if found else "restriction_not_placed"] += 1
        else:
            placed = _at_node(restriction, kind, raw, roads, turns, first, keep)
            counts["restriction_applied" if placed else "restriction_not_placed"] += 1
    kept = turns.where(keep)
    if not via_ways:
        return RestrictedTurns(kept, np.zeros(0, dtype=np.int32), dict(counts))
    turns, copy_of = _with_copies(kept, len(edges.to_node), via_ways)
    counts["edge_copies"] += len(copy_of)
    return RestrictedTurns(turns, copy_of, dict(counts))


def _at_node(
    restriction: Restriction,
    kind: Kind,
    raw: RawNetwork,
    roads: _Roads,
    turns: Turns,
    first: LongArray,
    keep: BoolArray,
) -> bool:
    """Remove the turns that a restriction via one node forbids; whether it met any edge."""
    name = next((v for k, v in sorted(restriction.tags.items()) if "restriction" in k), "")
    placed = False
    for via in restriction.via_nodes:
        node = int(np.searchsorted(raw.node_ids, via))
        if node >= len(raw.node_ids) or raw.node_ids[node] != via:
            continue
        sources = roads.into(restriction.from_ways, node)
        targets = set(roads.out_of(restriction.to_ways, node))
        side = _SIDES.get(name.split("_")[1] if "_" in name else "")
        # A way that runs through the via node arrives there twice; the side says which is meant.
        through = side is not None and (
            len(sources) > len(restriction.from_ways) or len(targets) > len(restriction.to_ways)
        )
        for e in sources:
            row = slice(first[e], first[e + 1])
            to = turns.to[row]
            hit = np.isin(to, sorted(targets))
            if "u_turn" in name:
                hit &= to == roads.edges.twin[e]
            elif through and side is not None:
                hit &= (turns.angle_deg[row] >= side[0]) & (turns.angle_deg[row] <= side[1])
            if hit.any():
                placed = True
                keep[row] &= ~hit if kind == "no" else hit
    return placed


def _chains(restriction: Restriction, roads: _Roads) -> list[tuple[list[int], list[int]]]:
    """Edge chains [from, via…] with the target edges that a restriction via ways speaks of."""
    found = []
    ends = {
        int(roads.edges.from_node[e]): roads.out_of(
            restriction.to_ways, int(roads.edges.from_node[e])
        )
        for way in restriction.to_ways
        for e in roads.of_way[way]
    }
    for e in sorted(e for way in restriction.from_ways for e in roads.of_way[way]):
        start = int(roads.edges.to_node[e])
        via = roads.along(restriction.via_ways, start, set(ends) - {start})
        if via and via[0] != roads.edges.twin[e]:
            targets = ends[int(roads.edges.to_node[via[-1]])]
            found.append(([e, *via], targets))
    # A from-way of several pieces reaches the via way from one of them only: the nearest.
    least = min((len(chain) for chain, _ in found), default=0)
    return [(chain, targets) for chain, targets in found if len(chain) == least]


def _with_copies(
    turns: Turns, n_edges: int, via_ways: list[tuple[list[int], list[int], Kind]]
) -> tuple[Turns, IntArray]:
    """Copy the via edges of each restriction and rebuild the turn table with them."""
    base = list(range(n_edges))
    bounds = np.searchsorted(turns.of, np.arange(n_edges + 1))
    changed: dict[int, list[tuple[int, float, int]]] = {}
    instances: dict[int, list[int]] = defaultdict(list)

    def row(e: int) -> list[tuple[int, float, int]]:
        if e not in changed:
            at = slice(bounds[e], bounds[e + 1])
            changed[e] = list(
                zip(
                    turns.to[at].tolist(),
                    turns.angle_deg[at].tolist(),
                    turns.ms[at].tolist(),
                    strict=True,
                )
            )
        return changed[e]

    for chain, targets, kind in via_ways:
        for entry in [chain[0], *instances[chain[0]]]:
            current = entry
            for via in chain[1:]:
                turn = next((t for t in row(current) if base[t[0]] == via), None)
                if turn is None:
                    break
                copy = len(base)
                base.append(via)
                instances[via].append(copy)
                changed[copy] = list(row(turn[0]))
                private = (copy, turn[1], turn[2])
                changed[current] = (
                    [private]
                    if kind == "only"
                    else [private if t is turn else t for t in row(current)]
                )
                current = copy
            else:
                hit = [t for t in row(current) if base[t[0]] in targets]
                if hit:
                    changed[current] = (
                        hit if kind == "only" else [t for t in row(current) if t not in hit]
                    )
    return _rebuilt(turns, changed), np.array(base[n_edges:], dtype=np.int32)


def _rebuilt(turns: Turns, changed: dict[int, list[tuple[int, float, int]]]) -> Turns:
    """The turn table with the rows of `changed` in place of the old ones."""
    rest = turns.where(~np.isin(turns.of, sorted(changed)))
    rows = [(e, *turn) for e in sorted(changed) for turn in changed[e]]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    of = np.concatenate([rest.of, np.array(columns[0], dtype=np.int32)])
    order = np.argsort(of, kind="stable")
    return Turns(
        of[order],
        np.concatenate([rest.to, np.array(columns[1], dtype=np.int32)])[order],
        np.concatenate([rest.angle_deg, np.array(columns[2], dtype=np.float64)])[order],
        np.concatenate([rest.ms, np.array(columns[3], dtype=np.int32)])[order],
    )
