"""What a snapshot answers for an incident, on streets where the answer can be done in the head.

At 36 km/h and without turn costs a hundred metres take ten seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from routing_service.decision.decision import Decision
from routing_service.decision.model import Location, Status, Unit
from routing_service.errors import OutsideRegion, TooFarFromRoad, UnknownUnit
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.kernels.metric import metres_per_e7
from routing_service.live.engine import Engine
from routing_service.live.snapshot import Limits, Snapshot
from routing_service.units import E7, INF_MS, km_from_cm, minutes_from_ms
from tests.networks import FLAT, profile, random_network, units_at
from tests.toymap import positions, read_map

STREET = {"highway": "residential"}
ONEWAY = {"highway": "residential", "oneway": "yes"}
LIMITS = Limits(near_tie_minutes=0.5)

#  0         10        20   m x 300
#  A---------+---------B    one street of 6 km from unit A to unit B
STREET_MAP = "A" + "-" * 19 + "B"
CELL_M = 300.0


def snapshot(
    drawing: str,
    ways: Mapping[str, Mapping[str, str]],
    units: str,
    cell_m: float = CELL_M,
    limits: Limits = LIMITS,
    **facts: Any,
) -> Snapshot:
    """A scene with a unit by each of the letters, named in the order given."""
    at = positions(drawing, cell_m)
    rows = [Unit(f"U{x}", x, at[x][1] / E7, at[x][0] / E7, door="surveyed") for x in units]
    graph = build_graph(read_map(drawing, ways, cell_m=cell_m), profile(FLAT), rows)
    return Snapshot(graph, "scene", limits=limits, **facts)


@cache
def street() -> Snapshot:
    return snapshot(STREET_MAP, {"AB": STREET}, "AB")


def at(metres_east: float, metres_south: float = 0.0, **extra: Any) -> Location:
    """A place by its metres from the top left corner of the drawing."""
    lon_e7, lat_e7 = positions("A")["A"]
    kx, ky = metres_per_e7(float(lat_e7))
    lon, lat = lon_e7 + metres_east / kx, lat_e7 - metres_south / ky
    return Location(float(lat) / E7, float(lon) / E7, **extra)


def metres(decision: Decision) -> dict[str, float]:
    return {row.ods_code: 1000.0 * row.km for row in decision.ranking if row.km is not None}


# --- times -----------------------------------------------------------------------------------
def test_two_units_at_the_ends_of_a_street() -> None:
    # 1,500 m from A and 4,500 m from B: 2.5 and 7.5 minutes.
    decision = street().decide(at(1500, 20))
    rows = [(row.ods_code, row.minutes, row.km) for row in decision.ranking]
    assert rows == [("UA", 2.5, 1.5), ("UB", 7.5, 4.5)]
    assert decision.margin_minutes == 5.0
    assert decision.snap.distance_m == pytest.approx(20, abs=0.1)
    assert decision.snap.road == "local road"
    assert decision.snap.quality == "good"


def test_equal_times_rank_by_ods_code_whatever_the_order_of_the_units() -> None:
    # A crossroads with a unit at the end of each of two equal arms; the incident is on the third.
    drawing = "Z----X----C\n     |\n     D"
    ways = {"ZX": STREET, "XC": STREET, "XD": STREET}
    for units in ("CZ", "ZC"):
        decision = snapshot(drawing, ways, units).decide(at(5 * CELL_M, 100))
        assert [row.minutes for row in decision.ranking] == [2.7, 2.7]
        assert [row.ods_code for row in decision.ranking] == ["UC", "UZ"]
        assert decision.destination == decision.ranking[0]
        assert (decision.margin_minutes, decision.near_tie) == (0.0, True)


@pytest.mark.parametrize("metres_along", [0.0, 1.0, 299.0, 3000.0, 5999.0, 6000.0])
def test_a_two_way_road_is_considered_in_both_directions(metres_along: float) -> None:
    reached = metres(street().decide(at(metres_along)))
    assert reached["UA"] == pytest.approx(metres_along, abs=51)  # km are shown to a tenth
    assert reached["UB"] == pytest.approx(6000 - metres_along, abs=51)


def test_a_one_way_road_is_driven_on_to_its_end() -> None:
    # A one-way ring of 60 + 60 hundred metres and two short sides, clockwise; the unit at A is
    # 300 m behind the incident, and 2 x 6000 + 2 x 300 - 300 m ahead of it.
    ring = STREET_MAP + "\nD" + "-" * 19 + "C"
    decision = snapshot(ring, {"ABCDA": ONEWAY}, "A").decide(at(300))
    assert metres(decision)["UA"] == pytest.approx(12_300, abs=51)


def test_incidents_around_a_door_that_stands_in_the_middle_of_a_road() -> None:
    drawing = STREET_MAP + "\n" + "-" * 10 + "D"
    middle = snapshot(drawing, {"AB": STREET}, "D")
    for metres_along in (1000, 2999, 3001, 5000):
        reached = metres(middle.decide(at(metres_along)))["UD"]
        assert reached == pytest.approx(abs(3000 - metres_along), abs=51)
    # Heading east beyond the door one must go to the end and come back: 1000 + 3000 m.
    beyond = middle.decide(at(5000, heading_deg=90.0))
    assert metres(beyond)["UD"] == pytest.approx(4000, abs=51)


# --- one answer is independent of all others -------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_a_batch_gives_each_location_what_it_gets_alone(seed: int) -> None:
    raw = random_network(seed, side=5, bans=6)
    graph = build_graph(raw, Profile.load("car"), units_at(raw, 0, 12, 24))
    current = Snapshot(graph, "town", limits=Limits(snap_limit_m=150.0))
    rng = np.random.default_rng(seed)
    lon = (int(raw.node_lon_e7.mean()) + rng.uniform(-50_000, 50_000, 60)) / E7
    lat = (int(raw.node_lat_e7.mean()) + rng.uniform(-35_000, 35_000, 60)) / E7
    ms, cm, distance_m = current.times(lon, lat)
    refused = 0
    for i in range(60):
        alone_ms, alone_cm, alone_m = current.times(lon[i : i + 1], lat[i : i + 1])
        assert alone_ms[0].tolist() == ms[i].tolist()
        assert alone_cm[0].tolist() == cm[i].tolist()
        assert alone_m[0] == distance_m[i]
        try:
            decision = current.decide(Location(float(lat[i]), float(lon[i])))
        except (OutsideRegion, TooFarFromRoad):
            refused += 1
            assert (ms[i] == INF_MS).all()
            assert (cm[i] == INF_MS).all()
            continue
        rows = {row.ods_code: (row.minutes, row.km) for row in decision.ranking}
        assert rows == {
            unit.ods_code: (minutes_from_ms(int(ms[i, u])), km_from_cm(int(cm[i, u])))
            for u, unit in enumerate(current.units)
        }
        assert decision.snap.distance_m == pytest.approx(distance_m[i], abs=0.051)
    assert 0 < refused < 60


def test_the_order_of_a_batch_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    lon, lat = -1.48 + rng.uniform(-0.01, 0.1, 50), 53.55 + rng.uniform(-0.01, 0.01, 50)
    ms, cm, distance_m = street().times(lon, lat)
    ms_again, cm_again, distance_again_m = street().times(lon[::-1], lat[::-1])
    assert (ms == ms_again[::-1]).all()
    assert (cm == cm_again[::-1]).all()
    assert (distance_m == distance_again_m[::-1]).all()


# --- no route --------------------------------------------------------------------------------
def test_without_a_route_there_are_no_minutes_and_never_a_straight_line() -> None:
    graph = street().graph
    tree_ms, tree_cm = graph.tree_ms.copy(), graph.tree_cm.copy()
    tree_ms[1], tree_cm[1] = INF_MS, INF_MS
    cut_off = Snapshot(replace(graph, tree_ms=tree_ms, tree_cm=tree_cm), "cut", limits=LIMITS)
    decision = cut_off.decide(at(5000))
    assert [(row.ods_code, row.minutes, row.km) for row in decision.ranking] == [
        ("UA", 8.3, 5.0),
        ("UB", None, None),
    ]
    assert "unit_unreachable" in decision.flags
    tree_ms, tree_cm = np.full_like(tree_ms, INF_MS), np.full_like(tree_cm, INF_MS)
    nothing = Snapshot(replace(graph, tree_ms=tree_ms, tree_cm=tree_cm), "cut", limits=LIMITS)
    decision = nothing.decide(at(5000))
    assert (decision.destination, decision.nearest_ods_code) == (None, None)
    assert {"no_route", "no_eligible_unit"} <= set(decision.flags)


# --- statuses --------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["divert", "closed"])
def test_a_unit_that_takes_nobody_is_passed_over(status: Status) -> None:
    decision = replace(street(), statuses=(status, "open")).decide(at(1500))
    assert decision.nearest_ods_code == "UA"
    assert decision.destination is not None
    assert decision.destination.ods_code == "UB"


# --- the disc in which the incident may lie --------------------------------------------------
def test_in_the_middle_each_unit_has_half_of_the_disc() -> None:
    disc = street().decide(at(3000, accuracy_m=500.0)).disc
    assert disc is not None
    assert disc.other_nearest
    assert disc.shares["UA"] == pytest.approx(0.5, abs=0.05)
    assert sum(disc.shares.values()) == pytest.approx(1.0)
    assert disc.unroutable == 0.0


def test_shares_are_areas() -> None:
    # The border is half a radius east of the centre: the smaller part of the disc is
    # (60 degrees - sin 60 cos 60) / 180 degrees = 0.1955 of it; 64 places are asked.
    decision = street().decide(at(2500, accuracy_m=1000.0))
    assert decision.disc is not None
    assert decision.disc.shares["UB"] == pytest.approx(0.1955, abs=1.6 / 64)
    assert list(decision.disc.shares) == ["UA", "UB"]  # the larger first
    assert "other_unit_nearest_within_accuracy" in decision.flags


@pytest.mark.parametrize("metres", range(1000, 5001, 250))
def test_another_unit_is_one_that_is_not_nearest_at_the_incident(metres: int) -> None:
    decision = street().decide(at(metres, accuracy_m=400.0))
    assert decision.disc is not None
    others = set(decision.disc.shares) - {decision.nearest_ods_code}
    assert decision.disc.other_nearest == bool(others)


def test_far_from_the_border_the_disc_changes_nothing() -> None:
    decision = street().decide(at(1000, accuracy_m=200.0))
    assert decision.disc is not None
    assert decision.disc.shares == {"UA": 1.0}
    assert not decision.disc.other_nearest
    assert "other_unit_nearest_within_accuracy" not in decision.flags


def test_without_an_accuracy_there_is_no_disc() -> None:
    assert street().decide(at(1000)).disc is None


def test_the_part_of_the_disc_that_is_beyond_the_limit_is_told() -> None:
    # A limit of half the radius on both sides of the street leaves
    # 2 (60 degrees - sin 60 cos 60) / 180 degrees = 0.391 out.
    near = replace(street(), limits=Limits(snap_limit_m=200.0))
    disc = near.decide(at(3000, accuracy_m=400.0)).disc
    assert disc is not None
    assert disc.unroutable == pytest.approx(0.391, abs=0.03)
    assert sum(disc.shares.values()) == pytest.approx(1.0 - disc.unroutable, abs=0.002)


# --- headings --------------------------------------------------------------------------------
#  A----+----B    two carriageways 30 m apart, joined at both ends: A-B eastwards,
#  D----+----C    C-D westwards
@cache
def dual_carriageway() -> Snapshot:
    drawing = "E-A" + "-" * 99 + "B-F\n\n\n  D" + "-" * 99 + "C"
    ways = {"AB": ONEWAY, "BC": ONEWAY, "CD": ONEWAY, "DA": ONEWAY, "AE": STREET, "BF": STREET}
    return snapshot(drawing, ways, "EF", cell_m=10.0)


@pytest.mark.parametrize(
    ("heading_deg", "south_m", "side"),
    [(90.0, 20.0, "north"), (270.0, 10.0, "south"), (None, 20.0, "south"), (None, 10.0, "north")],
)
def test_a_heading_puts_the_incident_on_the_right_carriageway(
    heading_deg: float | None, south_m: float, side: str
) -> None:
    # 20 m south of the northern carriageway is 10 m north of the southern one, and the reverse.
    decision = dual_carriageway().decide(at(500, south_m, heading_deg=heading_deg))
    nearest = {"north": "UF", "south": "UE"}[side]
    assert decision.nearest_ods_code == nearest
    assert "heading_ignored" not in decision.flags
    expected_m = south_m if side == "north" else 30.0 - south_m
    assert decision.snap.distance_m == pytest.approx(expected_m, abs=0.2)


def test_on_a_two_way_road_the_heading_decides_which_way_one_leaves() -> None:
    # 1,500 m from A: eastwards to B 4,500 m; to A one would have to go by B, where the road ends.
    decision = street().decide(at(1500, heading_deg=80.0))
    assert metres(decision) == pytest.approx({"UB": 4500, "UA": 4500 + 6000}, abs=51)
    westwards = street().decide(at(1500, heading_deg=280.0))
    assert metres(westwards) == pytest.approx({"UA": 1500, "UB": 1500 + 6000}, abs=51)


@pytest.mark.parametrize("heading_deg", [0.0, 180.0])
def test_a_heading_that_no_road_has_is_ignored_and_told(heading_deg: float) -> None:
    decision = street().decide(at(1500, heading_deg=heading_deg))
    assert "heading_ignored" in decision.flags
    assert metres(decision) == metres(street().decide(at(1500)))


def test_a_heading_does_not_reach_for_roads_far_away() -> None:
    # Northwards there is only the side road, 1,400 m from the incident: further than 50 m, and
    # than the 100 m to which the position is known; but not than 1,500 m.
    drawing = "A" + "-" * 9 + "M" + "-" * 9 + "B\n\n" + " " * 10 + "D"
    roads = snapshot(drawing, {"AM": STREET, "MB": STREET, "MD": STREET}, "AB")
    for accuracy_m, ignored in ((None, True), (100.0, True), (1500.0, False)):
        place = at(1600, heading_deg=0.0, accuracy_m=accuracy_m)
        assert ("heading_ignored" in roads.decide(place).flags) is ignored


# --- where it cannot answer, and where it doubts ---------------------------------------------
def test_too_far_from_any_road() -> None:
    # Two streets 6 km apart, joined at one end; 2,500 m from the northern one there is nothing.
    drawing = STREET_MAP + "\n" * 20 + "C" + "-" * 19 + "D"
    streets = snapshot(drawing, {"AB": STREET, "CD": STREET, "AC": STREET}, "AB")
    with pytest.raises(TooFarFromRoad, match="2500 m away") as caught:
        streets.decide(at(3000, 2500))
    assert caught.value.facts["distance_m"] == pytest.approx(2500, abs=1)


def test_outside_the_region() -> None:
    with pytest.raises(OutsideRegion, match="covers latitudes 53") as caught:
        street().decide(at(-3000))
    assert caught.value.facts["distance_m"] == pytest.approx(3000, abs=1)


def test_the_limit_is_a_setting() -> None:
    near = replace(street(), limits=Limits(snap_limit_m=10.0))
    assert near.decide(at(3000, 9)).destination is not None
    with pytest.raises(OutsideRegion):
        near.decide(at(3000, 11))


@pytest.mark.parametrize(("south_m", "poor"), [(99.0, False), (101.0, True)])
def test_a_poor_snap_is_told(south_m: float, poor: bool) -> None:
    decision = street().decide(at(3000, south_m))
    assert decision.snap.quality == ("poor" if poor else "good")
    assert ("poor_snap" in decision.flags) is poor


def test_standing_doubts_are_on_every_answer() -> None:
    flags = street().decide(at(100)).flags
    assert flags[:2] == ("surrogate_network", "uncalibrated")
    assert "postcode_centroid" in street().decide(at(100, source="postcode")).flags
    assert "postcode_centroid" not in flags
    assert "site_point_door" not in flags


def test_a_destination_whose_door_is_a_site_point_is_told() -> None:
    raw = random_network(0, side=4)
    graph = build_graph(raw, Profile.load("car"), units_at(raw, 0, 15))
    place = Location(int(raw.node_lat_e7[5]) / E7, int(raw.node_lon_e7[5]) / E7)
    assert "site_point_door" in Snapshot(graph, "town").decide(place).flags


def test_an_unknown_unit_has_no_route() -> None:
    with pytest.raises(UnknownUnit, match="known are UA, UB"):
        street().route(at(100), "UX")


def test_the_snap_is_the_closest_point_of_the_road() -> None:
    snap = street().decide(at(1234, 56)).snap
    expected = at(1234)
    assert (snap.lat, snap.lon) == pytest.approx((expected.lat, expected.lon), abs=2e-6)
    assert snap.distance_m == pytest.approx(56, abs=0.1)


# --- how wrong the times may be --------------------------------------------------------------
def calibrated() -> Snapshot:
    """The street with a made-up error model, whose parts add up to 0.13."""
    graph = street().graph
    model = {"sigma_scene": 0.12, "sigma_unit": 0.05}
    return replace(
        street(), graph=replace(graph, manifest={**graph.manifest, "error_model": model})
    )


def test_with_an_error_model_each_row_has_its_band_and_probability() -> None:
    # 2,900 and 3,100 m are 4.83 and 5.17 minutes; exp(1.2816 x 0.13) = 1.181, and
    # Phi(log(3100 / 2900) / (0.05 sqrt 2)) = Phi(0.943) = 0.827.
    rows = calibrated().decide(at(2900)).ranking
    assert [(r.ods_code, r.p10_minutes, r.p90_minutes, r.p_nearest) for r in rows] == [
        ("UA", 4.1, 5.7, 0.827),
        ("UB", 4.4, 6.1, 0.173),
    ]


def test_the_probability_is_of_being_nearest_and_not_of_being_chosen() -> None:
    closed = replace(calibrated(), statuses=("closed", "open")).decide(at(2900))
    assert [row.p_nearest for row in closed.ranking] == [0.827, 0.173]
    assert closed.destination == closed.ranking[1]


def test_half_way_it_is_a_toss_up() -> None:
    assert [row.p_nearest for row in calibrated().decide(at(3000)).ranking] == [0.5, 0.5]


def test_without_an_error_model_nothing_is_invented() -> None:
    for row in street().decide(at(2800)).ranking:
        assert (row.p10_minutes, row.p90_minutes, row.p_nearest) == (None, None, None)


# --- publishing ------------------------------------------------------------------------------
def test_an_engine_answers_from_the_snapshot_last_published() -> None:
    engine = Engine(street())
    newer = replace(street(), state_version=7, statuses=("closed", "open"))
    taken = engine.snapshot
    engine.publish(newer)
    assert (taken.state_version, engine.snapshot.state_version) == (0, 7)
    assert taken.statuses == ("open", "open")  # a request keeps what it took
