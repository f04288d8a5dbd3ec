"""Reading a route off a tree: the path that the times were taken from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routing_service.decision.model import Route, Snap, Step
from routing_service.errors import NoRoute
from routing_service.graph.doors import seeds_of
from routing_service.graph.road_graph import RoadGraph
from routing_service.kernels.lookup import Labelled, along_edge, label_at
from routing_service.kernels.path import next_edge, trace_path
from routing_service.kernels.snap import BACKWARD, FORWARD
from routing_service.units import E7, INF_MS, NONE, km_from_cm, minutes_from_ms

Point = tuple[float, float]
Start = tuple[int, int, int]

START_AND_STOP = "start and stop"
"""The step for what a calibration found every call to take whatever the way."""


@dataclass(slots=True)
class _Leg:
    """A stretch of one edge, from and to in cm along it, with the turn that led into it."""

    edge: int
    from_cm: int
    to_cm: int
    turn_ms: int = 0


def read_route(
    graph: RoadGraph,
    net: Labelled,
    u: int,
    start: Start,
    snap: Snap,
    flags: tuple[str, ...],
) -> Route:
    """Read the path to unit `u` off its tree.

    Parameters
    ----------
    graph, net
        The network and its labelled arrays.
    u
        Index of the unit.
    start
        Segment that the incident was snapped to, cm along it, and the directions in which it may
        be left.
    snap, flags
        Handed through into the route.

    Raises
    ------
    NoRoute
        If the unit cannot be reached.
    """
    unit = graph.units[u]
    ms, cm, edge, at_cm = _departure(net, u, start)
    if ms >= INF_MS:
        raise NoRoute(f"{unit.ods_code} {unit.name} cannot be reached from there by road")
    legs = _legs(graph, u, edge, at_cm)
    points = _points(graph, legs)
    points[0] = (snap.lon, snap.lat)
    return Route(
        unit=unit,
        minutes=minutes_from_ms(ms),
        km=km_from_cm(cm),
        points=tuple(points),
        steps=_steps(graph, legs),
        exemptions=_exemptions(graph, legs),
        snap=snap,
        flags=flags,
    )


def path_edges(graph: RoadGraph, net: Labelled, u: int, start: Start) -> list[int]:
    """The edges of the same path, in the order of driving; arguments as of `read_route`.

    Raises
    ------
    NoRoute
        If the unit cannot be reached.
    """
    ms, _, edge, at_cm = _departure(net, u, start)
    if ms >= INF_MS:
        raise NoRoute(f"{graph.units[u].ods_code} cannot be reached from there by road")
    return [leg.edge for leg in _legs(graph, u, edge, at_cm)]


def _legs(graph: RoadGraph, u: int, edge: int, at_cm: int) -> list[_Leg]:
    """The edges of the path, the first from the incident and the last to the door."""
    door_cm = {int(row[0]): int(row[2]) for row in graph.doors[u] if row[0] != NONE}
    seeds = seeds_of(graph.doors, u)
    tree_ms, tree_cm = graph.tree_ms[u], graph.tree_cm[u]
    if edge in door_cm and at_cm <= door_cm[edge]:
        return [_Leg(edge, at_cm, door_cm[edge])]
    legs = [_Leg(edge, at_cm, int(graph.edge_cm[edge]))]
    table = (graph.turn_first, graph.turn_to, graph.turn_ms)
    if edge in door_cm:  # beyond the door: round by the end of the edge
        row = next(row for row in graph.doors[u] if row[0] == edge)
        budget_ms, budget_cm = int(row[3]), int(row[4])
    else:
        budget_ms = int(tree_ms[edge]) - int(graph.edge_ms[edge])
        budget_cm = int(tree_cm[edge]) - int(graph.edge_cm[edge])
    first = next_edge(edge, budget_ms, budget_cm, *table, tree_ms, tree_cm)
    buffer = np.empty(graph.n_edges, dtype=np.int32)
    start = int(graph.turn_to[first])
    n = trace_path(start, *table, graph.edge_ms, graph.edge_cm, seeds, tree_ms, tree_cm, buffer)
    for j in [first, *buffer[:n].tolist()]:
        e = int(graph.turn_to[j])
        legs.append(_Leg(e, 0, int(graph.edge_cm[e]), int(graph.turn_ms[j])))
    legs[-1].to_cm = door_cm[legs[-1].edge]
    return legs


def _departure(net: Labelled, u: int, start: Start) -> tuple[int, int, int, int]:
    """The better direction: time, length, edge, and how far along it the incident is."""
    segment, along_cm, mask = start
    best = (INF_MS + 1, INF_MS, NONE, 0)
    for direction in (FORWARD, BACKWARD):
        if mask & direction:
            edge, at_cm = along_edge(net, segment, along_cm, direction)
            ms, cm = label_at(net, u, edge, at_cm)
            if (ms, cm) < best[:2]:
                best = (ms, cm, edge, at_cm)
    return best


def _points(graph: RoadGraph, legs: list[_Leg]) -> list[Point]:
    """Geometry of the legs as (lon, lat), cut at the incident and at the door."""
    points: list[Point] = []
    for leg in legs:
        for point in _cut(graph, leg):
            if not points or points[-1] != point:
                points.append(point)
    return points if len(points) > 1 else points * 2


def _cut(graph: RoadGraph, leg: _Leg) -> list[Point]:
    lon, lat = graph.shape(leg.edge)
    first = int(graph.edge_segment[leg.edge])
    rows = graph.segments[first : first + int(graph.edge_segments[leg.edge]), 7]
    lengths = rows[::-1] if graph.edge_reversed[leg.edge] else rows
    at = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    inside = np.flatnonzero((at > leg.from_cm) & (at < leg.to_cm))
    stops = [leg.from_cm, *at[inside].tolist(), leg.to_cm]
    x = np.interp(stops, at, lon) / E7
    y = np.interp(stops, at, lat) / E7
    return [(round(a, 6), round(b, 6)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]


def _steps(graph: RoadGraph, legs: list[_Leg]) -> tuple[Step, ...]:
    """Consecutive legs on one road become one step; a turn belongs to the road it leads into."""
    runs: list[tuple[str, int, int]] = []
    for leg in legs:
        cm = leg.to_cm - leg.from_cm
        edge_ms, edge_cm = int(graph.edge_ms[leg.edge]), int(graph.edge_cm[leg.edge])
        ms = leg.turn_ms + edge_ms * leg.to_cm // edge_cm - edge_ms * leg.from_cm // edge_cm
        road = graph.road_name(leg.edge)
        if runs and runs[-1][0] == road:
            runs[-1] = (road, runs[-1][1] + ms, runs[-1][2] + cm)
        else:
            runs.append((road, ms, cm))
    start_ms = int(graph.manifest.get("start_ms", 0))
    if start_ms:
        runs.append((START_AND_STOP, start_ms, 0))
    return tuple(Step(road, minutes_from_ms(ms), km_from_cm(cm)) for road, ms, cm in runs)


def _exemptions(graph: RoadGraph, legs: list[_Leg]) -> tuple[str, ...]:
    """Names of the exemptions that the path makes use of, in the order of the profile's flags."""
    used = 0
    for leg in legs:
        used |= int(graph.edge_flags[leg.edge])
    names = graph.manifest["exemptions"]
    return tuple(name for name, bit in names.items() if used & bit)
