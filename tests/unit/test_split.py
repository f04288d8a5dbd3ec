"""Ways are cut where something can happen, measured on the ellipsoid, and put in space order."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from pyproj import Geod

from routing_service.errors import InvalidSource
from routing_service.graph.profile import Profile
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.raw import RawNetwork, Tags
from routing_service.graph.split import (
    Pieces,
    _hilbert,
    ranges,
    segment_lengths_m,
    split_ways,
)
from tests.networks import random_network
from tests.toymap import LETTERS, Ban, read_map

CAR = Profile.load("car")
STREET: Tags = {"highway": "residential"}


def pieces_of(raw: RawNetwork) -> Pieces:
    return split_ways(raw, CAR)


def ends(raw: RawNetwork, pieces: Pieces) -> list[str]:
    """Ends of the pieces, spelt, in alphabetical order."""
    ids = raw.node_ids
    return sorted(
        LETTERS[int(ids[a]) - 1] + LETTERS[int(ids[b]) - 1]
        for a, b in zip(pieces.start_node, pieces.end_node, strict=True)
    )


def cut(drawing: str, ways: Mapping[str, Tags], nodes: Mapping[str, Tags] | None = None) -> str:
    raw = read_map(drawing, ways, nodes)
    return " ".join(ends(raw, pieces_of(raw)))


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        ({"ABC": STREET}, "AC"),  # nothing happens at B
        ({"ABC": STREET, "BD": STREET}, "AB BC BD"),  # a junction
        ({"AB": STREET, "BC": STREET}, "AB BC"),  # one road, two ways
        ({"ABC": STREET, "BD": {"highway": "footway"}}, "AC"),  # no junction for a vehicle
        ({"ABCDA": STREET}, "AA"),  # a ring with nothing on it
        ({"ABDCB": STREET}, "AB BB"),  # a lollipop: cut where the way meets itself
    ],
)
def test_ways_are_cut_at_junctions_and_ends(ways: Mapping[str, Tags], expected: str) -> None:
    assert cut("A-B-C\n  |\n  D", ways) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "traffic_signals"}, "AB BC"),
        ({"barrier": "bollard"}, "AB BC"),
        ({"traffic_calming": "hump"}, "AB BC"),
        ({"highway": "turning_circle"}, "AC"),
    ],
)
def test_ways_are_cut_at_nodes_where_something_happens(tags: Tags, expected: str) -> None:
    assert cut("A-B-C", {"ABC": STREET}, {"B": tags}) == expected


def test_ways_are_cut_where_a_restriction_hangs() -> None:
    raw = read_map("A-B-C", {"ABC": STREET}, bans=[Ban("ABC", "B", "ABC", "no_u_turn")])
    assert ends(raw, pieces_of(raw)) == ["AB", "BC"]


def test_what_cannot_be_used_is_counted_by_reason() -> None:
    raw = read_map(
        "A-B-C-D",
        {
            "AB": STREET,
            "BC": {"highway": "residential", "access": "no"},
            "CD": {"highway": "footway", "motor_vehicle": "no"},
            "AC": {"route": "ferry"},
            "BD": {"route": "ferry"},
        },
    )
    assert pieces_of(raw).dropped == {
        "way_no_access": 1,
        "way_ferry": 2,
        "way_not_a_road": 1,
    }


def test_a_map_without_roads_is_refused() -> None:
    with pytest.raises(InvalidSource, match="no road that the profile 'car' may use"):
        pieces_of(read_map("A-B", {"AB": {"route": "ferry"}}))


def test_segments_of_a_piece_run_on_and_add_up() -> None:
    # 300 m east, 400 m south, 500 m east in one piece of three segments. The last comes out 5 cm
    # longer, because the drawing is laid out with the metres of its top row.
    raw = read_map("A--B\n\n\n\n   C----D", {"ABCD": STREET})
    pieces = pieces_of(raw)
    assert pieces.segment_first.tolist() == [0, 3]
    assert pieces.segment_cm.tolist() == pytest.approx([30_000, 40_000, 50_000], abs=10)
    assert pieces.segment_start_cm.tolist() == pytest.approx([0, 30_000, 70_000], abs=10)
    assert pieces.piece_cm.tolist() == [pieces.segment_cm.sum()]
    for a, b in pairwise(pieces.segment_xy.tolist()):
        assert a[2:] == b[:2]


@pytest.mark.parametrize("seed", range(5))
def test_every_stretch_of_every_way_is_in_exactly_one_piece(seed: int) -> None:
    raw = random_network(seed, side=5)
    pieces = pieces_of(raw)
    position = list(zip(raw.node_lon_e7.tolist(), raw.node_lat_e7.tolist(), strict=True))
    of_ways = sorted(
        (w, *position[a], *position[b])
        for w, (first, last) in enumerate(pairwise(raw.way_first.tolist()))
        for a, b in pairwise(raw.way_nodes[first:last].tolist())
    )
    way = np.repeat(pieces.way, np.diff(pieces.segment_first))
    of_pieces = sorted(
        (w, *row) for w, row in zip(way.tolist(), pieces.segment_xy.tolist(), strict=True)
    )
    assert of_pieces == of_ways
    for p, (first, last) in enumerate(pairwise(pieces.segment_first.tolist())):
        rows = pieces.segment_xy[first:last].tolist()
        assert tuple(rows[0][:2]) == position[pieces.start_node[p]]
        assert tuple(rows[-1][2:]) == position[pieces.end_node[p]]
        assert all(a[2:] == b[:2] for a, b in pairwise(rows))
        lengths = pieces.segment_cm[first:last]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        assert pieces.segment_start_cm[first:last].tolist() == starts.tolist()
        assert pieces.piece_cm[p] == lengths.sum()


def test_a_piece_without_extent_still_has_a_length() -> None:
    builder = RawBuilder()
    for node in (1, 2):
        builder.add_node(node, -14_800_000, 535_500_000)
    builder.add_way(1, [1, 2], STREET)
    pieces = pieces_of(builder.finish("osm", ()))
    assert (pieces.segment_cm.tolist(), pieces.piece_cm.tolist()) == ([0], [1])


@pytest.mark.parametrize("lat_deg", [0.0, 50.3, 53.5, 60.2])
def test_lengths_are_those_of_the_ellipsoid(lat_deg: float) -> None:
    rng = np.random.default_rng(7)
    start = np.column_stack([rng.integers(-20_000_000, 0, 50), np.full(50, round(lat_deg * 1e7))])
    xy = np.column_stack([start, start + rng.integers(-100_000, 100_000, (50, 2))]).astype(np.int32)
    _, _, geodesic_m = Geod(ellps="WGS84").inv(*(xy / 1e7).T)
    # Up to 1.3 km long; what is left is that a parallel is no geodesic.
    assert segment_lengths_m(xy) == pytest.approx(geodesic_m, rel=2e-6)


def test_the_space_order_is_a_hilbert_curve() -> None:
    # 16 x 16 nodes: every one has its own place, and next on the curve is next on the ground.
    step = 0xFFFF // 15
    builder = RawBuilder()
    for node in range(256):
        builder.add_node(node + 1, node % 16 * step, node // 16 * step)
    builder.add_way(1, range(1, 257), STREET)
    raw = builder.finish("osm", ())
    distance = _hilbert(raw, np.arange(256, dtype=np.int32))
    assert len(set(distance.tolist())) == 256
    assert (distance.min(), distance.max() < 2**32) == (0, True)
    order = np.argsort(distance)
    column, row = order % 16, order // 16
    steps = np.abs(np.diff(column)) + np.abs(np.diff(row))
    assert steps.tolist() == [1] * 255


def test_pieces_stand_in_space_order() -> None:
    raw = random_network(1, side=8)
    pieces = pieces_of(raw)
    xy = pieces.segment_xy[pieces.segment_first[:-1]].astype(np.int64)
    hops = np.abs(np.diff(xy[:, 0])) + np.abs(np.diff(xy[:, 1]))
    # The town is 8 streets wide; from one piece to the next it is mostly round the corner.
    assert np.median(hops) < 2 * 15_000


def test_ranges_are_joined_one_after_another() -> None:
    starts, counts = np.array([5, 0, 9]), np.array([3, 0, 2])
    assert ranges(starts, counts).tolist() == [5, 6, 7, 9, 10]
    assert ranges(starts[:0], counts[:0]).tolist() == []
