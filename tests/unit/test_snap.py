"""Snapping finds the nearest segment that may be travelled, whatever the grid looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from routing_service.graph.snapping import build_grid
from routing_service.kernels.metric import metres_per_e7
from routing_service.kernels.snap import BACKWARD, FORWARD, nearest_segment, project, snap_points
from routing_service.units import IntArray, LongArray
from tests import reference

LON, LAT = -14_800_000, 535_500_000  # south-west corner of the scenes
CELL = 13_500  # about one cell of 150 m northwards
TOLERANCE_DEG = 60.0

Row = tuple[int, int, int, int, int, int]


@dataclass(frozen=True)
class Scene:
    segments: IntArray
    grid: LongArray
    cell_first: IntArray
    cell_segments: IntArray

    def nearest(
        self, lon: float, lat: float, heading_deg: float | None = None
    ) -> tuple[int, float, float, int]:
        angle = math.radians(heading_deg or 0.0)
        east, north = (0.0, 0.0) if heading_deg is None else (math.sin(angle), math.cos(angle))
        return nearest_segment(
            lon, lat, east, north, self.grid, self.cell_first, self.cell_segments, self.segments
        )


def scene(rows: list[Row]) -> Scene:
    """Segments at offsets from the corner, with their forward and backward edges."""
    segments = np.zeros((len(rows), 8), np.int32)
    for s, (x1, y1, x2, y2, forward, backward) in enumerate(rows):
        segments[s, :6] = LON + x1, LAT + y1, LON + x2, LAT + y2, forward, backward
    which = np.flatnonzero((segments[:, 4] >= 0) | (segments[:, 5] >= 0)).astype(np.int32)
    return Scene(segments, *build_grid(segments, which))


# Coarse steps make ties, shared ends and segments without length common; the spans go from one
# cell to over a hundred.
coordinates = st.one_of(
    st.integers(0, 8).map(lambda k: k * CELL // 2),
    st.integers(0, 3 * CELL),
    st.integers(0, 120 * CELL),
)
edges = st.sampled_from([(0, 1), (0, 1), (0, -1), (-1, 1)])
rows = st.builds(
    lambda x1, y1, x2, y2, pair: (x1, y1, x2, y2, *pair),
    *(coordinates, coordinates, coordinates, coordinates, edges),
)
points = st.one_of(coordinates, st.integers(-30 * CELL, 150 * CELL))
headings = st.one_of(st.none(), st.sampled_from([0.0, 90.0, 180.0, 270.0]), st.floats(0, 359.9))


@settings(max_examples=150)
@given(st.lists(rows, min_size=1, max_size=12), points, points, headings)
@example([(0, 0, 0, 0, 0, 1)], 5, 5, None)  # one segment without length
@example([(0, 0, 100 * CELL, 0, 0, 1)], 50 * CELL, 90 * CELL, 90.0)  # a long one, far away
@example([(0, 0, CELL, 0, 0, -1), (0, 50 * CELL, CELL, 50 * CELL, -1, 1)], 0, 0, 270.0)
def test_the_nearest_is_that_of_brute_force(
    drawn: list[Row], x: int, y: int, heading_deg: float | None
) -> None:
    roads = scene(drawn)
    lon, lat = float(LON + x), float(LAT + y)
    kx, ky = (float(metres) for metres in metres_per_e7(lat))
    if heading_deg is not None:  # leave out courses too close to the limit to call
        off = [reference.off_course_deg(row, kx, ky, heading_deg) for row in roads.segments]
        assume(all(abs(angle - limit) > 1e-6 for angle in off for limit in (60.0, 120.0)))
    twins = [
        (reference.distance_to_segment((lon, lat), row.tolist(), kx, ky), ways)
        for row in roads.segments
        if (ways := reference.directions(row.tolist(), kx, ky, heading_deg, TOLERANCE_DEG))
    ]
    found, along, distance_m, mask = roads.nearest(lon, lat, heading_deg)
    if not twins:
        assert (found, distance_m) == (-1, math.inf)
        return
    row = roads.segments[found].tolist()
    own_m, own_t = reference.distance_to_segment((lon, lat), row, kx, ky)
    assert distance_m == pytest.approx(min(twin[0][0] for twin in twins), abs=1e-5)
    assert own_m == pytest.approx(distance_m, abs=1e-5)
    if row[:2] != row[2:4]:
        length_m = math.hypot((row[2] - row[0]) * kx, (row[3] - row[1]) * ky)
        assert along * length_m == pytest.approx(own_t * length_m, abs=1e-3)
    names = {name for name, bit in (("f", FORWARD), ("b", BACKWARD)) if mask & bit}
    assert names == reference.directions(row, kx, ky, heading_deg, TOLERANCE_DEG)


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_in_a_dense_town_is_that_of_brute_force(seed: int) -> None:
    # 400 streets of up to 55 m on 25 cells, so that the nearest is often across a cell's side.
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 5 * CELL, (400, 2))
    ends = np.hstack([start, start + rng.integers(-5_000, 5_000, (400, 2))]).tolist()
    roads = scene([(a, b, c, d, 0, 1) for a, b, c, d in ends])
    assert roads.grid[4:].min() >= 4
    for x, y in rng.integers(0, 5 * CELL, (150, 2)).tolist():
        lon, lat = float(LON + x), float(LAT + y)
        kx, ky = (float(metres) for metres in metres_per_e7(lat))
        twins = [
            reference.distance_to_segment((lon, lat), row, kx, ky)[0]
            for row in roads.segments.tolist()
        ]
        assert roads.nearest(lon, lat)[2] == pytest.approx(min(twins), abs=1e-6)


@pytest.mark.parametrize("places", [(25_000, 15_000), (15_000, 25_000)])
def test_of_equally_near_roads_in_different_cells_the_first_wins(places: tuple[int, int]) -> None:
    # A cell is 22,600 units wide: one place is in the point's own cell, the other in the next.
    drawn: list[Row] = [(x, 0, x, 0, 0, 1) for x in (*places, 0, 100_000)]
    roads = scene(drawn)
    assert 15_000 < roads.grid[2] < 25_000
    assert roads.nearest(LON + 20_000, LAT)[0] == 0


@settings(max_examples=100)
@given(st.lists(rows, min_size=1, max_size=12), points, points)
def test_equally_near_segments_are_decided_by_their_order(drawn: list[Row], x: int, y: int) -> None:
    # Every road twice: the second of a pair can never win.
    roads = scene([*drawn, *drawn])
    found, _, _, _ = roads.nearest(float(LON + x), float(LAT + y))
    assert found < len(drawn)
    # And none with a lower number is as near, by the kernel's own measure.
    kx, ky = metres_per_e7(float(LAT + y))
    squares = [
        project(float(LON + x), float(LAT + y), kx, ky, roads.segments, s)[0]
        for s in range(len(drawn))
    ]
    assert found == squares.index(min(squares))


@settings(max_examples=60)
@given(st.lists(rows, min_size=1, max_size=8), points, points)
def test_the_answer_does_not_depend_on_roads_elsewhere(drawn: list[Row], x: int, y: int) -> None:
    # A road far to the north stretches the grid and moves its cells; the answer stays.
    here = scene(drawn)
    far = scene([*drawn, (7, 400 * CELL, 99 * CELL, 401 * CELL, 0, 1)])
    assert far.grid.tolist() != here.grid.tolist()
    lon, lat = float(LON + x), float(LAT + y)
    if here.nearest(lon, lat)[2] < 1_000.0:
        assert far.nearest(lon, lat) == here.nearest(lon, lat)


def test_many_points_get_what_each_gets_alone() -> None:
    rng = np.random.default_rng(20261122)
    ends = rng.integers(0, 40 * CELL, (60, 4)).tolist()
    drawn = [(a, b, c, d, 0, 1 if k % 3 else -1) for k, (a, b, c, d) in enumerate(ends)]
    roads = scene(drawn)
    lon, lat = LON + rng.uniform(-5, 45, 80) * CELL, LAT + rng.uniform(-5, 45, 80) * CELL
    found, along, distance_m = np.zeros(80, np.int32), np.zeros(80), np.zeros(80)
    snap_points(
        lon,
        lat,
        *(roads.grid, roads.cell_first, roads.cell_segments, roads.segments),
        *(found, along, distance_m),
    )
    for i in range(80):
        alone = roads.nearest(float(lon[i]), float(lat[i]))
        assert (found[i], along[i], distance_m[i]) == alone[:3]


# A crossroads of two streets, 1,000 units (11 m, 6.6 m) each way from the middle:
# 0 runs east, two-way; 1 runs north, one-way northwards.
CROSSROADS: list[Row] = [(0, 1000, 2000, 1000, 0, 1), (1000, 0, 1000, 2000, 2, -1)]


BY_THE_STREET_EAST = (500, 1200)  # 2.2 m from street 0, 3.3 m from street 1
BY_THE_STREET_NORTH = (1100, 1900)  # 10.0 m from street 0, 0.7 m from street 1


@pytest.mark.parametrize(
    ("point", "heading_deg", "segment", "mask"),
    [
        (BY_THE_STREET_EAST, None, 0, FORWARD | BACKWARD),
        (BY_THE_STREET_EAST, 90.0, 0, FORWARD),
        (BY_THE_STREET_EAST, 270.0, 0, BACKWARD),
        (BY_THE_STREET_EAST, 0.0, 1, FORWARD),
        (BY_THE_STREET_EAST, 180.0, -1, 0),  # nobody may drive south
        (BY_THE_STREET_NORTH, None, 1, FORWARD),
        (BY_THE_STREET_NORTH, 40.0, 1, FORWARD),  # both streets fit: 40 and 50 degrees off
        (BY_THE_STREET_NORTH, 90.0, 0, FORWARD),
    ],
)
def test_a_heading_chooses_road_and_direction(
    point: tuple[int, int], heading_deg: float | None, segment: int, mask: int
) -> None:
    x, y = point
    found, _, _, directions = scene(CROSSROADS).nearest(LON + x, LAT + y, heading_deg)
    assert (found, directions) == (segment, mask)


def test_a_course_within_sixty_degrees_fits() -> None:
    east = scene([(0, 0, 20_000, 0, 0, -1)])
    assert east.nearest(LON + 50, LAT + 50, 90.0 + 59.9)[0] == 0
    assert east.nearest(LON + 50, LAT + 50, 90.0 + 60.1)[0] == -1


def test_a_road_that_no_vehicle_of_ours_may_use_is_never_found() -> None:
    roads = scene([(0, 0, 1000, 0, -1, -1), (0, 9000, 1000, 9000, 0, 1)])
    assert roads.nearest(LON + 10, LAT)[0] == 1


def test_a_long_road_is_found_from_beside_its_middle_and_is_not_in_every_cell() -> None:
    # 300 cells from corner to corner: found from cells of which it touches no corner.
    roads = scene([(0, 0, 300 * CELL, 300 * CELL, 0, 1), (0, 300 * CELL, 50, 300 * CELL, 2, 3)])
    found, along, distance_m, _ = roads.nearest(LON + 150 * CELL, LAT + 150 * CELL)
    assert found == 0
    assert distance_m == pytest.approx(0.0, abs=1e-6)
    assert along == pytest.approx(0.5)
    columns, grid_rows = roads.grid[4:]
    assert len(roads.cell_segments) <= 2 * (columns + grid_rows) + 4


def test_the_closest_point_is_measured_in_metres_not_degrees() -> None:
    # A degree of longitude is 0.6 of one of latitude here: 1,500 units east (9.9 m) are nearer
    # than 1,000 units north (11.1 m).
    roads = scene([(0, 1000, 0, 1000, 0, 1), (1500, 0, 1500, 0, 2, 3)])
    assert roads.nearest(LON, LAT)[0] == 1
    assert roads.nearest(LON, LAT)[2] == pytest.approx(9.94, abs=0.01)


@pytest.mark.parametrize("lat_deg", [0.0, 51.5, 53.5, 60.2, 85.0])
def test_metres_are_those_of_the_ellipsoid(lat_deg: float) -> None:
    east, north = metres_per_e7(lat_deg * 1e7)
    assert (east, north) == pytest.approx(reference.metres_per_unit(lat_deg * 1e7), rel=1e-7)
