"""A route is the path that the times were taken from, from the incident to the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from routing_service.decision.model import Location, Route, Unit
from routing_service.errors import NoRoute
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.raw import Tags
from routing_service.kernels.snap import BACKWARD, FORWARD
from routing_service.live.route import _departure, _Leg, _legs
from routing_service.live.snapshot import Snapshot
from routing_service.units import E7, INF_MS
from tests.networks import FLAT, profile, random_network, units_at
from tests.reference import metres_per_unit
from tests.toymap import Ban, positions, read_map

STREET: Tags = {"highway": "residential"}
ONEWAY: Tags = {"highway": "residential", "oneway": "yes"}


def snapshot(
    drawing: str,
    ways: Mapping[str, Tags],
    units: str,
    nodes: Mapping[str, Tags] | None = None,
    bans: tuple[Ban, ...] = (),
    rules: Profile | None = None,
) -> Snapshot:
    """A scene of 100 m to the character with a unit by each of the letters."""
    at = positions(drawing)
    rows = [Unit(f"U{x}", x, at[x][1] / E7, at[x][0] / E7) for x in units]
    raw = read_map(drawing, ways, nodes, bans)
    return Snapshot(build_graph(raw, rules or profile(FLAT), rows), "scene")


def at(drawing: str, letter: str, heading_deg: float | None = None) -> Location:
    lon_e7, lat_e7 = positions(drawing)[letter]
    return Location(lat_e7 / E7, lon_e7 / E7, heading_deg=heading_deg)


def length_m(route: Route) -> float:
    """Length of the drawn line."""
    kx, ky = metres_per_unit(route.points[0][1] * E7)
    return sum(
        float(np.hypot((b[0] - a[0]) * E7 * kx, (b[1] - a[1]) * E7 * ky))
        for a, b in pairwise(route.points)
    )


# --- random towns ----------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bans", [0, 10])
def test_legs_are_joined_by_turns_and_add_up_to_the_label(seed: int, bans: int) -> None:
    # From both ends and the middle of every road, in either direction or the better of the two.
    raw = random_network(seed, side=4, bans=bans)
    graph = build_graph(raw, Profile.load("car"), units_at(raw, 5, 12))
    net = graph.labelled()
    for s in range(len(graph.segments)):
        masks = [m for m in (FORWARD, BACKWARD) if graph.segments[s, 4 if m == FORWARD else 5] >= 0]
        for mask in {*masks, sum(masks)} - {0}:
            for along_cm in (0, int(graph.segments[s, 7]) // 2, int(graph.segments[s, 7])):
                for u in range(2):
                    ms, cm, edge, at_cm = _departure(net, u, (s, along_cm, mask))
                    legs = _legs(graph, u, edge, at_cm)
                    assert (legs[0].edge, legs[0].from_cm, legs[0].turn_ms) == (edge, at_cm, 0)
                    assert sum(leg.to_cm - leg.from_cm for leg in legs) == cm
                    assert sum(leg_ms(graph, leg) for leg in legs) == ms
                    for a, b in pairwise(legs):
                        assert b.turn_ms == turn_ms(graph, a.edge, b.edge)
                        assert (a.to_cm, b.from_cm) == (graph.edge_cm[a.edge], 0)
                    doors = {int(row[0]): int(row[2]) for row in graph.doors[u]}
                    assert doors[legs[-1].edge] == legs[-1].to_cm


def leg_ms(graph: RoadGraph, leg: _Leg) -> int:
    """Time of a leg: its turn, and its share of the edge, cut to whole milliseconds at each end."""
    edge_ms, edge_cm = int(graph.edge_ms[leg.edge]), int(graph.edge_cm[leg.edge])
    return leg.turn_ms + edge_ms * leg.to_cm // edge_cm - edge_ms * leg.from_cm // edge_cm


def turn_ms(graph: RoadGraph, e: int, f: int) -> int:
    turns = range(graph.turn_first[e], graph.turn_first[e + 1])
    (found,) = (j for j in turns if graph.turn_to[j] == f)
    return int(graph.turn_ms[found])


@pytest.mark.parametrize("seed", range(6))
def test_a_route_agrees_with_the_decision_and_with_its_drawing(seed: int) -> None:
    raw = random_network(seed, side=5, bans=6)
    current = Snapshot(
        build_graph(raw, Profile.load("blue_light"), units_at(raw, 0, 12, 24)), "town"
    )
    rng = np.random.default_rng(seed)
    for _ in range(8):
        node = rng.integers(len(raw.node_ids))
        place = Location(
            (int(raw.node_lat_e7[node]) + 900) / E7, (int(raw.node_lon_e7[node]) + 1700) / E7
        )
        for row in current.decide(place).ranking:
            route = current.route(place, row.ods_code)
            assert (route.minutes, route.km, route.unit.ods_code) == (
                row.minutes,
                row.km,
                row.ods_code,
            )
            assert length_m(route) == pytest.approx(1000 * route.km, abs=52)
            assert route.points[0] == (route.snap.lon, route.snap.lat)
            to_unit = np.subtract(route.points[-1], (route.unit.lon, route.unit.lat)) * E7
            door_m = float(np.hypot(*(to_unit * metres_per_unit(535_500_000.0))))
            u = current.units.index(route.unit)
            assert door_m == pytest.approx(current.manifest["door_distance_m"][u], abs=0.3)
            shown = len(route.steps) * 0.05 + 0.051
            assert sum(step.minutes for step in route.steps) == pytest.approx(
                route.minutes, abs=shown
            )
            assert sum(step.km for step in route.steps) == pytest.approx(route.km, abs=shown)


# --- scenes ----------------------------------------------------------------------------------
#    A-------B-------C     A61 from A to C, Mill Lane from B down to D
#            |
#            D
TEE = "A-------B-------C\n\n\n        D"
TEE_WAYS: Mapping[str, Tags] = {
    "AB": {**STREET, "ref": "A61"},
    "BC": {**STREET, "ref": "A61"},
    "BD": {**STREET, "name": "Mill Lane"},
}


def test_steps_are_told_road_by_road() -> None:
    # 800 m on the A61 and 300 m on Mill Lane at 10 m/s: 1.3 and 0.5 minutes.
    route = snapshot(TEE, TEE_WAYS, "D").route(at(TEE, "A"), "UD")
    assert [(step.road, step.minutes, step.km) for step in route.steps] == [
        ("A61", 1.3, 0.8),
        ("Mill Lane", 0.5, 0.3),
    ]
    assert (route.minutes, route.km) == (1.8, 1.1)
    at_letters = [at(TEE, letter) for letter in "ABD"]
    expected = [(round(place.lon, 6), round(place.lat, 6)) for place in at_letters]
    assert np.abs(np.array(route.points) - expected).max() < 2e-6


def test_roads_of_one_number_are_one_step() -> None:
    route = snapshot(TEE, TEE_WAYS, "C").route(at(TEE, "A"), "UC")
    assert [(step.road, step.km) for step in route.steps] == [("A61", 1.6)]


def test_a_route_within_one_road_is_cut_at_both_ends() -> None:
    #  0    3       8    x 100 m
    #  A----------------B
    #     P       D
    drawing = "A----------------B\n   P    D"
    route = snapshot(drawing, {"AB": STREET}, "D").route(at(drawing, "P"), "UD")
    assert route.km == 0.5
    west, east = at(drawing, "P").lon, at(drawing, "D").lon
    assert [lon for lon, _ in route.points] == pytest.approx([west, east], abs=2e-6)


def test_at_the_door_there_is_nothing_to_drive() -> None:
    drawing = "A----------------B\n   P    D"
    current = snapshot(drawing, {"AB": STREET}, "D")
    unit = current.units[0]
    route = current.route(Location(unit.lat, unit.lon), "UD")
    assert (route.minutes, route.km) == (0.0, 0.0)
    assert len(route.points) == 2


def test_beyond_the_door_the_route_goes_round_by_the_end_of_the_road() -> None:
    # Heading east at P with the door D behind: 500 m on to B, round, and 1,000 m back.
    drawing = "A-------D----P----B"
    current = snapshot(drawing, {"AB": STREET}, "D")
    route = current.route(at(drawing, "P", heading_deg=90.0), "UD")
    assert route.km == 1.5
    lon = [point[0] for point in route.points]
    assert lon[1] == pytest.approx(at(drawing, "B").lon, abs=2e-6)
    assert lon[2] == pytest.approx(at(drawing, "D").lon, abs=2e-6)
    assert current.route(at(drawing, "P"), "UD").km == 0.5


def test_on_a_one_way_ring_the_route_goes_all_round() -> None:
    #  A--E-B   door E 300 m along, incident P 400 m along: 1,300 of the 1,400 m round
    drawing = "A--EPB\n\nD----C"
    route = snapshot(drawing, {"ABCDA": ONEWAY}, "E").route(at(drawing, "P"), "UE")
    assert route.km == 1.3
    assert length_m(route) == pytest.approx(1300, abs=2)


def test_a_route_keeps_a_restriction_via_a_way() -> None:
    # From A one may not go over B-C into C-D, so one goes round by F and E.
    #  A-B-C-D
    #    | |
    #    F-E
    drawing = "A--B--C--D\n\n   F--E"
    ways = {"AB": STREET, "BC": STREET, "CD": STREET, "BF": STREET, "FE": STREET, "EC": STREET}
    rules = profile(
        FLAT.replace("keys = []", 'keys = ["restriction"]').replace('"flat"', '"flat_with_bans"')
    )
    free = snapshot(drawing, ways, "D", rules=rules)
    banned = snapshot(
        drawing, ways, "D", rules=rules, bans=(Ban("AB", ("BC",), "CD", "no_straight_on"),)
    )
    assert free.route(at(drawing, "A"), "UD").km == 0.9
    assert banned.route(at(drawing, "A"), "UD").km == 1.3  # 3 + 2 + 3 + 2 + 3
    assert banned.route(at(drawing, "B"), "UD").km in (0.6, 1.0)  # from the corner either road


def test_exemptions_that_the_route_uses_are_listed_and_no_others() -> None:
    # The bus road A-B is the way to D; the emergency road C-B is not on it.
    drawing = "A----B----C\n     |\n     D"
    ways = {
        "AB": {"highway": "residential", "access": "no", "bus": "yes"},
        "BC": {"highway": "service", "service": "emergency_access"},
        "BD": STREET,
    }
    current = snapshot(drawing, ways, "D", rules=Profile.load("blue_light"))
    assert current.route(at(drawing, "A"), "UD").exemptions == ("bus_lane",)
    assert current.route(at(drawing, "C"), "UD").exemptions == ("emergency_only",)
    assert current.route(at(drawing, "D"), "UD").exemptions == ()


def test_without_a_route_there_is_an_error_that_names_the_unit() -> None:
    current = snapshot(TEE, TEE_WAYS, "CD")
    tree_ms = current.graph.tree_ms.copy()
    tree_ms[1] = INF_MS
    cut_off = Snapshot(replace(current.graph, tree_ms=tree_ms), "cut")
    with pytest.raises(NoRoute, match="UD D cannot be reached"):
        cut_off.route(at(TEE, "A"), "UD")
    assert cut_off.route(at(TEE, "A"), "UC").km == 1.6
