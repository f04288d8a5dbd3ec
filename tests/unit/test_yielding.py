"""A search that gives way goes on where it was."""

from __future__ import annotations

import os

import pytest

from routing_service.kernels.jit import kernel
from routing_service.kernels.yielding import give_way


@kernel
def counted(n: int) -> int:
    """Count to a number and give way at each step."""
    count = 0
    for _ in range(n):
        give_way()
        count += 1
    return count


def test_in_a_kernel_and_outside() -> None:
    assert counted(1_000) == 1_000
    give_way()


def test_where_the_system_cannot_be_asked_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_yield", raising=False)
    give_way()
