"""The network of `tests.api_scene` with a store behind it, and a clock that tests set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from routing_service.api.app import create_app
from routing_service.api.fast_lane import FastLane
from routing_service.decision.model import Location
from routing_service.live.engine import Engine
from routing_service.live.follower import Follower
from routing_service.live.snapshot import Snapshot
from routing_service.live.sqlite import SqliteStore
from tests import api_scene
from tests.api_scene import Client

MORNING = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MIDDLE = {"point": {"lat": 53.52, "lon": -1.5}, "radius_m": 10}
"""On the A61 north of Mill Lane: who is south of it cannot reach NORTH while it is shut."""

FLOOD = {**MIDDLE, "reason": "flood", "author": "control room"}


class Clock:
    """Stands still until it is set."""

    def __init__(self, moment: datetime = MORNING) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def pass_(self, **span: float) -> None:
        self.moment += timedelta(**span)


class Worker:
    """A process of the service, without the process: engine, follower and application."""

    def __init__(self, store: Path, clock: Clock, base: Snapshot | None = None) -> None:
        self.engine = Engine(base or Snapshot(api_scene.graph(), api_scene.GRAPH_ID))
        self.follower = Follower(
            self.engine, self.engine.snapshot, lambda: SqliteStore(store), clock, 60.0
        )
        self.api = Client(FastLane(create_app(self.engine, self.follower), self.engine))
        # Whatever has to be compiled is, as in the service before it forks.
        self.engine.snapshot.decide(Location(53.47, -1.5))
        self.follower.start()

    def put(self, ods_code: str, **fields: Any) -> httpx.Response:
        return self.api.send("PUT", f"/v1/units/{ods_code}/status", json=fields)

    def decide(self, lat: float = 53.47, **fields: Any) -> dict[str, Any]:
        reply = self.api.get("/v1/conveyance", params={"lat": lat, "lon": -1.5, **fields})
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def minutes(self, ods_code: str, lat: float = 53.47) -> float | None:
        rows: dict[str, float | None] = {
            row["ods_code"]: row["minutes"] for row in self.decide(lat)["ranking"]
        }
        return rows[ods_code]


@contextmanager
def working(
    store: Path, clock: Clock | None = None, base: Snapshot | None = None
) -> Iterator[Worker]:
    """A worker on a store until the block ends."""
    worker = Worker(store, clock or Clock(), base)
    try:
        yield worker
    finally:
        worker.follower.stop()
