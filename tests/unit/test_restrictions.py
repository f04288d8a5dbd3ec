"""Turn restrictions mean what OpenStreetMap says, on every drive and not only the quickest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.raw import RawNetwork
from tests import reference
from tests.networks import random_network, units_at
from tests.toymap import Ban, can_drive, edges, read_map, scene

CAR = Profile.load("car")
STREET = {"highway": "residential"}
ONEWAY = {"highway": "residential", "oneway": "yes"}


def graph_of(raw: RawNetwork) -> RoadGraph:
    return build_graph(raw, CAR, units_at(raw, 0))


def drives_by_rules(graph: RoadGraph, raw: RawNetwork, length: int) -> set[tuple[object, ...]]:
    streets = [reference.street_of(graph, e) for e in base_edges(graph)]
    rules = reference.Rules(streets, raw)
    return {drive for street in streets for drive in rules.drives(street, length)}


def drives_by_turns(graph: RoadGraph, length: int) -> Counter[tuple[object, ...]]:
    return Counter(
        drive for e in base_edges(graph) for drive in reference.drives_of(graph, e, length)
    )


def base_edges(graph: RoadGraph) -> list[int]:
    return [e for e in range(graph.n_edges) if graph.edge_base[e] == e]


@pytest.mark.parametrize("seed", range(40))
def test_exactly_the_allowed_drives_are_possible(seed: int) -> None:
    # Every drive over six streets of a town of nine crossroads with eight restrictions of all
    # kinds, by the turn table and by the rules told from the whole drive.
    raw = random_network(seed, side=3, bans=8, onlys=seed % 2)
    graph = graph_of(raw)
    possible = drives_by_turns(graph, 6)
    assert set(possible) == drives_by_rules(graph, raw, 6)
    # Copies stand for one road in one situation: no drive is possible in two ways.
    assert set(possible.values()) == {1}


@pytest.mark.parametrize("seed", range(40, 50))
def test_the_order_of_relations_does_not_matter(seed: int) -> None:
    raw = random_network(seed, side=3, bans=8, onlys=1)
    renumbered = replace(raw, restrictions=raw.restrictions[::-1])
    assert set(drives_by_turns(graph_of(raw), 5)) == set(drives_by_turns(graph_of(renumbered), 5))


# --- via a node ------------------------------------------------------------------------------
#   A
#   |
# B-X-C
#   |
#   D
STAR = "  A\n  |\nB-X-C\n  |\n  D"
ARMS = {"AX": STREET, "BX": STREET, "CX": STREET, "DX": STREET}


def star(*bans: Ban) -> RoadGraph:
    return scene(STAR, ARMS, bans=bans)


def onward(graph: RoadGraph, start: str) -> str:
    """Where one may go at the crossroads, coming from `start`."""
    return "".join(end for end in "ABCD" if can_drive(graph, f"{start}X{end}"))


def test_no_left_turn_forbids_that_turn_alone() -> None:
    graph = star(Ban("DX", "X", "BX", "no_left_turn"))
    assert [onward(graph, start) for start in "ABCD"] == ["BCD", "ACD", "ABD", "AC"]


def test_only_straight_on_forbids_all_others() -> None:
    graph = star(Ban("DX", "X", "AX", "only_straight_on"))
    assert [onward(graph, start) for start in "ABCD"] == ["BCD", "ACD", "ABD", "A"]


def test_two_restrictions_at_one_crossroads_add_up() -> None:
    graph = star(Ban("DX", "X", "BX", "no_left_turn"), Ban("DX", "X", "CX", "no_right_turn"))
    assert onward(graph, "D") == "A"


def test_where_every_way_out_is_forbidden_one_turns_round() -> None:
    graph = star(*(Ban("DX", "X", f"{end}X", "no_entry") for end in "ABC"))
    assert onward(graph, "D") == "D"


def test_no_exit_may_name_several_from_ways() -> None:
    raw = read_map(STAR, ARMS, bans=[Ban("AX", "X", "DX", "no_exit")])
    both = replace(raw.restrictions[0], from_ways=(1, 3))  # AX and CX
    graph = graph_of(replace(raw, restrictions=(both,)))
    assert [onward(graph, start) for start in "ABCD"] == ["BC", "ACD", "AB", "ABC"]


def test_no_entry_may_name_several_to_ways() -> None:
    raw = read_map(STAR, ARMS, bans=[Ban("AX", "X", "DX", "no_entry")])
    both = replace(raw.restrictions[0], to_ways=(2, 4))  # BX and DX
    graph = graph_of(replace(raw, restrictions=(both,)))
    assert onward(graph, "A") == "C"


@pytest.mark.parametrize(
    ("kind", "banned"),
    [("no_left_turn", "DXB"), ("no_right_turn", "DXC")],
)
def test_a_to_way_that_runs_through_is_meant_on_the_side_named(kind: str, banned: str) -> None:
    graph = scene(
        STAR, {"AX": STREET, "BXC": STREET, "DX": STREET}, bans=[Ban("DX", "X", "BXC", kind)]
    )
    assert {drive for drive in ("DXA", "DXB", "DXC") if not can_drive(graph, drive)} == {banned}


def test_a_from_way_that_runs_through_is_meant_on_the_side_named() -> None:
    # From B the left turn leads to A, from C the right one does.
    graph = scene(
        STAR,
        {"AX": STREET, "BXC": STREET, "DX": STREET},
        bans=[Ban("BXC", "X", "AX", "no_left_turn")],
    )
    assert not can_drive(graph, "BXA")
    assert can_drive(graph, "CXA")


def test_a_restriction_holds_on_the_piece_next_to_its_node() -> None:
    # The from-way is cut by the side road E; only who comes to X along it is meant.
    #   A
    #   |
    # B-X-C-E-F    with F..X one way
    #       |
    #       G
    graph = scene(
        "  A\n  |\nB-X-C-E-F\n      |\n      G",
        {"AX": STREET, "BX": STREET, "XCEF": STREET, "EG": STREET},
        bans=[Ban("XCEF", "X", "AX", "no_right_turn")],
    )
    assert not can_drive(graph, "EXA")
    assert can_drive(graph, "FEG")
    assert can_drive(graph, "EXB")


def test_no_u_turn_on_one_road_forbids_turning_round_there() -> None:
    # D is a dead end, where one could turn round: no more.
    dead_end = {"AX": STREET, "BX": STREET, "CX": STREET, "XD": STREET}
    assert can_drive(scene(STAR, dead_end), "XDX")
    graph = scene(STAR, dead_end, bans=[Ban("XD", "D", "XD", "no_u_turn")])
    assert not can_drive(graph, "XDX")


def test_no_u_turn_between_carriageways_forbids_crossing_over() -> None:
    # Two carriageways, AB eastwards and CA westwards, part at A; who comes by C may not go
    # straight back by B, but may drive on to D.
    #   C
    #  /
    # A-D
    #  \
    #   B
    ways = {"CA": ONEWAY, "AB": ONEWAY, "AD": STREET, "BC": STREET}
    drawing = "  C\n\nA    D\n\n  B"
    assert can_drive(scene(drawing, ways, unit_at="D"), "CAB")
    graph = scene(drawing, ways, bans=[Ban("CA", "A", "AB", "no_u_turn")], unit_at="D")
    assert not can_drive(graph, "CAB")
    assert can_drive(graph, "CAD")
    assert can_drive(graph, "DAB")


# --- via ways --------------------------------------------------------------------------------
# A-B-C-D-E    a long street of four ways, with a side road up at every junction:
#   | | |
#   F G H
LADDER = "A-B-C-D-E\n  | | |\n  F G H"
RUNGS = dict.fromkeys(("AB", "BC", "CD", "DE", "BF", "CG", "DH"), STREET)


def ladder(*bans: Ban) -> RoadGraph:
    return scene(LADDER, RUNGS, bans=bans)


def test_a_ban_via_a_way_binds_only_who_came_from_its_start() -> None:
    graph = ladder(Ban("AB", ("BC",), "CD", "no_straight_on"))
    assert not can_drive(graph, "ABCD")
    assert can_drive(graph, "ABCG")
    assert can_drive(graph, "FBCD")
    assert can_drive(graph, "BCD")  # who starts on the via-way itself is free
    assert can_drive(graph, "DCBA")


def test_who_turns_round_on_the_way_is_free_of_a_ban() -> None:
    # From A along B-C, up the side road, round at its end and out again eastwards.
    graph = ladder(Ban("AB", ("BC",), "CD", "no_straight_on"))
    assert can_drive(graph, "ABCGCD")


def test_a_ban_via_two_ways() -> None:
    graph = ladder(Ban("AB", ("BC", "CD"), "DE", "no_straight_on"))
    assert not can_drive(graph, "ABCDE")
    assert can_drive(graph, "ABCDH")
    assert can_drive(graph, "FBCDE")
    assert can_drive(graph, "BCDE")


def test_an_only_via_a_way_prescribes_the_whole_drive() -> None:
    graph = ladder(Ban("AB", ("BC",), "CG", "only_right_turn"))
    assert can_drive(graph, "ABCG")
    assert not can_drive(graph, "ABF")
    assert not can_drive(graph, "ABCD")
    assert can_drive(graph, "FBCD")


def test_bans_that_share_their_first_ways() -> None:
    graph = ladder(
        Ban("AB", ("BC",), "CG", "no_right_turn"),
        Ban("AB", ("BC", "CD"), "DH", "no_right_turn"),
    )
    assert not can_drive(graph, "ABCG")
    assert not can_drive(graph, "ABCDH")
    assert can_drive(graph, "ABCDE")
    assert can_drive(graph, "BCG")
    assert can_drive(graph, "BCDH")


@pytest.mark.parametrize("first", [0, 1])
def test_bans_that_overlap_end_to_start(first: int) -> None:
    # The second starts on the way that the first leads through; both orders of relations.
    bans = [
        Ban("AB", ("BC",), "CG", "no_right_turn"),
        Ban("BC", ("CD",), "DH", "no_right_turn"),
    ]
    graph = ladder(bans[first], bans[1 - first])
    for forbidden in ("ABCG", "ABCDH", "BCDH", "FBCDH"):
        assert not can_drive(graph, forbidden)
    for allowed in ("FBCG", "ABCDE", "CDH", "GCDH"):
        assert can_drive(graph, allowed)


def test_a_via_way_of_several_pieces_is_driven_to_its_end() -> None:
    # The via-way B-C-D is cut by the side road at C.
    graph = scene(
        LADDER,
        {"AB": STREET, "BCD": STREET, "DE": STREET, "BF": STREET, "CG": STREET, "DH": STREET},
        bans=[Ban("AB", ("BCD",), "DE", "no_straight_on")],
    )
    assert not can_drive(graph, "ABCDE")
    assert can_drive(graph, "ABCDH")
    assert can_drive(graph, "FBCDE")
    assert can_drive(graph, "GCDE")


def test_a_from_way_of_several_pieces_binds_from_the_last() -> None:
    graph = scene(
        LADDER,
        {"ABC": STREET, "CD": STREET, "DE": STREET, "BF": STREET, "CG": STREET, "DH": STREET},
        bans=[Ban("ABC", ("CD",), "DE", "no_straight_on")],
    )
    assert not can_drive(graph, "BCDE")
    assert not can_drive(graph, "FBCDE")  # F joins the from-way before its end
    assert can_drive(graph, "GCDE")


def test_no_u_turn_by_way_of_a_gap_between_carriageways() -> None:
    # Carriageways A-B-C eastwards and F-E-D westwards with a gap B-E: straight on over the gap
    # from the side road stays allowed, turning back through it does not.
    #   F-E-D
    #     |
    #   A-B-C
    ways = {
        "AB": ONEWAY, "BC": ONEWAY, "DE": ONEWAY, "EF": ONEWAY, "BE": STREET,
        "CD": STREET, "FA": STREET,
    }  # fmt: skip
    graph = scene("F--E--D\n\nA--B--C", ways, bans=[Ban("AB", ("BE",), "EF", "no_u_turn")])
    assert not can_drive(graph, "ABEF")
    assert can_drive(graph, "ABCDEF")
    assert can_drive(graph, "DEBC")


def test_an_only_that_other_restrictions_make_impossible_is_void() -> None:
    # From A one must go by B-C up to G, says the one; the other forbids just that turn. Then a
    # dead end would be the worst answer: the prescription falls.
    bans: Sequence[Ban] = (
        Ban("AB", ("BC",), "CG", "only_right_turn"),
        Ban("BC", "C", "CG", "no_right_turn"),
    )
    for ordered in (bans, bans[::-1]):
        graph = ladder(*ordered)
        assert not can_drive(graph, "ABCG")
        assert can_drive(graph, "ABF")
        assert can_drive(graph, "ABCD")
        assert graph.manifest["dropped"]["restriction_not_placed"] == 1


# --- what is left over -----------------------------------------------------------------------
def test_restrictions_on_roads_that_do_not_meet_are_counted() -> None:
    graph = ladder(Ban("AB", "D", "DE", "no_straight_on"), Ban("AB", ("CD",), "DE", "no_entry"))
    assert graph.manifest["dropped"]["restriction_not_placed"] == 2
    assert can_drive(graph, "ABCDE")
    assert graph.n_edges == 14


def test_restrictions_for_others_are_counted_and_do_nothing() -> None:
    bus = {"restriction": "", "restriction:bus": "no_left_turn"}
    graph = ladder(Ban("AB", "B", "BC", "no_straight_on", tags=bus))
    assert graph.manifest["dropped"]["restriction_not_for_profile"] == 1
    assert can_drive(graph, "ABC")


def test_a_road_that_is_only_entered_under_a_restriction_stays_in_the_core() -> None:
    # B-C is one-way and can be entered from A alone, so that every drive on it is on its copy. An
    # incident there is on the road all the same.
    #   A-B-C-D-G
    #   |   |/
    #   E---F      one way from F by E and A to C
    ways = {
        "AB": ONEWAY, "BC": ONEWAY, "FEA": ONEWAY,
        "CD": STREET, "CF": STREET, "DF": STREET, "DG": STREET,
    }  # fmt: skip
    graph = scene(
        "A--B--C--D--G\n\nE-----F", ways, bans=[Ban("AB", ("BC",), "CD", "no_straight_on")]
    )
    assert not can_drive(graph, "ABCD")
    assert can_drive(graph, "BCD")
    assert edges(graph) == ["AB", "BC", "CD", "CF", "DC", "DF", "DG", "FA", "FC", "FD", "GD"]
    assert graph.edge_core.all()
    assert set(graph.segments[:, 4:6].ravel().tolist()) - {-1} == set(base_edges(graph))
