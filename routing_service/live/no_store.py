"""`Nowhere`: the store of a service that keeps no events. Time passes all the same."""

from __future__ import annotations

import threading
from datetime import datetime

from routing_service.errors import NoStore
from routing_service.live.events import Body, Event


class Nowhere:
    """A `LiveStore` that is always there and always empty."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def append(self, body: Body, author: str, at: datetime) -> Event:
        """Refuse; see `LiveStore.append`."""
        raise NoStore(
            "This service keeps no state: start it with HASU_STORE, such as sqlite:///hasu.db."
        )

    def read(self, after: int) -> list[Event]:
        """Return nothing."""
        return []

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait for nothing."""
        self._closed.wait(timeout_s)
        return False

    def close(self) -> None:
        """End a wait."""
        self._closed.set()
