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
_Turn = tuple[int, float, int]

# The side that a restriction names, where its way passes the via node in both directions.
_SIDES = {"left": (-180.0, -20.0), "right": (20.0, 180.0), "straight": (-45.0, 45.0)}


@dataclass(frozen=True)
class RestrictedTurns:
    """Turns after restrictions. Edges ``len(edges.to_node) …`` are copies of `copy_of`."""

    turns: Turns
    copy_of: IntArray
    counts: dict[str, int]


@dataclass(frozen=True)
class _Chain:
    """What a restriction via ways speaks of: the edges [from, via…], and those it leads to."""

    relation_id: int
    kind: Kind
    edges: list[int]
    targets: list[int]


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
        rows = np.flatnonzero(np.isin(edges.way, named))
        columns = (rows, edges.way[rows], edges.from_node[rows], edges.to_node[rows])
        for e, way, start, end in zip(*(column.tolist() for column in columns), strict=True):
            self.arriving[way, end].append(e)
            self.leaving[way, start].append(e)
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
    bound = [(r, kind) for r in raw.restrictions if (kind := profile.restriction(r.tags))]
    roads = _Roads(edges, raw)
    keep = np.ones(len(turns.of), dtype=np.bool_)
    first = np.zeros(len(edges.to_node) + 1, dtype=np.int64)
    np.cumsum(np.bincount(turns.of, minlength=len(edges.to_node)), out=first[1:])
    chains: list[_Chain] = []
    placed: set[int] = set()
    for restriction, kind in bound:
        if restriction.via_ways:
            chains += _chains(restriction, kind, roads)
        elif _at_node(restriction, kind, raw, roads, turns, first, keep):
            placed.add(restriction.relation_id)
    turns, copy_of, by_copies = _with_copies(turns.where(keep), len(edges.to_node), chains)
    counts["restriction_not_for_profile"] = len(raw.restrictions) - len(bound)
    counts["restriction_applied"] = len(placed | by_copies)
    counts["restriction_not_placed"] = len(bound) - len(placed | by_copies)
    counts["edge_copies"] = len(copy_of)
    return RestrictedTurns(turns, copy_of, dict(+counts))


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
            hit = np.array([t in targets for t in to.tolist()], dtype=np.bool_)
            if "u_turn" in name and roads.edges.twin[e] in targets:
                # Back along the way one came; else from one carriageway into the other.
                hit &= to == roads.edges.twin[e]
            elif through and side is not None:
                hit &= (turns.angle_deg[row] >= side[0]) & (turns.angle_deg[row] <= side[1])
            if hit.any():
                placed = True
                keep[row] &= ~hit if kind == "no" else hit
    return placed


def _chains(restriction: Restriction, kind: Kind, roads: _Roads) -> list[_Chain]:
    """Edge chains that a restriction via ways speaks of."""
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
            found.append(_Chain(restriction.relation_id, kind, [e, *via], targets))
    # A from-way of several pieces reaches the via way from one of them only: the nearest.
    least = min((len(chain.edges) for chain in found), default=0)
    return [chain for chain in found if len(chain.edges) == least]


def _with_copies(
    turns: Turns, n_edges: int, chains: list[_Chain]
) -> tuple[Turns, IntArray, set[int]]:
    """Copy the via edges of each chain, rebuild the turn table with them, and say who was placed.

    What is forbidden comes before what is prescribed: a prescription that a ban makes impossible
    is void, whatever the order of the relations, rather than a dead end.
    """
    if not chains:
        return turns, np.zeros(0, dtype=np.int32), set()
    rows = _Rows(turns, n_edges)
    placed = set()
    for chain in sorted(chains, key=lambda chain: chain.kind):  # "no" before "only", else stable
        for entry in [chain.edges[0], *rows.copies[chain.edges[0]]]:
            if rows.restrict(entry, chain):
                placed.add(chain.relation_id)
    copy_of = np.array(rows.base[n_edges:], dtype=np.int32)
    return _rebuilt(turns, rows.changed), copy_of, placed


class _Rows:
    """The turns out of each edge while copies are being made: (target, angle, ms)."""

    def __init__(self, turns: Turns, n_edges: int) -> None:
        self.turns = turns
        self.bounds = np.searchsorted(turns.of, np.arange(n_edges + 1))
        self.base = list(range(n_edges))
        self.copies: dict[int, list[int]] = defaultdict(list)
        self.changed: dict[int, list[_Turn]] = {}

    def restrict(self, entry: int, chain: _Chain) -> bool:
        """Apply a chain to who enters it by `entry`, its first edge or a copy of that."""
        via = self._follow(entry, chain.edges[1:])
        last = via[-1][0] if via else entry
        hit = [turn for turn in self._row(last) if self.base[turn[0]] in chain.targets]
        if len(via) < len(chain.edges) - 1 or not hit:
            return False
        current = entry
        for turn in via:
            current = self._copy(current, turn, chain.kind)
        rest = [turn for turn in self._row(current) if turn not in hit]
        self.changed[current] = hit if chain.kind == "only" else rest
        return True

    def _follow(self, entry: int, edges: list[int]) -> list[_Turn]:
        """The turns that lead along `edges`, as far as they go."""
        found: list[_Turn] = []
        for edge in edges:
            current = found[-1][0] if found else entry
            found += [turn for turn in self._row(current) if self.base[turn[0]] == edge][:1]
        return found

    def _copy(self, current: int, turn: _Turn, kind: Kind) -> int:
        """Lead `turn` out of `current` into a copy of its target; prescribed, it is the only."""
        copy = len(self.base)
        target = turn[0]
        self.base.append(self.base[target])
        self.copies[self.base[target]].append(copy)
        self.changed[copy] = list(self._row(target))
        others = [] if kind == "only" else [t for t in self._row(current) if t[0] != target]
        self.changed[current] = [*others, (copy, *turn[1:])]
        return copy

    def _row(self, e: int) -> list[_Turn]:
        if e in self.changed:
            return self.changed[e]
        at = slice(self.bounds[e], self.bounds[e + 1])
        columns = (self.turns.to[at], self.turns.angle_deg[at], self.turns.ms[at])
        return list(zip(*(column.tolist() for column in columns), strict=True))


def _rebuilt(turns: Turns, changed: dict[int, list[_Turn]]) -> Turns:
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
