"""Serve one application from several processes that share what was loaded before they split.

A worker that is spawned loads Python, numba and the kernels for itself: 156 MB. One that is forked
after loading holds a few of its own. So this loads first, then forks; threads and connections start
after the fork. What was loaded is frozen first: the garbage collector of a worker neither walks it,
which would take 60 ms now and then, nor writes to it, which would copy it.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from routing_service.errors import InvalidSettings
from routing_service.serving.limits import Limits
from routing_service.serving.worker import Served, Worker

BACKLOG = 1024
"""Connections that the kernel accepts ahead of the workers; beyond, clients try again by themselves
after a second.
"""

OPEN_FILES = 65_536
"""Descriptors asked of the system, which by default gives fewer than the connections need."""

SOON = 700
"""New objects until a worker looks for garbage among them: few, so that a look is short."""

RESTART_SECONDS = 1.0
"""Pause before a worker that fell sooner than this is replaced, so that one that cannot start does
not spin.
"""


def stop(number: int, frame: FrameType | None) -> None:
    """Handle a signal by ending the process normally."""
    raise SystemExit(0)


def listen(host: str, port: int, workers: int = 1) -> list[socket.socket]:
    """Open a listening socket for each worker; from here on connections wait instead of failing.

    All are on one port, and the kernel deals connections out to them evenly: of 64 that come at
    once, one of two workers gets 33 to 40. From a socket that they share, the first to wake takes
    63 or 64, and as clients keep their connections, it stays so (measured with uvloop on Linux).
    Elsewhere the kernel does not deal, so there they share one.

    Raises
    ------
    InvalidSettings
        The port is in use or reserved, or the address is not one of this machine.
    """
    try:
        family, *_, found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        address = (str(found[0]), port)
        first = socket.create_server(address, family=family, backlog=BACKLOG)
        if workers == 1 or sys.platform != "linux":
            return [first] * workers
        # That one proved that nobody else is on the port: those that share it could not tell.
        address = (address[0], first.getsockname()[1])
        first.close()
        return [
            socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=True)
            for _ in range(workers)
        ]
    except OSError as error:
        why = {
            errno.EADDRINUSE: f"port {port} on {host} is in use; stop what uses it or choose "
            "another with --port or HASU_PORT",
            errno.EACCES: f"port {port} needs privileges; choose one above 1023",
        }.get(error.errno or 0, f"cannot listen on {host} port {port}: {error.strerror}")
        raise InvalidSettings(why, host=host, port=port) from None


def serve(app: Served, listeners: Sequence[socket.socket], limits: Limits) -> None:
    """Answer until a signal says stop, with a worker for each listener; then finish and return.

    One worker runs in this process. More are forked from it, and replaced when one ends.
    """
    _raise_open_files()
    gc.collect()
    gc.freeze()
    gc.set_threshold(SOON)
    if len(listeners) == 1:
        Worker(app, limits).run(sockets=list(listeners))
    else:
        Supervisor(app, listeners, limits).run()


@dataclass(frozen=True, slots=True)
class _Forked:
    """A worker's place among the listeners, and since when it has run."""

    place: int
    since_s: float


class Supervisor:
    """The parent of several workers: keeps their number, and passes on what it is told.

    It holds every listener too, so what waits at one outlives the worker that accepted from it.
    """

    def __init__(self, app: Served, listeners: Sequence[socket.socket], limits: Limits) -> None:
        self._app = app
        self._listeners = listeners
        self._limits = limits
        self._pid = os.getpid()
        self._alive: dict[int, _Forked] = {}
        self._stopping = False

    def run(self) -> None:
        """Keep a worker for each listener until told to stop, then until the last has finished."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for place in range(len(self._listeners)):
            self._start(place)
        while self._alive:
            pid, status = os.wait()
            ended = self._alive.pop(pid, None)
            if ended is not None and not self._stopping:
                self._replace(pid, ended, os.waitstatus_to_exitcode(status))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            raise SystemExit(0)  # a worker that has no handlers of its own yet
        self._stopping = True
        for listener in self._listeners:
            listener.close()  # the workers have theirs, for as long as they accept
        for pid in self._alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _replace(self, pid: int, ended: _Forked, code: int) -> None:
        sys.stderr.write(f"hasu: worker {pid} ended with {code}; starting another\n")
        if code and time.monotonic() < ended.since_s + RESTART_SECONDS:
            time.sleep(RESTART_SECONDS)
        if not self._stopping:
            self._start(ended.place)

    def _start(self, place: int) -> None:
        pid = os.fork()
        if not pid:
            self._work(place)
        self._alive[pid] = _Forked(place, time.monotonic())
        if self._stopping:  # the signal came before its process was known
            os.kill(pid, signal.SIGTERM)

    def _work(self, place: int) -> NoReturn:
        code = 1
        try:
            listener = self._listeners[place]
            for other in self._listeners:
                if other is not listener:
                    other.close()
            Worker(self._app, self._limits, self._pid).run(sockets=[listener])
            code = 0
        except SystemExit:
            code = 0
        finally:
            # Not sys.exit: the parent's stack is not this process's to unwind.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
