"""A connection to PostgreSQL that comes back by itself and never hangs.

A server that is slow or cut off must be an error within seconds, not a thread that waits for
ever. The server's own time limits end a statement that waits or works too long; for a network that
swallows everything they are no use, so this side cuts the connection when no answer came.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import sleep
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from routing_service.errors import InvalidSettings, StoreCorrupt, StoreUnavailable
from routing_service.live.chain import BrokenChain

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_S = 3
LOCK_S = 3.0  # how long an append waits for others
STATEMENT_S = 5.0
ANSWER_S = 7.0  # longer than the server's limits, so that its own reason is heard first

# `synchronous_commit = off` would acknowledge what a crash of the server forgets.
SETTINGS = """
SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
    CASE WHEN current_setting('synchronous_commit') = 'off'
    THEN set_config('synchronous_commit', 'on', false) END
"""

# The rest of the server's errors mean that the tables do not hold what they should.
PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.InsufficientPrivilege,
    errors.InvalidSchemaName,
)


class Link:
    """One connection, made when it is needed and again when it is lost; one user at a time."""

    def __init__(self, url: str, setup: Callable[[Connection], object] | None = None) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error as error:
            raise InvalidSettings(f"the URL of the store cannot be read: {error}") from error
        self._url = url
        self._setup = setup
        # Without the password, which must not get into a message or a log.
        names = ("user", "host", "port", "dbname")
        self.name = (
            " ".join(f"{name}={parts[name]}" for name in names if name in parts) or "PostgreSQL"
        )
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._closed = False

    @contextmanager
    def use(self, longest_s: float | None = None) -> Iterator[Connection]:
        """Lend the connection; it is cut when the block takes longer, without a limit `ANSWER_S`.

        Raises
        ------
        StoreUnavailable, StoreCorrupt
            What went wrong in the block.
        """
        with self._lock:
            try:
                connection = self._current()
                with _cut_after(longest_s or ANSWER_S, connection):
                    yield connection
            except BrokenChain as error:
                raise self._corrupt(str(error)) from error
            except PASSING as error:
                self._drop()
                raise StoreUnavailable(
                    f"the store at {self.name} cannot be used: {_first_line(error)}"
                ) from error
            except psycopg.Error as error:
                raise self._corrupt(f"is damaged: {_first_line(error)}") from error

    def close(self) -> None:
        """End the connection, under the feet of who is using it."""
        self._closed = True
        connection = self._connection
        if connection is not None:
            _cut(connection)
        with self._lock:
            self._drop()

    def _current(self) -> Connection:
        if self._closed:
            raise psycopg.OperationalError("it has been closed")
        if self._connection is not None and _was_ended(self._connection):
            self._drop()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        connection: Connection = psycopg.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_S, application_name="hasu"
        )
        try:
            with _cut_after(ANSWER_S, connection):
                limits = (f"{STATEMENT_S * 1000:.0f}", f"{LOCK_S * 1000:.0f}")
                connection.execute(SETTINGS, limits)
                if self._setup is not None:
                    self._setup(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                connection.close()

    def _corrupt(self, what: str) -> StoreCorrupt:
        return StoreCorrupt(
            f"the store at {self.name} {what}: stop the service and restore the database"
        )


class Backoff:
    """Growing pauses between attempts, up to a limit, until one succeeds."""

    FIRST_S = 0.05
    LONGEST_S = 2.0

    def __init__(self) -> None:
        self._pause_s = 0.0

    def pause(self, at_most_s: float) -> None:
        """Wait as long as the failures so far suggest."""
        sleep(max(0.0, min(self._pause_s, at_most_s)))

    def failed(self) -> None:
        """Wait twice as long next time."""
        self._pause_s = min(max(self.FIRST_S, 2 * self._pause_s), self.LONGEST_S)

    def succeeded(self) -> None:
        """Do not wait next time."""
        self._pause_s = 0.0


def _was_ended(connection: Connection) -> bool:
    """Whether the other side has hung up, seen without asking it: a restarted server has."""
    if connection.closed:
        return True
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN | select.POLLRDHUP)
    return any(seen & ~select.POLLIN for _, seen in watch.poll(0))


@contextmanager
def _cut_after(seconds: float, connection: Connection) -> Iterator[None]:
    timer = threading.Timer(seconds, _cut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Connection) -> None:
    """Shut the socket, so that whoever waits for it gets an error."""
    with (
        suppress(psycopg.Error, OSError),
        socket.socket(fileno=os.dup(connection.fileno())) as duplicate,
    ):
        duplicate.shutdown(socket.SHUT_RDWR)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
