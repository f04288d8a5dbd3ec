"""A 4-ary min-heap of packed keys in a caller-owned array.

A key is ``ms << 32 | edge``: one ``int64`` compares by time, then by edge, so the order in which
edges leave the heap is total and the same on every machine. Deletion is lazy (an edge whose time
improved is pushed again and its old key skipped), which costs no position table; every push
belongs to one turn, so ``turns + seeds`` slots always suffice.
"""

from __future__ import annotations

from routing_service.kernels.jit import kernel
from routing_service.units import LongArray

EDGE_BITS = 32
EDGE_MASK = (1 << EDGE_BITS) - 1


@kernel
def push(heap: LongArray, size: int, key: int) -> int:
    """Add `key` to the first `size` slots of `heap` (``int64``, caller's); the new size."""
    i = size
    while i > 0:
        parent = (i - 1) >> 2
        if heap[parent] <= key:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = key
    return size + 1


@kernel
def pop(heap: LongArray, size: int) -> int:
    """Remove the least of `size` keys, ``heap[0]``, which the caller has read; the new size."""
    size -= 1
    key = heap[size]
    i = 0
    while True:
        child = 4 * i + 1
        if child >= size:
            break
        least = child
        for c in range(child + 1, min(child + 4, size)):
            if heap[c] < heap[least]:
                least = c
        if heap[least] >= key:
            break
        heap[i] = heap[least]
        i = least
    heap[i] = key
    return size
