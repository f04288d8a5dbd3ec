"""Areas: bands and catchments on a map whose answers can be done in the head."""

from __future__ import annotations

import json
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from routing_service.areas import contours, isochrones
from routing_service.areas.features import catchment_areas
from routing_service.areas.features import isochrones as isochrone_areas
from routing_service.areas.lattice import Lattice, sample
from routing_service.errors import InvalidRequest, UnknownUnit
from routing_service.live.snapshot import Limits, Snapshot
from routing_service.planner.area_files import check_area_output, write_areas
from tests import api_scene

pytest.importorskip("contourpy")
NEAR = Limits(snap_limit_m=1_000.0)


@cache
def shown() -> Snapshot:
    return api_scene.snapshot(limits=NEAR)


def polygons(found: dict[str, Any]) -> list[Any]:
    return [shape(feature["geometry"]) for feature in found["features"]]


def disc_field(n: int = 61) -> tuple[Lattice, Any]:
    """Distance in cells from the middle of a square lattice of a hundredth of a degree each."""
    at = np.arange(n, dtype=np.float64)
    x, y = np.meshgrid(at, at)
    field = np.hypot(x - n // 2, y - n // 2)
    unanswered = np.zeros((n, n), dtype=np.bool_)
    ms = np.zeros((n, n, 1), dtype=np.int32)
    return Lattice(at / 100, 50 + at / 100, ms, unanswered, 1_000.0), field


def test_the_area_within_a_distance_is_a_disc() -> None:
    lattice, field = disc_field()
    area = contours.within(lattice, field, 10.0)
    assert area.is_valid
    # pi times ten cells squared, of 1e-4 square degrees each; straight chords lose a little.
    assert area.area == pytest.approx(np.pi * 100 * 1e-4, rel=0.02)
    assert len(area.geoms) == 1


def test_a_hole_that_cannot_be_answered_is_kept_and_a_small_one_filled() -> None:
    lattice, field = disc_field()
    lattice.unanswered[25:32, 35:42] = True  # seven points: eight cells, less half at each corner
    field[30, 22] = 99.0  # one slow point: the diamond of its four cells
    field[5, 5] = 0.0  # one quick point far away
    area = contours.within(lattice, field, 20.0)
    assert len(area.geoms) == 1
    (hole,) = area.geoms[0].interiors
    assert shapely.Polygon(hole).area == pytest.approx(62 * 1e-4, rel=0.01)


def test_bands_touch_without_overlap_and_add_up() -> None:
    lattice, field = disc_field()
    whole, inner = contours.within(lattice, field, 20.0), contours.within(lattice, field, 10.0)
    ring = contours.less(whole, inner)
    assert ring.intersection(inner).area == pytest.approx(0.0, abs=1e-12)
    assert ring.area + inner.area == pytest.approx(whole.area, rel=1e-9)


def test_a_lattice_holds_the_answers_of_its_points() -> None:
    lattice = sample(shown(), 2_000.0)
    rows, columns, units = lattice.ms.shape
    assert (len(lattice.lat), len(lattice.lon), units) == (rows, columns, 2)
    for i, j in ((3, 2), (rows // 2, 1)):
        ms, _, _ = shown().times(lattice.lon[j : j + 1], lattice.lat[i : i + 1])
        assert lattice.ms[i, j].tolist() == ms[0].tolist()
    assert lattice.unanswered.any()


def test_isochrones_of_a_straight_road_reach_as_far_as_the_minutes() -> None:
    # The A61 is driven at about 60 mph: SOUTH stands at 53.40, and 0.01 degrees take 41 s or so.
    found = isochrone_areas(shown(), "SOUTH", (2.0, 5.0), spacing_m=200.0)
    first, second = polygons(found)
    assert [f["properties"]["to_minutes"] for f in found["features"]] == [2.0, 5.0]
    for area, minutes in ((first, 2.0), (second, 5.0)):
        north = area.bounds[3]
        # At the northern rim a car on the road takes just so long.
        ms, _, _ = shown().times(np.array([-1.5]), np.array([north]))
        assert ms[0, 1] / 60_000 == pytest.approx(minutes, abs=0.2)
    assert second.bounds[3] > first.bounds[3]
    assert first.intersection(second).area == pytest.approx(0.0, abs=1e-12)


def test_catchments_meet_where_the_times_are_equal() -> None:
    found = catchment_areas(shown(), spacing_m=200.0)
    about = [(f["properties"]["ods_code"], f["properties"]["near_tie"]) for f in found["features"]]
    assert about == [("NORTH", False), ("NORTH", True), ("SOUTH", False), ("SOUTH", True)]
    north, north_belt, south, south_belt = polygons(found)
    # Half way, at 53.50, both take the same; the belts lie on either side of it, but for Mill
    # Lane, which leaves the road there and makes one turn dearer than the other.
    assert north_belt.bounds[1] == pytest.approx(53.50, abs=0.01)
    assert south_belt.bounds[3] == pytest.approx(53.50, abs=0.01)
    assert north.bounds[1] > 53.50 > south.bounds[3]
    for one, other in combinations((north, north_belt, south, south_belt), 2):
        assert one.intersection(other).area == pytest.approx(0.0, abs=1e-9)


def test_a_closed_unit_has_no_catchment() -> None:
    found = catchment_areas(api_scene.snapshot(north="closed", limits=NEAR), 500.0)
    assert {f["properties"]["ods_code"] for f in found["features"]} == {"SOUTH"}
    clear, belt = polygons(found)
    assert clear.area > 0.0
    assert belt.is_empty


@pytest.mark.parametrize("minutes", [(), (0.0,), (-5.0, 10.0), (700.0,), tuple(range(1, 20))])
def test_limits_that_make_no_bands_are_refused(minutes: tuple[float, ...]) -> None:
    with pytest.raises(InvalidRequest, match="minutes"):
        isochrones.bands(sample(shown(), 2_000.0), shown().units, 0, minutes)


def test_an_unknown_unit_and_too_fine_a_lattice_are_refused() -> None:
    with pytest.raises(UnknownUnit, match="NORTH, SOUTH"):
        isochrone_areas(shown(), "EAST", (5.0,))
    with pytest.raises(InvalidRequest, match="take a spacing above"):
        sample(shown(), 1.0)


# --- over HTTP -------------------------------------------------------------------------------
def test_areas_are_kept_until_the_state_changes() -> None:
    client = api_scene.client(shown())
    path = "/v1/isochrones?unit=SOUTH&minutes=5,2"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert client.get(path).content == first.content
    closed = api_scene.client(api_scene.snapshot(south="closed", limits=NEAR)).get(path)
    assert closed.headers["etag"] == first.headers["etag"]  # an isochrone asks no status
    other = client.get("/v1/catchments")
    assert other.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/isochrones?minutes=5", 400, "invalid_request"),
        ("/v1/isochrones?unit=EAST&minutes=5", 404, "unknown_unit"),
        ("/v1/isochrones?unit=SOUTH", 400, "invalid_request"),
        ("/v1/isochrones?unit=SOUTH&minutes=five", 400, "invalid_request"),
        ("/v1/isochrones?unit=SOUTH&minutes=nan", 400, "invalid_request"),
        ("/v1/catchments?unit=SOUTH", 400, "invalid_request"),
    ],
)
def test_what_cannot_be_drawn_is_refused(path: str, status: int, code: str) -> None:
    reply = api_scene.client(shown()).get(path)
    assert (reply.status_code, reply.json()["code"]) == (status, code)


# --- files -------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
def test_files_hold_the_areas_and_are_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    geopandas = pytest.importorskip("geopandas")
    found = isochrone_areas(shown(), "SOUTH", (2.0, 5.0), spacing_m=500.0)
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    write_areas(one, found)
    write_areas(other, json.loads(json.dumps(found)))
    assert one.read_bytes() == other.read_bytes()
    table = geopandas.read_file(one)
    assert table["to_minutes"].tolist() == [2.0, 5.0]
    assert [area.area for area in table.geometry] == pytest.approx(
        [area.area for area in polygons(found)]
    )


def test_an_unknown_kind_of_file_is_refused_before_the_work() -> None:
    with pytest.raises(InvalidRequest, match=r"\.geojson or \.gpkg"):
        check_area_output(Path("areas.shp"))
