"""Which roads a closure hits, on maps where it can be seen."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest

from routing_service.errors import ClosureHitsNothing, InvalidClosure
from routing_service.graph.road_graph import RoadGraph
from routing_service.live.closure import Closure, Disc, Line, Point, Polygon, Ring, Road, Way, Where
from routing_service.live.hit import describe, find_edges
from routing_service.units import E7
from tests import toymap
from tests.toymap import Ban

# 100 m to a column and to a row: A to B is 300 m east, B to E 200 m south.
MAP: Final = """
A--B--C--D--H
   |  |
   E--F
   |
   G
"""
WAYS: Final = {
    "ABCD": {"highway": "primary", "ref": "A61;A628", "name": "High Street"},  # 1
    "BEG": {"highway": "residential", "name": "Mill Lane"},  # 2
    "EF": {"highway": "residential", "oneway": "yes"},  # 3
    "CF": {"highway": "residential"},  # 4
    "DH": {"highway": "residential", "oneway": "yes"},  # 5, leads nowhere
}
AT: Final = toymap.positions(MAP)
EAST: Final = (AT["B"][0] - AT["A"][0]) / 300
NORTH: Final = (AT["B"][1] - AT["E"][1]) / 200


@pytest.fixture(scope="module")
def town() -> RoadGraph:
    return toymap.scene(MAP, WAYS)


def at(letter: str, east_m: float = 0.0, north_m: float = 0.0) -> Point:
    """Longitude and latitude so many metres from a letter."""
    lon, lat = AT[letter]
    return (lon + east_m * EAST) / E7, (lat + north_m * NORTH) / E7


def disc(letter: str, radius_m: float, east_m: float = 0.0, north_m: float = 0.0) -> Disc:
    lon, lat = at(letter, east_m, north_m)
    return Disc(lat, lon, radius_m)


def box(north_west: Point, south_east: Point) -> Ring:
    (west, north), (east, south) = north_west, south_east
    return ((west, north), (east, north), (east, south), (west, south), (west, north))


def around(letter: str, m: float) -> Ring:
    return box(at(letter, -m, m), at(letter, m, -m))


def hits(graph: RoadGraph, where: Where, **more: Any) -> str:
    """The edges that are hit, by their ends."""
    found = find_edges(graph, Closure("c", "r", "a", "s", where, **more))
    assert found.dtype == np.int32
    assert found.tolist() == sorted(set(found.tolist()))
    own = (int(e) for e in found if graph.edge_base[e] == e)
    return " ".join(sorted(toymap.spelling(graph, e) for e in own))


# --- each form -----------------------------------------------------------------------------
def test_a_way_is_hit_from_end_to_end(town: RoadGraph) -> None:
    assert hits(town, Way(2)) == "BE EB EG GE"
    assert hits(town, Way(3)) == "EF"


def test_a_disc_hits_what_comes_within_its_radius(town: RoadGraph) -> None:
    assert hits(town, disc("B", 10.0, north_m=-100.0)) == "BE EB"
    assert hits(town, disc("B", 5.0)) == "AB BA BC BE CB EB"
    # 20 m beside Mill Lane; by the project's own measure to within a centimetre or two.
    assert hits(town, disc("B", 20.05, east_m=20.0, north_m=-100.0)) == "BE EB"
    with pytest.raises(ClosureHitsNothing, match=r"within 19.95 m .* the nearest is Mill Lane, 20"):
        hits(town, disc("B", 19.95, east_m=20.0, north_m=-100.0))


def test_a_polygon_hits_what_reaches_into_it(town: RoadGraph) -> None:
    assert hits(town, Polygon((around("E", 50.0),))) == "BE EB EF EG GE"
    with pytest.raises(ClosureHitsNothing, match="No road reaches into the polygon; the nearest"):
        hits(town, Polygon((box(at("B", 50, -50), at("B", 200, -150)),)))  # between the roads


def test_what_lies_in_a_hole_of_a_polygon_is_not_hit(town: RoadGraph) -> None:
    whole = box(at("A", -99, 99), at("H", 99, -999))
    hole = box(at("A", -50, 50), at("H", 50, -250))  # all but the lower end of Mill Lane
    assert hits(town, Polygon((whole, hole))) == "EG GE"


def test_a_polygon_that_crosses_itself_is_refused(town: RoadGraph) -> None:
    bow = (at("A"), at("C"), at("A", 0, -200), at("C", 0, -200), at("A"))
    with pytest.raises(InvalidClosure, match=r"no area: Self-intersection.* without crossings"):
        hits(town, Polygon((bow,)))


@pytest.mark.parametrize("name", ["A61", "a 61", "A628", "High Street", "high  street"])
def test_a_road_is_known_by_each_number_and_by_its_name(town: RoadGraph, name: str) -> None:
    assert hits(town, Road(name, (around("C", 20.0),))) == "BC CB CD DC"  # not CF


def test_a_road_that_is_elsewhere_or_nowhere(town: RoadGraph) -> None:
    with pytest.raises(ClosureHitsNothing, match="A61 does not reach into the polygon"):
        hits(town, Road("A61", (around("G", 20.0),)))
    with pytest.raises(ClosureHitsNothing, match="No road is called 'A99'"):
        hits(town, Road("A99", (around("G", 20.0),)))


# --- lines ---------------------------------------------------------------------------------
def test_a_line_hits_the_road_along_which_it_is_drawn(town: RoadGraph) -> None:
    # Eight metres beside the road, from junction to junction: the side roads B and C are passed.
    assert hits(town, Line((at("B", 0, 8), at("C", 0, 8)))) == "BC CB"
    assert hits(town, Line((at("C", 0, -8), at("B", 0, -8)))) == "BC CB"
    # Round the corner.
    assert hits(town, Line((at("A"), at("B"), at("E")))) == "AB BA BE EB"


def test_a_line_along_part_of_an_edge_hits_it(town: RoadGraph) -> None:
    assert hits(town, Line((at("B", 100, 0), at("B", 160, 0)))) == "BC CB"
    # It goes on for 20 m beyond C: little of CD and of the line.
    assert hits(town, Line((at("B"), at("C", 20, 0)))) == "BC CB"
    assert hits(town, Line((at("B"), at("C", 120, 0)))) == "BC CB CD DC"


def test_a_line_does_not_hit_what_it_crosses(town: RoadGraph) -> None:
    with pytest.raises(ClosureHitsNothing, match="What a line crosses is not hit: use a polygon"):
        hits(town, Line((at("B", -100, -100), at("B", 100, -100))))


# --- direction -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("direction_deg", "edges"),
    [(90.0, "AB BC"), (45.0, "AB BC EB"), (140.0, "AB BC BE"), (160.0, "BE"), (270.0, "BA CB")],
)
def test_only_what_leads_within_60_degrees_is_hit(
    town: RoadGraph, direction_deg: float, edges: str
) -> None:
    assert hits(town, disc("B", 5.0), direction_deg=direction_deg) == edges


def test_a_direction_in_which_nothing_leads_is_refused(town: RoadGraph) -> None:
    with pytest.raises(ClosureHitsNothing, match="none leads within 60 degrees of 270"):
        hits(town, Way(3), direction_deg=270.0)


def test_of_a_bent_road_the_part_that_is_hit_has_the_direction() -> None:
    # One edge from A to C: B is a bend. At A it leads east, and over all south-east.
    graph = toymap.scene("AB\n C", {"ABC": {"highway": "residential"}})
    lon, lat = toymap.positions("AB\n C")["A"]
    start = Disc(lat / E7, lon / E7, 10.0)
    assert hits(graph, start, direction_deg=40.0) == "AC"
    with pytest.raises(ClosureHitsNothing):
        hits(graph, Way(1), direction_deg=40.0)


def test_a_loop_leads_in_every_direction() -> None:
    drawing = "A-B-C\n  D"
    ways = {"AB": {"highway": "residential"}, "BCDB": {"highway": "residential", "oneway": "yes"}}
    graph = toymap.scene(drawing, ways)
    for direction_deg in (0.0, 90.0, 180.0, 270.0):
        assert hits(graph, Way(2), direction_deg=direction_deg) == "BB"


# --- edges that are easily forgotten --------------------------------------------------------
def test_a_road_outside_the_connected_core_is_hit(town: RoadGraph) -> None:
    assert town.edge_core[toymap.edge(town, "DH")] == 0
    assert hits(town, disc("D", 5.0, east_m=150.0)) == "DH"
    assert hits(town, Way(5)) == "DH"


def test_copies_of_an_edge_are_hit_with_it() -> None:
    # From AB along BC one may not go on into CD: BC has a copy for those who come from AB.
    drawing = "A-B-C-D\n  E F"
    ways = {k: {"highway": "residential"} for k in ("AB", "BC", "CD", "BE", "CF")}
    graph = toymap.scene(drawing, ways, bans=[Ban("AB", ("BC",), "CD", "no_entry")])
    copies = np.flatnonzero(graph.edge_base != np.arange(graph.n_edges))
    assert [toymap.spelling(graph, int(e)) for e in copies] == ["BC"]
    for where in (Way(2), _middle(drawing)):
        closure = Closure("c", "r", "a", "s", where, direction_deg=90.0)
        found = find_edges(graph, closure)
        assert found.tolist() == sorted([toymap.edge(graph, "BC"), int(copies[0])])
        # For people it is one road, and the copy no road of its own.
        assert (describe(graph, found).edges, round(describe(graph, found).metres)) == (1, 200)


def _middle(drawing: str) -> Disc:
    (x1, y1), (x2, y2) = (toymap.positions(drawing)[letter] for letter in "BC")
    return Disc((y1 + y2) / 2 / E7, (x1 + x2) / 2 / E7, 5.0)


def test_an_unknown_way_of_a_surrogate_says_that_it_has_its_own(town: RoadGraph) -> None:
    with pytest.raises(ClosureHitsNothing, match=r"No way 77 .* surrogate.* not OpenStreetMap's"):
        hits(town, Way(77))


# --- words ---------------------------------------------------------------------------------
def test_a_hit_is_told_in_roads_edges_and_metres_of_road(town: RoadGraph) -> None:
    both = describe(town, find_edges(town, Closure("c", "r", "a", "s", Way(2))))
    assert (both.roads, both.edges, round(both.metres)) == (("Mill Lane",), 4, 400)
    one = describe(town, find_edges(town, Closure("c", "r", "a", "s", Way(2), direction_deg=180.0)))
    assert (one.roads, one.edges, round(one.metres)) == (("Mill Lane",), 2, 400)
    junction = describe(town, find_edges(town, Closure("c", "r", "a", "s", disc("E", 5.0))))
    assert junction.roads == ("Mill Lane", "local road")
