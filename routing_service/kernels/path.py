"""Reading a path off a tree: no search, only tight turns."""

from __future__ import annotations

from routing_service.kernels.jit import kernel
from routing_service.units import INF_MS, IntArray


@kernel
def next_edge(
    e: int,
    budget_ms: int,
    budget_cm: int,
    turn_first: IntArray,
    turn_to: IntArray,
    turn_ms: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
) -> int:
    """Find the turn out of `e` that accounts for the time and length left at its end.

    Parameters
    ----------
    e
        The edge that is being left.
    budget_ms, budget_cm
        Time and length from the end of `e` to the door.
    turn_first, turn_to, turn_ms
        The turn table by source edge, CSR ``int32``.
    tree_ms, tree_cm
        Labels of the unit, ``int32[edges]``.

    Returns
    -------
    int
        Index of the first such turn, -1 if there is none.
    """
    for j in range(turn_first[e], turn_first[e + 1]):
        f = turn_to[j]
        if (
            tree_ms[f] < INF_MS
            and int(turn_ms[j]) + int(tree_ms[f]) == budget_ms
            and tree_cm[f] == budget_cm
        ):
            return j
    return -1


@kernel
def trace_path(
    start: int,
    turn_first: IntArray,
    turn_to: IntArray,
    turn_ms: IntArray,
    edge_ms: IntArray,
    edge_cm: IntArray,
    seeds: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
    turns: IntArray,
) -> int:
    """Follow tight turns from the start of an edge to the unit's door.

    Parameters
    ----------
    start
        First edge; its label must not be ``INF_MS``.
    turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
        As for `tree.check_tree`.
    turns
        ``int32[n]``, written: the turns taken, in order. The last edge passes the door.

    Returns
    -------
    int
        Number of turns, -1 if the tree is broken or `turns` too short. O(length of the path).
    """
    e = start
    n = 0
    while True:
        for k in range(seeds.shape[0]):
            if seeds[k, 0] == e and seeds[k, 1] == tree_ms[e] and seeds[k, 2] == tree_cm[e]:
                return n
        j = next_edge(
            e,
            int(tree_ms[e]) - int(edge_ms[e]),
            int(tree_cm[e]) - int(edge_cm[e]),
            turn_first,
            turn_to,
            turn_ms,
            tree_ms,
            tree_cm,
        )
        if j < 0 or n >= turns.shape[0]:
            return -1
        turns[n] = j
        n += 1
        e = turn_to[j]
