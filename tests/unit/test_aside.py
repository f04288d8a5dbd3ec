"""An application aside answers as it would in front, and cannot hold up who is in front."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from routing_service.scheduling import BEHIND
from routing_service.serving.aside import Aside

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

POST = {"type": "http", "method": "POST", "path": "/"}


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


class App:
    """Echoes bodies in parts; notes where it ran and what it was told."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.threads: set[int] = set()
        self.niceness: dict[str, int] = {}
        self.go = threading.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.threads.add(threading.get_ident())
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/blocks":
            self.go.wait(10)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif scope["path"] == "/fails":
            raise ValueError("as it is")
        elif scope["path"] == "/waits":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.log.append("cancelled")
                raise
        else:
            await self._echo(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            self.log.append(message["type"])
            if message["type"] == "lifespan.startup":
                self._note_niceness("early")
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _echo(self, receive: Receive, send: Send) -> None:
        self._note_niceness("late")
        self.niceness["itself"] = nice()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    def _note_niceness(self, when: str) -> None:
        thread = threading.Thread(target=lambda: self.niceness.update({when: nice()}))
        thread.start()
        thread.join()


@asynccontextmanager
async def alive(aside: Aside) -> AsyncIterator[None]:
    """Startup before, shutdown after, as a server does it."""
    told: asyncio.Queue[Message] = asyncio.Queue()
    heard: asyncio.Queue[Message] = asyncio.Queue()
    life = asyncio.create_task(aside({"type": "lifespan"}, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    yield
    await told.put({"type": "lifespan.shutdown"})
    assert (await heard.get())["type"] == "lifespan.shutdown.complete"
    await life


async def ask(aside: Aside, path: str, *body: bytes) -> list[Message]:
    parts = [
        {"type": "http.request", "body": part, "more_body": k + 1 < len(body)}
        for k, part in enumerate(body)
    ]
    replies: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        assert threading.current_thread() is threading.main_thread()
        replies.append(message)

    await aside({**POST, "path": path}, receive, send)
    return replies


def test_bodies_go_over_and_come_back_in_order() -> None:
    app = App()

    async def run() -> list[Message]:
        async with alive(aside := Aside(app)):
            return await ask(aside, "/", *(b"%d" % k for k in range(50)))

    start, *parts = asyncio.run(run())
    assert start["status"] == 200
    assert b"".join(part["body"] for part in parts) == b"".join(b"%d" % k for k in range(50))
    assert [part["more_body"] for part in parts] == [True] * 49 + [False]
    assert app.log == ["lifespan.startup", "lifespan.shutdown"]
    assert len(app.threads) == 1
    assert threading.get_ident() not in app.threads


def test_one_that_blocks_its_loop_does_not_block_the_one_in_front() -> None:
    app = App()

    async def run() -> int:
        async with alive(aside := Aside(app)):
            blocked = asyncio.create_task(ask(aside, "/blocks"))
            for _ in range(20):  # the loop in front goes round
                await asyncio.sleep(0.001)
            assert not blocked.done()
            app.go.set()
            status: int = (await blocked)[0]["status"]
            return status

    assert asyncio.run(run()) == 204


def test_a_fault_comes_back_as_it_was() -> None:
    async def run() -> None:
        async with alive(aside := Aside(App())):
            with pytest.raises(ValueError, match="as it is"):
                await ask(aside, "/fails")

    asyncio.run(run())


def test_a_request_that_is_given_up_is_given_up_there_too() -> None:
    app = App()

    async def run() -> None:
        async with alive(aside := Aside(app)):
            waiting = asyncio.create_task(ask(aside, "/waits"))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            await ask(aside, "/", b"after it")

    asyncio.run(run())
    assert "cancelled" in app.log


def test_its_thread_ends_with_the_lifespan_and_none_answers_outside() -> None:
    aside = Aside(App())

    async def run() -> None:
        with pytest.raises(RuntimeError, match="within its lifespan"):
            await ask(aside, "/", b"too early")
        async with alive(aside):
            await ask(aside, "/", b"in time")
            assert "aside" in {thread.name for thread in threading.enumerate()}
        assert "aside" not in {thread.name for thread in threading.enumerate()}
        with pytest.raises(RuntimeError, match="within its lifespan"):
            await ask(aside, "/", b"too late")

    asyncio.run(run())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority here")
def test_it_stands_back_once_it_is_ready() -> None:
    app, first = App(), nice()

    async def run() -> None:
        async with alive(aside := Aside(app)):
            await ask(aside, "/", b"")

    asyncio.run(run())
    assert app.niceness == {
        "early": first,
        "late": min(first + BEHIND, 19),
        "itself": min(first + BEHIND, 19),
    }
    assert nice() == first
