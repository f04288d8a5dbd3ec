"""Plain twins of the kernels: slow, obvious, and written from the definitions.

Nothing here shares code with what it checks, beyond number formats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from routing_service import answer
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.raw import RawNetwork, Restriction
from routing_service.units import INF_MS, NONE, IntArray
from tests.networks import Turn, TurnTable

Label = tuple[int, int]
"""Milliseconds and centimetres to the door."""

NO_ROUTE: Label = (INF_MS, INF_MS)


# --- trees -----------------------------------------------------------------------------------
def turns_of(table: TurnTable) -> list[Turn]:
    """All turns as (source, target, ms)."""
    first = table.turn_first.tolist()
    return [
        (e, int(table.turn_to[j]), int(table.turn_ms[j]))
        for e, (a, b) in enumerate(pairwise(first))
        for j in range(a, b)
    ]


def tree(table: TurnTable, seeds: IntArray) -> list[Label]:
    """Labels of all edges, by relaxing every turn until nothing improves (Bellman and Ford)."""
    edge_ms, edge_cm = table.edge_ms.tolist(), table.edge_cm.tolist()
    labels = [NO_ROUTE] * len(edge_ms)
    for e, ms, cm in seeds.tolist():
        if edge_ms[e] < INF_MS:
            labels[e] = min(labels[e], (ms, cm))
    turns = [turn for turn in turns_of(table) if edge_ms[turn[0]] < INF_MS]
    improved = True
    while improved:
        improved = False
        for e, f, turn_ms in turns:
            ms, cm = labels[f]
            through = (edge_ms[e] + turn_ms + ms, edge_cm[e] + cm)
            if ms < INF_MS and through < labels[e]:
                labels[e] = through
                improved = True
    return labels


def hanging(
    before: TurnTable, seeds: IntArray, after: TurnTable, moved_seeds: IntArray
) -> set[int]:
    """Edges whose labels no way of the slower network attains any more: all others are untouched.

    From the doors outwards: what stands is a seed that did not move, or leads into what stands.
    """
    labels = tree(before, seeds)
    stands = {
        e
        for e, ms, cm in moved_seeds.tolist()
        if labels[e] == (ms, cm) and after.edge_ms[e] < INF_MS
    }
    growing = True
    while growing:
        more = {
            e
            for e, f, turn_ms in turns_of(after)
            if f in stands
            and labels[e]
            == (after.edge_ms[e] + turn_ms + labels[f][0], after.edge_cm[e] + labels[f][1])
        } - stands
        stands |= more
        growing = bool(more)
    return {e for e, label in enumerate(labels) if label != NO_ROUTE} - stands


def tree_ms_by_scipy(table: TurnTable, seeds: IntArray) -> list[float]:
    """Times of all edges by SciPy's Dijkstra, on a graph whose nodes are the edges and the door.

    Times are doubled and a 1 added on the way into the door, because SciPy drops an arc of 0.
    """
    n = len(table.edge_ms)
    arcs = [
        (f, e, 2 * (int(table.edge_ms[e]) + ms))
        for e, f, ms in turns_of(table)
        if table.edge_ms[e] < INF_MS
    ]
    arcs += [(n, e, 2 * ms + 1) for e, ms, _ in seeds.tolist() if table.edge_ms[e] < INF_MS]
    best: dict[tuple[int, int], int] = {}
    for a, b, weight in arcs:
        best[a, b] = min(weight, best.get((a, b), weight))
    rows, columns = zip(*best, strict=True)
    matrix = csr_matrix((list(best.values()), (rows, columns)), shape=(n + 1, n + 1))
    times: list[float] = ((dijkstra(matrix, indices=n)[:n] - 1) / 2).tolist()
    return times


def components(table: TurnTable) -> set[frozenset[int]]:
    """Strongly connected components of the edges, by networkx."""
    edges = nx.DiGraph()
    edges.add_nodes_from(range(len(table.edge_ms)))
    edges.add_edges_from((e, f) for e, f, _ in turns_of(table))
    return {frozenset(component) for component in nx.strongly_connected_components(edges)}


# --- snapping --------------------------------------------------------------------------------
def distance_to_segment(
    point: tuple[float, float], segment: Sequence[int], kx: float, ky: float
) -> tuple[float, float]:
    """Metres from a point to a segment and the fraction along it, on a plane of `kx`, `ky`."""
    px, py = point[0] * kx, point[1] * ky
    ax, ay, bx, by = segment[0] * kx, segment[1] * ky, segment[2] * kx, segment[3] * ky
    length = math.hypot(bx - ax, by - ay)
    if length == 0.0:
        return math.hypot(px - ax, py - ay), 0.0
    along = ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length
    t = min(max(along / length, 0.0), 1.0)
    return math.hypot(px - ax - t * (bx - ax), py - ay - t * (by - ay)), t


def off_course_deg(segment: Sequence[int], kx: float, ky: float, heading_deg: float) -> float:
    """Angle between a heading and the segment's direction from its first to its second end."""
    bearing = math.degrees(
        math.atan2((segment[2] - segment[0]) * kx, (segment[3] - segment[1]) * ky)
    )
    return abs((bearing - heading_deg + 180.0) % 360.0 - 180.0)


def directions(
    segment: Sequence[int], kx: float, ky: float, heading_deg: float | None, tolerance_deg: float
) -> set[str]:
    """Directions in which a segment may be travelled; one without length has every heading."""
    open_ways = {name for name, e in zip("fb", segment[4:6], strict=True) if e >= 0}
    if heading_deg is None or segment[:2] == segment[2:4]:
        return open_ways
    off = off_course_deg(segment, kx, ky, heading_deg)
    courses = {"f": off, "b": 180.0 - off}
    return {name for name in open_ways if courses[name] <= tolerance_deg}


# --- labels ----------------------------------------------------------------------------------
def table_of(graph: RoadGraph) -> TurnTable:
    """The turn table of a built network."""
    return TurnTable(
        graph.turn_first,
        graph.turn_to,
        graph.turn_ms,
        graph.back_first,
        graph.back_from,
        graph.back_ms,
        graph.edge_ms,
        graph.edge_cm,
    )


def label_at(table: TurnTable, seeds: IntArray, e: int, at_cm: int) -> Label:
    """Time and length from a point on an edge: on to the door, or to the edge's end and on."""
    ms, cm = int(table.edge_ms[e]), int(table.edge_cm[e])
    at_ms = ms * at_cm // cm
    ahead = [
        (door_ms - at_ms, door_cm - at_cm)
        for edge, door_ms, door_cm in seeds.tolist()
        if edge == e and door_cm >= at_cm
    ]
    labels = tree(table, seeds)
    onward = [
        (ms - at_ms + turn_ms + labels[f][0], cm - at_cm + labels[f][1])
        for source, f, turn_ms in turns_of(table)
        if source == e and labels[f] != NO_ROUTE
    ]
    return min([*ahead, *onward], default=NO_ROUTE)


# --- restrictions ----------------------------------------------------------------------------
Street = tuple[int, int, int]
"""A directed edge as way id and the ids of the nodes that it leads from and to."""


class Rules:
    """The meaning of turn restrictions, told from the whole drive so far.

    * ``no`` via a node: who comes along a from-way to that node may not leave on a to-way.
    * ``only`` via a node: who comes so must leave on a to-way, where there is one to take.
    * ``no`` via ways: who has just driven a from-way and then all the via-ways, in order, may not
      go on into a to-way.
    * ``only`` via ways: who has driven the from-way must take the via-ways in order and then the
      to-way, unless other restrictions make just that impossible.
    * One turns round only where nothing else is left.
    """

    def __init__(self, streets: Sequence[Street], raw: RawNetwork) -> None:
        self.streets = sorted(streets)
        self.restrictions = raw.restrictions

    def onward(self, drive: tuple[Street, ...]) -> list[Street]:
        """Streets that may follow a drive."""
        here = [street for street in self.streets if street[1] == drive[-1][2]]
        allowed = [street for street in here if self._allowed(drive, street)]
        twin = (drive[-1][0], drive[-1][2], drive[-1][1])
        return [street for street in allowed if street != twin] or allowed

    def drives(self, start: Street, length: int) -> Iterator[tuple[Street, ...]]:
        """All drives of up to `length` streets from `start`."""
        level: list[tuple[Street, ...]] = [(start,)]
        for _ in range(length):
            yield from level
            level = [(*drive, street) for drive in level for street in self.onward(drive)]

    def _allowed(self, drive: tuple[Street, ...], street: Street) -> bool:
        if not self._free(drive, street):
            return False
        for rule in self.restrictions:
            if not (rule.via_ways and _prescribes(rule)):
                continue
            chain = (*rule.via_ways, *rule.to_ways)
            for done in range(len(chain)):
                prefix = (rule.from_ways[0], *chain[:done])
                if tuple(s[0] for s in drive[-done - 1 :]) == prefix and (
                    street[0] != chain[done] and self._possible(drive[: len(drive) - done], chain)
                ):
                    return False
        return True

    def _free(self, drive: tuple[Street, ...], street: Street) -> bool:
        """Whether the restrictions that do not prescribe a way through others allow the turn."""
        way, _, node = drive[-1]
        for rule in self.restrictions:
            if rule.via_ways and not _prescribes(rule):
                behind = tuple(s[0] for s in drive[-len(rule.via_ways) - 1 :])
                if behind == (*rule.from_ways, *rule.via_ways) and street[0] in rule.to_ways:
                    return False
            elif way in rule.from_ways and node in rule.via_nodes:
                meant = [s for s in self.streets if s[1] == node and s[0] in rule.to_ways]
                if meant and (street in meant) != _prescribes(rule):
                    return False
        return True

    def _possible(self, drive: tuple[Street, ...], chain: tuple[int, ...]) -> bool:
        for way in chain:
            onward = [s for s in self.streets if s[0] == way and s[1] == drive[-1][2]]
            if not onward or not self._free(drive, onward[0]):
                return False
            drive = (*drive, onward[0])
        return True


def _prescribes(rule: Restriction) -> bool:
    return rule.tags["restriction"].startswith("only")


def street_of(graph: RoadGraph, e: int) -> Street:
    """An edge of a built network in the terms of `Rules`."""
    return (
        int(graph.edge_way[e]),
        int(graph.node_ids[graph.edge_from[e]]),
        int(graph.node_ids[graph.edge_to[e]]),
    )


def drives_of(graph: RoadGraph, start: int, length: int) -> Iterator[tuple[Street, ...]]:
    """All drives of up to `length` edges from edge `start` that the turn table allows."""
    level: list[tuple[tuple[Street, ...], int]] = [((street_of(graph, start),), start)]
    for _ in range(length):
        yield from (drive for drive, _ in level)
        level = [
            ((*drive, street_of(graph, int(f))), int(f))
            for drive, e in level
            for f in graph.turn_to[graph.turn_first[e] : graph.turn_first[e + 1]]
        ]


# --- positions -------------------------------------------------------------------------------
def metres_per_unit(lat_e7: float) -> tuple[float, float]:
    """Metres of one position unit eastwards and northwards, from geodesics of the ellipsoid."""
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    lat, step = lat_e7 / 1e7, 1e-3
    east = geod.inv(-1.5, lat, -1.5 + step, lat)[2]
    north = geod.inv(-1.5, lat - step / 2, -1.5, lat + step / 2)[2]
    return float(east) / step / 1e7, float(north) / step / 1e7


def as_labels(tree_ms: IntArray, tree_cm: IntArray) -> list[Label]:
    """Labels of a kernel as pairs."""
    return list(zip(np.asarray(tree_ms).tolist(), np.asarray(tree_cm).tolist(), strict=True))


# --- the rule of the service -------------------------------------------------------------------
def ranking(
    rows: Sequence[tuple[int, int, int, bool, bool]], near_tie_ms: int
) -> tuple[list[int], list[int]]:
    """Doubts, destination and margin; then the order and the reasons of the units.

    A row is a unit's time, status, guard, whether the policy allows it, and whether its door is a
    site point.
    """
    order = sorted(range(len(rows)), key=lambda u: (rows[u][0], u))
    reached = [u for u in order if rows[u][0] < INF_MS]
    allowed = [u for u in reached if rows[u][3]]
    takes = [u for u in allowed if rows[u][1] == answer.OPEN]
    goal = takes[0] if takes else None
    kept = False
    for u in allowed:
        if u == goal:
            break
        extra_ms = rows[goal][0] - rows[u][0] if goal is not None else INF_MS
        if rows[u][1] == answer.DIVERT and extra_ms > rows[u][2]:
            goal, kept = u, True
            break
    others = [rows[u][0] for u in takes if u != goal]
    margin_ms = others[0] - rows[goal][0] if goal is not None and others else INF_MS
    ahead = reached[: reached.index(goal)] if goal is not None else reached
    doubts = {
        answer.NEAR_TIE: margin_ms < near_tie_ms,
        answer.UNIT_UNREACHABLE: 0 < len(reached) < len(rows),
        answer.NO_ROUTE: not reached,
        answer.NO_ELIGIBLE_UNIT: goal is None,
        answer.DIVERT_EXCEEDS_GUARD: kept,
        answer.POLICY_DIFFERS: any(rows[u][1] == answer.OPEN and not rows[u][3] for u in ahead),
        answer.SITE_POINT_DOOR: goal is not None and rows[goal][4],
    }
    reasons = [answer.UNREACHED] * len(rows)
    for u in reached:
        why = {
            answer.NEAREST: u == order[0],
            answer.CLOSE: u != order[0] and rows[u][0] - rows[order[0]][0] < near_tie_ms,
            answer.ELIGIBLE: u in takes or u == goal,
            answer.NOT_IN_POLICY: not rows[u][3],
            answer.DIVERT_NOT_TAKEN: kept and u == goal,
        }
        reasons[u] = sum(bit for bit, holds in why.items() if holds)
    bits = sum(bit for bit, holds in doubts.items() if holds)
    return [bits, NONE if goal is None else goal, margin_ms], [*order, *reasons]
