"""A thread that asks for short slices gets them where Linux knows of them, and is ordinary else."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import threading

import pytest

from routing_service.slices import SLICE_NS, ask_for_short_slices

GET = {"x86_64": 315, "aarch64": 275}


def told() -> tuple[int, int, int]:
    """Policy, nice and slice of this thread, as the system tells."""
    room = ctypes.create_string_buffer(56)
    number = GET[platform.machine()]
    if ctypes.CDLL(None).syscall(number, 0, room, 56, 0):
        raise OSError
    _, policy, _, nice, _, slice_ns = struct.unpack_from("=IIQiIQ", room)
    return policy, nice, slice_ns


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
