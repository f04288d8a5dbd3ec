"""Counting what is asked and what is answered, in front of everything but admission."""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter_ns
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

from routing_service.api.fast_lane import PATH
from routing_service.errors import NotReady
from routing_service.live.proof import Prover

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import APIRouter

    from routing_service.api.fast_lane import App, Headers, Message, Receive, Scope, Send
    from routing_service.live.engine import Engine
    from routing_service.live.follower import Follower
    from routing_service.live.recorder import Recorder
    from routing_service.observe.service_metrics import ServiceMetrics

    AtOnce = Callable[[bytes, Headers], bytes | None]

PLAIN = f"GET {PATH}"
DECISIONS = (PLAIN, f"POST {PATH}")
LOOK_S = 1.0
NEVER_MS = 10**12
"""Shown as the age of a state that was never read."""


def routes_of(*routers: APIRouter) -> list[str]:
    """Method and path template of each route of some routers."""
    return [
        f"{method} {route.path}"
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]


class Metered:
    """An ASGI application that counts the requests and replies of the one behind it.

    Parameters
    ----------
    app
        The application behind.
    metrics
        Where it counts.
    """

    def __init__(self, app: App, metrics: ServiceMetrics) -> None:
        self.app = app
        self._metrics = metrics
        behind = getattr(app, "at_once", None)
        self.at_once: AtOnce | None
        self.at_once = None if behind is None else self._counted(behind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when its reply begins."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        since_ns = perf_counter_ns()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"], since_ns)
            await send(message)

        await self.app(scope, receive, counted)

    def _count(self, scope: Scope, status: int, since_ns: int) -> None:
        # The framework leaves the route in the scope; the fast lane answers before it.
        path = getattr(scope.get("route"), "path", scope["path"])
        route = f"{scope['method']} {path}"
        self._metrics.count(route, status)
        if route in DECISIONS and status == 200:
            self._metrics.decisions.observe(perf_counter_ns() - since_ns)

    def _counted(self, behind: AtOnce) -> AtOnce:
        metrics = self._metrics
        count = metrics.all.tally(metrics.requests, (PLAIN, "200"), metrics.decisions)

        def at_once(url: bytes, headers: Headers) -> bytes | None:
            since_ns = perf_counter_ns()
            body = behind(url, headers)
            if body is not None:
                count(perf_counter_ns() - since_ns)
            return body

        return at_once


async def tell_gauges(
    metrics: ServiceMetrics,
    engine: Engine,
    follower: Follower | None,
    recorder: Recorder | None,
) -> None:
    """Put this worker's gauges where any worker can tell them, once a second until cancelled.

    Trees that came into force since are sampled too, in a thread: nobody waits for that.
    """
    lost = 0
    prover = Prover()
    while True:
        with contextlib.suppress(NotReady):
            version = engine.snapshot.state_version
            metrics.state_version.put(version)
            metrics.state_version_max.put(version)
        if follower is not None:
            metrics.stale.put(round(min(follower.age_s * 1000, NEVER_MS)))
            with contextlib.suppress(NotReady):
                outcome = await asyncio.to_thread(prover.prove, follower.view)
                if outcome:
                    metrics.certificates.add(outcome)
        if recorder is not None:
            audit = recorder.audit
            metrics.audit_waiting.put(audit.waiting)
            metrics.audit_lost.add(amount=audit.lost - lost)
            lost = audit.lost
        await asyncio.sleep(LOOK_S)
