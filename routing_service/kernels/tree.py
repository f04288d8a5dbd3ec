"""Reverse shortest-path trees over directed edges, and the certificate that one is right.

The label of edge ``e`` is the time from its start to the unit's door. Among equally quick ways
the shorter counts, so a label is the pair (milliseconds, centimetres) in lexicographic order:
the length that goes with a time is then defined, not an accident of the search order.
"""

from __future__ import annotations

from routing_service.kernels.heap import EDGE_BITS, EDGE_MASK, pop, push
from routing_service.kernels.jit import kernel
from routing_service.units import INF_MS, IntArray, LongArray


@kernel
def grow_tree(
    back_first: IntArray,
    back_from: IntArray,
    back_ms: IntArray,
    edge_ms: IntArray,
    edge_cm: IntArray,
    seeds: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
    heap: LongArray,
) -> int:
    """Grow the tree of one unit from its door.

    Dijkstra's algorithm backwards over the turn table; does not allocate.

    Parameters
    ----------
    back_first, back_from, back_ms
        The turn table by target edge, CSR ``int32[edges + 1]``, ``int32[turns]``,
        ``int32[turns]`` (ms): which edges turn into an edge, and what the turn costs.
    edge_ms, edge_cm
        ``int32[edges]``; an edge with ``INF_MS`` is closed.
    seeds
        ``int32[k, 3]``: an edge that passes the door, ms and cm from its start to the door.
    tree_ms, tree_cm
        ``int32[edges]``, written: the labels; ``INF_MS`` in both where there is no route.
    heap
        ``int64[turns + k]``, scratch.

    Returns
    -------
    int
        Number of edges reached.

    Notes
    -----
    O(turns log turns). Times are strictly positive, so an edge's label cannot improve after it
    has left the heap, nor its length at equal time.
    """
    tree_ms[:] = INF_MS
    tree_cm[:] = INF_MS
    size = 0
    for k in range(seeds.shape[0]):
        e = seeds[k, 0]
        if edge_ms[e] < INF_MS and seeds[k, 1] < tree_ms[e]:
            tree_ms[e] = seeds[k, 1]
            tree_cm[e] = seeds[k, 2]
            size = push(heap, size, (int(seeds[k, 1]) << EDGE_BITS) | int(e))
    reached = 0
    while size > 0:
        key = heap[0]
        size = pop(heap, size)
        e = key & EDGE_MASK
        ms = key >> EDGE_BITS
        if ms != tree_ms[e]:
            continue
        reached += 1
        for j in range(back_first[e], back_first[e + 1]):
            p = back_from[j]
            if edge_ms[p] >= INF_MS:
                continue
            through_ms = ms + int(back_ms[j]) + int(edge_ms[p])
            if through_ms > tree_ms[p]:
                continue
            through_cm = int(tree_cm[e]) + int(edge_cm[p])
            if through_ms < tree_ms[p]:
                tree_ms[p] = through_ms
                tree_cm[p] = through_cm
                size = push(heap, size, (through_ms << EDGE_BITS) | int(p))
            elif through_cm < tree_cm[p]:
                tree_cm[p] = through_cm
    return reached


@kernel
def check_tree(
    turn_first: IntArray,
    turn_to: IntArray,
    turn_ms: IntArray,
    edge_ms: IntArray,
    edge_cm: IntArray,
    seeds: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
) -> int:
    """Check the certificate: every label is the best of its edge's turns and seeds.

    With strictly positive times the labels that satisfy this are unique, so a tree that passes
    is right, however it was made. Linear in the turns; does not allocate.

    Parameters
    ----------
    turn_first, turn_to, turn_ms
        The turn table by source edge, CSR ``int32``.
    edge_ms, edge_cm, seeds, tree_ms, tree_cm
        As for `grow_tree`; only read.

    Returns
    -------
    int
        -1 if the certificate holds, else the first edge where it does not.
    """
    for e in range(edge_ms.shape[0]):
        best_ms = INF_MS
        best_cm = INF_MS
        if edge_ms[e] < INF_MS:
            for j in range(turn_first[e], turn_first[e + 1]):
                f = turn_to[j]
                if tree_ms[f] >= INF_MS:
                    continue
                through_ms = int(edge_ms[e]) + int(turn_ms[j]) + int(tree_ms[f])
                through_cm = int(edge_cm[e]) + int(tree_cm[f])
                if through_ms < best_ms or (through_ms == best_ms and through_cm < best_cm):
                    best_ms = through_ms
                    best_cm = through_cm
            for k in range(seeds.shape[0]):
                if seeds[k, 0] == e and (
                    seeds[k, 1] < best_ms or (seeds[k, 1] == best_ms and seeds[k, 2] < best_cm)
                ):
                    best_ms = int(seeds[k, 1])
                    best_cm = int(seeds[k, 2])
        if tree_ms[e] != best_ms or tree_cm[e] != best_cm:
            return e
    return -1
