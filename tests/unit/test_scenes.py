"""Street scenes of ways, built through the production path: who may drive where, how fast.

A character of a drawing is 100 m. Times are worked out in the comments: a residential street
without a limit is 34 km/h for blue_light and 29 km/h for a car, so 300 m take 31,765 ms and
37,241 ms; a primary road 50 km/h (21,600 ms) and 40 km/h (27,000 ms).
"""

from __future__ import annotations

import pytest

from routing_service.errors import InvalidSource
from routing_service.graph.sources.raw import Tags
from tests.toymap import (
    can_drive,
    drive_ms,
    edge,
    edges,
    marks,
    minutes,
    quickest,
    reachable,
    route,
    scene,
)

STREET: Tags = {"highway": "residential"}
MAIN: Tags = {"highway": "primary"}

LINE = "A--B--C"

FORK = """
A--B--C
   |
   D
"""

# The short way A-B-C-D, and a long way round from B to C.
SQUARE = """
A--B--C--D
   |  |
   |  |
   |  |
   E--F
"""

# A millisecond or two: lengths are whole centimetres and a metre of longitude depends on latitude.
CLOSE_MS = 3


# --- how long a drive takes --------------------------------------------------------------------
@pytest.mark.parametrize(("profile", "ms"), [("car", 54_000), ("blue_light", 43_200)])
def test_a_drive_takes_length_by_speed(profile: str, ms: int) -> None:
    graph = scene(LINE, {"ABC": MAIN}, profile=profile)
    assert edges(graph) == ["AC", "CA"]  # B is only a bend in the drawing
    assert route(graph, "A", "C") == "AC"
    assert drive_ms(graph, "AC") == pytest.approx(ms, abs=CLOSE_MS)
    assert minutes(graph, "A", "C") == pytest.approx(ms / 60_000, abs=1e-4)


@pytest.mark.parametrize(
    ("tags", "mph"),
    [
        # Points of blue_light's curves; up to 30 mph is taken for town, from 50 for country.
        ({"maxspeed": "30 mph"}, 31),
        ({"maxspeed": "20 mph"}, 23),
        ({"maxspeed": "national"}, 47),
        ({"maxspeed": "GB:nsl_single"}, 47),
        ({"maxspeed": "50 mph"}, 43),
        ({"maxspeed": "40 mph", "lit": "yes"}, 38),
        ({"maxspeed": "40 mph", "lit": "no"}, 37),
        ({"maxspeed": "signals", "maxspeed:type": "GB:nsl_single"}, 47),
        ({"maxspeed": "30 mph", "hasu:setting": "rural"}, 30),
        ({"maxspeed": "50 mph", "hasu:setting": "urban"}, 45),
    ],
    ids=str,
)
def test_limits_become_times(tags: Tags, mph: float) -> None:
    graph = scene("A---------B", {"AB": {**MAIN, **tags}})
    # 1,000 m at 1 mph (1.609344 km/h) take 2,236,936.3 ms.
    assert drive_ms(graph, "AB") == pytest.approx(2_236_936.3 / mph, abs=CLOSE_MS)


def test_dual_carriageways_and_motorways_run_at_seventy() -> None:
    drawing = "A---------B---------C"
    # 66 mph on the curve is 106.2 km/h; the free speed of a primary road is 106, 33,962 ms a km.
    ways = {"AB": {**MAIN, "maxspeed": "national", "oneway": "yes"}, "BC": MAIN}
    assert drive_ms(scene(drawing, ways, unit_at="C"), "AB") == pytest.approx(33_962, abs=CLOSE_MS)
    # A motorway's free speed is higher, so the curve counts: 2,236,936.3 / 66 = 33,893 ms.
    ways = {"AB": {"highway": "motorway", "maxspeed": "GB:motorway"}, "BC": MAIN}
    assert drive_ms(scene(drawing, ways, unit_at="C"), "AB") == pytest.approx(33_893, abs=CLOSE_MS)


def test_each_direction_has_its_own_time() -> None:
    tags = {**MAIN, "maxspeed:forward": "30 mph", "maxspeed:backward": "national"}
    graph = scene("A---------B", {"AB": tags})
    assert drive_ms(graph, "AB") == pytest.approx(2_236_936.3 / 31, abs=CLOSE_MS)
    assert drive_ms(graph, "BA") == pytest.approx(2_236_936.3 / 47, abs=CLOSE_MS)


# --- one-way -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "open_ways"),
    [
        ("yes", ["BC"]),
        ("1", ["BC"]),
        ("-1", ["CB"]),
        ("reverse", ["CB"]),
        ("no", ["BC", "CB"]),
        ("alternating", ["BC", "CB"]),
        ("reversible", []),
    ],
)
def test_one_way_streets(value: str, open_ways: list[str]) -> None:
    ways = {"AB": STREET, "CD": STREET, "BEFC": STREET, "BC": {**STREET, "oneway": value}}
    graph = scene(SQUARE, ways, profile="car")
    # B-C along the bottom of the square is an edge of its own; only the direct street is asked.
    direct = [ends for ends in ("BC", "CB") if edges(graph).count(ends) == 2]
    assert direct == open_ways


def test_round_the_block_against_a_one_way() -> None:
    ways = {"AB": STREET, "CD": STREET, "BE": STREET, "EF": STREET, "FC": STREET}
    graph = scene(SQUARE, {**ways, "BC": {**STREET, "oneway": "-1"}})
    assert (route(graph, "D", "A"), route(graph, "A", "D")) == ("DCBA", "ABEFCD")
    assert not can_drive(graph, "BC")
    assert can_drive(graph, "CB")


def test_a_roundabout_is_driven_clockwise_and_one_way() -> None:
    graph = scene(
        """
       N
       |
       b
W----a   c----E
       d
       |
       S
""",
        {
            "abcda": {**MAIN, "junction": "roundabout"},
            "Wa": MAIN,
            "bN": MAIN,
            "cE": MAIN,
            "dS": MAIN,
        },
        unit_at="W",
    )
    assert route(graph, "W", "N") == "WabN"
    assert route(graph, "W", "S") == "WabcdS"
    assert not can_drive(graph, "ad")
    assert marks(graph, "ab") == ("oneway", "roundabout")


def test_motorways_and_their_slips_are_one_way_without_saying_so() -> None:
    drawing = """
A--B--C
   |
   D
"""
    ways = {"ABC": {"highway": "motorway"}, "BD": {"highway": "motorway_link"}}
    graph = scene(drawing, ways, unit_at="D")
    assert edges(graph) == ["AB", "BC", "BD"]
    assert marks(graph, "BD") == ("oneway", "motorway")


def test_contraflows_are_a_privilege() -> None:
    for tags, privilege in (
        ({"oneway:emergency": "no"}, "oneway_exempt"),
        ({"busway": "opposite_lane"}, "bus_lane"),
        ({"lanes:psv:backward": "1"}, "bus_lane"),
        ({"oneway:bus": "no"}, "bus_lane"),
    ):
        ways = {"AB": STREET, "BC": {**STREET, "oneway": "yes", **tags}}
        assert edges(scene(LINE, ways, profile="car")) == ["AB", "BA", "BC"]
        graph = scene(LINE, ways)
        assert edges(graph) == ["AB", "BA", "BC", "CB"]
        assert marks(graph, "BC") == ("oneway",)
        assert marks(graph, "CB") == (privilege, "oneway")


# --- access ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("middle", "car", "blue_light"),
    [
        (STREET, True, True),
        ({**STREET, "access": "no"}, False, False),
        ({**STREET, "motor_vehicle": "no"}, False, False),
        ({**STREET, "motor_vehicle": "no", "motorcar": "yes"}, True, True),
        ({**STREET, "motor_vehicle": "no", "psv": "yes"}, False, True),
        ({**STREET, "access": "no", "emergency": "yes"}, False, True),
        ({**STREET, "motor_vehicle:conditional": "no @ (10:00-16:00)"}, True, True),
        ({"highway": "service", "service": "emergency_access"}, False, True),
        ({"highway": "busway"}, False, True),
        ({"highway": "bus_guideway"}, False, False),
        ({"highway": "footway"}, False, False),
        ({"highway": "construction"}, False, False),
        ({"highway": "raceway"}, False, False),
        ({"highway": "proposed"}, False, False),
        ({"route": "ferry"}, False, False),
        ({**STREET, "area": "yes"}, False, False),
        ({**STREET, "maxheight": "2.1"}, True, False),
        ({**STREET, "maxwidth": "6'6\""}, True, False),
    ],
    ids=str,
)
def test_the_short_cut_is_taken_by_who_may(middle: Tags, car: bool, blue_light: bool) -> None:
    # Direct 900 m, round by E and F 1,700 m: whoever may use B-C does. The way round has the same
    # junctions, so it shows in the time: residential 1,700 m take 211,034 ms by car, 180,000 ms
    # on blue lights, turns not counted.
    for profile, may, round_ms in (("car", car, 211_034), ("blue_light", blue_light, 180_000)):
        ways = {"AB": STREET, "BC": middle, "CD": STREET, "BEFC": STREET}
        found = quickest(scene(SQUARE, ways, profile=profile), "A", "D")
        assert found is not None
        assert (found[1] < round_ms - CLOSE_MS) == may


def test_pedestrian_and_private_streets_are_slow_and_marked() -> None:
    # 300 m at 10 km/h take 108 s, at 24 km/h 45 s.
    ways = {"AB": STREET, "BC": {"highway": "pedestrian"}, "CD": STREET}
    graph = scene("A--B--C--D", ways)
    assert drive_ms(graph, "BC") == pytest.approx(108_000, abs=CLOSE_MS)
    assert marks(graph, "BC") == ("no_motor_vehicles",)
    graph = scene("A--B--C--D", {**ways, "BC": {**STREET, "access": "private"}})
    assert drive_ms(graph, "BC") == pytest.approx(45_000, abs=CLOSE_MS)
    assert marks(graph, "BC") == ("private",)
    with_car = scene("A--B--C--D", ways, profile="car")
    assert not reachable(with_car, "A", "D")


def test_permission_by_direction() -> None:
    graph = scene(LINE, {"AB": STREET, "BC": {**STREET, "motor_vehicle:backward": "no"}})
    assert edges(graph) == ["AB", "BA", "BC"]


def test_what_was_dropped_is_counted_by_reason() -> None:
    graph = scene(
        SQUARE,
        {
            "AB": STREET,
            "BC": {"highway": "pedestrian"},
            "CD": {"route": "ferry"},
            "BE": {"highway": "track", "tracktype": "grade5"},
            "EF": {**STREET, "access": "no"},
            "FC": {"highway": "busway"},
        },
        profile="car",
    )
    dropped = graph.manifest["dropped"]
    assert {reason: n for reason, n in dropped.items() if reason.startswith("way_")} == {
        "way_bus_only": 1,
        "way_ferry": 1,
        "way_impassable": 1,
        "way_no_access": 1,
        "way_pedestrian_street": 1,
    }


def test_a_map_without_a_usable_road_is_refused() -> None:
    with pytest.raises(InvalidSource):
        scene(LINE, {"ABC": {"highway": "footway"}})


# --- the connected core ------------------------------------------------------------------------
def test_a_road_of_no_return_is_not_in_the_core() -> None:
    graph = scene(FORK, {"ABC": STREET, "BD": {**STREET, "oneway": "yes"}})
    in_core = {ends: bool(graph.edge_core[edge(graph, ends)]) for ends in edges(graph)}
    assert in_core == {"AB": True, "BA": True, "BC": True, "CB": True, "BD": False}
    assert graph.manifest["dropped"]["edge_not_in_core"] == 1
