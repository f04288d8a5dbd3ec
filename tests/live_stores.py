"""Both kinds of live store for one test, with a back door to what is in them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from routing_service.live.chain import GENESIS, link, to_record
from routing_service.live.events import Body
from routing_service.live.store import LiveStore, open_store
from tests.live_events import AUTHOR, NOON
from tests.postgres_server import PostgresServer

BACKENDS = ("sqlite", "postgres")
numbers = itertools.count(1)


@dataclass(frozen=True)
class Backend:
    """A store of its own for one test: how it is opened, and SQL behind its back."""

    name: str
    url: str
    execute: Callable[..., None]

    def open(self) -> LiveStore:
        return open_store(self.url)

    def fill(self, bodies: list[Body]) -> None:
        """Write many events in one go, as if they had been appended; the store must be empty."""
        tip = GENESIS
        values = []
        for body in bodies:
            record = to_record(body, AUTHOR, NOON)
            tip = (tip[0] + 1, link(tip[1], record))
            values.append(f"({tip[0]}, '{record}', {self.blob(tip[1])})")
        self.execute(
            f"INSERT INTO hasu_events VALUES {', '.join(values)}",
            f"UPDATE hasu_head SET version = {tip[0]}, digest = {self.blob(tip[1])}",
        )

    def blob(self, value: bytes) -> str:
        return f"'\\x{value.hex()}'" if self.name == "postgres" else f"x'{value.hex()}'"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """An empty store of each kind in turn; PostgreSQL is started only if it is needed."""
    if request.param == "sqlite":
        return sqlite_backend(tmp_path / "live.db")
    return postgres_backend(request.getfixturevalue("postgres"))


def sqlite_backend(path: Path) -> Backend:
    def execute(*statements: str) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return Backend("sqlite", f"sqlite:///{path}", execute)


def postgres_backend(server: PostgresServer) -> Backend:
    database = f"live_{next(numbers)}"
    server.execute(f"CREATE DATABASE {database}")

    def execute(*statements: str) -> None:
        server.execute(*statements, database=database)

    return Backend("postgres", server.url(database), execute)


@pytest.fixture
def store(backend: Backend) -> Iterator[LiveStore]:
    """The store of `backend`, open."""
    store = backend.open()
    yield store
    store.close()
