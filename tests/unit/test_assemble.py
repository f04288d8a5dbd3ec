"""Plain records → `RawNetwork`: merging, cutting at gaps, interning, counting."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import routing_service.graph
from routing_service.errors import InvalidSource
from routing_service.graph.rules.maxspeed import WORD_KEYS
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.osm_tags import is_road, is_routing_key, is_routing_node
from routing_service.graph.sources.raw import RawNetwork, Restriction, Source
from routing_service.graph.sources.restrictions import parse_restriction

ROAD = {"highway": "residential"}


def a_town(*way_nodes: list[int], known: range = range(1, 10)) -> RawBuilder:
    """Nodes 1 to 9 in a row, a hundred units apart, and ways 100, 101…"""
    builder = RawBuilder()
    for node_id in known:
        builder.add_node(node_id, node_id * 100, 530_000_000)
    for way_id, nodes in enumerate(way_nodes, start=100):
        builder.add_way(way_id, nodes, ROAD)
    return builder


def ways_of(raw: RawNetwork) -> list[tuple[int, list[int]]]:
    """(way id, node ids) of every way, as stored."""
    return [
        (int(way_id), raw.node_ids[raw.way_nodes[first:last]].tolist())
        for way_id, (first, last) in zip(
            raw.way_ids, itertools.pairwise(raw.way_first), strict=True
        )
    ]


def assert_same(one: RawNetwork, other: RawNetwork) -> None:
    """Equal to the last byte, dtypes and orders included."""
    for name in RawNetwork.__slots__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype, name
            np.testing.assert_array_equal(mine, theirs, err_msg=name)
        else:
            assert repr(mine) == repr(theirs), name


# --- arrays ----------------------------------------------------------------------------------
def test_arrays_have_the_documented_types_and_order() -> None:
    builder = RawBuilder()
    builder.add_way(20, [3, 1], {"highway": "primary", "ref": "A61", "name": "Park Road"})
    builder.add_way(10, [1, 2, 3], {"name": "Mill Lane", "highway": "residential"})
    builder.add_node(3, 30, 33, {"barrier": "gate", "note": "green"})
    builder.add_node(1, 10, 11)
    builder.add_node(2, 20, 22)
    raw = builder.finish("osm", ())

    assert raw.node_ids.tolist() == [1, 2, 3]
    assert raw.node_lon_e7.tolist() == [10, 20, 30]
    assert raw.node_lat_e7.tolist() == [11, 22, 33]
    assert raw.node_tags == {2: {"barrier": "gate"}}
    assert ways_of(raw) == [(10, [1, 2, 3]), (20, [3, 1])]
    assert [raw.tagsets[t]["highway"] for t in raw.way_tagset] == ["residential", "primary"]
    assert [raw.labels[n] for n in raw.way_label] == [("", "Mill Lane"), ("A61", "Park Road")]
    for name in ("node_lon_e7", "node_lat_e7", "way_first", "way_nodes", "way_tagset", "way_label"):
        assert getattr(raw, name).dtype == np.int32, name
    assert raw.node_ids.dtype == raw.way_ids.dtype == np.int64
    assert raw.dropped == {}


def test_ways_of_one_kind_share_one_tag_set_whatever_their_names() -> None:
    builder = a_town()
    for way_id, name in enumerate(["North Street", "South Street", "East Street"]):
        builder.add_way(way_id, [1, 2], {"name": name, "highway": "service", "source": "survey"})
    raw = builder.finish("osm", ())
    assert raw.tagsets == ({"highway": "service"},)
    assert len(raw.labels) == 3


def test_bulk_records_equal_single_ones() -> None:
    single, bulk = RawBuilder(), RawBuilder()
    for node_id in (5, 6, 7):
        single.add_node(node_id, node_id, -node_id, {"barrier": "gate"} if node_id == 6 else None)
    for way_id, ends in ((8, (5, 6)), (9, (6, 7))):
        single.add_way(way_id, ends, {"hasu:kind": "mesh", "highway": "road"})
    ids = np.array([5, 6, 7], np.int64)
    bulk.add_nodes(ids, ids.astype(np.int32), -ids.astype(np.int32), {1: {"barrier": "gate"}})
    bulk.add_links(
        np.array([8, 9]), np.array([[5, 6], [6, 7]]), {"hasu:kind": "mesh", "highway": "road"}
    )
    assert_same(single.finish("surrogate", ()), bulk.finish("surrogate", ()))


def test_nodes_that_no_road_uses_are_left_out_silently() -> None:
    raw = a_town([4, 5]).finish("osm", ())
    assert raw.node_ids.tolist() == [4, 5]
    assert raw.dropped == {}


# --- gaps ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("refs", "pieces", "dropped"),
    [
        ([1, 2, 3], [[1, 2, 3]], {}),
        ([1, 2, 99], [[1, 2]], {"node_missing": 1, "way_cut": 1}),
        ([99, 1, 2], [[1, 2]], {"node_missing": 1, "way_cut": 1}),
        ([1, 2, 99, 98, 3, 4], [[1, 2], [3, 4]], {"node_missing": 2, "way_cut": 1}),
        # 3 is alone between two gaps: no road, but the rest stays
        ([1, 2, 99, 3, 98, 4, 5], [[1, 2], [4, 5]], {"node_missing": 2, "way_cut": 1}),
        ([1, 1, 2, 2, 2], [[1, 2]], {"node_repeated": 3}),
        # the same node on both sides of a gap is not a repetition
        ([1, 2, 99, 2, 3], [[1, 2], [2, 3]], {"node_missing": 1, "way_cut": 1}),
        ([1, 2, 3, 1], [[1, 2, 3, 1]], {}),
    ],
)
def test_a_way_is_cut_where_nodes_are_missing(
    refs: list[int], pieces: list[list[int]], dropped: dict[str, int]
) -> None:
    raw = a_town(refs).finish("osm", ())
    assert ways_of(raw) == [(100, piece) for piece in pieces]
    assert raw.dropped == dropped


def test_a_way_without_two_known_nodes_is_counted() -> None:
    raw = a_town([1, 2], [3, 99], [99, 98], [4], []).finish("osm", ())
    assert ways_of(raw) == [(100, [1, 2])]
    assert raw.dropped == {"node_missing": 3, "way_without_nodes": 4}


def test_no_roads_at_all_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InvalidSource, match=r"no roads.*Check that it covers"):
        RawBuilder().finish("osm", ())
    with pytest.raises(InvalidSource) as caught:
        a_town([1, 99]).finish("osm", ())
    assert caught.value.facts["dropped"] == {"node_missing": 1, "way_without_nodes": 1}


# --- merging ---------------------------------------------------------------------------------
def test_the_higher_version_wins() -> None:
    builder = a_town()
    builder.add_way(7, [1, 2, 3], {"highway": "primary"}, version=3)
    builder.add_way(7, [1, 2, 3, 4, 5], {"highway": "trunk"}, version=2)
    builder.add_node(2, 222, 222, {"barrier": "bollard"}, version=8)
    builder.add_node(2, 333, 333, version=7)
    raw = builder.finish("osm", ())
    assert ways_of(raw) == [(7, [1, 2, 3])]
    assert raw.tagsets == ({"highway": "primary"},)
    assert raw.node_lon_e7.tolist() == [100, 222, 300]
    assert raw.node_tags == {1: {"barrier": "bollard"}}
    assert raw.dropped == {"node_duplicate": 2, "way_duplicate": 1}


def test_of_one_version_the_way_that_was_not_cut_wins() -> None:
    builder = a_town()
    builder.add_way(7, [3, 4], ROAD, version=2)
    builder.add_way(7, [1, 2, 3, 4, 5], ROAD, version=2)
    builder.add_way(7, [1, 2], ROAD, version=2)
    assert ways_of(builder.finish("osm", ())) == [(7, [1, 2, 3, 4, 5])]


def test_parts_of_a_way_are_not_copies_of_it() -> None:
    builder = a_town()
    builder.add_way(7, [4, 5], ROAD, part=1)
    builder.add_way(7, [1, 2], ROAD, part=0)
    raw = builder.finish("osm", ())
    assert ways_of(raw) == [(7, [1, 2]), (7, [4, 5])]
    assert raw.dropped == {}


Record = Callable[[RawBuilder], None]


def a_record(draw: st.DrawFn) -> Record:
    """One random record; ids and versions collide often."""
    kind = draw(st.sampled_from(["node", "node", "way", "restriction"]))
    number, version = draw(st.integers(1, 6)), draw(st.integers(0, 2))
    tags = draw(st.sampled_from([{}, {"barrier": "gate"}, {"barrier": "bollard"}]))
    x, y = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    refs = draw(st.lists(st.integers(1, 6), min_size=0, max_size=5))
    road = draw(st.sampled_from([ROAD, {"highway": "primary", "name": "High Street"}]))
    kinds = draw(st.sampled_from(["no_left_turn", "only_straight_on"]))
    if kind == "node":
        return lambda builder: builder.add_node(number, x, y, tags, version=version)
    if kind == "way":
        return lambda builder: builder.add_way(number, refs, road, version=version, part=x % 2)
    found = Restriction(number, {"restriction": kinds}, (x,), (y,), (), (number,))
    return lambda builder: builder.add_restriction(found, version=version)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.data())
def test_the_order_of_records_cannot_matter(data: st.DataObject) -> None:
    base: list[Record] = [
        lambda builder: builder.add_node(1, 0, 0),
        lambda builder: builder.add_node(2, 5, 5),
        lambda builder: builder.add_way(50, [1, 2], ROAD),
    ]
    records = base + [data.draw(st.composite(a_record)()) for _ in range(12)]
    shuffled = data.draw(st.permutations(records))
    networks = []
    for order in (records, shuffled):
        builder = RawBuilder()
        for add in order:
            add(builder)
        networks.append(builder.finish("osm", ()))
    assert_same(*networks)


def test_sources_are_listed_in_one_order() -> None:
    a, b = (Source(name, "0" * 64, "ODbL-1.0", "") for name in ("a.pbf", "b.pbf"))
    assert a_town([1, 2]).finish("osm", (b, a)).sources == (a, b)


# --- turn restrictions -----------------------------------------------------------------------
TYPE = {"type": "restriction"}


def test_a_restriction_via_a_node() -> None:
    members = [("w", 11, "from"), ("n", 5, "via"), ("w", 12, "to"), ("n", 9, "location_hint")]
    tags = {**TYPE, "restriction": "no_left_turn", "except": "emergency", "note": "sign at corner"}
    assert parse_restriction(1, tags, members) == Restriction(
        relation_id=1,
        tags={"except": "emergency", "restriction": "no_left_turn", "type": "restriction"},
        from_ways=(11,),
        via_nodes=(5,),
        via_ways=(),
        to_ways=(12,),
    )


def test_no_entry_has_several_from_and_no_exit_several_to() -> None:
    members = [("w", 11, "from"), ("w", 13, "from"), ("n", 5, "via"), ("w", 12, "to")]
    entry = parse_restriction(1, {**TYPE, "restriction": "no_entry"}, members)
    leave = parse_restriction(
        2,
        {**TYPE, "restriction:conditional": "no_exit @ (07:00-09:00)"},
        [("w", 11, "from"), ("n", 5, "via"), ("w", 12, "to"), ("w", 13, "to")],
    )
    assert entry is not None
    assert entry.from_ways == (11, 13)
    assert leave is not None
    assert leave.to_ways == (12, 13)


@pytest.mark.parametrize(
    ("tags", "members"),
    [
        ({}, [("w", 11, "from"), ("n", 5, "via"), ("w", 12, "to")]),  # bans nothing
        ({"restriction": "no_entry"}, [("n", 5, "via"), ("w", 12, "to")]),
        ({"restriction": "no_entry"}, [("w", 11, "from"), ("n", 5, "via")]),
        ({"restriction": "no_entry"}, [("w", 11, "from"), ("w", 12, "to")]),  # where?
        ({"restriction": "no_entry"}, [("n", 11, "from"), ("n", 5, "via"), ("w", 12, "to")]),
        (
            {"restriction": "no_entry"},
            [("w", 11, "from"), ("n", 5, "via"), ("n", 6, "via"), ("w", 12, "to")],
        ),
        (
            {"restriction": "no_entry"},
            [("w", 11, "from"), ("n", 5, "via"), ("w", 6, "via"), ("w", 12, "to")],
        ),
    ],
)
def test_a_broken_restriction_is_no_restriction(
    tags: dict[str, str], members: list[tuple[str, int, str]]
) -> None:
    assert parse_restriction(1, {**TYPE, **tags}, members) is None


def restricted(*restrictions: Restriction) -> RawNetwork:
    """Way 100: 1-2-3, 101: 3-4, 102: 4-5, 103: 5-6; the restrictions on top."""
    builder = a_town([1, 2, 3], [3, 4], [4, 5], [5, 6])
    for restriction in restrictions:
        builder.add_restriction(restriction)
    return builder.finish("osm", ())


def test_restrictions_with_members_outside_the_network_are_counted() -> None:
    ban = {"restriction": "no_left_turn"}
    whole = Restriction(1, ban, (100,), (3,), (), (101,))
    raw = restricted(
        Restriction(4, ban, (999,), (3,), (), (101,)),
        Restriction(3, ban, (100,), (999,), (), (101,)),
        Restriction(2, ban, (100,), (), (999,), (101,)),
        whole,
    )
    assert raw.restrictions == (whole,)
    assert raw.dropped == {"restriction_incomplete": 3}


def test_of_several_from_ways_those_in_the_network_stay() -> None:
    raw = restricted(Restriction(1, {"restriction": "no_entry"}, (999, 100), (3,), (), (101,)))
    assert raw.restrictions[0].from_ways == (100,)


def test_via_ways_are_put_in_the_order_of_travel() -> None:
    raw = restricted(Restriction(1, {"restriction": "no_u_turn"}, (100,), (), (102, 101), (103,)))
    assert raw.restrictions[0].via_ways == (101, 102)


# --- which objects and tags ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "primary"}, True),
        ({"highway": "pedestrian"}, True),
        ({"highway": "construction", "construction": "trunk"}, True),
        ({"route": "ferry"}, True),
        ({"route": "ferry", "highway": "footway"}, False),
        ({"route": "hiking"}, False),
        ({"building": "yes"}, False),
        ({"highway": "footway"}, False),
        ({"highway": "cycleway", "motor_vehicle": "no"}, False),
        ({"highway": "cycleway", "emergency": "yes"}, True),
        ({"highway": "path", "motor_vehicle": "private"}, True),
    ],
)
def test_what_is_a_road(tags: dict[str, str], expected: bool) -> None:
    assert is_road(tags) is expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"barrier": "bollard"}, True),
        ({"highway": "traffic_signals"}, True),
        ({"highway": "bus_stop"}, False),
        ({"highway": "bus_stop", "motor_vehicle": "no"}, True),
        ({"railway": "level_crossing"}, True),
        ({"railway": "signal"}, False),
        ({"traffic_calming": "hump"}, True),
        ({"amenity": "bench"}, False),
    ],
)
def test_what_is_a_node_of_interest(tags: dict[str, str], expected: bool) -> None:
    assert is_routing_node(tags) is expected


@pytest.mark.parametrize(
    "key",
    """
    highway oneway oneway:psv oneway:emergency access:conditional motor_vehicle:conditional
    maxspeed:forward maxspeed:backward:conditional zone:maxspeed source:maxspeed maxspeed:type
    busway:left lanes:psv lanes:psv:backward lanes:bus:forward bus:lanes:backward psv:lanes
    traffic_signals:direction hasu:setting maxheight:physical emergency service
    """.split(),  # noqa: SIM905 - reads better as text
)
def test_keys_that_are_kept(key: str) -> None:
    assert is_routing_key(key)


@pytest.mark.parametrize("key", ["name", "ref", "bridge:name", "layer", "source", "maxspeed:hgv"])
def test_keys_that_are_not_kept(key: str) -> None:
    assert not is_routing_key(key)


def strings_in(table: object) -> Iterator[str]:
    """Every key and string of a TOML document."""
    if isinstance(table, dict):
        yield from table
        table = list(table.values())
    if isinstance(table, list):
        for item in table:
            yield from strings_in(item)
    elif isinstance(table, str):
        yield table


def test_readers_keep_every_tag_that_the_shipped_profiles_ask_for() -> None:
    folder = Path(routing_service.graph.__file__).parent / "profiles"
    documents = [tomllib.loads(path.read_text()) for path in sorted(folder.glob("*.toml"))]
    assert documents, f"no profiles in {folder}"
    keys = {*WORD_KEYS, "maxheight", "maxheight:physical", "maxwidth", "maxweight", "locked"}
    for profile in documents:
        keys |= {text.split("=")[0] for text in strings_in(profile) if "=" in text}
        oneway, access = profile["oneway"], profile["access"]
        keys |= {*oneway.get("keys", ()), *oneway.get("lifted_by", ())}
        keys |= {f"{key}:backward" for key in oneway.get("contraflow_counts", ())}
        keys |= {f"{key}:backward" for key in oneway.get("contraflow_lists", ())}
        keys |= {*access.get("keys", ()), *access.get("privileges", ())}
        keys |= {*profile.get("speeds", {}).get("caps_kph", ())}
    assert [key for key in sorted(keys) if not is_routing_key(key)] == []
