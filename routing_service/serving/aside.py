"""`Aside`: an application on an event loop of its own, so that it cannot hold up the one in front.

What is answered at once takes microseconds. A request that goes through the framework takes one or
two milliseconds of its event loop, in which nobody else there is answered; in a thread of its own
it can be interrupted (`worker.SWITCH_SECONDS`) and stands back (`scheduling`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from routing_service.scheduling import stand_back

if TYPE_CHECKING:
    from routing_service.api.fast_lane import App, Message, Receive, Scope, Send

T = TypeVar("T")


class Aside:
    """An ASGI application that runs the one behind it on another event loop.

    Parameters
    ----------
    app
        The application behind. Its lifespan is spent on the other loop too, which begins and ends
        with it; threads that it starts before it is ready do not stand back.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered over there."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._loop is None:
            raise RuntimeError("an application aside answers within its lifespan alone")
        else:
            await self._answer(self._loop, scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        here = asyncio.get_running_loop()
        loop = self._loop = type(here)()
        thread = threading.Thread(target=loop.run_forever, name="aside", daemon=True)
        thread.start()

        async def send_on(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                loop.call_soon_threadsafe(stand_back)
            await send(message)

        try:
            await self._answer(loop, scope, receive, send_on)
        finally:
            self._loop = None
            loop.call_soon_threadsafe(loop.stop)
            await here.run_in_executor(None, thread.join)
            loop.close()

    async def _answer(
        self, loop: asyncio.AbstractEventLoop, scope: Scope, receive: Receive, send: Send
    ) -> None:
        here = asyncio.get_running_loop()
        started: list[Message] = []

        async def receive_from_here() -> Message:
            return await _on(here, receive())

        async def send_from_there(message: Message) -> None:
            # A head goes over with the first of the body: once, not twice.
            started.append(message)
            if message["type"] != "http.response.start":
                messages = tuple(started)
                started.clear()
                await _on(here, _send_all(send, messages))

        await _on(loop, self.app(scope, receive_from_here, send_from_there))


async def _on(loop: asyncio.AbstractEventLoop, work: Awaitable[T]) -> T:
    """Wait for what `work` gives on another loop."""

    async def there() -> T:
        return await work

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), loop))


async def _send_all(send: Send, messages: tuple[Message, ...]) -> None:
    for message in messages:
        await send(message)
