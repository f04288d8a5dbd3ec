"""The heap gives keys back in order: by time, and at equal times by edge."""

from __future__ import annotations

import heapq

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_service.kernels.heap import EDGE_BITS, EDGE_MASK, pop, push
from routing_service.units import INF_MS

LAST_EDGE = 2**31 - 1
keys = st.builds(
    lambda ms, edge: ms << EDGE_BITS | edge,
    st.one_of(st.integers(0, 3), st.integers(0, INF_MS)),
    st.one_of(st.integers(0, 3), st.integers(0, LAST_EDGE)),
)


def drained(heap: np.ndarray, size: int) -> list[int]:
    out = []
    while size:
        out.append(int(heap[0]))
        size = pop(heap, size)
    return out


@settings(max_examples=150)
@given(st.lists(keys, max_size=80))
def test_pushed_keys_leave_in_order(pushed: list[int]) -> None:
    heap = np.empty(len(pushed), np.int64)
    size = 0
    for key in pushed:
        size = push(heap, size, key)
    assert size == len(pushed)
    assert drained(heap, size) == sorted(pushed)


@settings(max_examples=150)
@given(st.lists(st.one_of(keys, st.none()), max_size=80))
def test_pushes_and_pops_in_any_mix_agree_with_heapq(actions: list[int | None]) -> None:
    heap = np.empty(len(actions), np.int64)
    size = 0
    twin: list[int] = []
    for key in actions:
        if key is not None:
            size = push(heap, size, key)
            heapq.heappush(twin, key)
        elif twin:
            assert heap[0] == heapq.heappop(twin)
            size = pop(heap, size)
        assert size == len(twin)
    assert drained(heap, size) == sorted(twin)


def test_a_key_holds_the_largest_time_and_edge() -> None:
    key = INF_MS << EDGE_BITS | LAST_EDGE
    heap = np.zeros(1, np.int64)
    push(heap, 0, key)
    assert int(heap[0]) >> EDGE_BITS == INF_MS
    assert int(heap[0]) & EDGE_MASK == LAST_EDGE


def test_at_equal_times_the_lower_edge_leaves_first() -> None:
    heap = np.empty(4, np.int64)
    size = 0
    for ms, edge in ((7, 9), (7, 2), (6, 30), (7, 4)):
        size = push(heap, size, ms << EDGE_BITS | edge)
    assert [(key >> EDGE_BITS, key & EDGE_MASK) for key in drained(heap, size)] == [
        (6, 30),
        (7, 2),
        (7, 4),
        (7, 9),
    ]
