"""A small real network behind the real application, for the tests of the HTTP layer.

NORTH  53.60   one straight road, the A61, on longitude -1.5, at 60 mph,
  |            built, connected and labelled by the production path;
  +-- Mill Lane  a residential road leaves it eastwards in the middle.
  |
SOUTH  53.40
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from typing import Any

import httpx

from routing_service.api.app import create_app
from routing_service.decision.model import Status, Unit
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.raw import Source
from routing_service.live.engine import Engine
from routing_service.live.snapshot import Limits, Snapshot

GRAPH_ID = "0123456789abcdef"
NORTH = Unit("NORTH", "North General", 53.60, -1.5, trust="NTR", postcode="N1 1AA")
SOUTH = Unit(
    "SOUTH", "South Royal", 53.40, -1.5, door="surveyed", trust="STR", capabilities=("ivt", "mt")
)
SOURCE = Source("hand-drawn", "0" * 64, "CC0-1.0", "drawn by hand")


@cache
def graph() -> RoadGraph:
    """The network above."""
    builder = RawBuilder()
    for n in range(21):  # a node each 0.01 degrees, 1.1 km
        builder.add_node(n, -15_000_000, 534_000_000 + n * 100_000)
    builder.add_node(100, -14_900_000, 535_000_000)
    builder.add_way(1, range(21), {"highway": "primary", "ref": "A61", "maxspeed": "60 mph"})
    builder.add_way(2, [10, 100], {"highway": "residential", "name": "Mill Lane"})
    raw = builder.finish("surrogate", [SOURCE])
    return build_graph(raw, Profile.load("car"), [NORTH, SOUTH])


def calibrated_graph() -> RoadGraph:
    """The network with an error model, which is made up: its parts add up to 0.2."""
    known = {
        **graph().manifest,
        "calibration": "made-up",
        "error_model": {"sigma_scene": 0.16, "sigma_unit": 0.12},
    }
    return replace(graph(), manifest=known)


def snapshot(
    north: Status = "open", south: Status = "open", limits: Limits | None = None
) -> Snapshot:
    """The network with its two units in the given states."""
    return Snapshot(graph(), GRAPH_ID, 3, (north, south), limits or Limits())


def client(current: Snapshot | None = None) -> Client:
    """A client of the application that answers from `current`."""
    return Client(create_app(Engine(current or snapshot())))


class Client:
    """Requests to an application in this process, each in an event loop of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.send("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.send("POST", path, **kwargs)

    def send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hasu") as http:
                return await http.request(method, path, **kwargs)

        return asyncio.run(exchange())
