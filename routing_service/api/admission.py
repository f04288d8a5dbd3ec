"""Admission: what is let in when there is more than can be done, and when the service is going.

Past its capacity a service that queues answers everybody too late. Here a request that has waited
longer than the limit before it was looked at is refused with 503 and ``Retry-After`` instead of
being worked on, which takes less than the work and is the same for everybody. The plain question
never waits so long: it is answered as it comes in (`serving.connection`), before anything here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from routing_service.api import problems
from routing_service.errors import Busy, NotReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from routing_service.api.fast_lane import App, Receive, Scope, Send
    from routing_service.observe.service_metrics import ServiceMetrics

ARRIVED = "hasu.arrived_s"
"""Where the scope of a request has the moment at which its head was complete, monotonic."""

ALWAYS = ("/healthz", "/readyz", "/metrics")
"""Asked by those who must know how the service is doing, above all when it does badly."""

READY = "/readyz"


class Admission:
    """An ASGI application that hands on what can be done in time and refuses the rest.

    Parameters
    ----------
    app
        The application behind.
    shed_after_s
        How long a request may have waited before it is refused, seconds.

    metrics
        Where it counts what it refuses.

    Attributes
    ----------
    draining
        The service is going: `/readyz` says so.
    at_once
        The application's answer to a plain question, if it has such a way.
    """

    def __init__(
        self, app: App, shed_after_s: float = 0.5, metrics: ServiceMetrics | None = None
    ) -> None:
        self.app = app
        self.shed_after_s = shed_after_s
        self.draining = False
        self._metrics = metrics
        self.at_once: Callable[[bytes, list[tuple[bytes, bytes]]], bytes | None] | None
        self.at_once = getattr(app, "at_once", None)
        self._busy = problems.of(Busy("More is asked of the service than it can do; try again."))
        self._full = problems.of(Busy("Too many connections; close some, or try again."))
        self._full.headers["Connection"] = "close"
        self._going = problems.of(NotReady("The service is stopping."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one request on, or refuse it."""
        if scope["type"] == "http":
            path = scope["path"]
            if path in ALWAYS:
                if path == READY and self.draining:
                    await self._going(scope, receive, send)
                    return
            elif self._waited_s(scope) > self.shed_after_s:
                self._count("waited")
                await self._busy(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def full(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request whose connection is one too many, and the connection with it."""
        if scope["type"] == "http" and scope["path"] in ALWAYS:
            await self.app(scope, receive, send)
        else:
            self._count("connections")
            await self._full(scope, receive, send)

    def _count(self, reason: str) -> None:
        if self._metrics is not None:
            self._metrics.shed.add(reason)

    @staticmethod
    def _waited_s(scope: Scope) -> float:
        arrived_s = scope.get(ARRIVED)
        return 0.0 if arrived_s is None else time.monotonic() - arrived_s
