"""Which state a request is answered from: the snapshot in force, or one at least so new."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from fastapi import Request

from routing_service.api import ids
from routing_service.errors import InvalidRequest, StateBehind
from routing_service.live.view import View

if TYPE_CHECKING:
    from routing_service.live.engine import Engine
    from routing_service.live.follower import Follower
    from routing_service.live.snapshot import Snapshot

FIELD = "min_state_version"
PATIENCE_S = 2.0
"""How long a request waits for the state that it names."""

LOOK_S = 0.005
MAX_VERSION = 2**53


def engine(request: Request) -> Engine:
    """What holds the snapshot in force."""
    found: Engine = request.app.state.engine
    return found


def follower(request: Request) -> Follower | None:
    """What follows the store; None where an application was given a snapshot alone."""
    found: Follower | None = request.app.state.follower
    return found


def view(request: Request) -> View:
    """What is known of the day."""
    following = follower(request)
    return following.view if following else View.of(engine(request).snapshot, ids.now())


async def snapshot(request: Request, given: dict[str, object]) -> Snapshot:
    """The snapshot to answer from; takes the field ``min_state_version`` out of what was given.

    Raises
    ------
    InvalidRequest
        The version is no whole number.
    StateBehind
        The version has not arrived within `PATIENCE_S`.
    """
    wanted = _version(given.pop(FIELD, None))
    holder = engine(request)
    until_s = time.monotonic() + PATIENCE_S
    while True:
        found = holder.snapshot
        if found.state_version >= wanted:
            return found
        if time.monotonic() > until_s:
            raise StateBehind(
                f"State {wanted} has not arrived here: this worker is at {found.state_version}. "
                "Ask again in a moment.",
                state_version=found.state_version,
            )
        # On the event loop, not in a thread: many may wait, and there are few threads.
        await asyncio.sleep(LOOK_S)


def _version(given: object) -> int:
    if given is None:
        return 0
    text = str(given)
    if isinstance(given, bool | float) or not text.isascii() or not text.isdigit():
        raise InvalidRequest(f"{FIELD} must be a whole number, 0 or more.", field=FIELD)
    if len(text) > 16 or int(text) > MAX_VERSION:
        raise InvalidRequest(f"{FIELD} must be at most {MAX_VERSION}.", field=FIELD)
    return int(text)
