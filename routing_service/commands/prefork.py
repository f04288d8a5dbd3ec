"""Serve one application from several processes that share what was loaded before they split.

A worker that is spawned loads Python, numba and the kernels for itself: 156 MB. One that is forked
after loading holds 1 MB of its own. So this loads first, then forks; threads and connections start
after the fork.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from routing_service.errors import InvalidSettings

if TYPE_CHECKING:
    from routing_service.api.fast_lane import App

BACKLOG = 2048
GRACE_SECONDS = 10
"""How long open requests may take to finish when the service is told to stop."""

RESTART_SECONDS = 1.0
"""Pause before a fallen worker is replaced, so that one that cannot start does not spin."""


def stop(number: int, frame: FrameType | None) -> None:
    """Handle a signal by ending the process normally."""
    raise SystemExit(0)


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; from here on connections wait instead of failing.

    Raises
    ------
    InvalidSettings
        The port is in use or reserved, or the address is not one of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        why = {
            errno.EADDRINUSE: f"port {port} on {host} is in use; stop what uses it or choose "
            "another with --port or HASU_PORT",
            errno.EACCES: f"port {port} needs privileges; choose one above 1023",
        }.get(error.errno or 0, f"cannot listen on {host} port {port}: {error.strerror}")
        raise InvalidSettings(why, host=host, port=port) from None


def serve(app: App, listener: socket.socket, workers: int) -> None:
    """Answer on `listener` until a signal says stop.

    One worker runs in this process. More are forked from it, and replaced when one falls.
    """
    if workers == 1:
        _answer(app, listener)
        return
    alive = {_fork(app, listener) for _ in range(workers)}
    try:
        while True:
            pid, status = os.wait()
            alive.discard(pid)
            code = os.waitstatus_to_exitcode(status)
            print(f"hasu: worker {pid} ended with {code}; starting another", file=sys.stderr)
            time.sleep(RESTART_SECONDS)
            alive.add(_fork(app, listener))
    finally:
        for pid in alive:
            os.kill(pid, signal.SIGTERM)
        for pid in alive:
            os.waitpid(pid, 0)


def _fork(app: App, listener: socket.socket) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _answer(app, listener, parent)
        code = 0
    except SystemExit:
        code = 0
    finally:
        # Not sys.exit: the parent's stack, with its `finally`, is not this process's to unwind.
        sys.stderr.flush()
        os._exit(code)


def _answer(app: App, listener: socket.socket, parent: int | None = None) -> None:
    async def leave_with_parent() -> None:
        # A parent that was killed cannot pass on a signal, and its port must become free.
        server.should_exit |= parent is not None and os.getppid() != parent

    config = uvicorn.Config(
        app,
        # A query holds coordinates, and a line per request costs throughput.
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_notify=1,
        callback_notify=leave_with_parent,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
