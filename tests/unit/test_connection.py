"""What is answered unparsed is what the parser would have made of it, and no more of it."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_service.serving.connection import ORDINARY

PATH = b"/v1/conveyance?lat=53.47&lon=-1.5"


class Parsed:
    """What the parser tells of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.urls: list[bytes] = []
        self.bodies = b""
        self.begun = self.complete = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.begun += 1
        self.urls.append(b"")

    def on_url(self, url: bytes) -> None:
        self.urls[-1] += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.bodies += body

    def on_message_complete(self) -> None:
        self.complete += 1


def request(*lines: bytes, start: bytes = b"GET " + PATH + b" HTTP/1.1") -> bytes:
    return b"\r\n".join([start, *lines, b"", b""])


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"Host: 127.0.0.1:8000",),
        (b"Host: a", b"User-Agent: curl/8.5.0", b"Accept: */*"),
        (b"Host: a", b"Accept: */*", b"Accept-Encoding: gzip, deflate", b"Connection: keep-alive"),
        (b"host: a", b"accept-language: en-GB;q=0.9", b"x-request-id: 7", b"traceparent: 00-4b-01"),
    ],
)
def test_ordinary_requests_of_ordinary_clients_are_taken(lines: tuple[bytes, ...]) -> None:
    taken = ORDINARY.fullmatch(request(*lines))
    assert taken is not None
    assert taken[1] == PATH


@pytest.mark.parametrize(
    "data",
    [
        request(b"Host: a", b"Authorization: Bearer x"),
        request(b"Host: a", b"Content-Length: 0"),
        request(b"Host: a", b"Content-Length: 2") + b"{}",
        request(b"Host: a", b"Transfer-Encoding: chunked"),
        request(b"Host: a", b"Connection: close"),
        request(b"Host: a", b"Connection: keep-alive, Upgrade", b"Upgrade: h2c"),
        request(b"Host: a", b"Expect: 100-continue"),
        request(b"Host: a", b"Cookie: \xff"),
        request(b"Host: a\x00"),
        request(b"Host : a"),
        request(b" folded"),
        request(b"Host: a", start=b"GET " + PATH + b" HTTP/1.0"),
        request(b"Host: a", start=b"HEAD " + PATH + b" HTTP/1.1"),
        request(b"Host: a", start=b"GET http://a" + PATH + b" HTTP/1.1"),
        request(b"Host: a", start=b"GET  " + PATH + b" HTTP/1.1"),
        request(b"Host: a")[:-2],
        request(b"Host: a") * 2,
        request(b"Host: a") + b"\r\n",
        b"\r\n" + request(b"Host: a"),
        request(b"Host: a").replace(b"\r\n", b"\n"),
    ],
)
def test_all_else_is_left_to_the_parser(data: bytes) -> None:
    assert ORDINARY.fullmatch(data) is None


names = st.sampled_from(
    [b"Host", b"USER-AGENT", b"accept", b"Accept-Encoding", b"Connection", b"Content-Length", b"TE"]
)
values = st.one_of(
    st.sampled_from(
        [b"a", b"", b"keep-alive", b"close", b"keep-alive, close", b"0", b"5", b"gzip"]
    ),
    st.binary(max_size=6),
)
separators = st.sampled_from([b": ", b":", b" : ", b":\t"])
ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])
lines = st.tuples(names, separators, values, ends).map(b"".join)
starts = st.tuples(
    st.sampled_from([b"GET ", b"GET ", b"get ", b"GET\t", b"POST "]),
    st.one_of(st.just(PATH), st.binary(max_size=8).map(lambda some: b"/" + some)),
    st.sampled_from(
        [b" HTTP/1.1\r\n", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" http/1.1\r\n", b"\r\n"]
    ),
).map(b"".join)
tails = st.sampled_from(
    [b"\r\n", b"\r\n", b"\r\n", b"", b"\n", b"\r\n\r\n", b"\r\nGET / HTTP/1.1\r\n"]
)


@settings(max_examples=2_000)
@given(st.tuples(starts, st.lists(lines, max_size=3).map(b"".join), tails).map(b"".join))
def test_what_is_taken_is_one_whole_request_and_keeps_its_connection(data: bytes) -> None:
    taken = ORDINARY.fullmatch(data)
    if taken is None:
        return
    parsed = Parsed(data)
    assert (parsed.begun, parsed.complete, parsed.bodies) == (1, 1, b"")
    assert parsed.urls == [taken[1]]
    assert parsed.parser.get_method() == b"GET"
    assert parsed.parser.get_http_version() == "1.1"
    assert parsed.parser.should_keep_alive()
    assert not parsed.parser.should_upgrade()
    kinds = {name for name, _ in parsed.headers}
    assert not kinds & {b"content-length", b"transfer-encoding", b"expect", b"authorization"}
