"""The form in which records are stored, and the chain of digests that proves them whole.

Each digest covers the record and the digest before it, so a record that was altered, lost, added
or moved breaks the chain there, whatever the database thinks of its pages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from routing_service.errors import HasuError, StoreCorrupt
from routing_service.live.events import Body, Event, canonical

GENESIS = bytes(32)
"""The digest before the first record."""

Row = tuple[int, str, bytes]
"""Version, record and digest, as both backends store an event."""


def link(previous: bytes, record: str) -> bytes:
    """Return the digest of a record that follows on another: SHA-256 over both.

    Examples
    --------
    >>> link(GENESIS, "{}").hex()[:16]
    'fb1634c4e6cd4b1f'
    """
    return hashlib.sha256(previous + record.encode()).digest()


def to_record(body: Body, author: str, at: datetime) -> str:
    """Write an event as it is stored; its version is its place in the chain."""
    values = Event(0, at, author, body).to_json()
    del values["version"]
    return canonical(values)


def to_events(rows: Iterable[Row], version: int, digest: bytes) -> list[Event]:
    """Read rows that follow on a version and its digest.

    Raises
    ------
    StoreCorrupt
        A row is missing, does not carry on the chain, or cannot be read.
    """
    events = []
    for at, record, written in rows:
        version += 1
        digest = link(digest, record)
        if at != version or digest != written:
            raise _broken(version)
        try:
            events.append(Event.from_json({**json.loads(record), "version": version}))
        except (KeyError, TypeError, ValueError, HasuError) as error:
            raise _broken(version) from error
    return events


def _broken(version: int) -> StoreCorrupt:
    return StoreCorrupt(
        f"event {version} of the live store is missing or is not what was written: "
        "restore the store from a backup",
        version=version,
    )
