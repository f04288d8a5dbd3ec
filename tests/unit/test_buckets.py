"""The bucket queue: every edge in one bucket at most, and each taken out of where it was put."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_service.kernels.buckets import (
    BUCKET_BITS,
    END,
    NEXT,
    RECORD,
    UNQUEUED,
    bucket_count,
    link,
    take,
    unlink,
)

EDGES = 6
WIDTH_MS = 1 << BUCKET_BITS
actions = st.lists(st.tuples(st.integers(0, EDGES - 1), st.integers(0, 8 * WIDTH_MS - 1)))


def test_the_ring_is_longer_than_the_longest_step() -> None:
    # An edge taken from bucket b may be linked 1,023 + longest_ms later: bucket b must not be met.
    for longest_ms in (0, 1, WIDTH_MS - 1, WIDTH_MS, 7 * WIDTH_MS, 1_000_000):
        n = bucket_count(longest_ms)
        assert n & (n - 1) == 0
        assert (WIDTH_MS - 1 + longest_ms) >> BUCKET_BITS < n


@settings(max_examples=200)
@given(actions)
def test_the_queue_holds_what_a_dictionary_of_buckets_holds(steps: list[tuple[int, int]]) -> None:
    records = np.full((EDGES, RECORD), UNQUEUED, np.int32)
    buckets = np.full(8, END, np.int32)
    twin: dict[int, int] = {}
    for e, ms in steps:
        assert (e in twin) == (records[e, NEXT] != UNQUEUED)
        if e in twin:
            unlink(records, buckets, e)
            del twin[e]
        else:
            link(records, buckets, e, ms)
            twin[e] = ms >> BUCKET_BITS
    for bucket in range(len(buckets)):
        taken = iter(lambda b=bucket: take(records, buckets, b), END)  # type: ignore[misc]
        assert sorted(taken) == sorted(e for e, b in twin.items() if b == bucket)
    assert (records[:, NEXT] == UNQUEUED).all()


def test_the_ring_wraps_round() -> None:
    records = np.full((EDGES, RECORD), UNQUEUED, np.int32)
    buckets = np.full(4, END, np.int32)
    link(records, buckets, 2, 5 * WIDTH_MS)  # bucket 5 of a ring of 4 is bucket 1
    assert take(records, buckets, 1) == 2
    assert take(records, buckets, 1) == END
