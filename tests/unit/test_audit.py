"""The trail off the hot path: bounded, honest about what it lost, and strict when told to be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from routing_service.errors import AuditUnavailable
from routing_service.observe import audit as audit_module
from routing_service.observe.audit import Audit, Run
from routing_service.observe.chain import canonical
from routing_service.observe.check import Trail, find_chains, read_trail
from routing_service.observe.segment_writer import Body, Page, SegmentWriter
from routing_service.units import ByteArray
from tests.unit.test_audit_chain import Clock

PATIENCE_S = 20.0


def note(page: Page, text: str) -> str:
    return canonical({"kind": "decision", "seq": page.seq, "text": text})


class Disk(SegmentWriter):
    """A writer whose disk can be full, or so slow that it has to be let go on."""

    full = False
    gate: threading.Event | None = None

    def append(self, bodies: list[Body], *, durable: bool) -> None:  # type: ignore[override]
        if self.gate is not None and bodies:
            assert self.gate.wait(PATIENCE_S)
        if self.full:
            raise AuditUnavailable("The disk is full.")
        super().append(bodies, durable=durable)


@contextmanager
def running(
    folder: Path, *, strict: bool = False, limit: int = 20_000
) -> Iterator[tuple[Audit, Disk]]:
    disk = Disk(folder, Clock())
    audit = Audit(lambda: disk, Clock(), strict=strict, limit=limit)
    audit.start()
    try:
        yield audit, disk
    finally:
        disk.full = False
        if disk.gate is not None:
            disk.gate.set()
        audit.stop()


def read(folder: Path) -> tuple[Trail, list[str]]:
    trail = Trail()
    records = [entry.record for entry in read_trail(find_chains([folder]), trail)]
    assert trail.breaks == []
    assert trail.open == []
    return trail, [str(r["text"]) for r in records if r["kind"] == "decision"]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_is_appended_from_several_threads_is_written_once_and_in_each_ones_order(
    tmp_path: Path,
) -> None:
    def work(name: str) -> None:
        for number in range(500):
            audit.append(note, f"{name}{number}")

    with running(tmp_path) as (audit, _):
        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    _, texts = read(tmp_path)
    assert len(texts) == 1500
    for name in "abc":
        assert [t for t in texts if t[0] == name] == [f"{name}{n}" for n in range(500)]


SIZE = 5


def together(page: Page, topic: str, told: ByteArray) -> str:
    words = [row.tobytes().decode().strip() for row in told]
    return note(page, f"{topic}: {' '.join(words)}")


def tell(run: Run, word: str) -> None:
    run.tape.put(word.ljust(SIZE).encode())


def test_a_run_is_told_together_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "TOGETHER", 3)
    audit = Audit(lambda: Disk(tmp_path, Clock()), Clock())
    first, other = audit.run(together, "a", size=SIZE), audit.run(together, "b", size=SIZE)
    for n in range(5):
        tell(first, str(n))
    first.end()
    tell(other, "5")
    audit.append(note, "between")
    assert audit.waiting == 7
    audit.start()  # only now, so that the thread finds them all at once
    assert audit.flush(PATIENCE_S)
    assert audit._runs == [other]
    tell(other, "6")
    audit.stop()
    assert read(tmp_path)[1] == ["between", "a: 0 1 2", "a: 3 4", "b: 5", "b: 6"]


def test_what_is_told_while_it_is_taken_is_written_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "RELAXED_PAUSE_S", 0.0001)
    with running(tmp_path, limit=1_000) as (audit, _):
        for name in "xyz":
            run = audit.run(together, name, size=SIZE)
            for number in range(5_000):
                until(lambda: audit.waiting < 1_000)
                tell(run, str(number))
            run.end()
    told: dict[str, list[str]] = {name: [] for name in "xyz"}
    for text in read(tmp_path)[1]:
        name, *words = text.replace(":", "").split()
        told[name] += words
    assert told == {name: [str(n) for n in range(5_000)] for name in "xyz"}


def test_of_a_run_no_more_waits_than_fits(tmp_path: Path) -> None:
    audit = Audit(lambda: Disk(tmp_path, Clock()), Clock(), limit=10)
    run = audit.run(together, "a", size=SIZE)
    for _ in range(12):
        tell(run, "x")
    assert (audit.waiting, audit.lost) == (10, 2)
    audit.start()
    audit.stop()
    trail, texts = read(tmp_path)
    assert texts == ["a: " + " ".join("x" * 10)]
    assert trail.lost == 2


def test_while_the_disk_is_stuck_new_runs_find_only_the_room_that_is_left(tmp_path: Path) -> None:
    with running(tmp_path, limit=10) as (audit, disk):
        disk.gate = threading.Event()
        audit.append(note, "in flight")
        until(lambda: audit._in_flight == 1)
        for state in range(5):
            run = audit.run(together, str(state), size=SIZE)
            for _ in range(4):
                tell(run, "x")
            run.end()
        assert (audit.waiting, audit.lost) == (10, 11)
        disk.gate.set()
        until(lambda: audit.waiting == 0)
        last = audit.run(together, "after", size=SIZE)
        for _ in range(10):
            tell(last, "x")
        assert audit.lost == 11
    assert read(tmp_path)[0].lost == 11


def test_the_next_run_takes_over_the_tape_of_one_that_is_over(tmp_path: Path) -> None:
    with running(tmp_path, limit=10) as (audit, _):
        tapes = set()
        for number in range(6):
            run = audit.run(together, str(number), size=SIZE)
            tapes.add(id(run.tape))
            tell(run, "x")
            run.end()
            until(lambda: not audit._runs)
        other = audit.run(together, "longer", size=SIZE + 1)
        assert other.tape.size == SIZE + 1
    assert len(tapes) == 1
    assert read(tmp_path)[1] == [f"{number}: x" for number in range(6)]


def test_flushing_makes_what_was_appended_readable(tmp_path: Path) -> None:
    with running(tmp_path) as (audit, _):
        for number in range(3):
            audit.append(note, str(number))
            assert audit.flush(PATIENCE_S)
            trail = Trail()
            assert len(list(read_trail(find_chains([tmp_path]), trail))) == number + 2
        assert audit.waiting == 0


def test_a_slow_disk_costs_records_not_memory_and_the_trail_says_how_many(tmp_path: Path) -> None:
    with running(tmp_path, limit=10) as (audit, disk):
        disk.gate = threading.Event()
        audit.append(note, "in flight")
        until(lambda: audit._in_flight == 1)
        taken = [audit.append(note, str(number)) is not None for number in range(50)]
        assert taken == [True] * 9 + [False] * 41
        assert (audit.waiting, audit.lost) == (10, 41)
        disk.gate.set()
        until(lambda: audit.waiting == 0)
        assert audit.append(note, "after") is not None
    trail, texts = read(tmp_path)
    assert texts == ["in flight", *(str(number) for number in range(9)), "after"]
    assert trail.lost == 41


def test_a_matrix_counts_as_its_locations_and_a_large_one_still_fits_an_empty_buffer(
    tmp_path: Path,
) -> None:
    with running(tmp_path, limit=100) as (audit, disk):
        disk.gate = threading.Event()
        assert audit.append(note, "large", weight=1000) is not None
        assert audit.append(note, "next") is None
        assert audit.lost == 1


def test_a_disk_that_is_full_for_a_while_loses_nothing_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit_module, "RETRY_S", 0.01)
    with running(tmp_path) as (audit, disk):
        disk.full = True
        for number in range(200):
            audit.append(note, str(number))
        until(lambda: "The disk is full." in caplog.text)
        disk.full = False
        until(lambda: audit.waiting == 0)
    _, texts = read(tmp_path)
    assert texts == [str(number) for number in range(200)]
    assert caplog.text.count("The disk is full.") == 1  # told once, not at every try


def test_strict_is_durable_before_the_reply_and_fails_when_it_cannot_be(tmp_path: Path) -> None:
    with running(tmp_path, strict=True) as (audit, disk):
        first = audit.append(note, "kept")
        assert first is not None
        first.written.result(PATIENCE_S)
        assert b'"text":"kept"' in next(tmp_path.glob("w0-*")).read_bytes()
        disk.full = True
        second = audit.append(note, "refused")
        assert second is not None
        with pytest.raises(AuditUnavailable):
            second.written.result(PATIENCE_S)
        disk.full = False
        third = audit.append(note, "kept too")
        assert third is not None
        third.written.result(PATIENCE_S)
    assert read(tmp_path)[1] == ["kept", "kept too"]


def test_a_write_that_breaks_off_half_way_leaves_no_half_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    real, room = os.write, [100]

    def nearly_full(descriptor: int, content: bytes) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        done = real(descriptor, content[: room[0]])
        room[0] -= done
        return done

    writer = SegmentWriter(tmp_path, Clock())
    writer.append([lambda page: note(page, "before")], durable=True)
    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(AuditUnavailable, match="No space left"):
        writer.append([partial(note_of, "long" * 100)], durable=True)
    room[0] = 10**6
    writer.append([lambda page: note(page, "after")], durable=True)
    writer.close()
    trail, texts = read(tmp_path)
    assert (texts, trail.torn) == (["before", "after"], {})


def note_of(text: str, page: Page) -> str:
    return note(page, text)


def test_a_record_that_cannot_be_made_does_not_end_the_trail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(tmp_path) as (audit, _):
        audit.append(note, "a")
        audit.append(lambda _: str(1 / 0), ())
        audit.append(note, "b")
    _, texts = read(tmp_path)
    assert texts == ["a", "b"]
    assert "could not be made" in caplog.text
