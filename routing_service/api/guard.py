"""The guard before every route: who asks, and whether they may.

It stands in front of both lanes, and only where keys are in force: a service without keys spends
nothing on it. Health, metrics, the documentation and the page's own files are open; all that
answers about incidents or the state needs a key, all that changes the state a controller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing_service.api import problems
from routing_service.errors import Forbidden, HasuError, Unauthorised

if TYPE_CHECKING:
    from collections.abc import Callable

    from routing_service.api.fast_lane import App, Message, Receive, Scope, Send
    from routing_service.api.keys import Key, KeyRing

Headers = list[tuple[bytes, bytes]]

GUARDED = ("/v1/", "/map/")
ASKING = ("GET", "HEAD", "OPTIONS")
QUESTIONS = ("/v1/conveyance", "/v1/matrix")
"""Posted only to keep their content out of addresses: they ask, and change nothing."""

WHO = "hasu.who"
"""Where the scope of a request has the name of the key that it came with."""


class Guard:
    """An ASGI application that lets through what its keys allow.

    Parameters
    ----------
    app
        The application behind.
    keys
        The keys in force.
    """

    def __init__(self, app: App, keys: KeyRing) -> None:
        self.app = app
        self.keys = keys
        self._at_once: Callable[[bytes, Headers, str], bytes | None] | None
        self._at_once = getattr(app, "at_once", None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the name of its key, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            try:
                scope[WHO] = self._admit(scope).name
            except HasuError as error:
                await _refuse(error, scope, receive, send)
                return
        await self.app(scope, receive, send)

    def at_once(self, url: bytes, headers: Headers) -> bytes | None:
        """The answer to a plain question (see `FastLane.at_once`), if it comes with a key."""
        key = None if self._at_once is None else self.keys.holder(_given(headers))
        if self._at_once is None or key is None:
            return None
        return self._at_once(url, headers, key.name)

    def _admit(self, scope: Scope) -> Key:
        key = self.keys.holder(_given(scope["headers"]))
        if key is None:
            raise Unauthorised(
                "This service needs a key: send the header 'Authorization: Bearer' with yours."
            )
        asks = scope["method"] in ASKING or scope["path"] in QUESTIONS
        if not asks and key.role != "controller":
            raise Forbidden(
                "This changes the state and needs a controller's key; this one may only ask.",
                role=key.role,
            )
        return key


def _given(headers: Headers) -> str:
    """The key that a request carries, empty if it has none or, ambiguously, several."""
    found = [value for name, value in headers if name == b"authorization"]
    scheme, _, key = found[0].decode("latin-1").partition(" ") if len(found) == 1 else ("", "", "")
    return key.strip() if scheme.lower() == "bearer" else ""


async def _refuse(error: HasuError, scope: Scope, receive: Receive, send: Send) -> None:
    headers = []
    if isinstance(error, Unauthorised):
        headers.append((b"www-authenticate", b'Bearer realm="hasu"'))

    async def with_challenge(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    await problems.of(error)(scope, receive, with_challenge)
