"""The form in which records are stored, and the chain of digests that proves them whole.

Each digest covers the record and the digest before it, so a record that was altered, lost, added
or moved breaks the chain there, whatever the database thinks of its pages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from routing_service.errors import HasuError
from routing_service.live.events import Body, Event, canonical

Tip = tuple[int, bytes]
"""A version and the digest of its record."""

Row = tuple[Any, Any, Any]
"""Version, record and digest of an event; of a damaged database, anything."""

GENESIS: Tip = (0, bytes(32))
"""Before the first record."""


class BrokenChain(Exception):
    """What is stored is not what was written; backends turn it into `StoreCorrupt`."""


def link(previous: bytes, record: str) -> bytes:
    """Return the digest of a record that follows on another: SHA-256 over both.

    Examples
    --------
    >>> link(bytes(32), "{}").hex()[:16]
    'fb1634c4e6cd4b1f'
    """
    return hashlib.sha256(previous + record.encode()).digest()


def to_record(body: Body, author: str, at: datetime) -> str:
    """Write an event as it is stored; its version is its place in the chain.

    Raises
    ------
    HasuError, ValueError
        It would not be read back as it is: such a record must never get into a store.
    """
    event = Event(0, at, author, body)
    values = event.to_json()
    if Event.from_json(values) != event:
        raise ValueError(f"this event would be read back as another: {values}")
    del values["version"]
    return canonical(values)


def to_events(rows: Sequence[Row], after: int, seen: Tip, head: Tip) -> list[Event]:
    """Read what was stored after a version and prove it whole.

    Parameters
    ----------
    rows
        From `after`, included, to the newest, in order.
    after
        The version whose successors are wanted.
    seen
        How far this process has already followed the chain.
    head
        The newest version and its digest, as recorded apart from the rows.

    Raises
    ------
    BrokenChain
        A row is missing, altered or illegible, or what was seen before is there no more.
    """
    if head[0] < max(after, seen[0]):
        raise BrokenChain(f"ends at event {head[0]}, {max(after, seen[0])} were there before")
    tip = _anchor(rows, after, seen)
    events = []
    for version, record, written in rows[1 if after else 0 :]:
        if not isinstance(record, str) or version != tip[0] + 1:
            raise BrokenChain(f"lacks event {tip[0] + 1}")
        tip = (version, link(tip[1], record))
        if tip[1] != written:
            raise BrokenChain(f"holds an event {version} that is not what was written")
        events.append(_event(version, record))
    if tip != head:
        raise BrokenChain(f"ends at event {tip[0]}, {head[0]} were written")
    return events


def _anchor(rows: Sequence[Row], after: int, seen: Tip) -> Tip:
    """Return the link of the chain at `after`, which the next must follow on."""
    if after == 0:
        return GENESIS
    if not rows or rows[0][0] != after:
        raise BrokenChain(f"lacks event {after}")
    if after == seen[0] and rows[0][2] != seen[1]:
        raise BrokenChain(f"holds another event {after} than before")
    return after, rows[0][2]


def _event(version: int, record: str) -> Event:
    try:
        return Event.from_json({**json.loads(record), "version": version})
    except (KeyError, TypeError, ValueError, HasuError) as error:
        raise BrokenChain(f"holds an event {version} that cannot be read: {error}") from error
