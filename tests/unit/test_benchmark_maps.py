"""Maps for benchmarks: copies of a map hang together, and are read back as they were written."""

from __future__ import annotations

import tarfile
from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely import LineString

from routing_service.decision.model import Unit
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.sources.raw import RawNetwork, Restriction
from tests.benchmarks.city import read_city, ways_of
from tests.benchmarks.extract_file import write_pbf
from tests.benchmarks.scale import growth
from tests.benchmarks.tiled import tile


@pytest.fixture
def block() -> RawNetwork:
    """A grid of four by four streets, 1,110 m apart; from way 100 no left into way 200.

    Nodes 1 to 16, row by row from the south-west; ways 100… from west to east, 200… northwards.
    """
    n = np.arange(16)
    rows = n.reshape(4, 4)
    restriction = Restriction(
        900, {"type": "restriction", "restriction": "no_left_turn"}, (100,), (2,), (), (201,)
    )
    return RawNetwork(
        network="osm",
        node_ids=(n + 1).astype(np.int64),
        node_lon_e7=(-15_000_000 + n % 4 * 100_000).astype(np.int32),
        node_lat_e7=(535_000_000 + n // 4 * 100_000).astype(np.int32),
        node_tags={5: {"highway": "traffic_signals"}},
        way_ids=np.array([100, 101, 102, 103, 200, 201, 202, 203], dtype=np.int64),
        way_first=np.arange(0, 36, 4, dtype=np.int32),
        way_nodes=np.concatenate([rows.ravel(), rows.T.ravel()]).astype(np.int32),
        way_tagset=np.zeros(8, dtype=np.int32),
        tagsets=({"highway": "secondary"},),
        way_label=np.zeros(8, dtype=np.int32),
        labels=(("B1", "Grid Road"),),
        restrictions=(restriction,),
        sources=(),
    )


def test_copies_are_one_network(block: RawNetwork) -> None:
    """Six copies of 48 directed edges: all are in the core, so every copy reaches every other."""
    large = tile(block, 3, 2)
    graph = build_graph(large, Profile.load("car"), [Unit("A", "a", 53.5, -1.5)])
    assert len(graph.node_ids) == 6 * 16
    # 3 x 2 copies have 4 pairs of neighbours in the east and 3 in the north, each with 4 roads.
    assert graph.n_edges == 6 * 48 + 2 * 4 * (4 + 3)
    assert graph.edge_core.all()


def test_copies_keep_signals_and_restrictions(block: RawNetwork) -> None:
    large = tile(block, 2, 1)
    assert sorted(large.node_tags) == [5, 21]
    first, second = large.restrictions
    assert second.via_nodes[0] - first.via_nodes[0] == large.node_ids[16] - large.node_ids[0]
    assert set(second.from_ways) <= set(large.way_ids.tolist())


def test_an_extract_is_read_back_as_it_was_written(block: RawNetwork, tmp_path: Path) -> None:
    large = tile(block, 2, 2)
    write_pbf(large, tmp_path / "large.osm.pbf")
    again = read_pbf([tmp_path / "large.osm.pbf"])
    for name in ("node_ids", "node_lon_e7", "node_lat_e7", "way_ids", "way_first", "way_nodes"):
        assert (getattr(again, name) == getattr(large, name)).all(), name
    assert again.node_tags == large.node_tags
    assert again.restrictions == large.restrictions


def test_roads_of_two_classes_meet_where_they_touch() -> None:
    """A street that is cut in two, and a lane that ends on its middle: one way each, one node."""
    street = LineString([(36.00, 36.0), (36.01, 36.0), (36.02, 36.0)])
    lane = LineString([(36.01, 36.01), (36.01, 36.0)])
    raw = ways_of({"primary": np.array([street]), "service": np.array([lane])})
    assert raw.way_first.tolist() == [0, 3, 5]
    assert raw.way_nodes[1] == raw.way_nodes[4]
    assert len(raw.node_ids) == 4
    assert [raw.tagsets[k]["highway"] for k in raw.way_tagset] == ["primary", "service"]


def test_stretches_of_one_class_become_ways(tmp_path: Path) -> None:
    """Three stretches of a street, cut where a lane meets it: it goes on past the lane."""
    ends = [(0, 10), (10, 20), (20, 30)]
    street = [LineString([(a, 0), (b, 0)]) for a, b in ends]
    lane = LineString([(10, 0), (10, 5)])
    table = geopandas.GeoDataFrame(
        {"highway": ["primary"] * 3 + ["service"]}, geometry=[*street, lane], crs="EPSG:32637"
    )
    table.to_parquet(tmp_path / "roads.parquet")
    with tarfile.open(tmp_path / "sources.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "roads.parquet", "roads.parquet")
    raw = read_city(tmp_path / "sources.tar.gz", "roads.parquet")
    assert np.diff(raw.way_first).tolist() == [4, 2]
    assert len(raw.node_ids) == 5


def test_growth_is_the_exponent() -> None:
    """Ten times the size at 31.6 times the cost: the power one and a half."""
    assert growth([10, 100], [1.0, 31.6227766]) == pytest.approx(1.5)
    assert growth([10, 100, 1000], [4.0, 4.0, 4.0]) == pytest.approx(0.0)
