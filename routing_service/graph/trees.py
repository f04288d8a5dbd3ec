"""One reverse tree per unit, grown side by side and each proven right."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from routing_service.errors import GraphFileCorrupt
from routing_service.graph.doors import at_speeds, seeds_of
from routing_service.kernels.buckets import RECORD, bucket_count
from routing_service.kernels.tree import check_tree, grow_tree
from routing_service.units import INF_MS, NONE, IntArray

if TYPE_CHECKING:
    from routing_service.graph.road_graph import RoadGraph

# Trees share nothing but read-only arrays and the kernels release the GIL.
THREADS = 2


Grow = Callable[..., tuple[IntArray, IntArray]]
"""Takes what `grow_trees` takes and gives the same; where it does the work is its own affair."""


def grow_trees(
    graph: RoadGraph, *, on_tree: Callable[[int], None] | None = None
) -> tuple[IntArray, IntArray]:
    """Grow the trees of all units.

    Returns
    -------
    tuple
        ``tree_ms`` and ``tree_cm``, ``int32[units, edges]`` each.
    """
    shape = (len(graph.doors), graph.n_edges)
    tree_ms, tree_cm = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int32)
    n_buckets = ring_size(graph)

    def grow(u: int) -> None:
        grow_one(graph, u, tree_ms[u], tree_cm[u], n_buckets)
        if on_tree:
            on_tree(u)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(grow, range(shape[0])))
    return tree_ms, tree_cm


def grow_one(
    graph: RoadGraph, unit: int, tree_ms: IntArray, tree_cm: IntArray, n_buckets: int
) -> None:
    """Grow the tree of one unit into ``int32[edges]`` each; `n_buckets` is from `ring_size`."""
    grow_tree(
        graph.back_first,
        graph.back_from,
        graph.back_ms,
        graph.edge_ms,
        graph.edge_cm,
        seeds_of(graph.doors, unit),
        tree_ms,
        tree_cm,
        np.empty((graph.n_edges, RECORD), dtype=np.int32),
        np.empty(n_buckets, dtype=np.int32),
    )


def ring_size(graph: RoadGraph) -> int:
    """Buckets for a search of this network, by the longest step that it can take."""
    open_ms = graph.edge_ms[graph.edge_ms < INF_MS]
    longest_ms = int(open_ms.max(initial=0)) + int(graph.turn_ms.max(initial=0))
    at_door = graph.doors[:, :, 0] >= 0
    longest_ms = max(longest_ms, int(graph.doors[:, :, 1][at_door].max(initial=0)))
    return bucket_count(longest_ms)


def with_speed_sets(graph: RoadGraph, grow: Grow = grow_trees) -> RoadGraph:
    """Grow the trees of the further speed sets that the manifest names."""
    sets = graph.speed_sets.sets
    if not sets:
        return graph
    arrays = []
    for each in sets:
        factor = each.factors(graph.manifest["road_classes"])[graph.edge_class]
        edge_ms = np.maximum(np.rint(graph.edge_ms / factor), 1).astype(np.int32)
        start_ms = int(graph.manifest.get("start_ms", 0))
        doors = at_speeds(graph.doors, edge_ms, graph.edge_cm, start_ms)
        timed = replace(graph, edge_ms=edge_ms, doors=doors)
        tree_ms, tree_cm = grow(timed)
        timed = replace(timed, tree_ms=tree_ms, tree_cm=tree_cm)
        arrays.append((edge_ms, beyond_doors(timed), tree_ms, tree_cm))
    edge_ms, doors, tree_ms, tree_cm = (np.stack(column) for column in zip(*arrays, strict=True))
    return replace(
        graph, set_edge_ms=edge_ms, set_doors=doors, set_tree_ms=tree_ms, set_tree_cm=tree_cm
    )


def check_trees(graph: RoadGraph) -> None:
    """Check the certificate of every tree of every speed set, and that the core reaches all units.

    Raises
    ------
    GraphFileCorrupt
        Naming the unit and the first edge where it does not hold.
    """
    for index, name in enumerate(graph.speed_sets.names):
        _check_set(graph.in_set(index), name)


def _check_set(graph: RoadGraph, name: str) -> None:
    def check(u: int) -> int:
        return check_tree(
            graph.turn_first,
            graph.turn_to,
            graph.turn_ms,
            graph.edge_ms,
            graph.edge_cm,
            seeds_of(graph.doors, u),
            graph.tree_ms[u],
            graph.tree_cm[u],
        )

    with ThreadPoolExecutor(THREADS) as pool:
        wrong = list(pool.map(check, range(len(graph.doors))))
    for unit, e in zip(graph.units, wrong, strict=True):
        if e != NONE:
            raise GraphFileCorrupt(
                f"the tree of {unit.ods_code} is wrong at edge {e} ({name} speeds):"
                " build the graph again",
                ods_code=unit.ods_code,
                edge=int(e),
            )
    stray = np.flatnonzero((graph.edge_core != 0) & (graph.tree_ms >= INF_MS).any(axis=0))
    if len(stray):
        raise GraphFileCorrupt(
            f"core edge {stray[0]} cannot reach every unit: build the graph again",
            edge=int(stray[0]),
        )


def beyond_doors(graph: RoadGraph) -> IntArray:
    """Doors with their last two columns filled: from the end of a door's edge back to the door."""
    doors = graph.doors.copy()
    for u in range(doors.shape[0]):
        for k in range(doors.shape[1]):
            e = doors[u, k, 0]
            if e < 0:
                continue
            row = slice(graph.turn_first[e], graph.turn_first[e + 1])
            to = graph.turn_to[row]
            ms = graph.turn_ms[row].astype(np.int64) + graph.tree_ms[u, to]
            cm = graph.tree_cm[u, to]
            best = min(
                (pair for pair in zip(ms.tolist(), cm.tolist(), strict=True) if pair[0] < INF_MS),
                default=(INF_MS, INF_MS),
            )
            doors[u, k, 3:] = best
    return doors
