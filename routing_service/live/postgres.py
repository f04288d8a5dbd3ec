"""The live store in PostgreSQL: for the processes of several machines.

An append is one statement, so it is one transaction of one round trip, and a client that vanishes
leaves no lock behind. It moves the single row of `hasu_head` on, and the lock on that row is what
makes versions follow one another without gaps. `LISTEN` and `NOTIFY` tell everyone else.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from routing_service.errors import MissingExtra, StoreUnavailable, StoreVersion
from routing_service.live.chain import GENESIS, BrokenChain, Tip, to_events, to_record
from routing_service.live.events import Body, Event
from routing_service.live.store import SCHEMA_VERSION

try:
    from routing_service.live.postgres_link import Backoff, Connection, Link
except ImportError as error:
    raise MissingExtra(
        "a store in PostgreSQL needs the package psycopg: pip install "
        "'stroke-conveyance-routing[postgres]'"
    ) from error

LISTEN_S = 1.0
"""How long to listen before asking: a connection that was cut off says nothing for ever."""

NEWEST_S = 1.5
"""How long asking for the newest version may take, so that a loss is known within 2.5 s."""

TABLES = """
CREATE TABLE IF NOT EXISTS hasu_events (
    version bigint PRIMARY KEY, record text NOT NULL, digest bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS hasu_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    schema integer NOT NULL, version bigint NOT NULL, digest bytea NOT NULL
);
"""

# The number is any that nothing else in the database uses.
CREATING = "SELECT pg_advisory_xact_lock(7310033145231479)"
FIRST_HEAD = """
INSERT INTO hasu_head (schema, version, digest)
SELECT %s, %s, %s WHERE NOT EXISTS (SELECT FROM hasu_head)
    AND NOT EXISTS (SELECT FROM hasu_events)
"""

APPEND = """
WITH head AS (
    UPDATE hasu_head
    SET version = version + 1, digest = sha256(digest || convert_to(%(record)s, 'UTF8'))
    RETURNING version, digest
), event AS (
    INSERT INTO hasu_events SELECT version, %(record)s, digest FROM head RETURNING version
)
SELECT version, pg_notify('hasu_events', version::text) FROM event
"""

# One statement sees one moment.
ROWS = """
SELECT version, NULL AS record, digest, 0 AS part FROM hasu_head
UNION ALL SELECT version, record, digest, 1 FROM hasu_events WHERE version >= %s
ORDER BY part, version
"""


class PostgresStore:
    """A `LiveStore` in the database of a ``postgresql://`` URL, its tables made if missing.

    Several hosts in the URL, with ``target_session_attrs=read-write``, are tried in turn: that is
    how a standby takes over.
    """

    def __init__(self, url: str) -> None:
        self._link = Link(url)
        self._ear = Link(url, setup=lambda connection: connection.execute("LISTEN hasu_events"))
        self._backoff = Backoff()
        self._seen = GENESIS
        with self._link.use() as connection:
            _prepare(connection, self._link.name)

    def append(self, body: Body, author: str, at: datetime) -> Event:
        """Add an event; see `LiveStore.append`."""
        record = to_record(body, author, at)
        with self._link.use() as connection:
            row = connection.execute(APPEND, {"record": record}).fetchone()
            if row is None:
                raise BrokenChain("has lost its head")
            return Event(row[0], at, author, body)

    def read(self, after: int) -> list[Event]:
        """Return newer events; see `LiveStore.read`."""
        with self._link.use() as connection:
            rows = connection.execute(ROWS, (after,)).fetchall()
            head = _head(rows[0] if rows else None)
            events = to_events([row[:3] for row in rows[1:]], after, self._seen, head)
            self._seen = head
            return events

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait for something newer; see `LiveStore.wait`."""
        until = time.monotonic() + timeout_s
        self._backoff.pause(timeout_s)
        try:
            while not (newer := self._listen(after, until)) and time.monotonic() < until:
                pass
        except StoreUnavailable:
            self._backoff.failed()
            raise
        self._backoff.succeeded()
        return newer

    def close(self) -> None:
        """End the connections; who is waiting gets `StoreUnavailable`."""
        self._ear.close()
        self._link.close()

    def _listen(self, after: int, until: float) -> bool:
        """Ask for the newest version, and if there is nothing new listen for a while."""
        listen_s = max(0.0, min(LISTEN_S, until - time.monotonic()))
        with self._ear.use(NEWEST_S + listen_s) as connection:
            row = connection.execute("SELECT version, NULL, digest FROM hasu_head").fetchone()
            if _head(row)[0] > after:
                return True
            heard = connection.notifies(timeout=listen_s, stop_after=1)
            return any(int(notice.payload) > after for notice in heard)


def _prepare(connection: Connection, name: str) -> None:
    """Make the tables if they are missing, and check that they are of a schema we know."""
    found = connection.execute("SELECT to_regclass('hasu_head')").fetchone()
    if found is None or found[0] is None:
        with connection.transaction():
            connection.execute(CREATING)
            connection.execute(TABLES)
            connection.execute(FIRST_HEAD, (SCHEMA_VERSION, *GENESIS))
    row = connection.execute("SELECT schema FROM hasu_head").fetchone()
    if row is None:
        raise BrokenChain("has lost its head")
    if row[0] > SCHEMA_VERSION:
        raise StoreVersion(
            f"the store at {name} has schema {row[0]}, this release knows {SCHEMA_VERSION}: "
            "install the newer release that wrote it",
            schema=row[0],
        )


def _head(row: tuple[Any, ...] | None) -> Tip:
    if row is None:
        raise BrokenChain("has lost its head")
    return int(row[0]), bytes(row[2])
