"""The live store in one SQLite file: for every process of one machine, on a local disk.

Write-ahead log, so that readers never wait for a writer; `synchronous=FULL`, so that a commit has
reached the disk when it returns; `BEGIN IMMEDIATE`, so that there is one writer at a time and the
version it reads is still the newest when it writes. Whoever waits watches the witness's file, and
asks SQLite only when something was written there, or every now and then.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from routing_service.errors import NotAStore, StoreCorrupt, StoreUnavailable, StoreVersion
from routing_service.live.chain import GENESIS, BrokenChain, Row, Tip, link, to_events, to_record
from routing_service.live.events import Body, Event
from routing_service.live.file_watch import FileWatch
from routing_service.live.store import SCHEMA_VERSION
from routing_service.live.witness import Witness

APPLICATION_ID = int.from_bytes(b"HASU")
BUSY_S = 5.0  # how long a writer waits for the others
ASK_S = 0.1  # how long to watch the witness: a writer may die between commit and note
PAUSE_S = 0.25  # after a failure, so that a caller in a loop does not spin

TIP = "SELECT version, digest FROM hasu_head"
TABLES = """
CREATE TABLE hasu_events (version INTEGER PRIMARY KEY, record TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE hasu_head (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, digest BLOB NOT NULL
);
"""

NEWER = "SELECT version, record, digest FROM hasu_events WHERE version >= ? ORDER BY version"

# The rest of SQLite's errors mean that the file does not hold what it should.
PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}


class SqliteStore:
    """A `LiveStore` in the SQLite file `path`, made if it is not there."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._witness = Witness(self._path)
        # Two connections, each with its lock, so that nobody waits behind a commit to read.
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._seen = GENESIS
        with self._errors():
            # Before SQLite sees it: it would take such a file for new and drop its log.
            if self._witness.read() != GENESIS and not _holds_something(self._path):
                raise BrokenChain(f"is empty although {self._witness.path.name} says otherwise")
            self._writer, self._reader = self._connect(), self._connect()
            try:
                self._prepare()
            except BaseException:
                self._reader.close()
                self._writer.close()
                raise

    def append(self, body: Body, author: str, at: datetime) -> Event:
        """Add an event; see `LiveStore.append`."""
        record = to_record(body, author, at)
        with self._errors(), self._writing:
            self._check_file()
            with _transaction(self._writer):
                version, digest = _head(self._writer)
                version, digest = version + 1, link(digest, record)
                row = (version, record, digest)
                self._writer.execute("INSERT INTO hasu_events VALUES (?, ?, ?)", row)
                self._writer.execute(
                    "UPDATE hasu_head SET version = ?, digest = ?", (version, digest)
                )
            self._witness.note(version, digest)
        return Event(version, at, author, body)

    def read(self, after: int) -> list[Event]:
        """Return newer events; see `LiveStore.read`."""
        with self._errors(), self._reading:
            self._check_file()
            head, rows = self._rows(after)
            events = to_events(rows, after, self._seen, head)
            self._seen = head
            return events

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait for something newer; see `LiveStore.wait`."""
        until = time.monotonic() + timeout_s
        while True:
            try:
                with self._errors(), self._reading:
                    newest, _ = _head(self._reader)
            except StoreUnavailable:
                time.sleep(max(0.0, min(PAUSE_S, until - time.monotonic())))
                raise
            left_s = until - time.monotonic()
            if newest > after or left_s <= 0:
                return newest > after
            self._watch.wait(min(left_s, ASK_S))

    def close(self) -> None:
        """Close the file; the last process to do so folds the write-ahead log into it."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()
            self._witness.close()
        self._watch.close()

    # --- opening ---------------------------------------------------------------------------
    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return sqlite3.connect(
            self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )

    def _prepare(self) -> None:
        """Check that the file is ours and whole, or make the tables in an empty one."""
        if _is_blank(self._writer):
            self._writer.execute("PRAGMA journal_mode = WAL")
            with _transaction(self._writer):
                if _is_blank(self._writer):  # still, now that nobody else may write
                    self._create()
        self._check_schema()
        for connection in (self._writer, self._reader):
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise StoreUnavailable(
                    f"{self._path} is where SQLite cannot share a file between processes: put it "
                    "on a local disk, or use PostgreSQL"
                )
            connection.execute("PRAGMA synchronous = FULL")
        self._inode = _inode(self._path)
        self._check_head()
        self._witness.open()
        self._watch = FileWatch(self._witness.path)

    def _create(self) -> None:
        for statement in TABLES.split(";"):
            self._writer.execute(statement)
        self._writer.execute("INSERT INTO hasu_head VALUES (1, ?, ?)", GENESIS)
        self._writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check_schema(self) -> None:
        if _pragma(self._writer, "application_id") != APPLICATION_ID:
            raise NotAStore(
                f"{self._path} is a database of something else: name another file in HASU_STORE"
            )
        if (version := _pragma(self._writer, "user_version")) > SCHEMA_VERSION:
            raise StoreVersion(
                f"{self._path} has schema {version}, this release knows {SCHEMA_VERSION}: "
                "install the newer release that wrote it",
                schema=version,
            )

    def _check_head(self) -> None:
        """Check the newest event against the head and against what was last acknowledged."""
        witnessed = self._witness.read()  # first, so that the head can only be newer
        head, rows = self._rows(witnessed[0])
        to_events(rows, witnessed[0], witnessed, head)

    # --- checking --------------------------------------------------------------------------
    def _rows(self, after: int) -> tuple[Tip, list[Row]]:
        """Read the head and all from a version on, as of one moment."""
        with _transaction(self._reader, "DEFERRED"):
            return _head(self._reader), self._reader.execute(NEWER, (after,)).fetchall()

    def _check_file(self) -> None:
        """A file that was removed or exchanged still takes writes, and nobody ever sees them."""
        if _inode(self._path) != self._inode:
            raise self._corrupt("was removed or exchanged while it was in use")

    def _corrupt(self, what: str) -> StoreCorrupt:
        name = self._path.name
        return StoreCorrupt(
            f"{self._path} {what}: stop the service, put back a backup and delete {name}-wal, "
            f"{name}-shm and {name}-head"
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except BrokenChain as error:
            raise self._corrupt(str(error)) from error
        except UnicodeDecodeError as error:  # in a message that repeats what it could not read
            raise self._corrupt("is damaged") from error
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be used: {error.strerror}") from error
        except sqlite3.ProgrammingError as error:  # closed
            raise StoreUnavailable(f"{self._path}: {error}") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code not in PASSING:
                raise self._corrupt(f"is damaged ({error})") from error
            raise StoreUnavailable(
                f"{self._path} cannot be used ({error}): check that the disk has room and that "
                "this user may write there"
            ) from error


@contextmanager
def _transaction(connection: sqlite3.Connection, how: str = "IMMEDIATE") -> Iterator[None]:
    connection.execute(f"BEGIN {how}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _head(connection: sqlite3.Connection) -> Tip:
    """Return the newest version and its digest."""
    row = connection.execute(TIP).fetchone()
    if row is None or not isinstance(row[0], int) or not isinstance(row[1], bytes):
        raise sqlite3.DatabaseError("the head is missing")
    return row[0], row[1]


def _is_blank(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return not tables and _pragma(connection, "application_id") == 0


def _holds_something(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
