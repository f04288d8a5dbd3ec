"""Connections to each worker of a running service: which process answers on which is looked up."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any

import psutil

PATIENCE_SECONDS = 30.0


class Connection:
    """A kept-alive connection, and the process at its other end."""

    def __init__(self, host: str, port: int) -> None:
        self.http = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
        self.http.connect()
        # The service's own is set by its server; two small packets must not wait for each other.
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self.http.sock.getsockname()[1]
        self.pid = 0

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one exchange."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        self.http.request(method, path, None if body is None else json.dumps(body), headers)
        reply = self.http.getresponse()
        return reply.status, dict(json.loads(reply.read()))

    def version(self, path: str) -> int:
        """The state that an answer names."""
        status, body = self.ask("GET", path)
        assert status == 200, body
        return int(body["state_version"])


def connect_to_each(pid: int, host: str, port: int, workers: int) -> list[Connection]:
    """One connection to each of the workers that the process `pid` has forked."""
    end_s = time.monotonic() + PATIENCE_SECONDS
    found: dict[int, Connection] = {}
    while len(found) < workers:
        assert time.monotonic() < end_s, f"only {len(found)} of {workers} workers answer"
        connection = Connection(host, port)
        connection.ask("GET", "/healthz")  # then it is accepted
        connection.pid = _at_other_end(pid, connection.port)
        if connection.pid and connection.pid not in found:
            found[connection.pid] = connection
        else:
            connection.http.close()
    return [found[pid] for pid in sorted(found)]


def _at_other_end(parent: int, port: int) -> int:
    for process in psutil.Process(parent).children():
        for each in process.net_connections("tcp"):
            if each.raddr and each.raddr.port == port:
                return int(process.pid)
    return 0
