"""What may befall a store in PostgreSQL, really done: kills, a slow server, a cut network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from random import Random

import psycopg
import pytest

from routing_service.errors import StoreUnavailable
from routing_service.live import postgres_link
from routing_service.live.events import Event
from routing_service.live.postgres_link import Backoff
from routing_service.live.store import LiveStore, open_store
from tests.live_events import AUTHOR, NOON
from tests.live_stores import postgres_backend
from tests.postgres_server import PostgresServer, postgres, postgres_server
from tests.tcp_proxy import TcpProxy, free_port, tcp_proxy
from tests.victims import Acknowledged, body, kill_while_appending

__all__ = ["postgres"]  # a fixture

SEED = 20261122
PATIENCE_S = 60


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits as ever, but shorter, so that tests do not wait for long."""
    monkeypatch.setattr(postgres_link, "CONNECT_S", 2)
    monkeypatch.setattr(postgres_link, "LOCK_S", 0.3)
    monkeypatch.setattr(postgres_link, "STATEMENT_S", 0.6)
    monkeypatch.setattr(postgres_link, "ANSWER_S", 1.0)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """An empty database on the server that all share."""
    return postgres_backend(postgres).url


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    """A server that may be killed."""
    with postgres_server() as server:
        yield server


def append(store: LiveStore, number: int = 0) -> Event:
    return store.append(body(number), AUTHOR, NOON)


def append_when_possible(store: LiveStore) -> Event:
    """Append as soon as the store can be reached again."""
    for _ in range(100):
        try:
            return append(store)
        except StoreUnavailable:
            continue
    raise AssertionError("the store did not come back")


def check_kept(events: list[Event], told: list[Acknowledged]) -> None:
    """Versions follow, and every event that was acknowledged is there as it was sent."""
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    for acknowledged in told:
        assert events[acknowledged.version - 1].body == body(acknowledged.number)


def all_fail(store: LiveStore) -> None:
    """Nothing hangs and nothing is made up: each way to use the store is an error."""
    for use in (lambda: append(store), lambda: store.read(0), lambda: store.wait(0, 5)):
        with pytest.raises(StoreUnavailable):
            use()


# --- killed --------------------------------------------------------------------------------
def test_nothing_acknowledged_is_lost_when_writers_are_killed(url: str) -> None:
    random = Random(SEED)
    told: list[Acknowledged] = []
    for kill in range(60):
        appends = random.choice([-1, 0, 1, 2])
        told += kill_while_appending(url, 1000 * kill, appends, random.uniform(0, 0.01))
    with closing(open_store(url)) as store:
        last = append(store, 7)
        events = store.read(0)
    check_kept(events, told)
    assert len(told) >= 30
    assert events[-1] == last


class Writer:
    """Appends from a thread, whatever happens, and remembers what was acknowledged."""

    def __init__(self, url: str, first_number: int) -> None:
        self.told: list[Acknowledged] = []
        self.refused = 0
        self._number = first_number
        self._store = open_store(url)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(PATIENCE_S)
        self._store.close()

    def _run(self) -> None:
        while not self._ended.wait(0.002):
            self._number += 1
            try:
                version = append(self._store, self._number).version
                self.told.append(Acknowledged(version, self._number))
            except StoreUnavailable:
                self.refused += 1
                self._ended.wait(0.05)


@contextmanager
def writers(url: str) -> Iterator[list[Writer]]:
    """Two that append until the block ends."""
    both = [Writer(url, 1_000_000 * n) for n in (1, 2)]
    try:
        yield both
    finally:
        for writer in both:
            writer.end()


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(own: PostgresServer) -> None:
    """Time and again, under two writers, who go on by themselves when it is back."""
    url = postgres_backend(own).url
    with writers(url) as both:
        for _ in range(8):
            until_both_append(both)
            own.kill()
            own.start()
        until_both_append(both)
    with closing(open_store(url)) as store:
        check_kept(store.read(0), both[0].told + both[1].told)
    assert all(writer.refused for writer in both)


def until_both_append(both: list[Writer]) -> None:
    goals = [len(writer.told) + 5 for writer in both]
    until(lambda: all(len(w.told) >= goal for w, goal in zip(both, goals, strict=True)))


def until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_S * 100):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_a_wait_goes_on_by_itself_when_the_server_is_back(own: PostgresServer) -> None:
    url = postgres_backend(own).url
    with closing(open_store(url)) as waiter, closing(open_store(url)) as writer:
        assert waiter.wait(0, 0) is False
        own.kill()
        all_fail(waiter)
        own.start()
        with ThreadPoolExecutor(1) as pool:
            woken = pool.submit(wait_through_errors, waiter)
            append_when_possible(writer)
            assert woken.result(PATIENCE_S)
        assert len(waiter.read(0)) == 1


def wait_through_errors(store: LiveStore) -> bool:
    while True:
        try:
            return store.wait(0, PATIENCE_S)
        except StoreUnavailable:
            continue


def test_attempts_to_come_back_get_rarer_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(postgres_link, "sleep", pauses.append)
    backoff = Backoff()
    for _ in range(8):
        backoff.pause(60)
        backoff.failed()
    backoff.pause(0.5)
    backoff.succeeded()
    backoff.pause(60)
    assert pauses == [0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 0.5, 0]


def test_a_server_that_is_not_there_is_an_error_without_the_password() -> None:
    with pytest.raises(StoreUnavailable, match="refused") as caught:
        open_store(f"postgresql://hasu:secret@127.0.0.1:{free_port()}/live")
    assert "secret" not in caught.value.detail
    assert "host=127.0.0.1" in caught.value.detail


# --- slow ----------------------------------------------------------------------------------
def test_an_append_behind_a_lock_that_stays_is_an_error_and_not_a_hang(url: str) -> None:
    with closing(open_store(url)) as store:
        append(store)
        with psycopg.connect(url) as other:  # a transaction, until the block ends
            other.execute("SELECT * FROM hasu_head FOR UPDATE")
            with pytest.raises(StoreUnavailable, match="lock timeout"):
                append(store)
            assert len(store.read(0)) == 1
            assert not store.wait(1, 0)
        assert append(store).version == 2


def test_a_statement_that_takes_too_long_is_ended_by_the_server(url: str) -> None:
    with closing(open_store(url)) as store:
        append(store)
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$"
            )
            other.execute("CREATE TRIGGER slow BEFORE INSERT ON hasu_events EXECUTE FUNCTION nap()")
            with pytest.raises(StoreUnavailable, match="statement timeout"):
                append(store)
            other.execute("DROP TRIGGER slow ON hasu_events")
        assert append(store).version == 2  # the one that was ended left no gap


def test_a_server_that_stands_still_is_an_error_and_then_goes_on(own: PostgresServer) -> None:
    url = postgres_backend(own).url
    with closing(open_store(url)) as store:
        append(store, 1)
        with own.frozen():
            all_fail(store)
        append_when_possible(store)
        events = store.read(0)
    # What was sent while it stood still may have been kept; it had not been acknowledged.
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert events[0].body == body(1)


# --- cut off -------------------------------------------------------------------------------
@pytest.fixture
def network(postgres: PostgresServer) -> Iterator[TcpProxy]:
    with tcp_proxy(postgres.port) as proxy:
        yield proxy


def through(network: TcpProxy, postgres: PostgresServer) -> str:
    """The URL of an empty database on the far side."""
    return postgres_backend(postgres).url.replace(str(postgres.port), str(network.port))


def test_a_network_that_swallows_everything_is_an_error_and_then_goes_on(
    postgres: PostgresServer, network: TcpProxy
) -> None:
    """Neither side is told: the connections that stand look whole, new ones are never answered."""
    with closing(open_store(through(network, postgres))) as store:
        append(store, 1)
        assert store.wait(0, 0)
        with network.cut():
            all_fail(store)
            with pytest.raises(StoreUnavailable):
                append(store)
        append_when_possible(store)
        events = store.read(0)
        assert store.wait(len(events) - 1, 0)
    assert [event.version for event in events] == list(range(1, len(events) + 1))


def test_one_that_listens_notices_that_it_was_cut_off(
    postgres: PostgresServer, network: TcpProxy
) -> None:
    """Nothing comes in a quiet hour either, so it asks every now and then."""
    with closing(open_store(through(network, postgres))) as store:
        store.wait(0, 0)
        with ThreadPoolExecutor(1) as pool:
            listening = pool.submit(store.wait, 0, PATIENCE_S)
            with network.cut(), pytest.raises(StoreUnavailable):
                listening.result(PATIENCE_S)


def test_one_cut_off_leaves_nothing_that_holds_up_the_others(
    postgres: PostgresServer, network: TcpProxy
) -> None:
    far = through(network, postgres)
    near = far.replace(str(network.port), str(postgres.port))
    with closing(open_store(far)) as lost, closing(open_store(near)) as other:
        append(lost)
        with network.cut():
            with pytest.raises(StoreUnavailable):
                append(lost)
            first = append(other).version
            assert append(other).version == first + 1


# --- a standby -----------------------------------------------------------------------------
@pytest.fixture
def pair() -> Iterator[tuple[PostgresServer, PostgresServer, TcpProxy]]:
    """A server whose commits wait for its standby, the standby, and the network between them."""
    with postgres_server() as primary, tcp_proxy(primary.port) as network:
        standby = primary.copy(primary.folder.parent / "standby", network.port)
        standby.start()
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        primary.execute("SELECT pg_reload_conf()")
        try:
            yield primary, standby, network
        finally:
            standby.kill()


def test_an_event_that_the_standby_has_not_is_not_acknowledged(
    pair: tuple[PostgresServer, PostgresServer, TcpProxy],
) -> None:
    primary, standby, network = pair
    with closing(open_store(primary.url())) as store:
        append_when_possible(store)
        with network.cut(), pytest.raises(StoreUnavailable):
            append(store)
        assert append_when_possible(store).version == len(store.read(0))
        events = store.read(0)
    with closing(open_store(standby.url())) as copy:
        assert copy.read(0) == events
        with pytest.raises(StoreUnavailable, match="read-only transaction"):
            append(copy)


def test_nothing_acknowledged_is_lost_when_the_standby_takes_over(
    pair: tuple[PostgresServer, PostgresServer, TcpProxy],
) -> None:
    """The store's URL names both; the network between them fails, then the primary dies."""
    primary, standby, network = pair
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
    with closing(open_store(url)) as store:
        with writers(url) as both:
            until_both_append(both)
            with network.cut():
                until(lambda: all(writer.refused for writer in both))
                primary.kill()
                standby.promote()
                until_both_append(both)
        events = store.read(0)
    check_kept(events, both[0].told + both[1].told)


# --- durable -------------------------------------------------------------------------------
def test_a_server_set_to_forget_is_told_not_to(postgres: PostgresServer) -> None:
    """Otherwise a crash of the server could lose what was acknowledged."""
    url = postgres_backend(postgres).url
    database = url.rpartition("/")[2]
    for set_to, used in [("off", "on"), ("remote_apply", "remote_apply")]:
        postgres.execute(f"ALTER DATABASE {database} SET synchronous_commit = {set_to}")
        link = postgres_link.Link(url)
        with link.use() as connection:
            assert connection.execute("SHOW synchronous_commit").fetchone() == (used,)
        link.close()
