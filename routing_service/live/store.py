"""`LiveStore`: where events are kept, and which of the two backends a URL names."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from routing_service.errors import InvalidSettings
from routing_service.live.events import Body, Event

SCHEMA_VERSION = 1
"""Version of the tables and of what is in them, the kinds of event included."""

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")


class LiveStore(Protocol):
    """An append-only list of events that several processes share.

    Open one in each process, after a fork; its methods may be called from several threads.
    All raise `StoreUnavailable` within seconds where the store cannot be reached, and
    `StoreCorrupt` where it does not hold what was written.
    """

    def append(self, body: Body, author: str, at: datetime) -> Event:
        """Add an event and return it with its version, one more than the newest.

        It is durable when this returns. After an error it may or may not have been stored; the
        same body may be appended again, since its second time changes nothing.
        """

    def read(self, after: int) -> list[Event]:
        """Return all events newer than a version, oldest first."""

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait until there is something newer than a version: True at once when there is.

        False after `timeout_s`. A store that cannot be reached is tried again with growing
        pauses, inside this call, so that a caller may call it in a loop.
        """

    def close(self) -> None:
        """Let go of files and connections; a closed store cannot be used again."""


def open_store(url: str) -> LiveStore:
    """Open the store that a URL names, and make it if nothing is there.

    Parameters
    ----------
    url
        ``sqlite:///relative/path``, ``sqlite:////absolute/path`` or ``postgresql://…``.

    Raises
    ------
    InvalidSettings
        The URL names no backend.
    StoreUnavailable, StoreCorrupt, StoreVersion, NotAStore
        It cannot be opened.
    MissingExtra
        PostgreSQL without the package that speaks to it.
    """
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        from routing_service.live.sqlite import SqliteStore

        return SqliteStore(url.removeprefix(SQLITE))
    if url.startswith(POSTGRES):
        from routing_service.live.postgres import PostgresStore

        return PostgresStore(url)
    # The URL may hold a password, so it is not repeated.
    raise InvalidSettings(
        "HASU_STORE must be sqlite:///path/to/file or postgresql://user@host/database",
        setting="store",
    )
