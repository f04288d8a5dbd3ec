"""Ids and times of answers: the only clock and the only chance in a reply."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from uuid import UUID


def time_ordered_id() -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits.

    Sorting by id sorts by time, so an index on ids stays compact and a log can be cut by id. The
    random bits come from the system, so forked workers cannot repeat each other.
    """
    random = int.from_bytes(os.urandom(10), "big")
    high = random >> 68  # 12 bits
    low = random & (2**62 - 1)
    milliseconds = time.time_ns() // 1_000_000
    return str(UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


def now() -> datetime:
    """The present moment, with its time zone."""
    return datetime.now(UTC)


def utc_text(moment: datetime) -> str:
    """A moment in UTC to the second, as the contract writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
