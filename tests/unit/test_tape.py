"""A tape gives back what was put on, in order and once; what finds no room is lost and counted."""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routing_service.kernels.clock import clock_ns
from routing_service.kernels.jit import kernel
from routing_service.kernels.tape import Tape
from routing_service.units import LongArray

SIZE = 9


def record(n: int) -> bytes:
    return n.to_bytes(SIZE, "little")


def numbers(tape: Tape) -> list[int]:
    return [int.from_bytes(row.tobytes(), "little") for row in tape.take()]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 9)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("allow"), st.integers(-2, 12)),
        st.tuples(st.just("lost"), st.just(0)),
    ),
    max_size=40,
)


@given(st.integers(1, 8), steps)
def test_it_is_a_queue_with_a_limit(rows: int, steps: list[tuple[str, int]]) -> None:
    tape, queue, room, lost, n = Tape(SIZE, rows), deque[int](), rows, 0, 0
    for what, value in steps:
        if what == "put":
            for _ in range(value):
                tape.put(record(n))
                if len(queue) < room:
                    queue.append(n)
                else:
                    lost += 1
                n += 1
        elif what == "take":
            assert numbers(tape) == list(queue)
            queue.clear()
        elif what == "allow":
            tape.allow(value)
            room = min(max(value, 0), rows)
        else:
            assert tape.lost == lost
            assert tape.take_lost() == lost
            lost = 0
        assert len(tape) == len(queue)
    assert numbers(tape) == list(queue)


def test_what_was_taken_stays_when_its_rows_are_used_again() -> None:
    tape = Tape(SIZE, 2)
    tape.put(record(1))
    taken = tape.take()
    for n in (2, 3):
        tape.put(record(n))
    assert taken[0].tobytes() == record(1)


def test_one_thread_puts_while_another_takes() -> None:
    tape, seen, over = Tape(SIZE, 64), [0], threading.Event()
    seen.clear()

    def take() -> None:
        while not over.is_set() or len(tape):
            seen.extend(numbers(tape))

    taker = threading.Thread(target=take)
    taker.start()
    for n in range(20_000):
        while len(tape) == 64:
            time.sleep(0)
        tape.put(record(n))
    over.set()
    taker.join()
    assert seen == list(range(20_000))
    assert tape.lost == 0


def test_kernels_read_the_clock_of_python() -> None:
    @kernel
    def ask(room_at: int) -> int:
        return clock_ns(room_at)

    room: LongArray = np.zeros(2, dtype=np.int64)
    for _ in range(100):
        before, between, after = time.perf_counter_ns(), ask(room.ctypes.data), 0
        after = time.perf_counter_ns()
        assert before <= between <= after
