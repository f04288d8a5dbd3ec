"""A table of travel times holds, row by row, what a decision says of the point alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from routing_service.decision.decision import Decision
from routing_service.decision.model import Location, Status
from routing_service.errors import HasuError
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.live.snapshot import Limits, Snapshot
from routing_service.planner.matrix import REASONS, TravelTimes, tile_order, travel_times
from routing_service.units import E7, INF_MS, NONE, FloatArray, km_from_cm, minutes_from_ms
from tests.networks import LAT_E7, LON_E7, random_network, units_at

LIMITS = Limits(snap_limit_m=150.0, near_tie_minutes=0.3)
ERRORS = {"sigma_scene": 0.16, "sigma_unit": 0.12}


@cache
def town(seed: int, calibrated: bool = True) -> RoadGraph:
    """A town of 25 crossroads with one-way streets, restrictions and four units."""
    raw = random_network(seed, side=5, bans=6)
    graph = build_graph(raw, Profile.load("car"), units_at(raw, 0, 6, 12, 24))
    return replace(graph, manifest={**graph.manifest, "error_model": ERRORS if calibrated else {}})


def snapshot(seed: int, *statuses: Status, calibrated: bool = True) -> Snapshot:
    return Snapshot(town(seed, calibrated), "town", 1, statuses or ("open",) * 4, LIMITS)


def places(seed: int, n: int = 80) -> tuple[FloatArray, FloatArray]:
    """Points in and around the town: some too far from any road, some off the map."""
    rng = np.random.default_rng(seed)
    lon = (LON_E7 + 30_000 + rng.uniform(-60_000, 60_000, n)) / E7
    lat = (LAT_E7 + 18_000 + rng.uniform(-36_000, 36_000, n)) / E7
    return lon, lat


def told(table: TravelTimes, i: int) -> dict[str, tuple[object, ...]]:
    """Row `i` as a decision would show it, unit by unit."""
    spread = table.spread
    assert spread is not None
    return {
        code: (None,) * 5
        if table.ms[i, u] >= INF_MS
        else (
            minutes_from_ms(int(table.ms[i, u])),
            km_from_cm(int(table.cm[i, u])),
            spread.p10_tenths[i, u] / 10,
            spread.p90_tenths[i, u] / 10,
            spread.p_nearest_thousandths[i, u] / 1000,
        )
        for u, code in enumerate(table.ods_codes)
    }


def code(table: TravelTimes, at: int) -> str | None:
    return None if at == NONE else table.ods_codes[at]


def ranked(decision: Decision) -> dict[str, tuple[object, ...]]:
    return {
        row.ods_code: (row.minutes, row.km, row.p10_minutes, row.p90_minutes, row.p_nearest)
        for row in decision.ranking
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "statuses",
    [
        ("open", "open", "open", "open"),
        ("closed", "open", "divert", "open"),
        ("closed", "closed", "open", "closed"),
        ("closed", "closed", "closed", "closed"),
    ],
)
def test_a_row_is_the_decision_for_its_point(seed: int, statuses: tuple[Status, ...]) -> None:
    current = snapshot(seed, *statuses)
    lon, lat = places(seed)
    table = travel_times(current, lon, lat)
    decided = 0
    for i, place in enumerate(zip(lat.tolist(), lon.tolist(), strict=True)):
        answer = ask(current, Location(*place))
        if isinstance(answer, HasuError):
            assert REASONS[table.reason[i]] == answer.code
            assert (table.ms[i] == INF_MS).all()
            assert (table.nearest[i], table.destination[i]) == (NONE, NONE)
        else:
            agrees(table, i, answer)
            decided += 1
    assert 0 < decided < len(lon)


def ask(current: Snapshot, place: Location) -> Decision | HasuError:
    try:
        return current.decide(place)
    except HasuError as error:
        return error


def agrees(table: TravelTimes, i: int, decision: Decision) -> None:
    assert told(table, i) == ranked(decision)
    destination = decision.destination and decision.destination.ods_code
    assert code(table, table.destination[i]) == destination
    assert code(table, table.nearest[i]) == decision.nearest_ods_code
    margin = None if table.margin_ms[i] == NONE else minutes_from_ms(int(table.margin_ms[i]))
    assert margin == decision.margin_minutes
    assert table.near_tie[i] == decision.near_tie
    assert (round(100 * table.distance_m[i]) + 5) // 10 / 10 == decision.snap.distance_m
    assert (REASONS[table.reason[i]] == "no_route") == ("no_route" in decision.flags)


def test_points_off_the_map_and_far_from_roads_say_so() -> None:
    current = snapshot(1)
    west, south, east, north = current.bbox
    # 300 m beyond the corner, which is more than 150; and 30 km away.
    lon = np.array([east + 0.005, east + 0.5, (west + east) / 2])
    lat = np.array([north + 0.003, north, (south + north) / 2])
    table = travel_times(replace(current, limits=replace(LIMITS, snap_limit_m=1e4)), lon, lat)
    assert [REASONS[k] for k in table.reason] == ["", "outside_region", ""]


def test_without_an_error_model_nothing_is_said_of_probability() -> None:
    lon, lat = places(2)
    assert travel_times(snapshot(2, calibrated=False), lon, lat).spread is None


def test_a_point_has_the_same_answer_alone_as_among_others() -> None:
    lon, lat = places(0)
    table = travel_times(snapshot(0), lon, lat)
    for i in range(len(lon)):
        alone = travel_times(snapshot(0), lon[i : i + 1], lat[i : i + 1])
        assert alone.ms[0].tolist() == table.ms[i].tolist()
        assert alone.margin_ms[0] == table.margin_ms[i]
    assert len(travel_times(snapshot(0), lon[:0], lat[:0])) == 0


def test_the_order_by_tiles_is_an_order_of_all_points_wherever_they_lie() -> None:
    rng = np.random.default_rng(5)
    for degrees in (0.5, 170.0):
        lon, lat = rng.uniform(-degrees, degrees, 999), rng.uniform(-degrees / 2, degrees / 2, 999)
        assert sorted(tile_order(lon, lat).tolist()) == list(range(999))
    # Two by two in tiles far apart: equal tiles keep the order of the points.
    lon, lat = np.array([1.0, 0.0, 1.0, 0.0]), np.zeros(4)
    assert tile_order(lon, lat).tolist() == [1, 3, 0, 2]
