"""The trees of a network on which some edges take longer, made from the trees of the base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routing_service.graph.doors import seeds_of
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.trees import grow_one, ring_size
from routing_service.kernels.buckets import END, RECORD, bucket_count
from routing_service.kernels.repair import Roads, Scratch, repair_tree
from routing_service.kernels.tree import count_wrong
from routing_service.units import INF_MS, IntArray

# Withdrawing and searching a label costs 0.30 to 0.35 us, growing a whole tree anew 0.12 us for
# each edge: even at a third of the edges, and what is given up has cost half by then.
WORTH_REPAIRING = 0.25

# Buckets for all times up to four and a half hours; longer ones go round and only take longer.
RING = 1 << 14


@dataclass(frozen=True)
class Repaired:
    """Trees at new times.

    Attributes
    ----------
    tree_ms, tree_cm
        ``int32[units, edges]``.
    changed
        For each unit ``int32[k]``, the edges whose labels may differ from the base; None for all.
    """

    tree_ms: IntArray
    tree_cm: IntArray
    changed: list[IntArray | None]


def repair_trees(base: RoadGraph, timed: RoadGraph, touched: IntArray) -> Repaired:
    """Trees at new times: the same labels as of trees grown from scratch.

    Parameters
    ----------
    base
        The network with its trees.
    timed
        The same network at the new times, nowhere shorter: ``edge_ms`` and ``doors`` count.
    touched
        ``int32[k]``: the edges whose times differ, each once.
    """
    tree_ms, tree_cm = base.spare("tree_ms"), base.spare("tree_cm")
    roads = _roads(timed)
    touched_ms = timed.edge_ms[touched]
    longest_ms = int(touched_ms[touched_ms < INF_MS].max(initial=0))
    scratch = _scratch(base.n_edges, max(RING, bucket_count(longest_ms)))
    limit = int(WORTH_REPAIRING * base.n_edges)
    changed: list[IntArray | None] = []
    for u in range(len(tree_ms)):
        seeds = seeds_of(timed.doors, u)
        before, after = (base.tree_ms[u], base.tree_cm[u]), (tree_ms[u], tree_cm[u])
        repaired = repair_tree(roads, seeds, touched, *before, *after, limit, scratch)
        if repaired >= 0:
            changed.append(scratch.withdrawn[:repaired].copy())
        else:
            grow_one(timed, u, *after, ring_size(timed))
            changed.append(None)
    return Repaired(tree_ms, tree_cm, changed)


def spot_check(base: RoadGraph, graph: RoadGraph, labels: int, seed: int) -> int:
    """Check the certificate of some labels of every tree of a repaired network.

    Parameters
    ----------
    base, graph
        The network as it was, and repaired.
    labels
        How many labels of each tree: half of them among those that the repair changed and those
        that might lean on them, half anywhere.
    seed
        Chooses them.

    Returns
    -------
    int
        How many do not hold; 0 is right, anything else a fault.
    """
    rng = np.random.default_rng(seed)
    wrong = 0
    for k in range(len(graph.speed_sets.names)):
        before, after = base.in_set(k), graph.in_set(k)
        for u in range(len(after.tree_ms)):
            changed = np.flatnonzero(before.tree_ms[u] != after.tree_ms[u]).astype(np.int32)
            anywhere = rng.integers(graph.n_edges, size=labels, dtype=np.int32)
            if len(changed):
                anywhere[: labels // 2] = _near(graph, rng.choice(changed, labels // 2), rng)
            wrong += count_wrong(
                anywhere,
                *_roads(after)[:3],
                after.edge_ms,
                after.edge_cm,
                seeds_of(after.doors, u),
                after.tree_ms[u],
                after.tree_cm[u],
            )
    return wrong


def _near(graph: RoadGraph, edges: IntArray, rng: np.random.Generator) -> IntArray:
    """Each of the edges or, as often, one that turns into it."""
    first, last = graph.back_first[edges], graph.back_first[edges + 1]
    before = graph.back_from[np.minimum(rng.integers(first, last + 1), len(graph.back_from) - 1)]
    itself = (first == last) | (rng.random(len(edges)) < 0.5)
    return np.where(itself, edges, before)


def _roads(graph: RoadGraph) -> Roads:
    return Roads(*(getattr(graph, name) for name in Roads._fields))


def _scratch(edges: int, buckets: int) -> Scratch:
    """Fresh buffers: the system gives memory only for the rows that a repair writes."""
    return Scratch(
        np.empty(edges, dtype=np.int32),
        np.empty((edges, RECORD), dtype=np.int32),
        np.full(buckets, END, dtype=np.int32),
    )
