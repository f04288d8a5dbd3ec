"""Times of a point: along its road to the door, or to the road's end and on by the tree."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from routing_service.answer import (
    ALONG_CM,
    DISTANCE_CM,
    LABEL,
    LAT_E7,
    LON_E7,
    MASK,
    SEGMENT,
    TIMES,
    columns,
)
from routing_service.decision.model import Unit
from routing_service.graph.build import build_graph
from routing_service.graph.doors import seeds_of
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.kernels.lookup import (
    E_DOOR,
    E_MS,
    E_TREES,
    Labelled,
    along_edge,
    label_at,
    look_up,
    look_up_many,
    read_labels,
    relabel,
)
from routing_service.kernels.snap import BACKWARD, FORWARD
from routing_service.units import E7, INF_MS, IntArray
from tests import reference
from tests.networks import FLAT, profile, random_network, units_at
from tests.toymap import edge, positions, read_map

BOTH = FORWARD | BACKWARD
STREET = {"highway": "residential"}
ONEWAY = {"highway": "residential", "oneway": "yes"}


def labelled(graph: RoadGraph) -> Labelled:
    return graph.labelled()


def drawn(drawing: str, ways: dict[str, dict[str, str]], *doors: str) -> RoadGraph:
    """A scene at 36 km/h without turn costs (1 ms = 1 cm), with a unit by each letter."""
    at = positions(drawing)
    units = [Unit(door, door, at[door][1] / E7, at[door][0] / E7) for door in doors]
    return build_graph(read_map(drawing, ways), profile(FLAT), units)


def metres_along(graph: RoadGraph, ends: str, metres: float, unit: int = 0) -> float | None:
    """Metres to drive to a unit from so far along an edge; None if there is no route."""
    ms, cm = label_at(labelled(graph), unit, edge(graph, ends), round(metres * 100))
    if ms >= INF_MS:
        assert cm >= INF_MS
        return None
    assert ms == pytest.approx(cm, abs=4)  # positions are whole units, lengths whole centimetres
    return cm / 100.0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("bans", [0, 8])
def test_labels_along_every_edge_are_those_of_the_plain_twin(seed: int, bans: int) -> None:
    # Doors stand anywhere, also on roads that restrictions have copied.
    raw = random_network(seed, side=3, bans=bans)
    graph = build_graph(raw, Profile.load("car"), units_at(raw, seed % 9, (seed + 4) % 9))
    net, table = labelled(graph), reference.table_of(graph)
    rng = random.Random(seed)
    doors = {int(e) for e in graph.doors[:, :, 0].ravel() if e >= 0}
    chosen = {*doors, *rng.sample(range(graph.n_edges), 6)}
    for unit in range(2):
        seeds = seeds_of(graph.doors, unit)
        for e in sorted(chosen):
            length = int(graph.edge_cm[e])
            door_cm = [cm for door, _, cm in seeds.tolist() if door == e]
            beside = [cm + step for cm in door_cm for step in (-1, 0, 1)]
            for at_cm in (0, length // 3, length, *beside):
                if 0 <= at_cm <= length:
                    assert label_at(net, unit, e, at_cm) == reference.label_at(
                        table, seeds, e, at_cm
                    ), f"unit {unit}, edge {e}, {at_cm} cm along"


#  0    5    10   m x 100
#  A----B----C    door D beside the middle of B-C
STREET_MAP = "A----B----C\n       D"


def test_before_the_door_on_its_own_edge() -> None:
    graph = drawn(STREET_MAP, {"AB": STREET, "BC": STREET}, "D")
    # D stands 200 m along B-C; 50 m along there are 150 m to go.
    assert metres_along(graph, "BC", 50) == pytest.approx(150, abs=0.1)
    assert metres_along(graph, "BC", 200) == pytest.approx(0, abs=0.1)
    # From C it is 300 m to the door; 120 m along, 180.
    assert metres_along(graph, "CB", 120) == pytest.approx(180, abs=0.1)
    assert metres_along(graph, "AB", 100) == pytest.approx(400 + 200, abs=0.1)


def test_beyond_the_door_on_its_own_edge_one_drives_on_and_comes_back() -> None:
    graph = drawn(STREET_MAP, {"AB": STREET, "BC": STREET}, "D")
    # 250 m along B-C, heading for C: 250 m to the dead end C, round, and 300 m back to the door.
    assert metres_along(graph, "BC", 250) == pytest.approx(250 + 300, abs=0.1)
    # The other direction of the road is the shorter: 50 m.
    net, e = labelled(graph), edge(graph, "BC")
    ms, cm = np.zeros(1, np.int32), np.zeros(1, np.int32)
    read_labels(net, int(graph.edge_segment[e]), 25_000, BOTH, ms, cm)
    assert (ms[0] / 1000, cm[0] / 100) == pytest.approx((5, 50), abs=0.1)
    read_labels(net, int(graph.edge_segment[e]), 25_000, FORWARD, ms, cm)
    assert cm[0] / 100 == pytest.approx(550, abs=0.1)


#  A----B
#  |    |   a one-way ring, 1,400 m round (5 + 2 + 5 + 2), door E on A-B, 300 m along
#  D----C
RING = "A--E-B\n\nD----C"


def test_beyond_the_door_on_a_one_way_ring_one_drives_all_round() -> None:
    graph = drawn(RING, {"ABCDA": ONEWAY}, "E")
    assert [graph.edge_core.all(), graph.n_edges] == [True, 1]
    net = labelled(graph)
    lap_cm = int(graph.edge_cm[0])
    assert lap_cm == pytest.approx(140_000, abs=10)
    assert label_at(net, 0, 0, 10_000)[1] == pytest.approx(20_000, abs=10)
    assert label_at(net, 0, 0, 30_100)[1] == pytest.approx(lap_cm - 100, abs=10)


def test_where_nothing_leads_back_to_a_one_way_door_there_is_no_route() -> None:
    graph = drawn(RING, {"ABCDA": ONEWAY}, "E")
    doors = graph.doors.copy()
    doors[:, :, 3:] = INF_MS  # as after a closure behind the door
    net = labelled(graph)._replace(doors=doors)
    assert label_at(net, 0, 0, 29_000)[0] < INF_MS
    assert label_at(net, 0, 0, 31_000) == (INF_MS, INF_MS)


def relabelled(graph: RoadGraph, **arrays: Any) -> Labelled:
    """The arrays of a look-up with some of the network's exchanged."""
    return replace(graph, **arrays).labelled()


def test_a_closed_edge_has_no_route() -> None:
    graph = drawn(STREET_MAP, {"AB": STREET, "BC": STREET}, "D")
    e = edge(graph, "AB")
    edge_ms, tree_ms = graph.edge_ms.copy(), graph.tree_ms.copy()
    edge_ms[e] = INF_MS
    assert label_at(relabelled(graph, edge_ms=edge_ms), 0, e, 5) == (INF_MS, INF_MS)
    tree_ms[0, e] = INF_MS
    assert label_at(relabelled(graph, tree_ms=tree_ms), 0, e, 5) == (INF_MS, INF_MS)


def test_the_table_of_labels_holds_what_the_network_says_of_an_edge() -> None:
    graph = drawn("A----B----C\nD    E", {"AB": STREET, "BC": STREET}, "D", "E")
    labels = labelled(graph).labels
    assert labels[:, E_MS].tolist() == graph.edge_ms.tolist()
    assert labels[:, E_TREES : E_TREES + 4].T.tolist() == [
        row.tolist() for u in range(2) for row in (graph.tree_ms[u], graph.tree_cm[u])
    ]
    doors = {int(e) for e in graph.doors[:, :, 0].ravel()} - {-1}
    assert set(np.flatnonzero(labels[:, E_DOOR]).tolist()) == doors


def test_only_the_labels_that_are_named_are_written_anew() -> None:
    graph = drawn("A----B----C\nD    E", {"AB": STREET, "BC": STREET}, "D", "E")
    tree_ms, tree_cm = graph.tree_ms + 1_000, graph.tree_cm + 500
    some = np.array([3, 0], np.int32)
    rows = labelled(graph).labels.copy()
    relabel(rows, 1, some, tree_ms[1], tree_cm[1])
    expected = graph.label_rows.copy()
    expected[some, E_TREES + 2], expected[some, E_TREES + 3] = tree_ms[1, some], tree_cm[1, some]
    assert rows.tolist() == expected.tolist()


def test_a_two_way_road_is_left_in_the_better_direction_for_each_unit() -> None:
    # Units at both ends of one street: each is reached in its own direction.
    graph = drawn("A----B\nC    D", {"AB": STREET}, "C", "D")
    e = edge(graph, "AB")
    ms, cm = np.zeros(2, np.int32), np.zeros(2, np.int32)
    read_labels(labelled(graph), int(graph.edge_segment[e]), 10_000, BOTH, ms, cm)
    assert (cm / 100).tolist() == pytest.approx([100, 400], abs=0.1)


def test_of_two_directions_equally_quick_the_shorter_gives_the_length() -> None:
    # Made-up labels: at the middle both directions are 50 s from the unit, on 700 m or on 600 m.
    graph = drawn("A----B\nC    D", {"AB": STREET}, "C")
    e, twin = edge(graph, "AB"), edge(graph, "BA")
    half_ms, half_cm = int(graph.edge_ms[e]) // 2, int(graph.edge_cm[e]) // 2
    tree_ms, tree_cm = graph.tree_ms.copy(), graph.tree_cm.copy()
    tree_ms[0, [e, twin]] = 50_000 + half_ms
    doors = np.full_like(graph.doors, -1)
    ms, cm = np.zeros(1, np.int32), np.zeros(1, np.int32)
    for forward_cm, backward_cm in ((70_000, 60_000), (60_000, 70_000)):
        tree_cm[0, e], tree_cm[0, twin] = forward_cm + half_cm, backward_cm + half_cm
        segment = int(graph.edge_segment[e])
        net = relabelled(graph, tree_ms=tree_ms, tree_cm=tree_cm.copy(), doors=doors)
        read_labels(net, segment, half_cm, BOTH, ms, cm)
        assert ms[0] == pytest.approx(50_000, abs=1)
        assert cm[0] == pytest.approx(60_000, abs=1)


def test_both_directions_put_a_point_in_the_same_place() -> None:
    graph = drawn(STREET_MAP, {"AB": STREET, "BC": STREET}, "D")
    net = labelled(graph)
    for s in range(len(graph.segments)):
        for along_cm in range(0, int(graph.segments[s, 7]) + 1, 997):
            e, at_cm = along_edge(net, s, along_cm, FORWARD)
            twin, twin_cm = along_edge(net, s, along_cm, BACKWARD)
            assert graph.edge_twin[e] == twin
            assert at_cm + twin_cm == graph.edge_cm[e]


@pytest.mark.parametrize("seed", range(6))
def test_a_look_up_snaps_and_reads_the_best_direction(seed: int) -> None:
    raw = random_network(seed, side=4)
    graph = build_graph(raw, Profile.load("car"), units_at(raw, 0, 9, 15))
    net, table = labelled(graph), reference.table_of(graph)
    rng = random.Random(seed)
    answer = np.empty(columns(3), np.int32)
    for _ in range(6):
        lon = raw.node_lon_e7[0] + rng.randint(-5_000, 50_000)
        lat = raw.node_lat_e7[0] + rng.randint(-5_000, 30_000)
        look_up(float(lon), float(lat), 0.0, 0.0, net, answer)
        row = graph.segments[answer[SEGMENT]]
        kx, ky = reference.metres_per_unit(float(lat))
        distance_m, t = reference.distance_to_segment((lon, lat), row.tolist(), kx, ky)
        assert answer[DISTANCE_CM] / 100 == pytest.approx(distance_m, abs=0.01)
        assert answer[ALONG_CM] == pytest.approx(t * row[7], abs=1.01)
        assert answer[LON_E7] == pytest.approx(row[0] + t * (int(row[2]) - row[0]), abs=1.01)
        assert answer[LAT_E7] == pytest.approx(row[1] + t * (int(row[3]) - row[1]), abs=1.01)
        assert answer[LABEL] == graph.edge_label[max(row[4], row[5])]
        departures = [
            (e, at_cm)
            for direction in (FORWARD, BACKWARD)
            if answer[MASK] & direction
            for e, at_cm in [
                along_edge(net, int(answer[SEGMENT]), int(answer[ALONG_CM]), direction)
            ]
        ]
        for u in range(3):
            seeds = seeds_of(graph.doors, u)
            best = min(reference.label_at(table, seeds, e, at_cm) for e, at_cm in departures)
            assert (answer[TIMES + u], answer[TIMES + 3 + u]) == best


def written(answer: IntArray) -> list[int]:
    """What a look-up writes: about the incident, and times and lengths of two units."""
    return [*answer[: LABEL + 1].tolist(), *answer[TIMES : TIMES + 4].tolist()]


def test_many_points_get_what_each_gets_alone() -> None:
    raw = random_network(3, side=4)
    net = labelled(build_graph(raw, Profile.load("car"), units_at(raw, 0, 9)))
    rng = np.random.default_rng(3)
    lon = raw.node_lon_e7[0] + rng.uniform(-20_000, 60_000, 40)
    lat = raw.node_lat_e7[0] + rng.uniform(-20_000, 40_000, 40)
    together = np.empty((40, columns(2)), np.int32)
    look_up_many(lon, lat, net, together)
    for i in range(40):
        alone = together[i].copy()
        alone[:] = -1
        look_up(lon[i], lat[i], 0.0, 0.0, net, alone)
        assert written(alone) == written(together[i])


def test_nothing_is_found_where_no_road_has_that_heading() -> None:
    graph = drawn(STREET_MAP, {"AB": STREET, "BC": STREET}, "D")
    answer = np.full(columns(1), 7, np.int32)
    point = float(graph.node_lon_e7[0]), float(graph.node_lat_e7[0])
    look_up(*point, math.sin(0), math.cos(0), labelled(graph), answer)
    assert answer[SEGMENT] == -1
    assert answer[DISTANCE_CM] == INF_MS
