"""The contract of a live store, the same for SQLite and for PostgreSQL."""

from __future__ import annotations

import math
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from routing_service.errors import (
    InvalidSettings,
    StoreCorrupt,
    StoreUnavailable,
    StoreVersion,
)
from routing_service.live.closure import Disc, Line
from routing_service.live.events import Body, ClosureOpened, ClosureRevoked, Event
from routing_service.live.state import LiveState
from routing_service.live.store import LiveStore, open_store
from tests.live_events import AUTHOR, NOON, clock, closure, opened, status
from tests.live_stores import Backend, backend, store
from tests.postgres_server import postgres

__all__ = ["backend", "postgres", "store"]  # fixtures

FORK = multiprocessing.get_context("fork")
PATIENCE_S = 30


def append(store: LiveStore, *bodies: Body) -> list[Event]:
    return [store.append(body, AUTHOR, NOON) for body in bodies]


def state(store: LiveStore) -> LiveState:
    return LiveState.empty().after(*store.read(0))


# --- one process ---------------------------------------------------------------------------
def test_a_new_store_is_empty(store: LiveStore) -> None:
    assert store.read(0) == []
    assert store.wait(0, 0) is False


def test_events_are_numbered_from_one_and_read_back_from_any_version(store: LiveStore) -> None:
    day: list[Body] = [
        opened("ford", clock(10), clock(14)),
        status("NORTH", "divert", expires_at=clock(13), guard=10.0, capability="mt"),
        ClosureRevoked("ford"),
    ]
    written = append(store, *day)
    assert [event.version for event in written] == [1, 2, 3]
    assert [event.body for event in written] == day
    for after in range(4):
        assert store.read(after) == written[after:]


def test_a_store_keeps_its_events_when_it_is_closed_and_opened(backend: Backend) -> None:
    with closing(backend.open()) as store:
        written = append(store, opened("a"), opened("b"))
    with closing(backend.open()) as store:
        assert store.read(0) == written
        assert append(store, opened("c"))[0].version == 3


def test_words_are_kept_to_the_letter(store: LiveStore) -> None:
    reason = "Überflutung'); DROP TABLE hasu_events; -- 🚑 \\ \" %s"
    event = store.append(ClosureOpened(closure("ä", reason=reason)), "Zoë O'Neill", NOON)
    assert store.read(0) == [event]
    assert event.author == "Zoë O'Neill"


def test_the_time_of_an_event_is_kept_to_the_microsecond_and_orders_nothing(
    store: LiveStore,
) -> None:
    """The clock steps back by an hour and a bit."""
    back = NOON - timedelta(hours=1, microseconds=1)
    events = [store.append(opened("a"), AUTHOR, NOON)]
    events.append(store.append(opened("a", expires_at=clock(13)), AUTHOR, back))
    assert [(event.version, event.at) for event in store.read(0)] == [(1, NOON), (2, back)]
    assert state(store).closures["a"].expires_at == clock(13)


def test_what_could_not_be_read_back_is_not_written(store: LiveStore) -> None:
    """It would make the store illegible for good."""
    with pytest.raises(ValueError, match="no such status"):
        append(store, status("NORTH", "shut"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="JSON"):
        append(store, ClosureOpened(closure("a", where=Disc(53.5, -1.5, math.nan))))
    with pytest.raises(ValueError, match="read back"):
        append(store, ClosureOpened(closure("a", where=Line([(-1.5, 53.5)]))))  # type: ignore[arg-type]
    assert [event.version for event in append(store, opened("a"))] == [1]
    assert len(store.read(0)) == 1


# --- several -------------------------------------------------------------------------------
def test_another_process_sees_an_event_that_was_acknowledged(backend: Backend) -> None:
    with closing(backend.open()) as first, closing(backend.open()) as second:
        [event] = append(first, opened("a"))
        assert second.wait(0, 0)
        assert second.read(0) == [event]


def appends(url: str, writer: int, count: int) -> None:
    """Close and open the same road again and again, in a process of its own."""
    with closing(open_store(url)) as store:
        for n in range(count):
            reason = f"writer {writer}, time {n}"
            store.append(ClosureOpened(closure("ford", reason=reason)), f"w{writer}", NOON)
            store.append(ClosureRevoked("ford"), f"w{writer}", NOON)


def test_writers_in_several_processes_never_share_or_skip_a_version(backend: Backend) -> None:
    writers = [FORK.Process(target=appends, args=(backend.url, n, 10)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE_S)
    assert [writer.exitcode for writer in writers] == [0] * 4
    with closing(backend.open()) as store:
        events = store.read(0)
    assert [event.version for event in events] == list(range(1, 81))
    for n in range(4):
        mine = [event.body for event in events if event.author == f"w{n}"]
        reasons = [body.closure.reason for body in mine if isinstance(body, ClosureOpened)]
        assert reasons == [f"writer {n}, time {k}" for k in range(10)]


def test_two_writers_closing_and_opening_one_road_agree_in_the_end(backend: Backend) -> None:
    """Each acknowledged version says how the road stood; the last one stands, for both."""
    with closing(backend.open()) as first, closing(backend.open()) as second:
        turns: list[tuple[LiveStore, Body]] = [(first, opened("ford"))] * 20
        turns += [(second, ClosureRevoked("ford"))] * 20
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda turn: turn[0].append(turn[1], AUTHOR, NOON), turns))
        last = max(done, key=lambda event: event.version)
        assert last.version == 40
        shut = isinstance(last.body, ClosureOpened)
        assert [("ford" in state(store).closures) for store in (first, second)] == [shut, shut]


def test_ten_thousand_closures_are_read_and_folded(backend: Backend) -> None:
    with closing(backend.open()) as store:
        hours = [clock(n % 12, n % 60) for n in range(10_000)]
        backend.fill([opened(f"c{n}", None, hour) for n, hour in enumerate(hours)])
        append(store, ClosureRevoked("c0"))
        day = state(store)
        assert day.version == 10_001
        # All expire before noon, each at its minute; c0 has been revoked.
        assert len(day.in_force(clock(0)).closures) == sum(hour > clock(0) for hour in hours)
        assert len(day.in_force(clock(6)).closures) == sum(hour > clock(6) for hour in hours)
        assert day.in_force(NOON).closures == ()
        assert day.next_change(clock(0)) == min(hour for hour in hours if hour > clock(0))


# --- waiting -------------------------------------------------------------------------------
def test_waiting_ends_when_another_appends(backend: Backend) -> None:
    with closing(backend.open()) as waiter, closing(backend.open()) as writer:
        with ThreadPoolExecutor(1) as pool:
            woken = pool.submit(waiter.wait, 0, PATIENCE_S)
            append(writer, opened("a"))
            assert woken.result(PATIENCE_S)
        assert waiter.wait(1, 0.01) is False


def test_an_event_between_two_waits_is_not_missed(backend: Backend) -> None:
    with closing(backend.open()) as waiter, closing(backend.open()) as writer:
        for version in range(20):
            assert waiter.wait(version, 0) is False
            append(writer, opened("a"))
            assert waiter.wait(version, 0) is True


def test_a_store_that_waits_still_takes_events(store: LiveStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        woken = pool.submit(store.wait, 1, PATIENCE_S)
        append(store, opened("a"))
        assert len(store.read(0)) == 1
        append(store, opened("b"))
        assert woken.result(PATIENCE_S)


def test_closing_ends_a_wait(backend: Backend) -> None:
    store = backend.open()
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        while True:
            store.wait(0, PATIENCE_S)

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(wait)
        waiting.wait(PATIENCE_S)
        store.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            ended.result(PATIENCE_S)
    with pytest.raises(StoreUnavailable, match="closed"):
        append(store, opened("a"))


# --- what is stored is not what was written ------------------------------------------------
TAMPERINGS = {
    "altered": "UPDATE hasu_events SET record = replace(record, 'flood', 'ice') WHERE version = 2",
    "lost in the middle": "DELETE FROM hasu_events WHERE version = 2",
    "lost at the end": "DELETE FROM hasu_events WHERE version = 3",
    "all lost": "DELETE FROM hasu_events",
    "renumbered": "UPDATE hasu_events SET version = 7 WHERE version = 2",
    "head lost": "DELETE FROM hasu_head",
    "head behind": "UPDATE hasu_head SET version = 2",
    "table lost": "DROP TABLE hasu_events",
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_store_that_was_tampered_with_is_never_believed(backend: Backend, what: str) -> None:
    """Neither by a process that has it open nor by one that opens it."""
    with closing(backend.open()) as store:
        append(store, opened("a"), opened("b"), opened("c"))
        backend.execute(TAMPERINGS[what])
        with pytest.raises(StoreCorrupt, match=r"restore|backup"):
            store.read(0)
    with pytest.raises(StoreCorrupt), closing(backend.open()) as store:
        store.read(0)


def test_a_store_put_back_to_an_older_state_is_noticed_by_who_saw_the_newer(
    backend: Backend,
) -> None:
    """The older state is whole in itself: only memory can tell."""
    with closing(backend.open()) as store:
        append(store, opened("a"), opened("b"))
        assert len(store.read(0)) == 2
        backend.execute("DELETE FROM hasu_events", "UPDATE hasu_head SET version = 0")
        backend.fill([opened("a")])
        for after in (0, 1, 2):
            with pytest.raises(StoreCorrupt, match="2 were there before"):
                store.read(after)


def test_a_store_of_a_newer_release_is_refused(backend: Backend) -> None:
    backend.open().close()
    backend.execute(
        "PRAGMA user_version = 99"
        if backend.name == "sqlite"
        else "UPDATE hasu_head SET schema = 99"
    )
    with pytest.raises(StoreVersion, match=r"schema 99.*install the newer release"):
        backend.open()


# --- URLs ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url", ["", "live.db", "sqlite:///", "sqlite://live.db", "mysql://root:secret@host/db"]
)
def test_a_url_that_names_no_store_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidSettings, match="sqlite:///path") as caught:
        open_store(url)
    assert "secret" not in caught.value.detail


def test_a_url_of_postgres_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="URL"):
        open_store("postgresql://host/db?no_such_option=1")
