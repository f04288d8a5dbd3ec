"""Short slices and standing back, where Linux knows of them; a thread is ordinary elsewhere."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
import threading

import pytest

from routing_service.scheduling import BEHIND, SLICE_NS, ask_for_short_slices, stand_back

GET = {"x86_64": 315, "aarch64": 275}


def told() -> tuple[int, int, int]:
    """Policy, nice and slice of this thread, as the system tells."""
    room = ctypes.create_string_buffer(56)
    number = GET[platform.machine()]
    if ctypes.CDLL(None).syscall(number, 0, room, 56, 0):
        raise OSError
    _, policy, _, nice, _, slice_ns = struct.unpack_from("=IIQiIQ", room)
    return policy, nice, slice_ns


def nice_of_this_thread() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def in_a_thread(*actions: object) -> list[object]:
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend(a() for a in actions))  # type: ignore[operator]
    thread.start()
    thread.join()
    return seen


@pytest.mark.skipif(platform.machine() not in GET or os.name != "posix", reason="not this system")
def test_only_the_thread_that_asks_gets_them() -> None:
    before, (usual,) = told(), in_a_thread(told)
    assert usual is not None
    asked, after, inherited = in_a_thread(ask_for_short_slices, told, lambda: in_a_thread(told)[0])
    assert asked is True
    # The same policy and nice; no slice on a kernel that has none of one's own.
    assert after in ((*before[:2], SLICE_NS), (*before[:2], 0))
    assert told() == before
    assert inherited == usual


@pytest.mark.parametrize(("name", "value"), [("platform", "darwin"), ("machine", "riscv64")])
def test_where_it_is_not_known_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    if name == "platform":
        monkeypatch.setattr("sys.platform", value)
    else:
        monkeypatch.setattr("platform.machine", lambda: value)
    assert in_a_thread(ask_for_short_slices) == [False]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority here")
def test_a_thread_that_stands_back_comes_after_the_first_however_often_it_does() -> None:
    first = nice_of_this_thread()
    wanted = min(first + BEHIND, 19)
    asked, after, again, inherited, last = in_a_thread(
        stand_back,
        nice_of_this_thread,
        stand_back,
        lambda: in_a_thread(nice_of_this_thread)[0],
        nice_of_this_thread,
    )
    assert (asked, again) == (True, True)
    assert (after, inherited, last) == (wanted, wanted, wanted)
    assert nice_of_this_thread() == first


def test_where_threads_have_no_priority_none_stands_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert stand_back() is False
