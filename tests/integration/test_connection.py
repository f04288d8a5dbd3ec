"""One connection of a real service: whole, split, pipelined and mixed requests, either way."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.server_process import Server, serving

PLAIN = b"GET /v1/conveyance?lat=53.47&lon=-1.5 HTTP/1.1\r\nHost: a\r\n"
AT_ONCE = PLAIN + b"\r\n"  # without being parsed
PARSED = PLAIN + b"Cookie: c\r\n\r\n"
BY_APPLICATION = b"GET /v1/conveyance?lon=-1.5&lat=53.47 HTTP/1.1\r\nHost: a\r\n\r\n"
WITH_BODY = PLAIN + b"Content-Length: 3\r\n\r\nabc"
POSTED = (
    b"POST /v1/conveyance HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b'Content-Length: 25\r\n\r\n{"lat":53.47,"lon":-1.50}'
)
KINDS = (AT_ONCE, PARSED, BY_APPLICATION, WITH_BODY, POSTED)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("scene")) as running:
        yield running


class Wire:
    """A socket, and replies read off it one by one."""

    def __init__(self, server: Server) -> None:
        url = httpx.URL(server.url)
        self.socket = socket.create_connection((url.host, url.port or 80), timeout=30)
        self._data = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> tuple[int, dict[str, Any]]:
        while b"\r\n\r\n" not in self._data:
            self._more()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
        while len(self._data) < length:
            self._more()
        body, self._data = self._data[:length], self._data[length:]
        return int(head.split()[1]), json.loads(body)

    def ended(self) -> bool:
        return self._data == b"" and self.socket.recv(1) == b""

    def _more(self) -> None:
        got = self.socket.recv(65_536)
        assert got, "the connection was closed"
        self._data += got


def same(replies: list[tuple[int, dict[str, Any]]]) -> bool:
    """All answer the one question, each with an id of its own."""
    ids = {body.pop("decision_id") for _, body in replies}
    for _, body in replies:
        body.pop("computed_at")
    return len(ids) == len(replies) and all(each == (200, replies[0][1]) for each in replies)


def test_every_way_of_asking_gets_the_same_answer_on_one_connection(server: Server) -> None:
    rng = random.Random(20261128)
    asked = [rng.choice(KINDS) for _ in range(60)]
    with Wire(server) as wire:
        replies = []
        for request in asked:
            wire.send(request)
            replies.append(wire.reply())
    assert same(replies)


@pytest.mark.parametrize("request_bytes", [AT_ONCE, PARSED, WITH_BODY])
def test_a_request_may_come_in_two_pieces(server: Server, request_bytes: bytes) -> None:
    with Wire(server) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = []
        for cut in range(1, len(request_bytes), 3):
            wire.send(request_bytes[:cut])
            wire.send(request_bytes[cut:])
            replies.append(wire.reply())
            wire.send(AT_ONCE)
            replies.append(wire.reply())
    assert same(replies)


@pytest.mark.parametrize("seed", range(10))
def test_pipelined_requests_are_answered_in_order(server: Server, seed: int) -> None:
    rng = random.Random(seed)
    asked = [rng.choice(KINDS) for _ in range(8)]
    with Wire(server) as wire:
        wire.send(b"".join(asked))
        replies = [wire.reply() for _ in asked]
        wire.send(AT_ONCE)
        replies.append(wire.reply())
    assert same(replies)


@pytest.mark.parametrize(
    "last",
    [
        PLAIN + b"Connection: close\r\n\r\n",
        b"GET /v1/conveyance?lat=53.47&lon=-1.5 HTTP/1.0\r\nHost: a\r\n\r\n",
    ],
)
def test_a_connection_ends_when_the_client_says_so(server: Server, last: bytes) -> None:
    with Wire(server) as wire:
        wire.send(AT_ONCE)
        replies = [wire.reply()]
        wire.send(last)
        replies.append(wire.reply())
        assert same(replies)
        assert wire.ended()


def test_what_is_no_request_ends_the_connection_and_no_other(server: Server) -> None:
    with Wire(server) as good, Wire(server) as bad:
        bad.send(AT_ONCE)
        replies = [bad.reply()]
        bad.send(PLAIN + b"Host : \x00\r\n\r\n")
        assert b" 400 " in bad.socket.recv(100)
        good.send(AT_ONCE)
        replies.append(good.reply())
    assert same(replies)


REST = AT_ONCE.partition(b" HTTP/1.1\r\n")[1] + AT_ONCE.partition(b" HTTP/1.1\r\n")[2]


@pytest.mark.parametrize(
    "odd",
    [
        b"GET /v1/conveyance?lat=53.47&lon=-1.5 " + REST,
        b"GET  /v1/conveyance?lat=53.47&lon=-1.5" + REST,
        b"GET /v1/conveyance?lat=53.47&lon=-1.5\r\nContent-Length: 9\r\nX: y" + REST,
        b"GET /v1/conveyance?lat=53.47&lon=-1.5\x00" + REST,
        b"GET /v1/conveyance?lat=53.47&lon=-1.5#f" + REST,
        b"GET /v1/conveyance?lat=53.47&lon=-1.5&lon=-1.6" + REST,
        b"GET http://b/v1/conveyance?lat=53.47&lon=-1.5" + REST,
        b"HEAD /v1/conveyance?lat=53.47&lon=-1.5" + REST,
        b"\r\n" + AT_ONCE,
    ],
)
def test_what_came_before_lends_a_request_nothing(server: Server, odd: bytes) -> None:
    """The end of a request that a connection has seen before stands for no other beginning."""
    with Wire(server) as used, Wire(server) as fresh:
        for _ in range(2):
            used.send(AT_ONCE)
            assert used.reply()[0] == 200
        firsts = []
        for wire in (used, fresh):
            wire.socket.settimeout(2)
            wire.send(odd)
            try:
                firsts.append(wire.socket.recv(65_536).partition(b"\r\n")[0])
            except TimeoutError:  # it waits for more
                firsts.append(b"")
        assert firsts[0] == firsts[1]
