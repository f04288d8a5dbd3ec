"""A built network: what holds for every map, what is refused, and what is proven."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest

from routing_service.decision.model import Unit
from routing_service.errors import GraphFileCorrupt, InvalidSource, InvalidUnits
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph, section_names
from routing_service.graph.sources.raw import RawNetwork, Tags
from routing_service.graph.trees import check_trees
from routing_service.units import E7, INF_MS
from tests import reference
from tests.networks import FLAT, NO_TURN_COSTS, profile, random_network, units_at
from tests.toymap import Ban, positions, read_map, scene, spelling

CAR = Profile.load("car")
BLUE = Profile.load("blue_light")
STREET: Tags = {"highway": "residential"}
ONEWAY: Tags = {"highway": "residential", "oneway": "yes"}
SEEDS = range(6)


def town(seed: int, bans: int = 8, side: int = 5) -> tuple[RawNetwork, RoadGraph]:
    raw = random_network(seed, side=side, bans=bans)
    return raw, build_graph(raw, CAR, units_at(raw, 0, side + 1, side * side - 1))


# --- what holds for every network ------------------------------------------------------------
@pytest.mark.parametrize("seed", SEEDS)
def test_edges_follow_their_roads(seed: int) -> None:
    raw, graph = town(seed)
    way_of = dict(zip(raw.way_ids.tolist(), range(len(raw.way_ids)), strict=True))
    for e in range(graph.n_edges):
        w = way_of[int(graph.edge_way[e])]
        use = CAR.way(raw.tagsets[raw.way_tagset[w]])
        kph = use.backward_kph if graph.edge_reversed[e] else use.forward_kph
        assert kph > 0
        # 36 ms a centimetre at 1 km/h, to the nearest millisecond.
        assert abs(graph.edge_ms[e] - graph.edge_cm[e] * 36.0 / kph) <= 0.5
        first, n = int(graph.edge_segment[e]), int(graph.edge_segments[e])
        assert graph.edge_cm[e] == graph.segments[first : first + n, 7].sum()
        lon, lat = graph.shape(e)
        a, b = int(graph.edge_from[e]), int(graph.edge_to[e])
        assert (lon[0], lat[0]) == (graph.node_lon_e7[a], graph.node_lat_e7[a])
        assert (lon[-1], lat[-1]) == (graph.node_lon_e7[b], graph.node_lat_e7[b])
        assert graph.label(e) == raw.labels[raw.way_label[w]]


@pytest.mark.parametrize("seed", SEEDS)
def test_twins_are_the_two_directions_of_one_road_side_by_side(seed: int) -> None:
    _, graph = town(seed)
    own = graph.edge_base == np.arange(graph.n_edges)
    for e in np.flatnonzero(own & (graph.edge_twin >= 0)).tolist():
        twin = int(graph.edge_twin[e])
        assert abs(twin - e) == 1
        assert graph.edge_twin[twin] == e
        assert (graph.edge_from[e], graph.edge_to[e]) == (
            graph.edge_to[twin],
            graph.edge_from[twin],
        )
        assert graph.edge_cm[e] == graph.edge_cm[twin]
        assert graph.edge_reversed[e] != graph.edge_reversed[twin]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_copy_is_its_base_in_all_but_its_turns(seed: int) -> None:
    _, graph = town(seed, bans=20)
    copies = np.flatnonzero(graph.edge_base != np.arange(graph.n_edges))
    assert len(copies) == graph.manifest["counts"]["edge_copies"] > 0
    base = graph.edge_base[copies]
    assert (graph.edge_base[base] == base).all()
    assert copies.min() > base.max()
    for name in section_names():
        array = getattr(graph, name)
        if name.startswith("edge_") and name not in ("edge_base", "edge_core"):
            assert (array[copies] == array[base]).all(), name


@pytest.mark.parametrize("seed", SEEDS)
def test_the_core_is_where_every_road_and_unit_reach_each_other(seed: int) -> None:
    _, graph = town(seed)
    table = reference.table_of(graph)
    largest = max(reference.components(table), key=len)
    core = set(np.flatnonzero(graph.edge_core).tolist())
    assert largest <= core
    # Beyond the component itself there are only roads that are driven there on their copies.
    assert core - largest <= set(graph.edge_base[sorted(largest)].tolist())
    assert (graph.tree_ms[:, sorted(core)] < INF_MS).all()
    # Only the core can be snapped to, and all of it.
    assert set(graph.segments[:, 4:6].ravel().tolist()) - {-1} == {
        e for e in core if graph.edge_base[e] == e
    }
    registered = np.flatnonzero((graph.segments[:, 4:6] >= 0).any(axis=1))
    assert sorted(set(graph.cell_segments.tolist())) == registered.tolist()
    doors = graph.doors[:, :, 0]
    assert set(graph.edge_base[doors[doors >= 0]].tolist()) <= core


@pytest.mark.parametrize("seed", SEEDS)
def test_trees_are_those_of_the_plain_twin(seed: int) -> None:
    _, graph = town(seed)
    table = reference.table_of(graph)
    for u in range(3):
        seeds = graph.doors[u][graph.doors[u][:, 0] >= 0][:, :3]
        labels = reference.as_labels(graph.tree_ms[u], graph.tree_cm[u])
        assert labels == reference.tree(table, seeds)


def test_a_door_on_a_road_with_copies_is_passed_by_all_of_them() -> None:
    #  A-B-C-D    no straight on A-B-C-D; the unit stands by B-C
    #    | |
    #    F-E
    drawing = "A--B-U-C--D\n\n   F---E"
    ways = {"AB": STREET, "BC": STREET, "CD": STREET, "BF": STREET, "FE": STREET, "EC": STREET}
    graph = scene(
        drawing,
        ways,
        bans=[Ban("AB", ("BC",), "CD", "no_straight_on")],
        unit_at="U",
        profile="car",
    )
    doors = graph.doors[0]
    assert Counter(spelling(graph, e) for e in doors[:, 0]) == {"BC": 2, "CB": 1}
    # The copy and its base have the door at the same place.
    assert len({tuple(row[1:3]) for row in doors if spelling(graph, row[0]) == "BC"}) == 1


# --- units -----------------------------------------------------------------------------------
def units_near(drawing: str, letters: str) -> list[Unit]:
    at = positions(drawing)
    return [Unit(f"U{x}", x, at[x][1] / E7, at[x][0] / E7) for x in letters]


def test_the_order_of_the_units_does_not_matter() -> None:
    raw = random_network(1)
    units = units_at(raw, 0, 9, 15)
    first, second = (build_graph(raw, CAR, given) for given in (units, units[::-1]))
    assert [unit.ods_code for unit in first.units] == ["U1", "U2", "U3"]
    assert_same(first, second)


def test_a_unit_far_from_the_core_is_refused_by_name_and_distance() -> None:
    drawing = "A-B" + " " * 20 + "C"
    with pytest.raises(InvalidUnits, match=r"UC C: .* 2100 m away \(limit 500 m\)") as caught:
        build_graph(read_map(drawing, {"AB": STREET}), CAR, units_near(drawing, "C"))
    assert caught.value.facts == {"ods_code": "UC", "distance_m": pytest.approx(2100, abs=1)}


def test_a_unit_is_put_on_the_core_and_not_on_a_nearer_road_of_no_return() -> None:
    drawing = "A-B-C-E\n\n\n\n    D"  # C-D leads away one way and never back
    graph = build_graph(
        read_map(drawing, {"ABCE": STREET, "CD": ONEWAY}), CAR, units_near(drawing, "D")
    )
    assert graph.manifest["door_distance_m"] == [pytest.approx(400, abs=1)]
    assert graph.manifest["dropped"]["edge_not_in_core"] == 1


@pytest.mark.parametrize("units", ["", "AA"])
def test_units_must_be_there_and_be_named_once(units: str) -> None:
    with pytest.raises(InvalidUnits, match="at least one unit, each ODS code once"):
        build_graph(read_map("A-B", {"AB": STREET}), CAR, units_near("A-B", units))


def test_a_map_without_roads_is_refused() -> None:
    with pytest.raises(InvalidSource, match="no road"):
        build_graph(read_map("A-B", {"AB": {"highway": "steps"}}), CAR, units_near("A-B", "A"))


def test_each_door_is_where_its_unit_is_nearest_to_the_core() -> None:
    drawing = "A----------B\n   D    E"
    graph = build_graph(read_map(drawing, {"AB": STREET}), profile(FLAT), units_near(drawing, "DE"))
    # By edge A-B: 300 m and 800 m; by B-A: 800 m and 300 m.
    at_cm = {(u, spelling(graph, row[0])): int(row[2]) for u in (0, 1) for row in graph.doors[u]}
    assert at_cm == {
        (0, "AB"): pytest.approx(30_000, abs=2),
        (0, "BA"): pytest.approx(80_000, abs=2),
        (1, "AB"): pytest.approx(80_000, abs=2),
        (1, "BA"): pytest.approx(30_000, abs=2),
    }
    # Beyond D's door on A-B: from B back to it 800 m.
    beyond = {spelling(graph, row[0]): int(row[4]) for row in graph.doors[0]}
    assert beyond == {"AB": pytest.approx(80_000, abs=4), "BA": pytest.approx(30_000, abs=4)}


# --- the manifest ----------------------------------------------------------------------------
def test_the_manifest_counts_what_is_there() -> None:
    raw, graph = town(2)
    counts = graph.manifest["counts"]
    assert counts["edges"] == graph.n_edges
    assert counts["nodes"] == len(graph.node_ids)
    assert counts["turns"] == len(graph.turn_to)
    assert counts["segments"] == len(graph.segments)
    assert counts["core_edges"] == int(graph.edge_core.sum())
    outside = graph.n_edges - counts["core_edges"]
    assert graph.manifest["dropped"].get("edge_not_in_core", 0) == outside
    assert graph.manifest["network"] == "osm"
    assert graph.manifest["profile"] == "car"
    west, south, east, north = graph.manifest["bbox"]
    assert (west, east) == (raw.node_lon_e7.min() / E7, raw.node_lon_e7.max() / E7)
    assert (south, north) == (raw.node_lat_e7.min() / E7, raw.node_lat_e7.max() / E7)


def test_a_gate_marks_the_edges_that_lead_to_it() -> None:
    graph = scene("A-B-C", {"ABC": STREET}, nodes={"B": {"barrier": "gate"}}, profile="car")
    gate = graph.manifest["flags"]["gate"]
    marked = [spelling(graph, e) for e in range(graph.n_edges) if graph.edge_flags[e] & gate]
    assert sorted(marked) == ["AB", "CB"]


def test_the_stages_are_told_in_order() -> None:
    told: list[tuple[str, float]] = []
    raw = random_network(0)
    build_graph(raw, CAR, units_at(raw, 0, 5), progress=lambda *stage: told.append(stage))
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["split", "turns", "core", "trees", "certificate"]
    assert [share for stage, share in told if stage == "trees"] == [0.0, 0.5, 1.0]
    assert told[-1] == ("certificate", 1.0)


# --- proofs ----------------------------------------------------------------------------------
def broken(graph: RoadGraph, name: str, index: Any, value: int) -> RoadGraph:
    array = getattr(graph, name).copy()
    array[index] = value
    return replace(graph, **{name: array})


@pytest.mark.parametrize("name", ["tree_ms", "tree_cm"])
@pytest.mark.parametrize("change", [-1, 1])
def test_one_wrong_label_is_found_and_its_unit_named(name: str, change: int) -> None:
    _, graph = town(0)
    check_trees(graph)
    for e in range(0, graph.n_edges, 7):
        wrong = broken(graph, name, (1, e), int(getattr(graph, name)[1, e]) + change)
        with pytest.raises(GraphFileCorrupt, match="the tree of U2 is wrong at edge"):
            check_trees(wrong)


@pytest.mark.parametrize("name", ["turn_ms", "edge_ms", "edge_cm"])
def test_a_wrong_cost_is_found_where_a_tree_leans_on_it(name: str) -> None:
    _, graph = town(0)
    found = 0
    for i in range(0, len(getattr(graph, name)), 11):
        try:
            check_trees(broken(graph, name, i, int(getattr(graph, name)[i]) + 1))
        except GraphFileCorrupt:
            found += 1
    assert found > 0


def test_a_core_edge_that_reaches_no_unit_is_found() -> None:
    # The road of no return is declared core: its label is right, its place is not.
    graph = scene("A-B-C-E\n\n\n    D", {"ABCE": STREET, "CD": ONEWAY}, profile="car")
    (stray,) = np.flatnonzero(graph.edge_core == 0).tolist()
    with pytest.raises(GraphFileCorrupt, match=f"core edge {stray} cannot reach every unit"):
        check_trees(broken(graph, "edge_core", stray, 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("edge_from", -1),
        ("edge_to", 9_999),
        ("edge_label", 9_999),
        ("edge_twin", -2),
        ("edge_base", 9_999),
        ("edge_segment", 9_999),
        ("turn_to", -1),
        ("back_from", 9_999),
        ("cell_segments", 9_999),
        ("turn_first", 9_999),
        ("back_first", -1),
        ("edge_ms", 0),
    ],
)
def test_a_broken_structure_is_found(name: str, value: int) -> None:
    _, graph = town(0)
    graph.validate()
    with pytest.raises(GraphFileCorrupt, match="build the graph again"):
        broken(graph, name, 3, value).validate()


def test_arrays_are_read_only() -> None:
    _, graph = town(0)
    for name, array in graph.sections().items():
        assert not array.flags.writeable, name


def test_a_network_is_its_sections_and_its_manifest() -> None:
    _, graph = town(0)
    again = RoadGraph.from_sections(graph.manifest, graph.sections())
    assert_same(graph, again)
    sections = graph.sections()
    del sections["turn_ms"]
    with pytest.raises(GraphFileCorrupt, match="lacks the section 'turn_ms'"):
        RoadGraph.from_sections(graph.manifest, sections)


def assert_same(a: RoadGraph, b: RoadGraph) -> None:
    for name in section_names():
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype, name
        assert left.tobytes() == right.tobytes(), name
    assert a.manifest == b.manifest


@pytest.mark.parametrize("rules", [CAR, BLUE])
def test_two_builds_are_the_same_to_the_last_byte(rules: Profile) -> None:
    raw = random_network(4, side=6, bans=12, onlys=1)
    assert_same(*(build_graph(raw, rules, units_at(raw, 0, 7, 35)) for _ in range(2)))


# --- on to networkx --------------------------------------------------------------------------
def test_networkx_gets_every_road_once_with_the_attributes_of_osmnx() -> None:
    raw, graph = town(3, bans=20)
    exported = graph.to_networkx()
    own = [e for e in range(graph.n_edges) if graph.edge_base[e] == e]
    assert exported.number_of_edges() == len(own) < graph.n_edges
    assert sorted(exported.nodes) == sorted(graph.node_ids.tolist())
    assert exported.graph["crs"] == "epsg:4326"
    total_cm = sum(100 * data["length"] for _, _, data in exported.edges(data=True))
    assert total_cm == pytest.approx(int(graph.edge_cm[own].sum()))
    for node, data in exported.nodes(data=True):
        (i,) = np.flatnonzero(raw.node_ids == node)
        assert (data["x"], data["y"]) == (raw.node_lon_e7[i] / E7, raw.node_lat_e7[i] / E7)
    for a, b, data in exported.edges(data=True):
        ends = [(exported.nodes[n]["x"], exported.nodes[n]["y"]) for n in (a, b)]
        assert [data["geometry"].coords[0], data["geometry"].coords[-1]] == ends
        assert data["highway"] in {tags["highway"] for tags in raw.tagsets}
        others = exported.get_edge_data(b, a) or {}
        assert data["oneway"] != any(o["osmid"] == data["osmid"] for o in others.values())
        assert data["speed_kph"] == pytest.approx(
            3.6 * data["length"] / data["travel_time"], rel=1e-9
        )
    named = {data.get("ref", data.get("name")) for _, _, data in exported.edges(data=True)}
    assert {"A61", "Mill Lane"} <= named


def test_networkx_cannot_pass_where_nobody_may() -> None:
    # A bollard at B: two nodes there, so that A and C are joined by the long way round only.
    ways = {"ABC": STREET, "ADC": STREET}
    drawing = "A--B--C\n\n   D"
    free = scene(drawing, ways, profile="car").to_networkx()
    graph = scene(drawing, ways, nodes={"B": {"barrier": "bollard"}}, profile="car")
    barred = graph.to_networkx()
    assert nx.shortest_path_length(free, 1, 3, weight="length") == pytest.approx(600, abs=0.1)
    longer_m = 2 * float(np.hypot(300, 200))
    assert nx.shortest_path_length(barred, 1, 3, weight="length") == pytest.approx(
        longer_m, abs=0.1
    )
    assert sorted(free) == [1, 3]
    own = sorted(node for node in barred if node > 0)
    (other,) = (node for node in barred if node < 0)
    assert own == [1, 2, 3]
    assert barred.nodes[other] == barred.nodes[2]
    # One can drive up to the bollard from either side, and back.
    assert {barred.degree(node) for node in (2, other)} == {2}


@pytest.mark.parametrize("seed", range(3))
def test_without_turn_costs_networkx_finds_the_same_times(seed: int) -> None:
    raw = random_network(seed, side=5)
    graph = build_graph(raw, profile(NO_TURN_COSTS), units_at(raw, 12))
    roads = graph.to_networkx()
    for e, ms in graph.doors[0, :, :2].tolist():
        start = int(graph.node_ids[graph.edge_from[e]])
        roads.add_edge(start, "door", travel_time=ms / 1000)
    times = nx.shortest_path_length(roads.reverse(), "door", weight="travel_time")
    for node in range(len(graph.node_ids)):
        out = np.flatnonzero(graph.edge_from == node)
        ours = graph.tree_ms[0, out].min(initial=INF_MS)
        theirs = times.get(int(graph.node_ids[node]))
        assert (theirs is None) == (ours == INF_MS)
        if theirs is not None:
            assert ours == pytest.approx(1000 * theirs, abs=1e-6)
