"""One worker and its store: what is published when, and what happens when the store is gone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from routing_service.api.app import create_app
from routing_service.errors import NotReady, StateBehind, StoreUnavailable
from routing_service.live import follower as module
from routing_service.live.closure import Closure
from routing_service.live.engine import Engine
from routing_service.live.events import Body, ClosureOpened, ClosureRevoked, Event
from routing_service.live.follower import Follower
from routing_service.live.snapshot import Snapshot
from routing_service.live.sqlite import SqliteStore
from tests import api_scene
from tests.api_scene import Client
from tests.live_scene import FLOOD, MORNING, Clock, working

PATIENCE_S = 20.0


def wait_until(true: Callable[[], object]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.005)


class Failing:
    """A store that can be made to fail and to recover."""

    def __init__(self, path: Path) -> None:
        self.store = SqliteStore(path)
        self.broken = threading.Event()

    def _check(self) -> None:
        if self.broken.is_set():
            raise StoreUnavailable("the disk has gone")

    def append(self, body: Body, author: str, at: datetime) -> Event:
        self._check()
        return self.store.append(body, author, at)

    def read(self, after: int) -> list[Event]:
        self._check()
        return self.store.read(after)

    def wait(self, after: int, timeout_s: float) -> bool:
        self._check()
        return self.store.wait(after, min(timeout_s, 0.02))

    def close(self) -> None:
        self.store.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notice a loss within moments instead of seconds."""
    monkeypatch.setattr(module, "STALE_AFTER_S", 0.05)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "START_PATIENCE_S", 0.2)


def base() -> Snapshot:
    return Snapshot(api_scene.graph(), api_scene.GRAPH_ID)


# --- time ----------------------------------------------------------------------------------
def test_what_starts_and_ends_does_so_on_time_without_an_event(tmp_path: Path) -> None:
    clock = Clock()
    with working(tmp_path / "live.db", clock) as worker:
        free = worker.minutes("NORTH")
        times = {"starts_at": "2026-11-22T11:00:00Z", "expires_at": "2099-11-22T12:00:00Z"}
        assert worker.api.post("/v1/closures", json={**FLOOD, **times}).status_code == 201
        assert worker.api.get("/v1/state").json()["next_change"] == times["starts_at"]
        assert worker.minutes("NORTH") == free  # it is ten
        clock.pass_(hours=1)
        wait_until(lambda: worker.minutes("NORTH") is None)  # nobody told the thread
        assert worker.decide()["state_version"] == 1
        clock.moment = datetime.fromisoformat(times["expires_at"])
        wait_until(lambda: worker.minutes("NORTH") == free)
        assert worker.decide()["state_version"] == 1
        assert worker.api.get("/v1/closures").json()["closures"] == []


def test_a_clock_that_steps_back_brings_back_what_holds_then(tmp_path: Path) -> None:
    clock = Clock()
    with working(tmp_path / "live.db", clock) as worker:
        until = {"expires_at": "2099-11-22T12:00:00Z"}
        worker.api.post("/v1/closures", json={**FLOOD, **until})
        clock.moment = datetime.fromisoformat("2099-11-22T12:00:00Z")
        wait_until(lambda: worker.minutes("NORTH") is not None)
        clock.moment = MORNING
        wait_until(lambda: worker.minutes("NORTH") is None)


# --- several workers -----------------------------------------------------------------------
def test_another_worker_answers_by_an_event_and_the_one_that_wrote_it_at_once(
    tmp_path: Path,
) -> None:
    with working(tmp_path / "live.db") as one, working(tmp_path / "live.db") as other:
        version = one.api.post("/v1/closures", json=FLOOD).json()["state_version"]
        assert one.minutes("NORTH") is None
        assert other.decide(min_state_version=version)["state_version"] == version
        assert other.minutes("NORTH") is None


def test_a_worker_that_starts_late_catches_up_before_it_answers(tmp_path: Path) -> None:
    with working(tmp_path / "live.db") as one:
        one.api.post("/v1/closures", json=FLOOD)
    with working(tmp_path / "live.db") as late:
        assert late.decide()["state_version"] == 1
        assert late.minutes("NORTH") is None


def test_a_closure_of_another_map_is_counted_and_stops_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "live.db")
    elsewhere = {"id": "x", "reason": "flood", "author": "me", "source": "api", "way": 4711}
    store.append(ClosureOpened(Closure.from_json(elsewhere)), "me", MORNING)
    store.close()
    with working(tmp_path / "live.db") as worker:
        state = worker.api.get("/v1/state").json()
        assert state["closures"] == {"in_force": 1, "to_come": 0, "not_placed": 1}
        (closure,) = worker.api.get("/v1/closures").json()["closures"]
        assert (closure["edges"], closure["roads"]) == (0, [])
        decision = worker.decide()
        assert decision["ranking"][1]["minutes"] is not None
        assert "closure_not_placed" in decision["flags"]


# --- without the store ---------------------------------------------------------------------
@pytest.mark.usefixtures("quick")
def test_without_its_store_a_worker_goes_on_and_then_says_it_is_not_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Failing(tmp_path / "live.db")
    engine = Engine(base())
    following = Follower(engine, engine.snapshot, lambda: store, Clock(), stale_limit_s=0.5)
    api = Client(create_app(engine, following))
    following.start()
    try:
        assert api.post("/v1/closures", json={**FLOOD, "id": "c"}).status_code == 201
        assert api.get("/readyz").status_code == 200
        with caplog.at_level(logging.WARNING):
            store.broken.set()
            here = "/v1/conveyance?lat=53.47&lon=-1.5"
            wait_until(lambda: "stale_state" in api.get(here).json()["flags"])
            stale = api.get(here).json()
            # The road is still shut, and the reply says how old that is.
            assert stale["ranking"][-1]["minutes"] is None
            assert stale["state_age_seconds"] >= 0.0
            refused = api.send("DELETE", "/v1/closures/c")
            assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
            wait_until(lambda: api.get("/readyz").status_code == 503)
            assert api.get("/readyz").json()["code"] == "not_ready"
            assert api.get(here).status_code == 200
            assert len(caplog.records) == 1  # told once
            store.broken.clear()
            wait_until(lambda: "stale_state" not in api.get(here).json()["flags"])
        assert api.get("/readyz").status_code == 200
        assert api.send("DELETE", "/v1/closures/c").status_code == 200
        assert "state_age_seconds" not in api.get(here).json()
    finally:
        following.stop()


@pytest.mark.usefixtures("quick")
def test_before_the_state_was_read_nothing_is_decided(tmp_path: Path) -> None:
    tries = []

    def open_store() -> SqliteStore:
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnavailable("not yet")
        return SqliteStore(tmp_path / "live.db")

    engine = Engine(base())
    snapshot = engine.snapshot
    engine.withdraw()
    following = Follower(engine, snapshot, open_store, Clock())
    with pytest.raises(NotReady):
        _ = engine.snapshot
    assert not following.ready
    following.start()
    try:
        wait_until(lambda: following.ready)
        assert engine.snapshot.state_version == 0
    finally:
        following.stop()


@pytest.mark.usefixtures("quick")
def test_a_fault_while_following_does_not_end_the_thread(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with working(tmp_path / "live.db") as worker:
        view = worker.follower.view
        with pytest.MonkeyPatch.context() as patch:

            def fault(*_: object) -> None:
                raise ZeroDivisionError

            patch.setattr(type(view), "after", fault)
            patch.setattr(module, "APPLY_PATIENCE_S", 0.1)
            with caplog.at_level(logging.ERROR), pytest.raises(StateBehind):
                worker.follower.append(ClosureRevoked("x"), "me")
        # The event is on record, and in effect as soon as it can be.
        wait_until(lambda: worker.decide()["state_version"] == 1)
        assert "ZeroDivisionError" in caplog.text
