"""The load generator against services that answer, stall, shed, close and vanish."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from routing_service.errors import InvalidRequest, NoService
from routing_service.load.arrivals import schedule
from routing_service.load.client import Call, Client
from routing_service.load.runs import Plan, at_peak, on_schedule
from routing_service.load.wire import Target, Unreadable, read_reply, read_target

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
LAST = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
Answer = Callable[[socket.socket, int], bool]


@contextmanager
def service(answer: Answer) -> Iterator[Target]:
    """A service of one thread per connection; `answer` is told the how-manieth request it is and
    says whether the connection stays open.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    count = 0
    lock = threading.Lock()

    def talk(connection: socket.socket) -> None:
        nonlocal count
        with connection:
            data = b""
            while chunk := connection.recv(65_536):
                data += chunk
                while b"\r\n\r\n" in data:
                    _, _, data = data.partition(b"\r\n\r\n")
                    with lock:
                        count += 1
                        number = count
                    if not answer(connection, number):
                        return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield read_target(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def reply(data: bytes, *, stay: bool = True) -> Answer:
    def answer(connection: socket.socket, _: int) -> bool:
        connection.sendall(data)
        return stay

    return answer


# --- schedules -----------------------------------------------------------------------------
def test_arrivals_are_seeded_sorted_and_as_many_as_asked_for() -> None:
    first = schedule(1000.0, 5.0, "poisson", 7)
    assert (first == schedule(1000.0, 5.0, "poisson", 7)).all()
    assert (first != schedule(1000.0, 5.0, "poisson", 8)).any()
    assert len(first) == 5000
    assert (first[1:] >= first[:-1]).all()
    assert 0 <= first[0] <= first[-1] < 5_000_000_000


def test_poisson_gaps_have_the_spread_of_an_exponential() -> None:
    gaps = schedule(1000.0, 50.0, "poisson", 7)[1:] - schedule(1000.0, 50.0, "poisson", 7)[:-1]
    # Of exponential gaps, the spread equals the mean (1 ms), and e^-2 = 13.5 % exceed twice it.
    assert gaps.std() == pytest.approx(1e6, rel=0.03)
    assert (gaps > 2e6).mean() == pytest.approx(0.135, abs=0.01)


# --- bytes ---------------------------------------------------------------------------------
def test_a_reply_is_read_piece_by_piece() -> None:
    assert read_reply(OK[:20]) is None
    assert read_reply(OK) == (200, len(OK), True)
    assert read_reply(OK[:-1]) == (200, len(OK), True)  # one byte still to come
    assert read_reply(LAST) == (200, len(LAST), False)
    assert read_reply(b"HTTP/1.1 204 No Content\r\n\r\n") == (204, 27, True)


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"],
)
def test_what_is_no_plain_reply_is_not_guessed_at(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_reply(data)


@pytest.mark.parametrize(
    "url", ["https://a", "127.0.0.1:80", "http://", "http://h:x", "http://h/p"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="http://127"):
        read_target(url)


def test_loopback_is_told_from_the_rest() -> None:
    assert read_target("http://127.0.0.1:8000").is_loopback
    assert read_target("http://localhost:8000").is_loopback
    assert not read_target("http://192.0.2.7").is_loopback


# --- runs ----------------------------------------------------------------------------------
def test_every_request_of_the_schedule_is_sent_once_and_answered() -> None:
    with service(reply(OK)) as target:
        samples = on_schedule(target, [target.get("/")], Plan(500.0, 0.4, connections=4))
    assert samples.sent == 200
    assert list(samples.series) == [("decision", 200)]
    series = samples.series["decision", 200]
    assert len(series.due_us) == len(series.latency_us) == len(samples.lag_us) == 200
    assert not samples.errors


def test_waiting_for_a_stalled_service_counts_from_when_each_request_was_due() -> None:
    def stall(connection: socket.socket, number: int) -> bool:
        if number == 1:
            time.sleep(0.3)
        connection.sendall(OK)
        return True

    with service(stall) as target:
        plan = Plan(100.0, 0.2, arrivals="constant", connections=1)
        samples = on_schedule(target, [target.get("/")], plan)
    # Twenty are due 10 ms apart while the first holds the only connection for 300 ms: the second
    # has waited 290 ms, the last 110. A closed loop would have called 19 of them instant.
    latency_ms = [us / 1000 for us in samples.series["decision", 200].latency_us]
    assert samples.waited == 19
    assert min(latency_ms) >= 100
    assert latency_ms[1] >= 280
    # And none of it is laid at the client's own door.
    assert sorted(samples.lag_us)[10] < 50_000


def test_statuses_are_kept_apart() -> None:
    def every_third(connection: socket.socket, number: int) -> bool:
        connection.sendall(OK if number % 3 else BUSY)
        return True

    with service(every_third) as target:
        samples = on_schedule(target, [target.get("/")], Plan(300.0, 0.1, connections=1))
    counts = {status: len(series.due_us) for (_, status), series in samples.series.items()}
    assert counts == {200: 20, 503: 10}


def test_a_connection_that_the_service_ends_is_opened_again() -> None:
    with service(reply(LAST, stay=False)) as target:
        samples = on_schedule(target, [target.get("/")], Plan(300.0, 0.1, connections=2))
    assert samples.replies() == 30
    assert samples.reopened == 30
    assert not samples.errors


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(b"", stay=False), "closed"),
        (reply(OK[:30], stay=False), "closed"),
        (reply(b"nonsense\r\n\r\n"), "unreadable"),
        (reply(b""), "timeout"),
    ],
    ids=["closed before a reply", "closed within one", "not HTTP", "silent"],
)
def test_what_got_no_reply_is_an_error_by_kind(answer: Answer, error: str) -> None:
    with service(answer) as target:
        plan = Plan(50.0, 0.1, connections=8, timeout_s=0.2)
        samples = on_schedule(target, [target.get("/")], plan)
    assert samples.errors == {("decision", error): 5}
    assert samples.replies() == 0


def test_a_service_that_vanishes_ends_the_run_all_the_same() -> None:
    with service(reply(OK)) as target:
        port = target.address[1]
    assert port
    with pytest.raises(NoService, match="hasu serve"):
        on_schedule(target, [target.get("/")], Plan(10.0, 0.1))


def test_a_request_may_be_made_when_it_is_sent_and_hear_its_reply() -> None:
    heard: list[tuple[int, bytes]] = []
    made: list[int] = []
    with service(reply(OK)) as target:

        def make() -> bytes:
            made.append(len(heard))
            return target.get("/")

        def hear(status: int, body: bytes) -> None:
            heard.append((status, body))

        Client(target, connections=1).run(Call(k, make, "closure", hear) for k in range(3))
    assert heard == [(200, b"{}")] * 3
    assert made == [0, 1, 2]  # each knew the replies before it


def test_ctrl_c_keeps_what_was_seen() -> None:
    def hear(status: int, body: bytes) -> None:
        raise KeyboardInterrupt

    with service(reply(OK)) as target:
        ask = target.get("/")
        samples = Client(target, 1).run([Call(0, ask), Call(1, ask, "x", hear), Call(2, ask)])
    assert samples.interrupted
    assert samples.replies() == 2


def test_at_its_peak_every_connection_is_busy_until_the_time_is_up() -> None:
    with service(reply(OK)) as target:
        samples = at_peak(target, [target.get("/")], 0.2, connections=2)
    assert samples.wall_s >= 0.2
    assert samples.replies() == samples.sent > 20
    assert not samples.errors
