"""The authored main roads lie where public reference data has them, and agree among themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from routing_service.graph.sources.main_road_ways import build_main_roads
from routing_service.graph.sources.main_roads import MainRoad, parse_roads, read_main_roads
from tests import main_road_positions as positions
from tests.main_road_positions import Fit

pytestmark = pytest.mark.integration

needs_reference = pytest.mark.skipif(
    not positions.REFERENCE.is_dir(),
    reason="the reference roads (../shared/data/reference-roads) are not here",
)

FOUNDATION = {
    "M1", "M18", "M62", "M180", "A1", "A1(M)", "A57", "A61", "A616", "A628", "A630", "A633",
    "A635", "A638", "A6102",
}  # fmt: skip
"""Roads without which a route from Barnsley or Rotherham makes no sense."""


@pytest.fixture(scope="module")
def roads() -> tuple[MainRoad, ...]:
    return read_main_roads(positions.ROADS.glob("*.txt"))


@pytest.fixture(scope="module")
def fits(roads: tuple[MainRoad, ...]) -> dict[tuple[str, str], Fit]:
    authored = {road.ref for road in roads}
    return {
        (ref, kind): positions.fit(ref, kind, roads, points)
        for (ref, kind), points in positions.reference_points().items()
        if ref in authored
    }


def test_every_file_reads_and_the_roads_that_matter_are_there(roads: tuple[MainRoad, ...]) -> None:
    assert {road.ref for road in roads} >= FOUNDATION


def test_roads_join_into_one_network(roads: tuple[MainRoad, ...]) -> None:
    # Following all roads from the M1 by shared nodes alone reaches nearly every kilometre of
    # them: a misspelt key would cut a road off.
    network = build_main_roads(roads)
    part = list(range(len(network.nodes)))

    def root(node: int) -> int:
        while part[node] != node:
            part[node] = part[part[node]]
            node = part[node]
        return node

    for way in (*network.carriageways, *network.slips):
        for node in way.nodes[1:]:
            part[root(node)] = root(way.nodes[0])
    sizes = np.bincount([root(node) for node in range(len(network.nodes))])
    assert sizes.max() / len(network.nodes) > 0.95


@needs_reference
def test_mapped_lines_are_followed(fits: dict[tuple[str, str], Fit]) -> None:
    for (ref, kind), found in fits.items():
        if kind == "line" and len(found.distances_m) >= 20:
            assert np.median(found.distances_m) < 60.0, ref
            assert found.share_near > 0.94, f"{ref}: {found.worst}"


@needs_reference
def test_collision_sites_lie_on_the_roads_that_they_name(
    fits: dict[tuple[str, str], Fit],
) -> None:
    # Single roads may miss: the police now and then write a neighbour's number, and a stretch
    # with two numbers is authored under one of them.
    distances_m = np.concatenate(
        [f.distances_m for (_, kind), f in fits.items() if kind == "crash"]
    )
    assert len(distances_m) > 1_000
    assert np.median(distances_m) < 30.0
    assert np.mean(distances_m <= positions.NEAR_M) > 0.93


# --- the check itself ------------------------------------------------------------------------
def test_a_road_moved_by_a_kilometre_is_noticed() -> None:
    roads = parse_roads("road M1 class=motorway\n53.4000 -1.4000\n53.4500 -1.4000", "m1.txt")
    # 0.015 degrees of longitude at this latitude are 0.994 km; the last point is past the end.
    points = np.array([(-1.385, 53.41), (-1.4, 53.43), (-1.385, 53.46)])
    found = positions.fit("M1", "line", roads, points)
    assert found.past_ends == 1
    assert found.distances_m == pytest.approx([994.0, 0.0], abs=2.0)
    assert found.worst[0][:2] == (53.41, -1.385)
    strays = positions.strays("M1", roads, points)
    assert [where for where, _ in strays] == ["m1.txt:2", "m1.txt:3"]
    # Both ends are 0.994 km west and 1.113 km south or north of the nearest reference point.
    assert [gap_m for _, gap_m in strays] == pytest.approx([1492.0, 1492.0], abs=3.0)


def test_a_crossing_without_a_junction_is_noticed() -> None:
    text = (
        "road A1 class=trunk limit=70\n53.4000 -1.4000\n53.4200 -1.4000\n"
        "road A2 class=primary limit=60\n53.4100 -1.4200\n53.4100 -1.3800\n"
    )
    assert positions.bare_crossings(parse_roads(text, "x.txt")) == [
        "A1 crosses A2 at 53.4100 -1.4000"
    ]
    joined = text.replace("53.4200 -1.4000", "53.4100 -1.4000 @A1-A2\n53.4200 -1.4000").replace(
        "53.4100 -1.3800", "53.4100 -1.4000 @A1-A2\n53.4100 -1.3800"
    )
    assert positions.bare_crossings(parse_roads(joined, "x.txt")) == []


def test_the_check_is_not_part_of_the_product() -> None:
    package = Path(positions.__file__).parents[1] / "routing_service"
    assert not any("reference-roads" in p.read_text("utf-8") for p in package.rglob("*.py"))
