"""Reverse shortest-path trees over directed edges, and the certificate that one is right.

The label of edge ``e`` is the time from its start to the unit's door. Among equally quick ways
the shorter counts, so a label is the pair (milliseconds, centimetres) in lexicographic order:
the length that goes with a time is then defined, not an accident of the search order.
"""

from __future__ import annotations

from routing_service.kernels.buckets import (
    BUCKET_BITS,
    CM,
    EDGE_CM,
    EDGE_MS,
    END,
    FIRST,
    LAST,
    MS,
    NEXT,
    UNQUEUED,
    link,
    take,
    unlink,
)
from routing_service.kernels.jit import kernel
from routing_service.kernels.yielding import GROWN, PASSED, give_way
from routing_service.units import INF_MS, IntArray


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
    records: IntArray,
    buckets: IntArray,
) -> int:
    """Grow the tree of one unit from its door.

    Label-correcting search backwards over the turn table with a bucket queue; does not allocate.

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
    records
        ``int32[edges, 8]``, scratch, see `kernels.buckets`.
    buckets
        ``int32[n]``, scratch, n from `buckets.bucket_count` of the longest edge and turn
        together, or the longest seed if that is longer.

    Returns
    -------
    int
        Number of edges reached.

    Notes
    -----
    O(turns) in practice: times are strictly positive and nearly all longer than a bucket.
    """
    n_edges = edge_ms.shape[0]
    for e in range(n_edges):
        if e % PASSED == 0:
            give_way()
        records[e, EDGE_MS] = edge_ms[e]
        records[e, EDGE_CM] = edge_cm[e]
        records[e, MS] = INF_MS
        records[e, CM] = 0  # so that a closed edge behind a label of 0 is no improvement at INF_MS
        records[e, NEXT] = UNQUEUED
        records[e, FIRST] = back_first[e]
        records[e, LAST] = back_first[e + 1]
    buckets[:] = END
    queued = 0
    for k in range(seeds.shape[0]):
        e = seeds[k, 0]
        if edge_ms[e] < INF_MS and records[e, NEXT] == UNQUEUED:
            records[e, MS] = seeds[k, 1]
            records[e, CM] = seeds[k, 2]
            link(records, buckets, e, seeds[k, 1])
            queued += 1
    bucket = 0
    taken = 0
    while queued > 0:
        e = take(records, buckets, bucket)
        if e < 0:
            bucket = (bucket + 1) & (buckets.shape[0] - 1)
            continue
        queued -= 1
        taken += 1
        if taken % GROWN == 0:
            give_way()
        ms = records[e, MS]
        cm = records[e, CM]
        for j in range(records[e, FIRST], records[e, LAST]):
            p = back_from[j]
            # A closed edge fails here too: the sum is no better than any label.
            through_ms = int(ms) + int(back_ms[j]) + int(records[p, EDGE_MS])
            old_ms = records[p, MS]
            if through_ms > old_ms:
                continue
            through_cm = int(cm) + int(records[p, EDGE_CM])
            if through_ms == old_ms and through_cm >= records[p, CM]:
                continue
            records[p, MS] = through_ms
            records[p, CM] = through_cm
            if records[p, NEXT] != UNQUEUED:
                if through_ms >> BUCKET_BITS == old_ms >> BUCKET_BITS:
                    continue
                unlink(records, buckets, p)
            else:
                queued += 1
            link(records, buckets, p, through_ms)
    reached = 0
    for e in range(n_edges):
        if e % PASSED == 0:
            give_way()
        tree_ms[e] = records[e, MS]
        tree_cm[e] = records[e, CM] if records[e, MS] < INF_MS else INF_MS
        reached += tree_ms[e] < INF_MS
    return reached


@kernel
def best_label(
    e: int,
    turn_first: IntArray,
    turn_to: IntArray,
    turn_ms: IntArray,
    edge_ms: IntArray,
    edge_cm: IntArray,
    seeds: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
) -> tuple[int, int]:
    """The best that the turns out of edge `e` and the seeds on it offer: ms and cm.

    Parameters
    ----------
    e
        The edge.
    turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
        As for `check_tree`.

    Returns
    -------
    tuple
        ``INF_MS`` twice if the edge is closed or nothing leads on.
    """
    best_ms = INF_MS
    best_cm = INF_MS
    if edge_ms[e] >= INF_MS:
        return best_ms, best_cm
    for j in range(turn_first[e], turn_first[e + 1]):
        f = turn_to[j]
        through_ms = int(edge_ms[e]) + int(turn_ms[j]) + int(tree_ms[f])
        if through_ms > best_ms or tree_ms[f] >= INF_MS:
            continue
        through_cm = int(edge_cm[e]) + int(tree_cm[f])
        if through_ms < best_ms or through_cm < best_cm:
            best_ms = through_ms
            best_cm = through_cm
    for k in range(seeds.shape[0]):
        if seeds[k, 0] == e and (
            seeds[k, 1] < best_ms or (seeds[k, 1] == best_ms and seeds[k, 2] < best_cm)
        ):
            best_ms = int(seeds[k, 1])
            best_cm = int(seeds[k, 2])
    return best_ms, best_cm


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
        best_ms, best_cm = best_label(
            e, turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
        )
        if tree_ms[e] != best_ms or tree_cm[e] != best_cm:
            return e
    return -1


@kernel
def count_wrong(
    edges: IntArray,
    turn_first: IntArray,
    turn_to: IntArray,
    turn_ms: IntArray,
    edge_ms: IntArray,
    edge_cm: IntArray,
    seeds: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
) -> int:
    """Check the certificate of some edges alone.

    Parameters
    ----------
    edges
        ``int32[n]``: which.
    turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
        As for `check_tree`.

    Returns
    -------
    int
        Number of them where it does not hold.
    """
    wrong = 0
    for i in range(edges.shape[0]):
        e = edges[i]
        best_ms, best_cm = best_label(
            e, turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
        )
        wrong += tree_ms[e] != best_ms or tree_cm[e] != best_cm
    return wrong
