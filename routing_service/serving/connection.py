"""One connection: uvicorn's HTTP/1.1 protocol, with limits and a short way for instant answers.

The short way: a request that the application can answer from its head alone, without waiting for
anything (`Served.at_once`), is answered while the bytes that it came in are being read. No task, no
scope and no messages are made for it, and as it is answered before any task runs, nothing slower
gets in its way. One that comes alone, whole and with none but ordinary headers is not even parsed:
a pattern tells that nothing in it could change its meaning, and that there is no more of it.

All else, and all that is not plainly so, goes uvicorn's own way.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from routing_service.serving import limits
from routing_service.serving.limits import Limits

if TYPE_CHECKING:
    from routing_service.serving.worker import AtOnce, Served

ARRIVED = "hasu.arrived_s"
"""Where the scope of a request has the moment at which its head was complete, monotonic."""

OVERFULL = 2
"""At this multiple of the connections that are served, others are not even told so."""


@dataclass(slots=True)
class Gate:
    """What the connections of one worker share.

    Attributes
    ----------
    now_s
        The event loop's time, a tenth of a second old at most: cheap to read.
    draining
        The worker is going: every reply is the last on its connection.
    """

    app: Served
    limits: Limits
    now_s: float = 0.0
    draining: bool = False
    _defaults: list[tuple[bytes, bytes]] = field(default_factory=list)
    _head: bytes = b""

    def head(self, defaults: list[tuple[bytes, bytes]]) -> bytes:
        """What an instant answer starts with, up to its length."""
        # The date among the defaults is renewed by uvicorn, in a new list each second.
        if defaults is not self._defaults:
            self._defaults = defaults
            lines = [b"%s: %s\r\n" % header for header in defaults]
            start = b"HTTP/1.1 200 OK\r\n" + b"".join(lines)
            self._head = start + b"cache-control: no-store\r\ncontent-length: "
        return self._head


ORDINARY = re.compile(
    rb"GET (/[!-~]*) HTTP/1\.1\r\n"
    rb"(?:(?i:host|user-agent|accept(?:-encoding|-language)?|cache-control|traceparent|tracestate|"
    rb"x-request-id|connection(?=: keep-alive\r)): [ -~]*\r\n)*"
    rb"\r\n"
)
"""A whole request without a body whose headers say nothing that it could be answered by: no key, no
length, nothing about the connection but that it goes on.
"""

KEPT = b"\r\ncontent-type: application/json\r\n\r\n"
CLOSED = b"\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"


class _Answered:
    """Stands where uvicorn keeps the request under way, after one that was answered at once."""

    response_complete = True
    disconnected = False
    keep_alive = True
    message_event = asyncio.Event()


ANSWERED: Any = _Answered()


class Connection(HttpToolsProtocol):
    """One client's connection.

    Parameters
    ----------
    gate
        Shared by the connections of the worker.
    """

    def __init__(self, *args: Any, gate: Gate, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gate = gate
        self._at_once = gate.app.at_once
        self._ordinary = b""  # what came last behind the address of an ordinary request
        self._in_request = False  # some of it is here, but not all
        self._in_head = False
        self._head_bytes = 0
        self._since_s = gate.now_s  # since when the client owes us a byte
        self._unread_bytes = 0  # of replies, when last looked at

    # --- bytes come ----------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a client on; one too many is told so at its first request, and twice as many not."""
        super().connection_made(transport)
        allowed = self._gate.limits.max_connections
        if len(self.connections) > allowed:
            self.app = self._gate.app.full
            self._at_once = None
            if len(self.connections) > OVERFULL * allowed:
                transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read what came, as far as a head may be long."""
        if self._answered_unparsed(data):
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > limits.HEAD_BYTES and not self.transport.is_closing():
                self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_request = self._in_head = True
        self._head_bytes = 0
        self._since_s = self._gate.now_s

    def on_headers_complete(self) -> None:
        """Answer at once, or go uvicorn's way."""
        self._in_head = False
        if self._answered_at_once():
            return
        # Not the event loop's time: uvloop's stands still while it works through what came.
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # a key of our own
        scope[ARRIVED] = time.monotonic()
        super().on_headers_complete()
        cycle: RequestResponseCycle | None = self.cycle
        if self._gate.draining and cycle is not None:
            cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """A request is here to its last byte."""
        self._in_request = False
        super().on_message_complete()

    # --- the short way -------------------------------------------------------------------------
    def _answered_unparsed(self, data: bytes) -> bool:
        short_way = self._short_way()
        if short_way is None or self._in_request or self._gate.draining:
            return False
        # A client says the same behind every address: what was ordinary once still is.
        end = data.find(b" HTTP/1.1\r\n")
        rest = data[end:]
        if rest != self._ordinary or not data.startswith(b"GET /"):
            if ORDINARY.fullmatch(data) is None:
                return False
            self._ordinary = rest
        body = short_way(data[4:end], [])
        if body is None:
            return False
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self._since_s = self._gate.now_s
        self._answer(body, KEPT)
        return True

    def _answered_at_once(self) -> bool:
        parser, short_way = self.parser, self._short_way()
        if (
            short_way is None
            or self.expect_100_continue
            or parser.get_method() != b"GET"
            or parser.get_http_version() != "1.1"
            or parser.should_upgrade()
        ):
            return False
        body = short_way(self.url, self.headers)
        if body is None:
            return False
        kept = parser.should_keep_alive() and not self._gate.draining
        self.cycle = ANSWERED
        self._answer(body, KEPT if kept else CLOSED)
        if not kept:
            self.transport.close()
        return True

    def _short_way(self) -> AtOnce | None:
        """The short way, if there is one and nothing is in it: earlier replies come first."""
        if self._rests() and not self.flow.write_paused and not self.transport.is_closing():
            return self._at_once
        return None

    def _answer(self, body: bytes, until_body: bytes) -> None:
        head = self._gate.head(self.server_state.default_headers)
        self.transport.write(b"%b%d%b%b" % (head, len(body), until_body, body))
        self.server_state.total_requests += 1

    # --- time passes ---------------------------------------------------------------------------
    def look_after(self, hurried: bool) -> None:
        """End the connection if the client has kept it waiting too long; called now and then."""
        waited_s = self._gate.now_s - self._since_s
        unread_bytes = self.transport.get_write_buffer_size()
        if unread_bytes:
            if unread_bytes != self._unread_bytes:
                self._since_s = self._gate.now_s
            elif waited_s > _patience(limits.REPLY_SECONDS, hurried):
                self.transport.abort()
        elif self._in_request:
            if waited_s > _patience(limits.REQUEST_SECONDS, hurried):
                self._refuse(b"408 Request Timeout")
        elif self._rests() and waited_s > _patience(limits.KEEP_ALIVE_SECONDS, hurried):
            self.transport.close()
        self._unread_bytes = unread_bytes

    def _rests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is None or cycle.response_complete

    def _refuse(self, status: bytes) -> None:
        """End the connection with a status alone: who gets here speaks no proper HTTP."""
        if self._rests():
            self.transport.write(
                b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status
            )
        self.transport.close()


def _patience(seconds: float, hurried: bool) -> float:
    return limits.HURRIED_SECONDS if hurried else seconds
