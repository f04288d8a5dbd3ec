"""What may befall a store in a file, really done: kills, a full disk, damage, a stuck writer."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil
import pytest

from routing_service.errors import NotAStore, StoreCorrupt, StoreUnavailable
from routing_service.live import sqlite
from routing_service.live.events import Event
from routing_service.live.store import LiveStore, open_store
from tests.live_events import AUTHOR, NOON, opened
from tests.victims import Acknowledged, body, fork, kill_while_appending

SEED = 20261122
PATIENCE_S = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.db"


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def written(path: Path, count: int) -> list[Event]:
    """A store of so many events, closed."""
    with closing(open_store(url(path))) as store:
        return [store.append(body(n), AUTHOR, NOON) for n in range(count)]


def read(path: Path) -> list[Event]:
    with closing(open_store(url(path))) as store:
        return store.read(0)


def append(store: LiveStore) -> Event:
    return store.append(opened("ford"), AUTHOR, NOON)


# --- kill -9 -------------------------------------------------------------------------------
def check_kept(events: list[Event], after: int, told: list[Acknowledged]) -> None:
    """Versions follow, and every event that was acknowledged is there as it was sent."""
    assert [event.version for event in events] == list(range(after + 1, after + 1 + len(events)))
    by_version = {event.version: event for event in events}
    for acknowledged in told:
        assert by_version[acknowledged.version].body == body(acknowledged.number)


@pytest.fixture
def quick_path(path: Path) -> Iterator[Path]:
    """In memory if that can be: a kill loses no page that was written, on a disk or not."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder) / path.name


def test_nothing_acknowledged_is_lost_in_a_thousand_kills_of_the_writer(quick_path: Path) -> None:
    """Each kill leaves the file to the next process, which must recover it before it appends."""
    path = quick_path
    random = Random(SEED)
    kept: list[Event] = []
    acknowledged = 0
    for kill in range(1000):
        # Some die while they open the store, the others in their first four appends or between.
        appends = random.choice([-1, 0, 0, 1, 1, 2, 3])
        told = kill_while_appending(url(path), 1000 * kill, appends, random.uniform(0, 0.0005))
        with closing(open_store(url(path))) as store:
            new = store.read(len(kept))
        check_kept(new, len(kept), told)
        # At most the one append in flight was kept without having been acknowledged.
        assert len(new) - len(told) in (0, 1)
        kept += new
        acknowledged += len(told)
    assert read(path) == kept
    assert acknowledged > 900


def test_a_writer_that_is_killed_does_not_disturb_the_others(path: Path) -> None:
    random = Random(SEED)
    with closing(open_store(url(path))) as store:
        told: list[Acknowledged] = []
        for kill in range(1, 51):
            version = store.append(body(-kill), AUTHOR, NOON).version
            told.append(Acknowledged(version, -kill))
            told += kill_while_appending(url(path), 1000 * kill, 1, random.uniform(0, 0.002))
        check_kept(store.read(0), 0, told)


# --- disk full -----------------------------------------------------------------------------
def append_until_full(path: Path, pipe: int) -> None:
    """In a process that may not let a file grow: fill it, report, and go on with more room."""
    with closing(open_store(url(path))) as store:
        versions = [append(store).version for _ in range(3)]
        room = path.with_name(path.name + "-wal").stat().st_size + 40_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        errors: list[str] = []
        while len(errors) < 3:
            try:
                versions.append(append(store).version)
            except StoreUnavailable as error:
                errors.append(error.detail)
        readable = [event.version for event in store.read(0)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        after = append(store).version
    report = {"versions": versions, "readable": readable, "errors": errors, "after": after}
    os.write(pipe, json.dumps(report).encode())


def test_a_full_disk_refuses_events_and_keeps_those_it_took(path: Path) -> None:
    reading, writing = os.pipe()
    child = fork(lambda: append_until_full(path, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        report = json.loads(pipe.read())
    os.waitpid(child, 0)
    versions = report["versions"]
    assert len(versions) > 3
    assert versions == report["readable"] == list(range(1, len(versions) + 1))
    assert all("the disk has room" in error for error in report["errors"])
    assert report["after"] == versions[-1] + 1
    assert len(read(path)) == report["after"]


# --- damage --------------------------------------------------------------------------------
def found(path: Path, events: list[Event], what: str) -> bool:
    """Whether damage is found; what is not found must be harmless."""
    try:
        seen = read(path)
    except (StoreCorrupt, NotAStore) as error:
        advice = "another file" if isinstance(error, NotAStore) else "put back a backup"
        return advice in error.detail and path.name in error.detail
    assert seen == events, what
    return False


def test_bytes_overwritten_anywhere_are_found_or_harmless(path: Path) -> None:
    random = Random(SEED)
    events = written(path, 40)
    whole = path.read_bytes()

    def overwrite(start: int, length: int) -> bool:
        damage = random.randbytes(length)
        path.write_bytes(whole[:start] + damage + whole[start + length :])
        return found(path, events, f"{length} bytes at {start}")

    # Of single places some hold nothing, of whole pages none: they are all in use.
    assert sum(overwrite(random.randrange(len(whole)), n) for n in [1, 8, 512] * 100) > 100
    assert all(overwrite(page, 4096) for page in range(0, len(whole), 4096))


def test_a_file_cut_short_is_never_taken_for_a_shorter_day(path: Path) -> None:
    events = written(path, 40)
    whole = path.read_bytes()
    for length in range(0, len(whole), 1024):
        path.write_bytes(whole[:length])
        assert found(path, events, f"cut to {length}"), f"cut to {length}"


def test_a_log_damaged_or_lost_after_a_crash_is_found(path: Path) -> None:
    """What is only in the write-ahead log has been acknowledged too."""
    random = Random(SEED)
    child = fork(lambda: append_and_die(path))
    os.waitpid(child, 0)
    files = {p: p.read_bytes() for p in path.parent.iterdir() if not p.name.endswith("-shm")}
    log = path.with_name(path.name + "-wal")
    assert len(files[log]) > 20 * 4096
    events = [Event(n + 1, NOON, AUTHOR, body(n)) for n in range(20)]

    def put_back(changed: bytes) -> None:
        path.with_name(path.name + "-shm").unlink(missing_ok=True)
        for file, content in files.items():
            file.write_bytes(content)
        log.write_bytes(changed)

    put_back(files[log])
    assert read(path) == events
    for _ in range(50):
        start = random.randrange(len(files[log]))
        put_back(files[log][:start] + random.randbytes(64) + files[log][start + 64 :])
        found(path, events, f"64 bytes of the log at {start}")
    for length in (0, 32, len(files[log]) // 2, len(files[log]) - 1):
        put_back(files[log][:length])
        assert found(path, events, f"log cut to {length}"), f"log cut to {length}"


def append_and_die(path: Path) -> None:
    store = open_store(url(path))
    for n in range(20):
        store.append(body(n), AUTHOR, NOON)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_file_that_is_gone_is_not_begun_anew(path: Path) -> None:
    written(path, 2)
    path.unlink()
    with pytest.raises(StoreCorrupt, match=r"is empty although live\.db-head says otherwise"):
        open_store(url(path))
    assert not path.exists()


def test_a_backup_made_in_the_middle_of_the_day_is_a_store(path: Path, tmp_path: Path) -> None:
    """By SQLite's own means, while it is in use: as README says."""
    with closing(open_store(url(path))) as store:
        events = [append(store) for _ in range(3)]
        with closing(sqlite3.connect(path)) as source:
            source.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
        append(store)
    assert read(tmp_path / "copy.db") == events


def test_an_older_backup_is_taken_only_on_purpose(path: Path) -> None:
    older = written(path, 2)
    backup = path.read_bytes()
    with closing(open_store(url(path))) as store:
        append(store)
    path.write_bytes(backup)
    with pytest.raises(StoreCorrupt, match=r"backup and delete .*live\.db-head"):
        open_store(url(path))
    path.with_name("live.db-head").unlink()
    assert read(path) == older


def test_a_file_exchanged_under_a_running_process_takes_no_events(path: Path) -> None:
    """It would go on in the file that has no name any more, and be lost with it."""
    written(path, 2)
    with closing(open_store(url(path))) as store:
        backup = path.read_bytes()
        path.unlink()
        path.write_bytes(backup)
        for use in (lambda: append(store), lambda: store.read(0)):
            with pytest.raises(StoreCorrupt, match="exchanged while it was in use"):
                use()


def test_a_database_of_something_else_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE patients (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(NotAStore, match="name another file in HASU_STORE"):
        open_store(url(path))
    assert path.read_bytes() == before


def test_trying_again_and_again_to_open_a_damaged_store_uses_nothing_up(path: Path) -> None:
    """A worker tries four times a second for as long as it takes."""
    written(path, 2)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DELETE FROM hasu_events WHERE version = 2")
    before = psutil.Process().num_fds()
    for _ in range(20):
        with pytest.raises(StoreCorrupt):
            open_store(url(path))
    open_files = psutil.Process().num_fds()
    assert open_files == before


def test_a_text_file_is_no_store(path: Path) -> None:
    path.write_text("closures:\n" * 1000)
    with pytest.raises(StoreCorrupt, match="not a database"):
        open_store(url(path))


# --- stuck ---------------------------------------------------------------------------------
@pytest.fixture
def stuck(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveStore]:
    """A store whose file another process holds for writing and does not let go."""
    monkeypatch.setattr(sqlite, "BUSY_S", 0.2)
    written(path, 2)
    with closing(open_store(url(path))) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield store
            other.execute("ROLLBACK")
        assert append(store).version == 3


def test_a_writer_that_never_ends_is_an_error_and_not_a_hang(stuck: LiveStore) -> None:
    with pytest.raises(StoreUnavailable, match="locked"):
        append(stuck)


def test_reading_goes_on_beside_a_writer_that_never_ends(stuck: LiveStore) -> None:
    assert [event.version for event in stuck.read(0)] == [1, 2]
    assert stuck.wait(1, 0)
    assert not stuck.wait(2, 0.01)


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=r"file/live\.db"):
        open_store(f"sqlite:///{tmp_path}/file/live.db")
