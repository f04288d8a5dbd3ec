"""A fast lane in front of the application, for the one question that must be instant.

Nearly every request is ``GET /v1/conveyance?lat=…&lon=…`` with two plain numbers, or a POST of
them. The framework spends many times longer on routing and wrapping such a request than the
decision takes, so it is answered here. Everything else, and everything that is not plainly right,
goes to the application, whose route stays the specification: a contract test holds both lanes to
the same bytes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from routing_service.api import ids, problems, recording
from routing_service.api.instant import Desks, Instant
from routing_service.decision.model import Location
from routing_service.degrees import look_exchanged, on_globe
from routing_service.errors import HasuError
from routing_service.kernels.question import Reader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from routing_service.decision.decision import Roster
    from routing_service.live.engine import Engine
    from routing_service.live.recorder import Recorder
    from routing_service.live.snapshot import Snapshot
    from routing_service.observe.audit import Batch, Run

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]
    Headers = list[tuple[bytes, bytes]]

PATH = "/v1/conveyance"
# Digits, a point, digits: no sign but a minus, no exponent, no escape, nothing twice. Seventeen
# figures in all is the most that the slow lane takes; sixteen is within it in any split.
_NUMBER = rb"(-?[0-9]{1,3}\.[0-9]{1,13})"
_QUESTION = rb"lat=" + _NUMBER + rb"&lon=" + _NUMBER
_PLAIN = re.compile(_QUESTION)
# The same at the end of a URL is read by a kernel, in a third of the time.
_PLAIN_URL = PATH.encode() + b"?lat="
# The same in JSON, which allows blanks and forbids leading zeros.
_FIGURE = rb"\s*:\s*(-?(?:0|[1-9][0-9]{0,2})\.[0-9]{1,13})\s*"
_JSON = re.compile(rb'\s*\{\s*"lat"' + _FIGURE + rb',\s*"lon"' + _FIGURE + rb"\}\s*")
_JSON_TYPE = (b"content-type", b"application/json")


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
        strict = recorder is not None and recorder.strict
        self._strict: Recorder | None = recorder if strict else None
        self._relaxed: Recorder | None = None if strict else recorder
        self._reader, self._desks = Reader(), Desks()
        # Not kept with the snapshot: they name it, and it could not go with its last user.
        self._snapshot: Snapshot | None = None
        self._instants: dict[Roster | None, Instant] = {}
        self._only: Instant | None = None  # where neither place nor moment makes a difference
        self._runs: dict[str | None, Run] = {}

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
            answer = None
            if plain is not None:
                place = float(plain[1]), float(plain[2])
                answer = self._answer(*place, scope.get(recording.WHO), perf_counter_ns())
            if answer is not None:
                try:
                    await recording.keep(self.recorder, answer[1])
                except HasuError as error:
                    await problems.of(error)(scope, receive, send)
                else:
                    await _reply(answer[0], send)
                return
        await self.app(scope, receive, send)

    def at_once(self, url: bytes, headers: Headers, who: str | None = None) -> bytes | None:
        """The reply's body to a GET of `url`; None where the application must answer.

        Parameters
        ----------
        url, headers
            Of the request.
        who
            Name of the key that it came with.
        """
        if self._strict is not None:
            return None  # what has to wait for the disk cannot be answered at once
        since_ns = perf_counter_ns()
        if not (url.startswith(_PLAIN_URL) and self._reader.read(url, len(_PLAIN_URL))):
            return None
        lat, lon = self._reader.place
        answer = self._answer(lat, lon, who, since_ns)
        return None if answer is None else answer[0]

    def _answer(
        self, lat: float, lon: float, who: str | None, since_ns: int
    ) -> tuple[bytes, Batch | None] | None:
        """The reply's body and what its record is written with.

        None for the application to answer or to refuse.
        """
        moment_ns = ids.moment_ns()
        instant = self._instant(lat, lon, moment_ns)
        if instant is None:
            return None
        if self._relaxed is not None:
            run = self._runs.get(who)
            if run is None:
                run = self._runs[who] = self._relaxed.run(instant.snapshot, who)
            if instant.tape is not run.tape:
                instant.tell(run.tape)
        body = instant.reply(lat, lon, moment_ns, ids.chance(), since_ns)
        if body is None:
            return None
        if self._strict is None:
            return body, None
        return body, self._strict.plain(instant.snapshot, instant.record, who)

    def _instant(self, lat: float, lon: float, moment_ns: int) -> Instant | None:
        """What answers at a place and a moment; made once for each state. None if nothing may."""
        if look_exchanged(lat, lon) or not on_globe(lat, lon):
            return None
        try:
            snapshot = self.engine.snapshot
        except HasuError:
            return None
        if snapshot is self._snapshot and self._only is not None:
            return self._only
        if snapshot.has_speed_sets:
            snapshot = snapshot.at(datetime.fromtimestamp(moment_ns / 1e9, UTC))
        if snapshot is not self._snapshot:
            self._begin(snapshot)
        roster = None if snapshot.policy is None else snapshot.rosters.at(Location(lat, lon))
        instant = self._instants.get(roster)
        if instant is None:
            known = roster or snapshot.rosters.at(Location(lat, lon))
            instant = self._instants[roster] = Instant(snapshot, known, self._desks)
            if roster is None and not snapshot.has_speed_sets:
                self._only = instant
        return instant

    def _begin(self, snapshot: Snapshot) -> None:
        """Answer from another state from now on."""
        self._snapshot, self._instants, self._only = snapshot, {}, None
        for run in self._runs.values():
            run.end()
        self._runs = {}


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
