"""Ids and times of answers: the only clock and the only chance in a reply."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime


def time_ordered_id() -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits.

    Sorting by id sorts by time, so an index on ids stays compact and a log can be cut by id. The
    random bits come from the system, so forked workers cannot repeat each other.
    """
    # Written out, as the standard library's class costs three times as much.
    random = os.urandom(10).hex()
    at = f"{time.time_ns() // 1_000_000:012x}"
    variant = "89ab"[int(random[3], 16) & 3]
    return f"{at[:8]}-{at[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"


def now() -> datetime:
    """The present moment, with its time zone."""
    return datetime.now(UTC)


def utc_text(moment: datetime) -> str:
    """A moment in UTC to the second, as the contract writes it."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat()[:19] + "Z"
