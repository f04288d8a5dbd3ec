"""Processes let one another go first, and none depends on another."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection

import pytest

from routing_service.live import courtesy as module
from routing_service.live.courtesy import Courtesy

PATIENCE_S = 30.0


def keep(courtesy: Courtesy, said: Connection) -> None:
    """Hold a place until told to let go of it."""
    with courtesy.after_others():
        said.send("mine")
        said.recv()
    said.send("over")
    said.recv()


@pytest.fixture
def courtesy(monkeypatch: pytest.MonkeyPatch) -> Courtesy:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(module, "PATIENCE_S", PATIENCE_S)
    return Courtesy()


def holder(courtesy: Courtesy) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=keep, args=(courtesy, theirs))
    process.start()
    assert ours.recv() == "mine"
    return process, ours


def test_who_waits_goes_on_when_the_other_is_done_or_gone(courtesy: Courtesy) -> None:
    for ends in ("done", "killed"):
        other, said = holder(courtesy)
        if ends == "done":
            said.send("let go")
            assert said.recv() == "over"
        else:
            other.kill()
            other.join()
        started_s = time.monotonic()
        with courtesy.after_others():
            assert time.monotonic() - started_s < PATIENCE_S
        other.kill()
        other.join()


def test_nobody_waits_for_long(courtesy: Courtesy, monkeypatch: pytest.MonkeyPatch) -> None:
    other, _ = holder(courtesy)
    pauses: list[float] = []
    monkeypatch.setattr("routing_service.live.courtesy.time.sleep", pauses.append)
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    with courtesy.after_others():
        assert pauses
    with courtesy.after_others():  # what was never taken was not given back either
        assert other.is_alive()
    other.kill()
    other.join()
