"""The service as an operator starts it: a process, a socket, signals, and what it prints."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from routing_service.api.routes import MAX_LOCATION_BYTES
from tests import api_scene
from tests.server_process import Server, serving

HERE = {"lat": 53.47, "lon": -1.5}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


def findings(reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    body = dict(reply.json())
    del body["decision_id"], body["computed_at"], body["graph_id"], body["state_version"]
    return body


def test_it_answers_as_the_application_does_in_process(server: Server) -> None:
    here = api_scene.client().get("/v1/conveyance?lat=53.47&lon=-1.5")
    over_http = findings(server.http.get("/v1/conveyance", params=HERE))
    assert over_http == findings(here)
    assert over_http == findings(server.http.post("/v1/conveyance", json=HERE))


def test_every_reply_names_the_graph_of_the_file(server: Server) -> None:
    ready = server.http.get("/readyz").json()
    decision = server.http.get("/v1/conveyance", params=HERE).json()
    assert decision["graph_id"] == ready["graph_id"]
    assert len(ready["graph_id"]) >= 16


def test_ids_rise_with_time(server: Server) -> None:
    ids = [server.http.get("/v1/conveyance", params=HERE).json()["decision_id"] for _ in range(20)]
    # Within one millisecond chance decides, so only the time part is compared.
    assert [one[:13] for one in ids] == sorted(one[:13] for one in ids)
    assert len(set(ids)) == 20


def test_many_clients_at_once_get_their_own_answers(server: Server) -> None:
    lats = [53.41 + n / 1_000 for n in range(180)]

    def ask(lat: float) -> float:
        reply = server.http.get("/v1/route", params={"lat": lat, "lon": -1.5, "unit": "NORTH"})
        return float(reply.json()["minutes"])

    with ThreadPoolExecutor(8) as pool:
        minutes = list(pool.map(ask, lats))
    assert minutes == sorted(minutes, reverse=True)  # each further north than the one before


def test_single_decisions_are_answered_while_a_large_matrix_runs(server: Server) -> None:
    locations = [{"lat": 53.41 + n / 60_000, "lon": -1.5} for n in range(10_000)]
    with ThreadPoolExecutor(1) as pool:
        matrix = pool.submit(server.http.post, "/v1/matrix", json={"locations": locations})
        asked = 0
        while not matrix.done():
            assert server.http.get("/v1/conveyance", params=HERE).status_code == 200
            asked += 1
        results = matrix.result().json()["results"]
    assert asked >= 1
    assert len(results) == 10_000
    # 53.41 is SOUTH's, 53.5767 is NORTH's, and it changes once on the way.
    order = [row["destination"]["ods_code"] for row in results]
    assert order == sorted(order, reverse=True)
    assert set(order) == {"NORTH", "SOUTH"}


def test_a_body_that_never_ends_is_refused(server: Server) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10 * MAX_LOCATION_BYTES // 1_024):
            yield b" " * 1_024

    # An own connection: the server closes it, as half the body is still to come.
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        headers = {"Content-Type": "application/json"}
        reply = http.post("/v1/conveyance", content=endless(), headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")


def test_a_client_that_leaves_in_the_middle_does_no_harm(server: Server) -> None:
    url = httpx.URL(server.url)
    for _ in range(5):
        with socket.create_connection((url.host, url.port or 80)) as connection:
            connection.sendall(
                b"POST /v1/conveyance HTTP/1.1\r\nHost: hasu\r\n"
                b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
    assert server.http.get("/healthz").json() == {"status": "ok"}
    assert "fault" not in server.output


def test_several_workers_give_one_answer(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as two:

        def ask(_: int) -> dict[str, Any]:
            # A connection each, so that both processes are met.
            return findings(httpx.get(f"{two.url}/v1/conveyance", params=HERE, trust_env=False))

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(40)))
        assert all(answer == answers[0] for answer in answers)
        assert two.stop() == 0


def test_it_prints_no_coordinate_and_ends_when_asked(tmp_path: Path) -> None:
    with serving(tmp_path) as quiet:
        quiet.http.get("/v1/conveyance?lat=53.471234&lon=-1.5")
        quiet.http.get("/v1/conveyance?lat=-1.5&lon=53.471234")
        quiet.http.post("/v1/conveyance", json={"lat": 53.471234, "lon": -1.5, "colour": "red"})
        quiet.http.get("/v1/route?lat=53.471234&lon=-1.5&unit=NORTH")
        assert quiet.stop() == 0
    assert "53.471234" not in quiet.output
    assert "colour" not in quiet.output
