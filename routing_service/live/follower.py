"""`Follower`: keeps one process at the state of the store, in a thread of its own.

The thread waits for events and for the moment at which something starts or ends of itself, builds
the next view and publishes it by one assignment. It is started in each worker after the fork. While
the store cannot be reached the last state stays in force, marked as stale, and after a limit the
worker says that it is not ready.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from routing_service.decision.model import Location
from routing_service.errors import HasuError, NotReady, StateBehind, StoreUnavailable
from routing_service.live.courtesy import Courtesy
from routing_service.live.engine import Engine
from routing_service.live.events import Body, Event
from routing_service.live.snapshot import Snapshot
from routing_service.live.state import LiveState
from routing_service.live.store import LiveStore
from routing_service.live.view import View
from routing_service.scheduling import stand_back

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
"""The store is asked at least this often, so a loss of it is noticed and a moved clock too."""

STALE_AFTER_S = 1.5
"""A state that was not confirmed for this long is marked; shorter than that is only slow."""

RETRY_S = 0.25
APPLY_PATIENCE_S = 5.0
START_PATIENCE_S = 5.0
STOP_PATIENCE_S = 5.0

Clock = Callable[[], datetime]


class Follower:
    """Follows a store and publishes what it says.

    Parameters
    ----------
    engine
        Gets each new snapshot.
    base
        The network without closures and with every unit open.
    open_store
        Opens the store; called after `start`, and again while it fails, never before the fork.
    clock
        Gives the present moment, in UTC.
    stale_limit_s
        After so long without the store the worker is not ready.
    has_store
        False where events are kept nowhere, so that the state cannot be changed.
    """

    def __init__(
        self,
        engine: Engine,
        base: Snapshot,
        open_store: Callable[[], LiveStore],
        clock: Clock,
        stale_limit_s: float = 60.0,
        has_store: bool = True,
    ) -> None:
        self.has_store = has_store
        self._engine, self._base = engine, base
        self._open_store, self._clock, self._stale_limit_s = open_store, clock, stale_limit_s
        self._store: LiveStore | None = None
        self._opening = threading.Lock()
        self._view: View | None = None
        self._stale = False
        self._heard_s = -float("inf")
        self._told = ""
        # Held while a view is made, so that two threads cannot publish in the wrong order.
        self._making = threading.Lock()
        self._published = threading.Condition()
        self._courtesy = Courtesy()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # --- by the process ---------------------------------------------------------------------
    def start(self) -> None:
        """Begin to follow; returns when the state was read once, or was not for some seconds."""
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()
        with self._published:
            self._published.wait_for(lambda: self._view is not None, START_PATIENCE_S)

    def stop(self) -> None:
        """End the thread and let go of the store."""
        with self._opening:
            self._stopping.set()
            store, self._store = self._store, None
        if store is not None:
            with suppress(HasuError):
                store.close()
        if self._thread is not None:
            self._thread.join(STOP_PATIENCE_S)

    # --- by requests ------------------------------------------------------------------------
    @property
    def view(self) -> View:
        """What is known of the day; raises `NotReady` before it was read."""
        if self._view is None:
            raise NotReady("The state of the day has not been read yet; ask again in a moment.")
        return self._view

    @property
    def age_s(self) -> float:
        """Seconds since the store was last heard; infinite before the first time."""
        return time.monotonic() - self._heard_s

    @property
    def ready(self) -> bool:
        """Whether the state was read and is not older than the limit."""
        return self._view is not None and self.age_s <= self._stale_limit_s

    def append(self, body: Body, author: str) -> Event:
        """Write an event; when this returns it is durable and this process answers by it.

        Raises
        ------
        StoreUnavailable, StoreCorrupt
            It may or may not have been written; the same may be written again.
        StateBehind
            It was written, but is not in effect here yet.
        """
        event = self._opened().append(body, author, self._clock())
        with self._published:
            arrived = self._published.wait_for(
                lambda: self._view is not None and self._view.state.version >= event.version,
                APPLY_PATIENCE_S,
            )
        if not arrived:
            raise StateBehind(
                f"It is on record as event {event.version}, but not yet in effect here.",
                state_version=event.version,
            )
        return event

    def newest(self) -> LiveState:
        """The state with all that is in the store, of which the last may not be in effect yet."""
        state = self.view.state
        return state.after(*self._opened().read(state.version))

    def advance(self) -> View:
        """Read what is new and publish it if anything changed; the view in force after that."""
        store = self._opened()
        with self._making:
            view = self._view
            events = store.read(view.state.version if view else 0)
            self._heard_s = time.monotonic()
            moment = self._clock()
            if view is None or events or self._stale or _is_over(view, moment):
                view = (view or View.of(self._base, moment)).after(events, moment)
                self._publish(view)
            return view

    # --- by the thread ----------------------------------------------------------------------
    def _run(self) -> None:
        stand_back()
        while not self._stopping.is_set():
            try:
                # What comes meanwhile is read with the rest.
                with self._courtesy.after_others():
                    view = self.advance()
                self._tell("")
                self._opened().wait(view.state.version, self._pause_s(view))
            except HasuError as error:
                self._lost(error.detail)
            except Exception as error:
                # The thread must outlive a fault: its state grows old, is marked and not ready.
                log.exception("the state could not be followed")
                self._lost(type(error).__name__)

    def _opened(self) -> LiveStore:
        with self._opening:
            if self._stopping.is_set():
                raise StoreUnavailable("The service is stopping.")
            if self._store is None:
                self._store = self._open_store()
            return self._store

    def _pause_s(self, view: View) -> float:
        if view.next_change is None:
            return HEARTBEAT_S
        left_s = (view.next_change - self._clock()).total_seconds()
        return min(max(left_s, 0.0), HEARTBEAT_S)

    def _publish(self, view: View) -> None:
        _prime(view.snapshot, view.moment)
        # In this order the view is never older than what the engine answers from.
        self._view = view
        self._engine.publish(view.snapshot)
        self._stale = False
        with self._published:
            self._published.notify_all()

    def _lost(self, detail: str) -> None:
        if self._stopping.is_set():
            return
        self._tell(detail)
        with self._making:
            view = self._view
            if view is not None and self.age_s > STALE_AFTER_S:
                self._stale = True
                stale = replace(view.snapshot, stale_s=self.age_s)
                _prime(stale, view.moment)
                self._engine.publish(stale)
        self._stopping.wait(RETRY_S)

    def _tell(self, detail: str) -> None:
        """Log a loss once, not four times a second for as long as it lasts, and its end."""
        if detail != self._told:
            if detail:
                log.error("the state is not being followed: %s", detail)
            else:
                log.warning("the state is followed again")
        self._told = detail


def _prime(snapshot: Snapshot, moment: datetime) -> None:
    """Answer once, so that what a snapshot makes when it is first asked is made."""
    for unit in snapshot.units[:1]:
        with suppress(HasuError):
            snapshot.at(moment).decide(Location(unit.lat, unit.lon))


def _is_over(view: View, moment: datetime) -> bool:
    """Whether a view no longer holds, as time has passed it or a clock was set back."""
    due = view.next_change is not None and moment >= view.next_change
    return due or moment < view.moment
