"""A fast lane in front of the application, for the one question that must be instant.

Nearly every request is ``GET /v1/conveyance?lat=…&lon=…`` with two plain numbers, or a POST of
them. The framework spends many times longer on routing and wrapping such a request than the
decision takes, so it is answered here. Everything else, and everything that is not plainly right,
goes to the application, whose route stays the specification: a contract test holds both lanes to
the same bytes.
"""

from __future__ import annotations

import re
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from routing_service.api import fast_encode, ids, problems, recording
from routing_service.decision.model import Location
from routing_service.errors import HasuError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from routing_service.live.engine import Engine
    from routing_service.live.recorder import Recorder
    from routing_service.observe.audit import Batch

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = "/v1/conveyance"
RAW_PATH = PATH.encode()
# Digits, a point, digits: no sign but a minus, no exponent, no escape, nothing twice. Seventeen
# figures in all is the most that the slow lane takes; sixteen is within it in any split.
_NUMBER = rb"(-?[0-9]{1,3}\.[0-9]{1,13})"
_PLAIN = re.compile(rb"lat=" + _NUMBER + rb"&lon=" + _NUMBER)
# The same in JSON, which allows blanks and forbids leading zeros.
_FIGURE = rb"\s*:\s*(-?(?:0|[1-9][0-9]{0,2})\.[0-9]{1,13})\s*"
_JSON = re.compile(rb'\s*\{\s*"lat"' + _FIGURE + rb',\s*"lon"' + _FIGURE + rb"\}\s*")
_JSON_TYPE = (b"content-type", b"application/json")
# Inside this box no pair can be an exchanged one, nor off the globe.
SOUTH, NORTH, WEST, EAST = 49.0, 61.0, -9.0, 3.0


class FastLane:
    """An ASGI application that answers the plain question itself and hands on all others.

    Parameters
    ----------
    app
        The application behind.
    engine
        Holds the snapshot that answers, the same as the application's.
    recorder
        Puts the decisions on the audit trail; None for none.
    """

    def __init__(self, app: App, engine: Engine, recorder: Recorder | None = None) -> None:
        self.app = app
        self.engine = engine
        self.recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "http" and scope["path"] == PATH:
            plain = None
            if scope["method"] == "GET":
                plain = _PLAIN.fullmatch(scope["query_string"])
            elif scope["method"] == "POST" and _JSON_TYPE in scope["headers"]:
                messages = [await receive()]
                if messages[0].get("more_body"):  # often an empty end
                    messages.append(await receive())
                plain = _posted(messages)
                receive = _again(messages, receive)
            answer = self._answer(plain, scope.get(recording.WHO))
            if answer is not None:
                try:
                    await recording.keep(self.recorder, answer[1])
                except HasuError as error:
                    await problems.of(error)(scope, receive, send)
                else:
                    await _reply(answer[0], send)
                return
        await self.app(scope, receive, send)

    def at_once(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> bytes | None:
        """The reply's body to a GET of `url`; None where the application must answer."""
        path, _, query = url.partition(b"?")
        if path != RAW_PATH or (self.recorder is not None and self.recorder.strict):
            return None  # what has to wait for the disk cannot be answered at once
        answer = self._answer(_PLAIN.fullmatch(query))
        return None if answer is None else answer[0]

    def _answer(
        self, plain: re.Match[bytes] | None, who: str | None = None
    ) -> tuple[bytes, Batch | None] | None:
        """The reply's body and what its record is written with.

        None for the application to answer or to refuse.
        """
        since_ns = perf_counter_ns()
        if plain is None:
            return None
        lat, lon = float(plain[1]), float(plain[2])
        if not (SOUTH < lat < NORTH and WEST < lon < EAST):
            return None
        location = Location(lat, lon)
        now = ids.now()
        try:
            snapshot = self.engine.snapshot.at(now)
            found = snapshot.decide(location)
        except HasuError:
            return None
        decision_id, computed_at = ids.time_ordered_id(), ids.utc_text(now)
        body = fast_encode.decision(found, location, snapshot, decision_id, computed_at)
        batch = None
        if self.recorder is not None:
            row = (snapshot, location, found)
            batch = self.recorder.decision(row, decision_id, now, since_ns, who)
        return body, batch


def _posted(messages: list[Message]) -> re.Match[bytes] | None:
    """The plain question, if that is all of a request's body."""
    if messages[-1]["type"] != "http.request" or messages[-1].get("more_body"):
        return None
    return _JSON.fullmatch(b"".join(message.get("body", b"") for message in messages))


def _again(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that first gives once more what was taken from it."""
    taken = messages[::-1]

    async def again() -> Message:
        return taken.pop() if taken else await receive()

    return again


async def _reply(body: bytes, send: Send) -> None:
    headers = [
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
