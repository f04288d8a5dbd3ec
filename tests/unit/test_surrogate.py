"""The surrogate network: mesh, carriageways, slip roads, and how they are joined."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_service.errors import InvalidSource
from routing_service.graph.sources import mesh
from routing_service.graph.sources.main_road_ways import MainRoadNetwork, Way, build_main_roads
from routing_service.graph.sources.main_roads import parse_roads
from routing_service.graph.sources.raw import RawNetwork
from routing_service.graph.sources.surrogate import (
    JUNCTION_IDS,
    MESH_IDS,
    ROAD_IDS,
    read_region,
    read_surrogate,
)
from routing_service.location import bng, postcodes
from routing_service.units import LongArray

EAST, NORTH = 434_000, 406_000
"""The corner of the test scenes, in Barnsley; positions below are metres east and north of it."""


# --- the mesh --------------------------------------------------------------------------------
def brute_gabriel(xy_cm: LongArray) -> list[list[int]]:
    """Try every pair against every point, in Python's exact integers."""
    points = xy_cm.tolist()
    return [
        [a, b]
        for a, b in combinations(range(len(points)), 2)
        if all(
            sum((points[a][d] - p[d]) * (points[b][d] - p[d]) for d in (0, 1)) > 0
            for i, p in enumerate(points)
            if i not in (a, b)
        )
    ]


def test_a_square_has_its_sides_and_no_diagonal() -> None:
    # Each diagonal's circle has the other two corners on its rim, so both go, whichever of them
    # the triangulation drew.
    square = np.array([[0, 0], [100, 0], [100, 100], [0, 100]])
    assert mesh.gabriel_links(square).tolist() == [[0, 1], [0, 3], [1, 2], [2, 3]]


@given(st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=4, max_size=40))
@settings(max_examples=60)
def test_links_are_those_of_trying_every_pair_on_a_lattice(places: set[tuple[int, int]]) -> None:
    # A lattice has as many ties as can be.
    points = np.array(sorted(places)) * 100
    if np.linalg.matrix_rank(points - points[0]) == 2:
        assert mesh.gabriel_links(points).tolist() == brute_gabriel(points)


def test_links_are_those_of_trying_every_pair_on_scattered_points() -> None:
    points = np.random.default_rng(7).integers(0, 2_000_000, (150, 2))
    assert mesh.gabriel_links(points).tolist() == brute_gabriel(points)


def test_a_long_link_goes_unless_it_is_the_only_way() -> None:
    # 0-1-2 is a village, 3-4 a hamlet; both links between them are long, the shorter one stays.
    links = np.array([[0, 1], [1, 2], [2, 3], [0, 4], [3, 4]])
    lengths_m = np.array([100.0, 100.0, 2600.0, 2700.0, 100.0])
    none = np.empty((0, 2), dtype=np.int64)
    kept = mesh.without_jumps(links, lengths_m, none, 5)
    assert kept.tolist() == [True, True, True, False, True]
    # A main road from 2 to 4 makes both unnecessary.
    kept = mesh.without_jumps(links, lengths_m, np.array([[2, 4]]), 5)
    assert kept.tolist() == [True, True, False, False, True]


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=12))
def test_parts_are_named_after_their_lowest_point(pairs: list[tuple[int, int]]) -> None:
    parts = list(range(12))
    for _ in range(12):
        for a, b in pairs:
            low = min(parts[a], parts[b])
            parts[a] = parts[b] = low
    links = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    assert mesh.components(links, 12).tolist() == parts


def test_a_town_is_where_postcodes_are_dense() -> None:
    # 25 per km2 on 750 m x 750 m is 14.06: fifteen postcodes make a town, fourteen do not.
    here = np.array([[EAST + 10.0, NORTH + 10.0], [EAST + 5010.0, NORTH + 10.0]])
    town = np.tile(here[0], (15, 1))
    village = np.tile(here[1], (14, 1))
    assert mesh.is_urban(here, np.concatenate([town, village])).tolist() == [True, False]


# --- main roads ------------------------------------------------------------------------------
def line(east_m: float, north_m: float, rest: str = "") -> str:
    """A point line at metres east and north of the scene's corner."""
    lats, lons = bng.to_wgs84(EAST + east_m, NORTH + north_m)
    return f"{float(lats):.6f} {float(lons):.6f} {rest}\n"


def place(network: MainRoadNetwork, node: int) -> tuple[int, int]:
    """A node's metres east and north of the scene's corner."""
    found = network.nodes[node]
    return round(found.easting_m - EAST), round(found.northing_m - NORTH)


def places(network: MainRoadNetwork, way: Way) -> list[tuple[int, int]]:
    return [place(network, node) for node in way.nodes]


def test_a_single_road_is_one_way_with_places_to_join() -> None:
    text = "road A61 class=primary limit=40 setting=urban name=Road\n" + line(0, 0) + line(0, 600)
    network = build_main_roads(parse_roads(text, "x.txt"))
    (way,) = network.carriageways
    # 600 m in three parts of 200 m, the fewest of at most 250 m.
    assert places(network, way) == [(0, 0), (0, 200), (0, 400), (0, 600)]
    assert way.tags == {
        "highway": "primary", "ref": "A61", "name": "Road", "maxspeed": "40 mph",
        "hasu:setting": "urban",
    }  # fmt: skip
    assert all(node.joins for node in network.nodes)


def test_a_dual_road_going_north_has_its_northbound_side_in_the_west() -> None:
    text = (
        "road A61 class=trunk limit=70 carriageway=dual access=junctions\n"
        + line(0, 0) + line(0, 400) + line(0, 800)
    )  # fmt: skip
    network = build_main_roads(parse_roads(text, "x.txt"))
    south, north = network.carriageways
    assert places(network, south) == [(0, 800), (10, 400), (0, 0)]
    assert places(network, north) == [(0, 0), (-10, 400), (0, 800)]
    assert south.tags["oneway"] == north.tags["oneway"] == "yes"
    assert not any(node.joins for node in network.nodes)


def test_carriageways_meet_where_a_dual_road_becomes_single() -> None:
    text = (
        "road A61 class=primary limit=60 carriageway=dual access=junctions\n"
        + line(0, 0) + line(0, 400) + "set carriageway=single limit=50\n" + line(0, 800)
        + line(0, 1200) + line(0, 1600)
    )  # fmt: skip
    network = build_main_roads(parse_roads(text, "x.txt"))
    shapes = [(places(network, way), way.tags.get("oneway")) for way in network.carriageways]
    assert shapes == [
        ([(0, 800), (10, 400), (0, 0)], "yes"),
        ([(0, 0), (-10, 400), (0, 800)], "yes"),
        ([(0, 800), (0, 1200), (0, 1600)], None),
    ]


MOTORWAY = (
    "road M1 class=motorway\n"
    + line(0, -3000) + line(0, 0, '@M1-J37 slips=+off,+on,-off "J37 Barnsley"') + line(0, 600)
)  # fmt: skip
CROSSING = (
    "road A628 class=primary limit=60\n" + line(-900, 0) + line(0, 0, "@M1-J37") + line(900, 0)
)


def test_slip_roads_join_the_hub_on_the_left_of_travel() -> None:
    network = build_main_roads(parse_roads(MOTORWAY + CROSSING, "x.txt"))
    off, on, back_off = network.slips
    # 300 m before the junction; 200 m after it, a third of the 600 m to the road's end.
    assert places(network, off) == [(-10, -300), (-25, -150), (0, 0)]
    assert places(network, on) == [(0, 0), (-25, 100), (-10, 200)]
    assert places(network, back_off) == [(10, 200), (25, 100), (0, 0)]
    assert {way.tags["highway"] for way in network.slips} == {"motorway_link"}
    assert {way.tags["oneway"] for way in network.slips} == {"yes"}
    assert {way.tags["name"] for way in network.slips} == {"J37 Barnsley"}


def test_a_motorway_passes_over_its_junction_and_the_crossing_road_through_it() -> None:
    network = build_main_roads(parse_roads(MOTORWAY + CROSSING, "x.txt"))
    hub = network.hubs["M1-J37"]
    south, north, crossing = network.carriageways
    assert places(network, north) == [(0, -3000), (-10, -300), (-10, 0), (-10, 200), (0, 600)]
    assert places(network, south) == [(0, 600), (10, 200), (10, 0), (10, -300), (0, -3000)]
    assert hub in crossing.nodes
    assert hub not in (*north.nodes, *south.nodes)
    assert network.nodes[hub].joins


def test_local_streets_join_a_lone_motorway_junction_but_no_interchange() -> None:
    lone = build_main_roads(parse_roads(MOTORWAY, "x.txt"))
    assert [node.key for node in lone.nodes if node.joins] == ["M1-J37"]
    other = "road M18 class=motorway\n" + line(0, 0, "@M1-J37") + line(900, 0)
    interchange = build_main_roads(parse_roads(MOTORWAY + other, "x.txt"))
    assert not any(node.joins for node in interchange.nodes)


def test_slips_of_a_single_road_leave_from_the_road_itself() -> None:
    text = (
        "road A616 class=trunk limit=60 access=junctions\n"
        + line(0, 0) + line(1200, 0, "@K slips=+off,-on") + line(2400, 0)
    )  # fmt: skip
    network = build_main_roads(parse_roads(text, "x.txt"))
    off, on = network.slips
    # Going east, the left is north; both meet the road 300 m before the junction.
    assert places(network, off) == [(900, 0), (1050, 25), (1200, 0)]
    assert places(network, on) == [(1200, 0), (1050, -25), (900, 0)]
    assert off.nodes[0] == on.nodes[-1]


# --- the whole -------------------------------------------------------------------------------
@pytest.fixture
def region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A region of 4 km: a grid of postcodes 100 m apart, a motorway and a crossing road."""
    data = tmp_path / "csv"
    data.mkdir()
    places_m = [
        (EAST + 50 + 100 * i, NORTH + 50 + 100 * j)
        for i in range(-15, 15)
        for j in range(-15, 15)
        if j >= 0 or i % 3 == 0
    ]
    rows = [f"S{n // 10} {n % 10}AA,10,{x},{y}\n" for n, (x, y) in enumerate(places_m)]
    rows.append(f"S99 9ZZ,10,{EAST + 50_000},{NORTH}\n")
    (data / "s.csv.gz").write_bytes(gzip.compress("".join(rows).encode("ascii"), mtime=0))
    monkeypatch.setattr(postcodes, "data_folder", lambda: data)
    postcodes.read_area.cache_clear()
    folder = tmp_path / "toytown"
    (folder / "main_roads").mkdir(parents=True)
    corners = [bng.to_wgs84(EAST + x, NORTH + y) for x, y in
               ((-2000, -4000), (2000, -4000), (2000, 2000), (-2000, 2000))]  # fmt: skip
    outline = [[float(lat), float(lon)] for lat, lon in corners]
    (folder / "region.toml").write_text(
        f'name = "Toytown"\noutline = {outline}\npostcode_areas = ["s"]\n', encoding="utf-8"
    )
    (folder / "main_roads" / "m1.txt").write_text(MOTORWAY, encoding="utf-8")
    (folder / "main_roads" / "a628.txt").write_text(CROSSING, encoding="utf-8")
    yield folder
    postcodes.read_area.cache_clear()


def links_of(raw: RawNetwork) -> list[tuple[int, int, str]]:
    """Mesh links as (node id, node id, highway)."""
    return [
        (
            int(raw.node_ids[raw.way_nodes[raw.way_first[way]]]),
            int(raw.node_ids[raw.way_nodes[raw.way_first[way] + 1]]),
            raw.tagsets[raw.way_tagset[way]]["highway"],
        )
        for way in range(len(raw.way_ids))
        if raw.way_ids[way] < ROAD_IDS
    ]


def test_the_whole_is_labelled_and_says_what_it_was_made_from(region: Path) -> None:
    stages: list[tuple[str, float]] = []
    raw = read_surrogate(region, progress=lambda what, share: stages.append((what, share)))
    assert raw.network == "surrogate"
    assert [source.licence for source in raw.sources] == ["OGL-UK-3.0", "Apache-2.0"]
    assert "Royal Mail" in raw.sources[0].attribution
    assert [share for _, share in stages] == sorted(share for _, share in stages)
    assert stages[-1][1] == 1.0


def test_two_readings_are_equal_and_file_order_does_not_matter(region: Path) -> None:
    first, second = read_surrogate(region), read_surrogate(region)
    for name in ("node_ids", "node_lon_e7", "node_lat_e7", "way_ids", "way_nodes", "way_tagset"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert (first.tagsets, first.labels, first.sources) == (
        second.tagsets, second.labels, second.sources,
    )  # fmt: skip


def test_an_edited_road_changes_its_checksum_and_no_other(region: Path) -> None:
    before = read_surrogate(region).sources
    edited = CROSSING.replace("limit=60", "limit=50")
    (region / "main_roads" / "a628.txt").write_text(edited, encoding="utf-8")
    after = read_surrogate(region).sources
    assert before[0] == after[0]
    assert before[1].sha256 != after[1].sha256


def test_what_was_left_out_is_counted(region: Path) -> None:
    # A lane of 1,800 m where nobody lives has a station every 225 m: the mesh would link each to
    # the next and so repeat the lane eight times.
    lane = "road B6 class=secondary limit=60\n" + line(-900, -3500) + line(900, -3500)
    (region / "main_roads" / "b6.txt").write_text(lane, encoding="utf-8")
    dropped = read_surrogate(region).dropped
    assert dropped["postcode_outside_region"] == 1
    assert dropped["mesh_link_along_main_road"] == 8
    assert dropped.get("mesh_link_too_long", 0) == 0
    assert dropped.get("mesh_point_isolated", 0) == 0


def test_ids_tell_streets_roads_and_junctions_apart(region: Path) -> None:
    raw = read_surrogate(region)
    kinds = Counter(int(i) // MESH_IDS for i in raw.node_ids)
    # 30 x 15 postcodes in the town, 10 x 15 in the south; one junction.
    assert kinds[1] == 600
    assert kinds[3] == 1
    assert np.all(np.diff(raw.node_ids) > 0)


def test_streets_are_urban_in_town_and_rural_outside_and_have_no_names(region: Path) -> None:
    raw = read_surrogate(region)
    links = links_of(raw)
    assert Counter(highway for _, _, highway in links).keys() == {"residential", "unclassified"}
    for way in range(len(raw.way_ids)):
        if raw.way_ids[way] < ROAD_IDS:
            tags = raw.tagsets[raw.way_tagset[way]]
            assert set(tags) == {"highway", "hasu:setting", "hasu:link"}
            assert raw.labels[raw.way_label[way]] == ("", "")


def test_streets_meet_the_crossing_and_the_junction_but_not_the_motorway(region: Path) -> None:
    raw = read_surrogate(region)
    network = build_main_roads(
        [*parse_roads(CROSSING, "a628.txt"), *parse_roads(MOTORWAY, "m1.txt")]
    )
    touched = {end for a, b, _ in links_of(raw) for end in (a, b) if end >= ROAD_IDS}
    crossing = {
        JUNCTION_IDS if network.nodes[node].key else ROAD_IDS + node
        for node in network.carriageways[0].nodes
    }
    assert touched == crossing


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('name = "X"', "region.toml needs name, outline"),
        ('name = "X"\noutline = [[53, -1]]\npostcode_areas = ["S"]', "three corners"),
        ('name = "X"\noutline = [53]\npostcode_areas = ["S"]', "region.toml needs"),
        ("name = ", "region.toml cannot be read"),
    ],
)
def test_a_bad_region_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "region.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSource, match=says):
        read_region(tmp_path / "region.toml")


def test_a_region_without_roads_or_postcodes_is_refused(region: Path) -> None:
    text = (region / "region.toml").read_text(encoding="utf-8")
    (region / "region.toml").write_text(text.replace('"s"', '"zz"'), encoding="utf-8")
    with pytest.raises(InvalidSource, match="no postcode area ZZ"):
        read_surrogate(region)
    for path in (region / "main_roads").iterdir():
        path.unlink()
    with pytest.raises(InvalidSource, match="holds no road files"):
        read_surrogate(region)
