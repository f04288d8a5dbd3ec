"""Repairing a tree where some edges take longer, instead of growing it anew.

Times only grow against the base tree, so a label is still right if it is still attained. First the
labels are withdrawn that no longer are: those of the touched edges, then all that hung on nothing
but withdrawn ones. What is left is right, since times are strictly positive: every label that
stands leans on a shorter one that stands, down to a door. Then the withdrawn edges are searched as
by `tree.grow_tree`, from where they border on labels that stand. Both parts look only at withdrawn
edges and their neighbours: closing a street of a city takes microseconds, whatever the country.

The withdrawal is that of G. Ramalingam and T. Reps (J. Algorithms 21, 1996) without its priority
queue: an edge is looked at again whenever something that it leans on goes, which with two or three
turns to an edge is cheaper than counting what it leans on.
"""

from __future__ import annotations

from typing import NamedTuple

from routing_service.kernels.buckets import BUCKET_BITS, NEXT, UNQUEUED, link, take, unlink
from routing_service.kernels.jit import kernel
from routing_service.kernels.tree import best_label
from routing_service.kernels.yielding import REPAIRED, give_way
from routing_service.units import INF_MS, IntArray


class Roads(NamedTuple):
    """What a repair reads of a network.

    Attributes
    ----------
    turn_first, turn_to, turn_ms
        The turn table by source edge, CSR ``int32``.
    back_first, back_from, back_ms
        The same turns by target edge.
    edge_ms, edge_cm
        ``int32[edges]``: the new times (``INF_MS``: shut), and lengths.
    """

    turn_first: IntArray
    turn_to: IntArray
    turn_ms: IntArray
    back_first: IntArray
    back_from: IntArray
    back_ms: IntArray
    edge_ms: IntArray
    edge_cm: IntArray


class Scratch(NamedTuple):
    """Buffers of a repair; one set may serve many, one after another.

    Attributes
    ----------
    withdrawn
        ``int32[edges]``, any contents.
    records
        ``int32[edges, 8]``, see `kernels.buckets`, any contents; only the rows of withdrawn edges
        are used, so that a fresh buffer costs no more memory than the repair is large.
    buckets
        ``int32[n]``, n a power of two, all ``END``, which they are again afterwards. Quickest if
        they span all times between which the repair lies; right in any case.
    """

    withdrawn: IntArray
    records: IntArray
    buckets: IntArray


@kernel
def repair_tree(
    roads: Roads,
    seeds: IntArray,
    touched: IntArray,
    base_ms: IntArray,
    base_cm: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
    limit: int,
    scratch: Scratch,
) -> int:
    """Make a base tree right where some edges take longer than in the base.

    Parameters
    ----------
    roads
        The network at its new times, nowhere shorter than those of the base tree.
    seeds
        ``int32[k, 3]``: the door's seeds at the new times, see `tree.grow_tree`.
    touched
        ``int32[t]``: the edges whose times differ, each once.
    base_ms, base_cm
        ``int32[edges]``: the labels of the base tree.
    tree_ms, tree_cm
        ``int32[edges]``: a copy of them, which becomes the tree at the new times.
    limit
        Give up when more labels than this are withdrawn: growing anew is quicker then.
    scratch
        The caller's buffers.

    Returns
    -------
    int
        Number of labels that were withdrawn; -1 if more than `limit`, and then the labels are of
        no use.

    Notes
    -----
    O(withdrawn edges and their turns); does not allocate.
    """
    turn_first, turn_to, turn_ms, back_first, back_from, back_ms, edge_ms, edge_cm = roads
    withdrawn, records, buckets = scratch
    n = _withdraw(roads, seeds, touched, base_ms, base_cm, tree_ms, tree_cm, limit, withdrawn)
    if n <= 0:
        return n
    first_ms = INF_MS
    queued = 0
    for i in range(n):
        if i % REPAIRED == 0:
            give_way()
        e = withdrawn[i]
        records[e, NEXT] = UNQUEUED
        ms, cm = best_label(
            e, turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
        )
        if ms < INF_MS:
            # At once: the next ones may lean on it, and what is too long improves later.
            tree_ms[e] = ms
            tree_cm[e] = cm
            link(records, buckets, e, ms)
            queued += 1
            first_ms = min(first_ms, ms)
    bucket = (first_ms >> BUCKET_BITS) & (buckets.shape[0] - 1)
    taken = 0
    while queued > 0:
        e = take(records, buckets, bucket)
        if e < 0:
            bucket = (bucket + 1) & (buckets.shape[0] - 1)
            continue
        queued -= 1
        taken += 1
        if taken % REPAIRED == 0:
            give_way()
        for j in range(back_first[e], back_first[e + 1]):
            p = back_from[j]
            old_ms = tree_ms[p]
            through_ms = int(tree_ms[e]) + int(back_ms[j]) + int(edge_ms[p])
            if through_ms > old_ms or through_ms >= INF_MS:
                continue
            through_cm = int(tree_cm[e]) + int(edge_cm[p])
            if through_ms == old_ms and through_cm >= tree_cm[p]:
                continue
            # Only a withdrawn label can improve, so its record is in use.
            tree_ms[p] = through_ms
            tree_cm[p] = through_cm
            if records[p, NEXT] != UNQUEUED:
                if through_ms >> BUCKET_BITS == old_ms >> BUCKET_BITS:
                    continue
                unlink(records, buckets, p)
            else:
                queued += 1
            link(records, buckets, p, through_ms)
    return n


@kernel
def _withdraw(
    roads: Roads,
    seeds: IntArray,
    touched: IntArray,
    base_ms: IntArray,
    base_cm: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
    limit: int,
    withdrawn: IntArray,
) -> int:
    """Withdraw the labels that are no longer attained; their number, -1 if more than `limit`."""
    turn_first, turn_to, turn_ms, back_first, back_from, back_ms, edge_ms, edge_cm = roads
    n = 0
    for i in range(touched.shape[0]):
        e = touched[i]
        ms, cm = best_label(
            e, turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
        )
        if ms != tree_ms[e] or cm != tree_cm[e]:
            tree_ms[e] = INF_MS
            tree_cm[e] = INF_MS
            withdrawn[n] = e
            n += 1
    i = 0
    while i < n:
        if n > limit:
            return -1
        if i % REPAIRED == 0:
            give_way()
        e = withdrawn[i]
        i += 1
        for j in range(back_first[e], back_first[e + 1]):
            p = back_from[j]
            if (
                # In this order: most neighbours do not lean on e, and show it by their time.
                int(edge_ms[p]) + int(back_ms[j]) + int(base_ms[e]) != tree_ms[p]
                or int(edge_cm[p]) + int(base_cm[e]) != tree_cm[p]
            ):
                continue
            ms, cm = best_label(
                p, turn_first, turn_to, turn_ms, edge_ms, edge_cm, seeds, tree_ms, tree_cm
            )
            if ms != tree_ms[p] or cm != tree_cm[p]:
                tree_ms[p] = INF_MS
                tree_cm[p] = INF_MS
                withdrawn[n] = p
                n += 1
    return n
