"""Rays: what each path spends on which roads, against paths read off one by one in Python."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from routing_service.calibration.observations import Areas, Observations
from routing_service.calibration.tracer import Rays, Tracer
from routing_service.decision.model import Unit
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.kernels.rays import rays_back, rays_times
from routing_service.live.snapshot import Snapshot
from routing_service.units import E7, MS_PER_MINUTE, FloatArray, IntArray
from tests.networks import random_network

CAR = Profile.load("car")


def town(seed: int) -> RoadGraph:
    """A town of five by five crossroads with two units."""
    raw = random_network(seed, side=5, bans=3)
    lon, lat = raw.node_lon_e7 / E7, raw.node_lat_e7 / E7
    units = [
        Unit(code, code, float(lat[node]), float(lon[node])) for code, node in (("A", 6), ("B", 18))
    ]
    return build_graph(raw, CAR, units)


def rows(graph: RoadGraph, lon: FloatArray, lat: FloatArray, **more: object) -> Observations:
    """Each point to each unit, units in the opposite order of the trees."""
    n = 2 * len(lon)
    return Observations(
        place=tuple(f"{i // 2:03d}" for i in range(n)),
        district=("",) * n,
        lon=np.repeat(lon, 2),
        lat=np.repeat(lat, 2),
        unit=np.arange(n, dtype=np.int32) % 2,
        units=graph.units[::-1],
        minutes=np.ones(n),
        weight=np.ones(n),
        period=("",) * n,
        scored=np.ones(n, dtype=np.bool_),
        data_sha256="",
        **more,  # type: ignore[arg-type]
    )


def points(graph: RoadGraph, seed: int, n: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    lon, lat = graph.node_lon_e7 / E7, graph.node_lat_e7 / E7
    return rng.uniform(lon.min(), lon.max(), n), rng.uniform(lat.min(), lat.max(), n)


def edge_keys(graph: RoadGraph) -> IntArray:
    return (graph.edge_class.astype(np.int32) + np.arange(graph.n_edges) % 3).astype(np.int32)


def spent(rays: Rays, row: int) -> dict[int, float]:
    part = slice(rays.first[row], rays.first[row + 1])
    return dict(zip(rays.keys[part].tolist(), rays.minutes[part].tolist(), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_totals_are_the_times_of_a_look_up(seed: int) -> None:
    graph = town(seed)
    lon, lat = points(graph, seed, 40)
    seen = rows(graph, lon, lat)
    rays = Tracer(graph, seen, edge_keys(graph)).trace(graph.edge_ms)
    assert sorted(rays.rows.tolist()) == list(range(len(seen)))
    ms, _, _ = Snapshot(graph, "x").times(seen.lon, seen.lat)
    ours = ms[rays.rows, 1 - seen.unit[rays.rows]] / MS_PER_MINUTE
    assert rays.total == pytest.approx(ours)


@pytest.mark.parametrize("seed", range(8))
def test_the_parts_are_those_of_the_route(seed: int) -> None:
    """With every edge its own key, the parts are what is driven of each edge."""
    graph = town(seed)
    snapshot = Snapshot(graph, "x")
    lon, lat = points(graph, seed, 12)
    seen = rows(graph, lon, lat)
    rays = Tracer(graph, seen, np.arange(graph.n_edges, dtype=np.int32)).trace(graph.edge_ms)
    for row, i in enumerate(rays.rows.tolist()):
        unit = 1 - int(seen.unit[i])
        expected = driven(snapshot, float(seen.lon[i]), float(seen.lat[i]), unit)
        assert {k: ms for k, ms in spent(rays, row).items() if ms > 1e-9} == pytest.approx(expected)


def driven(snapshot: Snapshot, lon: float, lat: float, unit: int) -> dict[int, float]:
    """Minutes on each edge of the route, read off the tree by the route's own code."""
    from routing_service.answer import ALONG_CM, MASK, SEGMENT
    from routing_service.decision.model import Location
    from routing_service.live.route import _departure, _legs

    graph = snapshot.graph
    answer = snapshot.decide(Location(lat, lon)).numbers
    start = (answer[SEGMENT], answer[ALONG_CM], answer[MASK])
    _, _, edge, at_cm = _departure(snapshot._net, unit, start)
    total: Counter[int] = Counter()
    for leg in _legs(graph, unit, edge, at_cm):
        ms, cm = int(graph.edge_ms[leg.edge]), int(graph.edge_cm[leg.edge])
        total[leg.edge] += ms * leg.to_cm // cm - ms * leg.from_cm // cm
    return {edge: ms / MS_PER_MINUTE for edge, ms in total.items() if ms}


def test_an_area_is_the_mean_over_its_points() -> None:
    graph = town(3)
    lon, lat = points(graph, 3, 3)
    single = Tracer(graph, rows(graph, lon, lat), edge_keys(graph)).trace(graph.edge_ms)
    areas = Areas(np.array([0, 3], np.int32), lon, lat)
    one = rows(graph, lon[:1], lat[:1], areas=areas, area=np.zeros(2, np.int32))
    mean = Tracer(graph, one, edge_keys(graph)).trace(graph.edge_ms)
    # Rows stand by unit: three places to the first, three to the second.
    assert mean.total == pytest.approx([single.total[:3].mean(), single.total[3:].mean()])
    whole = Counter[int]()
    for row in range(3):
        whole.update(spent(single, row))
    assert spent(mean, 0) == pytest.approx({key: total / 3 for key, total in whole.items()})


def test_a_point_far_from_every_road_has_no_time() -> None:
    graph = town(1)
    lon, lat = points(graph, 1, 2)
    lat[1] += 0.1  # 11 km
    rays = Tracer(graph, rows(graph, lon, lat), edge_keys(graph)).trace(graph.edge_ms)
    far = np.isin(rays.rows, (2, 3))
    assert np.isnan(rays.total[far]).all()
    assert np.isfinite(rays.total[~far]).all()
    assert (np.diff(rays.first)[far] == 0).all()


def test_the_products_are_those_of_the_matrix() -> None:
    rng = np.random.default_rng(0)
    matrix = np.where(rng.random((7, 5)) < 0.4, rng.random((7, 5)), 0.0)
    row, key = np.nonzero(matrix)
    first = np.searchsorted(row, np.arange(8)).astype(np.int64)
    table = (first, key.astype(np.int32), matrix[row, key])
    x, y = rng.random(5), rng.random(7)
    times, back = np.empty(7), np.empty(5)
    rays_times(*table, x, times)
    rays_back(*table, y, back)
    assert times == pytest.approx(matrix @ x)
    assert back == pytest.approx(matrix.T @ y)
