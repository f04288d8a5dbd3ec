"""The servers that `http` measures, started alike.

``python -m tests.benchmarks.http_servers KIND WORKERS`` runs one on a free port.

All load the same network first and stand on the same sockets, workers, event loop and parser; they
differ in the application alone. ``service``: what `hasu serve` runs. ``plain``: the FastAPI
application without its fast lane. ``bare``: a constant body of the same size and headers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from routing_service.api.admission import Admission
from routing_service.api.app import create_app
from routing_service.api.fast_lane import FastLane
from routing_service.config import Settings
from routing_service.serving import prefork
from routing_service.serving.limits import Limits
from routing_service.wiring.service import open_engine

if TYPE_CHECKING:
    from routing_service.api.fast_lane import App, Receive, Scope, Send
    from routing_service.live.engine import Engine
    from routing_service.serving.worker import Served

QUESTION = b"lat=53.5526&lon=-1.4797"


class Bare:
    """An application that says the same whatever it is asked."""

    draining = False
    at_once = None

    def __init__(self, engine: Engine) -> None:
        self._body = _answer(FastLane(create_app(engine), engine))
        self._headers = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(self._body)),
            (b"content-type", b"application/json"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("no lifespan here")
        headers = self._headers
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})

    async def full(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("a benchmark does not come near the limit")


def _answer(app: App) -> bytes:
    """The body of one ordinary decision."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/v1/conveyance", "query_string": QUESTION}
    coroutine = app(scope, None, send)  # type: ignore[arg-type]  # the fast lane reads no body
    try:
        coroutine.send(None)  # type: ignore[attr-defined]  # nor does it wait for anything
    except StopIteration:
        return bytes(sent[-1]["body"])
    raise AssertionError("the fast lane handed on its own question")


KINDS: dict[str, Callable[[Engine], Served]] = {
    "service": lambda engine: Admission(FastLane(create_app(engine), engine)),
    "plain": lambda engine: Admission(create_app(engine), shed_after_s=60.0),
    "bare": Bare,
}


def main() -> None:
    kind, workers = sys.argv[1], int(sys.argv[2])
    app = KINDS[kind](open_engine(Settings()))
    listeners = prefork.listen("127.0.0.1", 0, workers)
    print(f"Ready: http://127.0.0.1:{listeners[0].getsockname()[1]}/ ", flush=True)
    prefork.serve(app, listeners, Limits())


if __name__ == "__main__":
    main()
