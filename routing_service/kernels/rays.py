"""Rays of travel-time tomography: which roads the quickest ways use, and for how long.

A ray is the path from a point to a unit's door, summed up by *key*: a road class and setting in a
cell of the map. A matrix of rays is CSR, one row per observation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from routing_service.kernels.jit import kernel
from routing_service.kernels.lookup import (
    E_CM,
    E_MS,
    E_TREES,
    Labelled,
    along_edge,
    label_at,
)
from routing_service.kernels.path import next_edge
from routing_service.kernels.snap import BACKWARD, FORWARD
from routing_service.units import INF_MS, NONE, FloatArray, IntArray, LongArray


class TurnTable(NamedTuple):
    """The turns by source edge, and which of them a tree takes.

    `first`, `to`, `ms` are the CSR ``int32`` turn table; `taken` (``int32[edges]``) is the turn out
    of each edge on the way to the unit, from `next_turns`.
    """

    first: IntArray
    to: IntArray
    ms: IntArray
    taken: IntArray


class RayTable(NamedTuple):
    """Rays, written by `trace_rays` into buffers of the caller.

    `first` (``int64[rows + 1]``), `keys` (``int32[n]``) and `ms` (``float64[n]``) are CSR;
    `row_ms` (``float64[rows]``) is the time of each row with its turns, NaN without a route.
    """

    first: LongArray
    keys: IntArray
    ms: FloatArray
    row_ms: FloatArray


@kernel
def next_turns(
    turn_first: IntArray,
    turn_to: IntArray,
    turn_ms: IntArray,
    edge_ms: IntArray,
    edge_cm: IntArray,
    seeds: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
    turns: IntArray,
) -> None:
    """Find the turn that the tree takes out of every edge.

    Parameters
    ----------
    turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
        As for `tree.check_tree`.
    turns
        ``int32[edges]``, written: index of the turn, -1 at the door and where there is no route.
        O(turns).
    """
    for e in range(edge_ms.shape[0]):
        turns[e] = NONE
        if tree_ms[e] < INF_MS:
            turns[e] = next_edge(
                e,
                int(tree_ms[e]) - int(edge_ms[e]),
                int(tree_cm[e]) - int(edge_cm[e]),
                turn_first,
                turn_to,
                turn_ms,
                tree_ms,
                tree_cm,
            )
    for k in range(seeds.shape[0]):
        e = seeds[k, 0]
        if seeds[k, 1] == tree_ms[e] and seeds[k, 2] == tree_cm[e]:
            turns[e] = NONE


@kernel
def trace_rays(
    unit: int,
    snaps: IntArray,
    first: IntArray,
    net: Labelled,
    turns: TurnTable,
    edge_key: IntArray,
    rays: RayTable,
    sums: FloatArray,
    touched: IntArray,
) -> int:
    """Sum the paths of many places to one unit by key.

    Parameters
    ----------
    unit
        Row of the trees.
    snaps
        ``int32[points, 3]``: segment, cm along it and direction mask of each point.
    first
        ``int32[rows + 1]``: row `r` is the mean over points ``first[r]:first[r + 1]``; points
        without a route are left out.
    net
        The network and its trees.
    turns
        The turn table and the turns of the unit's tree.
    edge_key
        ``int32[edges]``, key of each edge.
    rays
        Written.
    sums, touched
        Scratch: ``float64[keys]``, zero on entry and on return; ``int32[keys]``.

    Returns
    -------
    int
        Number of entries, -1 if the buffers of `rays` are too short. Does not allocate.
    """
    tree = E_TREES + 2 * unit
    entries = 0
    for row in range(first.shape[0] - 1):
        rays.first[row] = entries
        n_touched = 0
        reached = 0
        total_ms = 0.0
        for p in range(first[row], first[row + 1]):
            best_ms = INF_MS
            e = NONE
            at_cm = 0
            for direction in (FORWARD, BACKWARD):
                if snaps[p, 0] >= 0 and snaps[p, 2] & direction:
                    f, f_cm = along_edge(net, snaps[p, 0], snaps[p, 1], direction)
                    f_ms, _ = label_at(net, unit, f, f_cm)
                    if f_ms < best_ms:
                        best_ms, e, at_cm = f_ms, f, f_cm
            if e < 0:
                continue
            reached += 1
            total_ms += best_ms
            at_ms = int(net.labels[e, E_MS]) * at_cm // int(net.labels[e, E_CM])
            j = turns.taken[e]
            beyond = False
            for k in range(net.doors.shape[1]):
                if net.doors[unit, k, 0] == e and at_cm > net.doors[unit, k, 2]:
                    beyond = True
                    j = next_edge(
                        e,
                        int(net.doors[unit, k, 3]),
                        int(net.doors[unit, k, 4]),
                        turns.first,
                        turns.to,
                        turns.ms,
                        net.labels[:, tree],
                        net.labels[:, tree + 1],
                    )
            # What lies ahead on each edge: all of it, or as far as the door.
            spent_ms = int(net.labels[e, E_MS]) if beyond or j >= 0 else int(net.labels[e, tree])
            spent_ms -= at_ms
            while True:
                key = edge_key[e]
                if sums[key] == 0.0:
                    touched[n_touched] = key
                    n_touched += 1
                sums[key] += spent_ms + 1e-9  # never 0, so that a key is noted once
                if j < 0:
                    break
                e = turns.to[j]
                j = turns.taken[e]
                spent_ms = int(net.labels[e, E_MS]) if j >= 0 else int(net.labels[e, tree])
        if entries + n_touched > rays.keys.shape[0]:
            return -1
        for i in range(n_touched):
            rays.keys[entries] = touched[i]
            rays.ms[entries] = sums[touched[i]] / reached
            sums[touched[i]] = 0.0
            entries += 1
        rays.row_ms[row] = total_ms / reached if reached else np.nan
    rays.first[first.shape[0] - 1] = entries
    return entries


@kernel
def rays_times(
    row_first: LongArray, keys: IntArray, ms: FloatArray, x: FloatArray, result: FloatArray
) -> None:
    """Multiply rays by a number per key: ``result[row] = sum(ms * x[key])``."""
    for row in range(row_first.shape[0] - 1):
        total = 0.0
        for i in range(row_first[row], row_first[row + 1]):
            total += ms[i] * x[keys[i]]
        result[row] = total


@kernel
def rays_back(
    row_first: LongArray, keys: IntArray, ms: FloatArray, y: FloatArray, result: FloatArray
) -> None:
    """Spread a number per row back over the keys: ``result[key] = sum(ms * y[row])``."""
    result[:] = 0.0
    for row in range(row_first.shape[0] - 1):
        for i in range(row_first[row], row_first[row + 1]):
            result[keys[i]] += ms[i] * y[row]
