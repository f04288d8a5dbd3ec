"""One worker: an event loop that answers on a socket until it is told to go, and goes in order."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, cast

import uvicorn

from routing_service.scheduling import ask_for_short_slices
from routing_service.serving import limits
from routing_service.serving.limits import Limits

if TYPE_CHECKING:
    from routing_service.api.fast_lane import Receive, Scope, Send
    from routing_service.serving.connection import Connection, Gate

SWEEP_TICKS = 5
"""Connections are looked after at every fifth of uvicorn's ticks, which are 0.1 s apart."""

POLL_SECONDS = 0.02

SWITCH_SECONDS = 0.0001
"""How long a thread that follows the day or writes the trail may keep the interpreter from a
request, which needs it two or three times: Python's own are five milliseconds."""

AtOnce = Callable[[bytes, "list[tuple[bytes, bytes]]"], bytes | None]
"""Gives the JSON that answers a GET of a URL with these headers, or None if that takes more."""


class Served(Protocol):
    """An ASGI application as a worker needs it; `api.admission.Admission` is one.

    `draining` is set when the worker is going.
    """

    draining: bool

    @property
    def at_once(self) -> AtOnce | None:
        """The short way, if it has one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

    async def full(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request on a connection that is one too many."""


class Worker(uvicorn.Server):
    """Answers until a signal says stop.

    Parameters
    ----------
    app
        The application, behind its admission.
    chosen
        The limits that the operator chose.
    parent
        The process that must live for this one to go on; None if nobody started it.
    """

    def __init__(self, app: Served, chosen: Limits, parent: int | None = None) -> None:
        self._app = app
        self._chosen = chosen
        self._parent = parent
        self._gate, protocol = _protocol(app, chosen)
        super().__init__(
            uvicorn.Config(
                cast("Any", app),
                http=protocol,
                limit_concurrency=None if self._gate else chosen.max_connections,
                # Neither is used, and each costs something on every request.
                ws="none",
                proxy_headers=False,
                # A query holds coordinates, and a line per request costs throughput.
                access_log=False,
                log_level="warning",
                timeout_keep_alive=int(limits.KEEP_ALIVE_SECONDS),
                timeout_graceful_shutdown=limits.GRACE_SECONDS,
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer on these sockets."""
        sys.setswitchinterval(SWITCH_SECONDS)
        ask_for_short_slices()
        super().run(sockets)

    # --- while it runs -------------------------------------------------------------------------
    async def on_tick(self, counter: int) -> bool:
        """Look after the connections, and leave with the parent."""
        if self._gate is not None:
            self._gate.now_s = asyncio.get_running_loop().time()
            if counter % SWEEP_TICKS == 0:
                self._look_after_connections()
        # A parent that was killed cannot pass on a signal, and its port must become free.
        self.should_exit |= self._parent is not None and os.getppid() != self._parent
        return await super().on_tick(counter)

    def _look_after_connections(self) -> None:
        connections = cast("set[Connection]", self.server_state.connections)
        hurried = len(connections) > limits.NEARLY * self._chosen.max_connections
        for connection in list(connections):
            connection.look_after(hurried)

    # --- when it ends --------------------------------------------------------------------------
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks for an orderly end, the second for one at once."""
        if self._parent is not None and sig == signal.SIGINT:
            return  # Ctrl-C reaches the whole group; the parent passes on what it means
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so, go on for a while if asked to, stop accepting, finish what is open."""
        self._app.draining = True
        if self._gate is not None:
            self._gate.draining = True
        await self._wait(self._chosen.drain_s, lambda: False)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()  # or the kernel takes connections that nobody will accept
        # Each reply now closes its connection, so those that are in use end by themselves. The
        # others are kept a moment more: closing one on which a request is coming would lose it.
        await self._wait(limits.LINGER_SECONDS, lambda: not self.server_state.connections)
        await super().shutdown(sockets)
        if self.force_exit:  # then it leaves this out, and what was opened stays open
            await self.lifespan.shutdown()

    async def _wait(self, seconds: float, done: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds
        while loop.time() < end_s and not done() and not self.force_exit:
            await asyncio.sleep(POLL_SECONDS)


def _protocol(app: Served, chosen: Limits) -> tuple[Gate | None, Any]:
    """Our connections where httptools is installed, else uvicorn's own with what limits it has."""
    try:
        from routing_service.serving.connection import Connection, Gate
    except ImportError:
        return None, "h11"
    gate = Gate(app, chosen)
    return gate, partial(Connection, gate=gate)
