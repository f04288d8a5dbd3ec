"""What opening a store needs."""

from __future__ import annotations

import sys

import pytest

from routing_service.errors import MissingExtra
from routing_service.live.store import open_store


def test_without_its_package_postgresql_is_an_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("postgres", "postgres_link"):
        monkeypatch.delitem(sys.modules, f"routing_service.live.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install '.*\[postgres\]'"):
        open_store("postgresql://host/db")
