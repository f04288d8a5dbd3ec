"""Under closures the network is exactly the one that would be grown with those times."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_service.decision.model import Location
from routing_service.errors import ClosureHitsNothing
from routing_service.graph.build import build_graph
from routing_service.graph.calibration import at_times
from routing_service.graph.profile import Profile
from routing_service.graph.repair import spot_check
from routing_service.graph.road_graph import RoadGraph, section_names
from routing_service.graph.speed_sets import SpeedSets
from routing_service.graph.trees import beyond_doors, grow_trees, with_speed_sets
from routing_service.kernels.tree import check_tree
from routing_service.live.closure import Closure, Disc, Polygon, Road, Way
from routing_service.live.effect import effect_of, stretch_cm
from routing_service.live.events import Body, ClosureOpened, ClosureRevoked
from routing_service.live.overlay import overlaid
from routing_service.live.snapshot import Snapshot
from routing_service.live.state import LiveState
from routing_service.units import E7, INF_MS
from tests import toymap
from tests.live_events import clock, numbered, spans
from tests.networks import FLAT, profile, random_network, units_at
from tests.overlays import MOVED, MOVED_SETS, closure, closures, differences, grown

WEEK = """
[[set]]
name = "school_run"
evidence = "made up for this test"
by_class = { residential = 0.5, primary = 0.8 }
periods = [{ days = ["mon"], from = "08:00", to = "09:00" }]
[[set]]
name = "night"
evidence = "made up for this test"
factor = 1.3
periods = [{ days = ["mon"], from = "22:00", to = "06:00" }]
"""
TOWNS = 6


@cache
def town(seed: int) -> RoadGraph:
    """A random town with two units; some have speed sets, some a time that every call takes."""
    raw = random_network(seed, bans=4, onlys=2)
    sets = None
    if seed % 2:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sets.toml"
            path.write_text(WEEK, encoding="utf-8")
            sets = SpeedSets.load(path)
    graph = build_graph(raw, Profile.load("car"), units_at(raw, 5, 10), speed_sets=sets)
    return _with_start(graph, 20_000) if seed % 3 == 0 else graph


def _with_start(graph: RoadGraph, start_ms: int) -> RoadGraph:
    graph = replace(graph, manifest={**graph.manifest, "start_ms": start_ms})
    graph = at_times(graph, graph.edge_ms, start_ms)
    tree_ms, tree_cm = grow_trees(graph)
    graph = replace(graph, tree_ms=tree_ms, tree_cm=tree_cm)
    return with_speed_sets(replace(graph, doors=beyond_doors(graph)))


def certified(graph: RoadGraph) -> bool:
    """Whether every label of every tree of every speed set holds."""
    for k in range(len(graph.speed_sets.names)):
        each = graph.in_set(k)
        for u, doors in enumerate(each.doors):
            seeds = np.ascontiguousarray(doors[doors[:, 0] >= 0, :3])
            turns = (each.turn_first, each.turn_to, each.turn_ms)
            tree = (each.tree_ms[u], each.tree_cm[u])
            if check_tree(*turns, each.edge_ms, each.edge_cm, seeds, *tree) >= 0:
                return False
    return True


def placed(graph: RoadGraph, given: Sequence[Closure]) -> list[Closure]:
    return [each for each in given if is_placed(graph, each)]


def is_placed(graph: RoadGraph, each: Closure) -> bool:
    try:
        return len(effect_of(graph, each).edges) > 0
    except ClosureHitsNothing:
        return False


# --- exactly as grown from scratch ---------------------------------------------------------
@settings(max_examples=60)
@given(st.integers(0, TOWNS - 1), st.data())
def test_any_closures_in_any_order_are_as_grown_from_scratch(
    seed: int, data: st.DataObject
) -> None:
    base = town(seed)
    number = data.draw(st.integers(1, 4))
    some = [data.draw(closures(base, f"c{k}")) for k in range(number)]
    ours = overlaid(base, some)
    twin = grown(base, placed(base, some))
    assert differences(ours, twin) == []
    for k in range(len(base.speed_sets.names)):
        assert np.array_equal(ours.in_set(k).label_rows, twin.in_set(k).label_rows)
        assert differences(ours.in_set(k), twin.in_set(k)) == []
    assert certified(ours)
    shuffled = random.Random(seed).sample(some, number)
    assert differences(overlaid(base, shuffled), ours) == []
    assert spot_check(base, ours, labels=50, seed=seed) == 0


@st.composite
def days(draw: st.DrawFn, base: RoadGraph) -> list[Body]:
    """Closures that are opened, replaced and revoked, and that start and expire by the hour."""
    bodies: list[Body] = []
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from("abc"))
        if draw(st.integers(0, 3)) == 0:
            bodies.append(ClosureRevoked(name))
        else:
            start, expiry = draw(spans())
            each = draw(closures(base, name, starts_at=start, expires_at=expiry))
            bodies.append(ClosureOpened(each))
    return bodies


@settings(max_examples=40)
@given(st.integers(0, TOWNS - 1), st.data())
def test_a_day_of_opening_closing_and_expiring_leaves_no_trace(
    seed: int, data: st.DataObject
) -> None:
    base = town(seed)
    state = LiveState.empty()
    for event in numbered(data.draw(days(base))):
        state = state.after(event)
        # Moments in any order: a clock may step back.
        for hour in data.draw(st.lists(st.integers(0, 23), min_size=1, max_size=2)):
            in_force = state.in_force(clock(hour)).closures
            ours = overlaid(base, in_force)
            assert differences(ours, grown(base, placed(base, in_force))) == []


def test_what_does_not_change_is_shared_with_the_base() -> None:
    base = town(1)
    ours = overlaid(base, [closure(Way(int(base.edge_way[3])))])
    moved = {name for name in section_names() if getattr(ours, name) is not getattr(base, name)}
    assert moved == {*MOVED, *MOVED_SETS, "segments"}
    slower = overlaid(base, [closure(Way(int(base.edge_way[3])), delay_factor=2.0)])
    assert slower.segments is base.segments
    assert overlaid(base, []) is base
    assert overlaid(base, [closure(Way(int(base.edge_way[3])), delay_factor=1.0)]) is base
    assert not any(getattr(ours, name).flags.writeable for name in moved)


def test_a_closure_that_hits_nothing_here_changes_nothing() -> None:
    base = town(0)
    lost, real = closure(Way(123_456), "lost"), closure(Way(int(base.edge_way[3])), "real")
    with pytest.raises(ClosureHitsNothing):
        effect_of(base, lost)
    assert overlaid(base, [lost]) is base
    assert differences(overlaid(base, [lost, real]), overlaid(base, [real])) == []
    assert differences(overlaid(base, [effect_of(base, real)]), overlaid(base, [real])) == []


def test_the_spot_check_sees_a_wrong_label_where_the_repair_was() -> None:
    base = town(2)
    ours = overlaid(base, [closure(Way(int(base.edge_way[3])), delay_factor=3.0)])
    changed = np.flatnonzero(ours.tree_ms[0] != base.tree_ms[0])
    for e in changed.tolist():
        wrong = ours.tree_ms.copy()
        wrong[0, e] -= 1
        assert spot_check(base, replace(ours, tree_ms=wrong), labels=400, seed=1) > 0
    # A label that should have risen and did not is next to those that did.
    assert spot_check(base, replace(ours, tree_ms=base.tree_ms), labels=400, seed=1) > 0


# --- times, by hand ------------------------------------------------------------------------
# 300 m to an edge; at 36 km/h a centimetre takes a millisecond, so an edge takes 30,000.
ROAD = """
A--B--C--D
"""
RESIDENTIAL = {"highway": "residential"}


@pytest.fixture(scope="module")
def road() -> RoadGraph:
    ways = {"AB": RESIDENTIAL, "BC": RESIDENTIAL, "CD": RESIDENTIAL}
    return toymap.scene(ROAD, ways, profile=profile(FLAT))


def edge_ms(graph: RoadGraph, ends: str) -> int:
    return int(graph.edge_ms[toymap.edge(graph, ends)])


def near(ms: int, wanted_ms: int) -> bool:
    return abs(ms - wanted_ms) <= 10  # positions are whole units of a centimetre


def test_a_factor_and_minutes_make_an_edge_slower_in_both_directions(road: RoadGraph) -> None:
    slow = overlaid(road, [closure(Way(2), delay_factor=2.5, delay_minutes=1.0)])
    for ends in ("BC", "CB"):
        assert near(edge_ms(slow, ends), 75_000 + 60_000)
    assert edge_ms(slow, "AB") == edge_ms(road, "AB")
    # Only who must go through is later: from D to A it is three edges.
    late = slow.tree_ms[0] - road.tree_ms[0]
    assert near(int(late[toymap.edge(road, "DC")]), 45_000 + 60_000)
    assert late[toymap.edge(road, "BA")] == 0


def test_of_several_closures_on_an_edge_the_one_that_costs_most_counts(road: RoadGraph) -> None:
    twice, thrice = (closure(Way(2), name, delay_factor=f) for name, f in (("a", 2.0), ("b", 3.0)))
    minutes = closure(Way(2), "c", delay_minutes=1.25)
    shut = closure(Way(2), "d")
    assert near(edge_ms(overlaid(road, [twice, thrice]), "BC"), 90_000)
    assert near(edge_ms(overlaid(road, [thrice, twice]), "BC"), 90_000)
    assert near(edge_ms(overlaid(road, [thrice, minutes]), "BC"), 105_000)  # 30 s and 75 s
    assert near(edge_ms(overlaid(road, [twice, replace(twice, id="z")]), "BC"), 60_000)
    for order in ([shut, minutes], [minutes, shut]):
        assert edge_ms(overlaid(road, order), "BC") == INF_MS


def test_the_minutes_are_what_passing_the_whole_stretch_costs() -> None:
    ways = {"ABCD": RESIDENTIAL}
    graph = toymap.scene("A--B--C--D\n   E  F", {**ways, "BE": RESIDENTIAL, "CF": RESIDENTIAL},
                         profile=profile(FLAT))  # fmt: skip
    slow = overlaid(graph, [closure(Way(1), delay_minutes=3.0)])
    for ends in ("AB", "CB", "CD"):
        assert near(edge_ms(slow, ends), 30_000 + 60_000)
    assert near(toymap.drive_ms(slow, "DCBA") or 0, 90_000 + 180_000)
    one_way = overlaid(graph, [closure(Way(1), delay_minutes=3.0, direction_deg=90.0)])
    assert near(edge_ms(one_way, "AB"), 30_000 + 60_000)
    assert edge_ms(one_way, "BA") == edge_ms(graph, "BA")


def test_each_carriageway_of_a_dual_road_takes_all_of_the_minutes() -> None:
    drawing = "A--B\n|  |\nC--D"
    oneway = {"highway": "residential", "oneway": "yes", "ref": "A61"}
    ways = {"BA": oneway, "CD": oneway, "AC": RESIDENTIAL, "DB": RESIDENTIAL}
    graph = toymap.scene(drawing, ways, profile=profile(FLAT))
    (x1, y1), (x2, y2) = (toymap.positions(drawing)[letter] for letter in "AD")
    west, south, east, north = ((v + d) / E7 for v, d in ((x1, -9), (y2, -9), (x2, 9), (y1, 9)))
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    a61 = closure(Road("A61", (ring,)), delay_minutes=2.0)
    assert round(stretch_cm(graph, a61, effect_of(graph, a61).edges), -2) == 30_000
    slow = overlaid(graph, [a61])
    assert near(edge_ms(slow, "BA"), 30_000 + 120_000)
    assert near(edge_ms(slow, "CD"), 30_000 + 120_000)
    # Across an area that holds both it is the area's extent: of 300 m by 200 m, so 360 m.
    whole = closure(Polygon((ring,)), delay_minutes=2.0)
    assert round(stretch_cm(graph, whole, effect_of(graph, whole).edges) / 1000) == 36


# --- what people see -----------------------------------------------------------------------
def at(graph: RoadGraph, letter: str) -> Location:
    node = graph.node_ids.tolist().index(toymap.node_id(letter))
    return Location(int(graph.node_lat_e7[node]) / E7, int(graph.node_lon_e7[node]) / E7)


def between(graph: RoadGraph, letters: str, share: float) -> Location:
    a, b = (at(graph, letter) for letter in letters)
    return Location(a.lat + share * (b.lat - a.lat), a.lon + share * (b.lon - a.lon))


@pytest.fixture(scope="module")
def block() -> RoadGraph:
    """Round a block, 300 m by 200, with the hospital 200 m west of A."""
    ways = {k: {**RESIDENTIAL, "name": f"{k} Street"} for k in ("HA", "AB", "AC", "CD", "BD")}
    drawing = "H-A--B\n  |  |\n  C--D"
    return toymap.scene(drawing, ways, profile=profile(FLAT), unit_at="H")


def test_decisions_and_routes_go_round_a_closure(block: RoadGraph) -> None:
    # From the middle of BD by B and A: 100 + 300 + 200 m; with AB shut 100 + 300 + 200 + 200.
    here = between(block, "BD", 0.5)
    snapshots = [Snapshot(g, "g") for g in (block, overlaid(block, [closure(Way(2))]))]
    assert [each.decide(here).ranking[0].minutes for each in snapshots] == [1.0, 1.3]
    roads = [[step.road[:2] for step in each.route(here, "TOY01").steps] for each in snapshots]
    assert roads == [["BD", "AB", "HA"], ["BD", "CD", "AC", "HA"]]


def test_an_incident_on_a_shut_road_is_taken_from_the_nearest_that_can_be_left(
    block: RoadGraph,
) -> None:
    here = between(block, "AB", 0.75)  # 75 m from B
    open_, shut, one_way = (
        Snapshot(overlaid(block, given), "g").decide(here)
        for given in ([], [closure(Way(2))], [closure(Way(2), direction_deg=270.0)])
    )
    assert (open_.snap.road, open_.snap.distance_m) == ("AB Street", 0.0)
    assert open_.ranking[0].minutes == 0.7  # 225 + 200 m
    assert (shut.snap.road, round(shut.snap.distance_m)) == ("BD Street", 75)
    assert shut.ranking[0].minutes == 1.5  # from B 200 + 300 + 200 + 200 m
    # Eastwards it is open: 75 m to B, and round.
    assert (one_way.snap.road, one_way.ranking[0].minutes) == ("AB Street", 1.6)


def test_a_unit_whose_every_road_is_shut_has_no_time(road: RoadGraph) -> None:
    door = at(road, "A")
    shut = overlaid(road, [closure(Disc(door.lat, door.lon, 10.0))])
    assert (shut.tree_ms == INF_MS).all()
    assert (shut.tree_cm == INF_MS).all()
    decision = Snapshot(shut, "g").decide(at(shut, "C"))
    assert (decision.destination, decision.ranking[0].minutes) == (None, None)
    assert "no_route" in decision.flags
