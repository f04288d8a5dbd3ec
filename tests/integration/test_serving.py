"""The service under load and at its end: nobody waits without bound, nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from routing_service.load.client import Samples
from routing_service.load.runs import Plan, on_schedule
from routing_service.load.wire import read_target
from tests.server_process import Server, serving

ASK = "/v1/conveyance?lat=53.47&lon=-1.5"
SLOWLY = "/v1/conveyance?lon=-1.5&lat=53.47"  # not in the order that the short way takes


def address(server: Server) -> tuple[str, int]:
    url = httpx.URL(server.url)
    return url.host, url.port or 80


def workers(server: Server) -> list[int]:
    pid = server.process.pid
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it comes true in time."""
    end_s = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def under_load(server: Server, path: str, plan: Plan) -> Iterator[list[Samples]]:
    """A load in the background; what it saw is in the list when the block has ended."""
    target = read_target(server.url)
    seen: list[Samples] = []
    thread = threading.Thread(
        target=lambda: seen.append(on_schedule(target, [target.get(path)], plan))
    )
    thread.start()
    try:
        yield seen
    finally:
        thread.join()


def statuses(samples: Samples) -> dict[int, int]:
    return {status: len(series.due_us) for (_, status), series in samples.series.items()}


# --- the end -------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [ASK, SLOWLY], ids=["at once", "by the application"])
def test_workers_that_are_stopped_one_by_one_lose_no_request(tmp_path: Path, path: str) -> None:
    plan = Plan(150.0, 6.0, connections=16, timeout_s=30.0)
    with serving(tmp_path, "--workers", "2") as server:
        assert eventually(lambda: len(workers(server)) == 2)
        with under_load(server, path, plan) as seen:
            for old in workers(server):
                time.sleep(0.5)
                os.kill(old, signal.SIGTERM)
                # Its place is taken before the next one goes.
                assert eventually(lambda old=old: old not in workers(server))  # type: ignore[misc]
                assert eventually(lambda: len(workers(server)) == 2)
        assert (statuses(seen[0]), dict(seen[0].errors)) == ({200: 900}, {})
        assert server.stop() == 0


def test_a_stop_breaks_off_no_request_that_was_taken(tmp_path: Path) -> None:
    plan = Plan(150.0, 4.0, connections=8, timeout_s=8.0)
    with serving(tmp_path, "--workers", "2") as server:
        assert eventually(lambda: len(workers(server)) == 2)
        with under_load(server, ASK, plan) as seen:
            time.sleep(1.5)
            assert server.stop() == 0
    # Once it has gone nobody can connect, so requests stay unsent; none was sent and not answered.
    assert set(statuses(seen[0])) == {200}
    assert {why for _, why in seen[0].errors} <= {"unsent"}


def test_while_it_drains_it_says_not_ready_and_goes_on_answering(tmp_path: Path) -> None:
    with serving(tmp_path, "--drain-seconds", "600") as server:
        assert server.http.get(ASK).status_code == 200  # it has begun
        server.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: server.http.get("/readyz").status_code == 503)
        going = server.http.get("/readyz")
        assert (going.json()["code"], going.headers["retry-after"]) == ("not_ready", "1")
        reply = server.http.get(ASK)
        assert (reply.status_code, reply.headers["connection"]) == (200, "close")
        assert server.http.get("/healthz").status_code == 200
        # A second signal does not wait for the rest of the ten minutes.
        assert server.stop() == 0


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        assert eventually(lambda: len(workers(server)) == 2)
        fallen = workers(server)[0]
        os.kill(fallen, signal.SIGKILL)
        assert eventually(lambda: len(workers(server)) == 2 and fallen not in workers(server))
        for _ in range(20):
            assert httpx.get(server.url + ASK, trust_env=False).status_code == 200
        assert server.stop() == 0
    assert f"worker {fallen} ended with -9; starting another" in server.output


# --- too much ------------------------------------------------------------------------------
def test_connections_beyond_the_limit_are_told_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path, "--max-connections", "4") as server:
        held = [socket.create_connection(address(server)) for _ in range(4)]
        reply = httpx.get(server.url + ASK, trust_env=False)
        assert (reply.status_code, reply.json()["code"]) == (503, "busy")
        assert reply.headers["retry-after"] == "1"
        assert reply.headers["connection"] == "close"
        assert httpx.get(server.url + "/healthz", trust_env=False).status_code == 200
        # They hold their places without need, so they lose them.
        assert eventually(lambda: httpx.get(server.url + ASK, trust_env=False).status_code == 200)
        for connection in held:
            connection.close()


def test_what_has_waited_too_long_is_refused_at_once_and_the_plain_question_is_not(
    tmp_path: Path,
) -> None:
    # One millisecond is what few get to wait: beyond it, everything is shed.
    with serving(tmp_path, "--shed-after-ms", "1") as server:
        hard = Plan(2000.0, 1.0, connections=256, timeout_s=60.0)
        with under_load(server, SLOWLY, hard) as slow:
            pass
        with under_load(server, ASK, hard) as plain:
            pass
    assert set(statuses(slow[0])) == {200, 503}
    assert set(statuses(plain[0])) == {200}
    assert not slow[0].errors
    assert not plain[0].errors


def test_large_requests_beyond_a_few_are_refused_and_decisions_are_not(tmp_path: Path) -> None:
    locations = [{"lat": 53.41 + n / 60_000, "lon": -1.5} for n in range(10_000)]
    with serving(tmp_path) as server, ThreadPoolExecutor(12) as pool:

        def ask(_: int) -> int:
            body = {"locations": locations}
            url = f"{server.url}/v1/matrix"
            return httpx.post(url, json=body, trust_env=False, timeout=120).status_code

        matrices = pool.map(ask, range(12))
        assert {server.http.get(ASK).status_code for _ in range(50)} == {200}
        codes = list(matrices)
    assert set(codes) == {200, 503}
    assert codes.count(200) >= 5  # one that runs and four that wait


# --- slow clients --------------------------------------------------------------------------
def test_a_head_without_end_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as server, socket.create_connection(address(server)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: hasu\r\n")
        connection.settimeout(30)
        line = b"X-Padding: " + b"x" * 1000 + b"\r\n"
        # Reset or broken pipe, as the race goes.
        with pytest.raises((ConnectionError, TimeoutError)):
            connection.sendall(line * 10_000)
        assert server.http.get("/healthz").status_code == 200


def test_who_does_not_finish_a_request_is_given_up_while_others_are_answered(
    tmp_path: Path,
) -> None:
    # Few connections are allowed, so patience is short: 2 s.
    with serving(tmp_path, "--max-connections", "8") as server:
        slow = [socket.create_connection(address(server)) for _ in range(7)]
        for connection in slow:
            connection.sendall(b"POST /v1/conveyance HTTP/1.1\r\nHost: h\r\nContent-Le")
            connection.settimeout(30)
        assert server.http.get(ASK).status_code == 200
        ends = [connection.recv(4096) for connection in slow]
        for connection in slow:
            connection.close()
    assert all(end.startswith(b"HTTP/1.1 408 Request Timeout") for end in ends)


# --- memory --------------------------------------------------------------------------------
@pytest.mark.skipif(sys.platform != "linux", reason="private memory is read from /proc")
def test_each_worker_holds_less_than_40_mb_of_its_own(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        assert eventually(lambda: len(workers(server)) == 2)
        for _ in range(200):
            assert httpx.get(server.url + ASK, trust_env=False).status_code == 200
        assert httpx.get(server.url + SLOWLY, trust_env=False).status_code == 200
        for pid in workers(server):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kb = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
            assert kb < 40 * 1024, f"{kb / 1024:.1f} MB"
        assert server.stop() == 0
