"""The turn table: which edge may follow which, at what angle, for what time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.raw import Tags
from routing_service.graph.split import split_ways
from routing_service.graph.turns import Edges, all_turns, bearings, without_u_turns
from tests.networks import FLAT, NO_TURN_COSTS, profile, random_network, units_at
from tests.toymap import can_drive, read_map, scene, spelling, turn_cost_ms

CAR = Profile.load("car")
STREET: Tags = {"highway": "residential"}
ONEWAY: Tags = {"highway": "residential", "oneway": "yes"}

#   A
#   |
# B-X-C
#   |
#   D
STAR = "  A\n  |\nB-X-C\n  |\n  D"
ARMS: Mapping[str, Tags] = {"AX": STREET, "BX": STREET, "CX": STREET, "DX": STREET}


def turns(graph: RoadGraph) -> set[tuple[int, int]]:
    of = np.repeat(np.arange(graph.n_edges), np.diff(graph.turn_first))
    return set(zip(of.tolist(), graph.turn_to.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_one_may_go_wherever_roads_meet_and_back_only_from_dead_ends(seed: int) -> None:
    raw = random_network(seed, side=4)
    graph = build_graph(raw, CAR, units_at(raw, 0))
    meeting = {
        (e, f)
        for e in range(graph.n_edges)
        for f in range(graph.n_edges)
        if graph.edge_to[e] == graph.edge_from[f]
    }
    back = {(e, f) for e, f in meeting if graph.edge_twin[e] == f}
    onward = {e for e, _ in meeting - back}
    assert turns(graph) == meeting - {(e, f) for e, f in back if e in onward}


def test_turning_round_everywhere_is_a_matter_of_the_profile() -> None:
    raw = random_network(2, side=4)
    graph = build_graph(raw, profile(NO_TURN_COSTS), units_at(raw, 0))
    assert not graph.turn_ms.any()
    assert {(e, int(f)) for e, f in enumerate(graph.edge_twin) if f >= 0} <= turns(graph)


def test_the_two_tables_hold_the_same_turns() -> None:
    raw = random_network(5, side=4, bans=8)
    graph = build_graph(raw, CAR, units_at(raw, 0))
    of = np.repeat(np.arange(graph.n_edges), np.diff(graph.turn_first))
    to = np.repeat(np.arange(graph.n_edges), np.diff(graph.back_first))
    forward = sorted(zip(of, graph.turn_to, graph.turn_ms, strict=True))
    backward = sorted(zip(graph.back_from, to, graph.back_ms, strict=True))
    assert forward == backward


# --- angles ----------------------------------------------------------------------------------
def test_bearings_are_taken_at_each_end_of_a_bent_road() -> None:
    # East, then south-east, then north: leaves on 90 degrees, arrives on 0.
    raw = read_map("      D\nA--B\n      |\n   \n      C", {"ABCD": STREET})
    first_deg, last_deg = bearings(split_ways(raw, CAR))
    assert first_deg.tolist() == pytest.approx([90.0], abs=0.01)
    assert last_deg.tolist() == pytest.approx([0.0], abs=0.01)


@pytest.mark.parametrize(
    ("drive", "angle_deg"),
    [("DXA", 0), ("DXB", -90), ("DXC", 90), ("BXA", -90), ("CXA", 90), ("AXB", 90), ("AXC", -90)],
)
def test_right_turns_are_positive(drive: str, angle_deg: float) -> None:
    assert angle_at(STAR, ARMS, drive) == pytest.approx(angle_deg, abs=0.01)


def test_the_way_a_road_was_drawn_does_not_matter() -> None:
    drawn_outwards = {"XA": STREET, "XB": STREET, "XC": STREET, "XD": STREET}
    for drive in ("DXB", "BXC", "AXB"):
        assert angle_at(STAR, drawn_outwards, drive) == pytest.approx(
            angle_at(STAR, ARMS, drive), abs=1e-9
        )


def angle_at(drawing: str, ways: Mapping[str, Tags], drive: str) -> float:
    raw = read_map(drawing, ways)
    graph = build_graph(raw, CAR, units_at(raw, 0))
    pieces = split_ways(raw, CAR)
    first_deg, last_deg = bearings(pieces)
    backward = graph.edge_reversed.astype(bool)
    piece = np.searchsorted(pieces.segment_first, graph.edge_segment)
    index = np.searchsorted(raw.node_ids, graph.node_ids)
    edges = Edges(
        piece=piece.astype(np.int32),
        reversed=backward,
        from_node=index[graph.edge_from].astype(np.int32),
        to_node=index[graph.edge_to].astype(np.int32),
        way=graph.edge_way,
        twin=graph.edge_twin,
        leave_deg=np.where(backward, last_deg[piece] + 180.0, first_deg[piece]),
        arrive_deg=np.where(backward, first_deg[piece] + 180.0, last_deg[piece]),
    )
    table = without_u_turns(all_turns(edges, pieces, len(raw.node_ids), CAR), edges, CAR)
    (angle,) = (
        angle
        for of, to, angle in zip(table.of, table.to, table.angle_deg, strict=True)
        if spelling(graph, of) == drive[:2] and spelling(graph, to) == drive[1:]
    )
    return float(angle)


# --- costs -----------------------------------------------------------------------------------
def test_a_penalty_at_a_node_is_paid_by_every_turn_there_and_once() -> None:
    calmed = scene(STAR, ARMS, nodes={"X": {"traffic_calming": "hump"}}, profile="car")
    plain = scene(STAR, ARMS, profile="car")
    for drive in ("AXB", "DXA", "CXD"):
        assert turn_cost_ms(calmed, drive) == turn_cost_ms(plain, drive) + 3_000


def test_a_gate_that_is_shut_lets_one_turn_round_and_no_more() -> None:
    graph = scene("A-B-C", {"ABC": STREET}, nodes={"B": {"barrier": "bollard"}}, profile="car")
    assert can_drive(graph, "ABA")
    assert not can_drive(graph, "ABC")


def test_the_end_of_a_cul_de_sac_costs_a_u_turn() -> None:
    graph = scene("A-B", {"AB": STREET}, profile="car")
    assert turn_cost_ms(graph, "ABA") == 25_000


def test_where_a_road_only_bends_or_changes_its_name_nothing_is_paid() -> None:
    graph = scene("A-B\n  |\n  C", {"AB": STREET, "BC": STREET}, profile="car")
    assert turn_cost_ms(graph, "ABC") == 0
    assert not can_drive(graph, "ABA")


# --- rings -----------------------------------------------------------------------------------
def test_a_ring_at_the_end_of_a_road_is_driven_round_either_way() -> None:
    # A-B, and the ring B-C-D-B: its one piece leaves B and comes back to it.
    raw = read_map("A--B--C\n\n   D", {"AB": STREET, "BCDB": STREET})
    graph = build_graph(raw, profile(FLAT), units_at(raw, 0))
    assert graph.n_edges == 4
    assert graph.edge_core.all()
    ring = [e for e in range(4) if graph.edge_from[e] == graph.edge_to[e]]
    assert [graph.edge_twin[e] for e in ring] == ring[::-1]
    (back,) = (e for e in range(4) if spelling(graph, e) == "BA")
    for e in ring:
        assert (e, back) in turns(graph)
        assert (e, int(graph.edge_twin[e])) not in turns(graph)
    # From the ring's start to the door at A: round it (3 + 3.6 + 2 hundred metres) and 3 back.
    expected_cm = 30_000 + int(np.hypot(30_000, 20_000)) + 20_000 + 30_000
    assert graph.tree_cm[0, ring].tolist() == pytest.approx([expected_cm] * 2, abs=500)


def test_a_one_way_ring_is_driven_one_way() -> None:
    raw = read_map("A--B--C\n\n   D", {"AB": STREET, "BCDB": ONEWAY})
    graph = build_graph(raw, profile(FLAT), units_at(raw, 0))
    assert (graph.n_edges, bool(graph.edge_core.all())) == (3, True)
