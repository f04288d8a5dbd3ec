"""Watching a file that another process writes to."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from routing_service.live import file_watch
from routing_service.live.file_watch import FileWatch

PATIENCE_S = 30


def test_a_write_wakes_and_one_before_the_wait_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("1")
    watch = FileWatch(path)
    path.write_text("2")
    watch.wait(PATIENCE_S)
    with ThreadPoolExecutor(1) as pool:
        woken = pool.submit(watch.wait, PATIENCE_S)
        path.write_text("3")
        woken.result(PATIENCE_S / 2)
    watch.wait(0)
    watch.close()


def test_where_files_cannot_be_watched_the_caller_polls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(file_watch, "sleep", pauses.append)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    watch = FileWatch(tmp_path)
    watch.wait(PATIENCE_S)
    assert pauses == [file_watch.POLL_S]
    watch.close()
