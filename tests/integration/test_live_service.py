"""The live state of a real service with two workers: every reply is of exactly one state."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from routing_service.api.keys import ROLES, new_key
from routing_service.cli import main
from tests.live_scene import FLOOD
from tests.server_process import Server, serving
from tests.workers import Connection, connect_to_each

HERE = "/v1/conveyance?lat=53.47&lon=-1.5"
ROUNDS = 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    store = f"sqlite:///{tmp_path}/live.db"
    with serving(tmp_path, "--workers", "2", "--store", store) as running:
        yield running


def each_worker(server: Server) -> list[Connection]:
    url = urlsplit(server.url)
    return connect_to_each(server.process.pid, str(url.hostname), int(url.port or 80), 2)


def answer(body: dict[str, Any]) -> tuple[object, ...]:
    """What a decision says, without what differs from call to call."""
    rows = [(row["ods_code"], row["minutes"], row["status"]) for row in body["ranking"]]
    return (body["destination"] and body["destination"]["ods_code"], *rows)


class Asking(threading.Thread):
    """Asks one worker without a pause, and keeps what was said of each state."""

    def __init__(self, connection: Connection, stop: threading.Event) -> None:
        super().__init__()
        self.connection, self.stop = connection, stop
        self.said: dict[int, set[tuple[object, ...]]] = {}
        self.went_back = False
        self.start()

    def run(self) -> None:
        newest = 0
        while not self.stop.is_set():
            status, body = self.connection.ask("GET", HERE)
            assert status == 200, body
            version = body["state_version"]
            self.went_back |= version < newest
            newest = version
            self.said.setdefault(version, set()).add(answer(body))


def test_in_a_storm_each_reply_is_the_answer_of_the_state_that_it_names(server: Server) -> None:
    writers, readers = each_worker(server), each_worker(server)
    free = answer(writers[0].ask("GET", HERE)[1])
    stop = threading.Event()
    asking = [Asking(reader, stop) for reader in readers]
    expected = {0: free}
    for n in range(ROUNDS):
        # One worker closes the way to NORTH and diverts SOUTH, the other takes it back.
        one, other = writers[n % 2], writers[(n + 1) % 2]
        status, opened = one.ask("POST", "/v1/closures", {**FLOOD, "id": f"c{n}"})
        assert status == 201
        expected[opened["state_version"]] = shut(free)
        divert = {"status": "divert", "reason": "full", "author": "me"}
        status, changed = other.ask("PUT", "/v1/units/SOUTH/status", divert)
        assert status == 200
        expected[changed["state_version"]] = diverted(shut(free))
        status, revoked = other.ask("DELETE", f"/v1/closures/c{n}")
        assert status == 200
        expected[revoked["state_version"]] = diverted(free)
        _, changed = one.ask(
            "PUT", "/v1/units/SOUTH/status", {**divert, "status": "open", "reason": "over"}
        )
        expected[changed["state_version"]] = free
    stop.set()
    for each in asking:
        each.join()
        assert not each.went_back
        assert len(each.said) > ROUNDS
        for version, answers in each.said.items():
            assert answers == {expected[version]}, version
    assert sorted(expected) == list(range(4 * ROUNDS + 1))


def shut(free: tuple[Any, ...]) -> tuple[object, ...]:
    """The answer while there is no way to NORTH, which then is last."""
    rows = [
        (code, None if code == "NORTH" else minutes, status) for code, minutes, status in free[1:]
    ]
    return (free[0], *rows)


def diverted(before: tuple[Any, ...]) -> tuple[object, ...]:
    """The answer while SOUTH is on divert: NORTH, if there is a way."""
    rows = [
        (code, minutes, "divert" if code == "SOUTH" else status)
        for code, minutes, status in before[1:]
    ]
    to_north = any(code == "NORTH" and minutes is not None for code, minutes, _ in rows)
    return ("NORTH" if to_north else None, *rows)


def test_what_was_acknowledged_outlives_the_service_and_the_command_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"sqlite:///{tmp_path}/live.db"
    with serving(tmp_path, "--workers", "2", "--store", store) as first:
        reply = first.http.post("/v1/closures", json={**FLOOD, "id": "flood"})
        assert reply.status_code == 201
        assert main(["state", "closures", "--url", first.url]) == 0
        over_http = capsys.readouterr().out
        for worker in each_worker(first):
            assert worker.version(f"{HERE}&min_state_version=1") == 1
        first.process.kill()
    graph = str(tmp_path / "scene.graph")
    assert main(["state", "closures", "--store", store, "--graph", graph]) == 0
    assert capsys.readouterr().out == over_http
    assert "flood" in over_http
    assert "A61" in over_http
    with serving(tmp_path, "--workers", "2", "--store", store) as second:
        for worker in each_worker(second):
            _, body = worker.ask("GET", HERE)
            assert (body["state_version"], body["ranking"][-1]["minutes"]) == (1, None)
            assert worker.ask("GET", "/readyz")[0] == 200
        assert main(["state", "units", "--url", second.url]) == 0
        assert "South Royal" in capsys.readouterr().out


def test_keys_hold_on_every_lane_of_a_real_service(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    given: dict[str, str] = {}
    for role in ROLES:
        given[role], key = new_key(role, role)
        with keys.open("a") as file:
            file.write(key.as_toml())
    options = ("--api-keys-file", str(keys), "--store", f"sqlite:///{tmp_path}/live.db")
    with serving(tmp_path, *options) as server:
        plain = HERE + "0"  # the plain question, which is answered before all else
        for who, headers in (
            (None, {}),
            (None, {"Authorization": "Bearer nobody"}),
            *((role, {"Authorization": f"Bearer {text}"}) for role, text in given.items()),
        ):
            assert server.http.get("/healthz", headers=headers).status_code == 200
            asked = server.http.get(plain, headers=headers).status_code
            assert asked == (200 if who else 401)
            written = server.http.post("/v1/closures", json=FLOOD, headers=headers).status_code
            assert written == {None: 401, "dispatch": 403, "controller": 201}[who]
        # A key that is taken out of the file ends at once.
        keys.write_text(keys.read_text().rpartition("[[key]]")[0])
        headers = {"Authorization": f"Bearer {given['controller']}"}
        assert server.http.get(plain, headers=headers).status_code == 401
        assert server.stop() == 0
    assert "Open:" not in server.output


def test_without_keys_it_says_that_it_is_open_and_refuses_other_addresses(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.stop()
    assert "Open: no keys are in force" in server.output
    with (
        pytest.raises(AssertionError, match="can be reached from other machines"),
        serving(tmp_path, "--host", "0.0.0.0"),
    ):
        pass
