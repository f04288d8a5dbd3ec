"""Observations on a network: where their paths run at any edge times."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from routing_service.answer import ALONG_CM, DISTANCE_CM, MASK, SEGMENT, columns
from routing_service.calibration.observations import Observations
from routing_service.graph.calibration import at_times
from routing_service.graph.doors import seeds_of
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.trees import THREADS, beyond_doors, grow_trees
from routing_service.kernels.lookup import look_up_many
from routing_service.kernels.rays import RayTable, TurnTable, next_turns, trace_rays
from routing_service.units import E7, MS_PER_MINUTE, NONE, FloatArray, IntArray, LongArray

SNAP_LIMIT_M: Final = 2_000.0
"""A point further than this from every road has no time."""


@dataclass(frozen=True)
class Rays:
    """Where the paths of observations run: CSR by row, minutes per key.

    Attributes
    ----------
    rows
        ``int32[n]``: the observation of each row.
    first, keys, minutes
        Row `r` spends ``minutes[i]`` on roads of ``keys[i]``, i in ``first[r]:first[r + 1]``.
    total
        ``float64[n]``: minutes to the door, turns included; NaN without a route.
    """

    rows: IntArray
    first: LongArray
    keys: IntArray
    minutes: FloatArray
    total: FloatArray


class Tracer:
    """Traces the observations' paths again and again while edge times change.

    Parameters
    ----------
    graph
        The network, with a tree to each unit that a row leads to.
    observations
        The rows to trace.
    edge_key
        ``int32[edges]``: what the time of each edge is booked under.
    """

    def __init__(self, graph: RoadGraph, observations: Observations, edge_key: IntArray) -> None:
        self._graph = graph
        self._observations = observations
        self._edge_key = edge_key
        self._n_keys = int(edge_key.max()) + 1
        self._first, lon, lat = observations.points()
        self._snaps = _snaps(graph, lon, lat)
        number = {unit.ods_code: u for u, unit in enumerate(graph.units)}
        self._tree_of_unit = [number.get(unit.ods_code, NONE) for unit in observations.units]

    def trace(self, edge_ms: IntArray) -> Rays:
        """Grow the trees at these edge times and follow every row's path."""
        graph = at_times(self._graph, edge_ms)
        tree_ms, tree_cm = grow_trees(graph)
        graph = replace(graph, tree_ms=tree_ms, tree_cm=tree_cm)
        graph = replace(graph, doors=beyond_doors(graph))
        wanted = [u for u, tree in enumerate(self._tree_of_unit) if tree != NONE]
        with ThreadPoolExecutor(THREADS) as pool:
            parts = list(pool.map(lambda u: self._to_unit(graph, u), wanted))
        offsets = np.cumsum([0, *(len(part.keys) for part in parts)])
        starts = [part.first[:-1] + at for part, at in zip(parts, offsets, strict=False)]
        return Rays(
            rows=np.concatenate([part.rows for part in parts]),
            first=np.concatenate([*starts, offsets[-1:]]).astype(np.int64),
            keys=np.concatenate([part.keys for part in parts]),
            minutes=np.concatenate([part.minutes for part in parts]),
            total=np.concatenate([part.total for part in parts]),
        )

    def _to_unit(self, graph: RoadGraph, unit: int) -> Rays:
        """The rays of all rows to one unit."""
        tree = self._tree_of_unit[unit]
        rows = np.flatnonzero(self._observations.unit == unit).astype(np.int32)
        counts = np.diff(self._first)[rows]
        first = np.zeros(len(rows) + 1, dtype=np.int32)
        np.cumsum(counts, out=first[1:])
        points = np.arange(first[-1]) - np.repeat(first[:-1] - self._first[rows], counts)
        table = (graph.turn_first, graph.turn_to, graph.turn_ms)
        taken = np.empty(graph.n_edges, dtype=np.int32)
        seeds = seeds_of(graph.doors, tree)
        labels = (graph.tree_ms[tree], graph.tree_cm[tree])
        next_turns(*table, graph.edge_ms, graph.edge_cm, seeds, *labels, taken)
        entries, room = -1, 64 * len(rows)
        while entries < 0:
            room *= 2
            rays = _buffers(len(rows), room)
            entries = trace_rays(
                tree,
                self._snaps[points],
                first,
                graph.labelled(),
                TurnTable(*table, taken),
                self._edge_key,
                rays,
                np.zeros(self._n_keys),
                np.empty(self._n_keys, dtype=np.int32),
            )
        minutes = rays.ms[:entries] / MS_PER_MINUTE
        return Rays(rows, rays.first, rays.keys[:entries], minutes, rays.row_ms / MS_PER_MINUTE)


def _buffers(rows: int, room: int) -> RayTable:
    """Room for the rays of `rows` observations with `room` entries in all."""
    first, keys = np.empty(rows + 1, dtype=np.int64), np.empty(room, dtype=np.int32)
    return RayTable(first, keys, np.empty(room), np.empty(rows))


def _snaps(graph: RoadGraph, lon: FloatArray, lat: FloatArray) -> IntArray:
    """Segment (-1: none near), cm along it and directions of each point, ``int32[n, 3]``."""
    answers = np.empty((len(lon), columns(len(graph.doors))), dtype=np.int32)
    look_up_many(lon * E7, lat * E7, graph.labelled(), answers)
    snaps = np.ascontiguousarray(answers[:, [SEGMENT, ALONG_CM, MASK]])
    snaps[answers[:, DISTANCE_CM] > 100 * SNAP_LIMIT_M, 0] = NONE
    return snaps
