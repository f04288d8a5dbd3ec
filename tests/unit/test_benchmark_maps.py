"""Maps for benchmarks: copies of a map hang together, and are read back as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from routing_service.decision.model import Unit
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.sources.raw import RawNetwork, Restriction
from tests.benchmarks.scale import growth
from tests.benchmarks.tiled import tile, write_pbf


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


def test_growth_is_the_exponent() -> None:
    """Ten times the size at 31.6 times the cost: the power one and a half."""
    assert growth([10, 100], [1.0, 31.6227766]) == pytest.approx(1.5)
    assert growth([10, 100, 1000], [4.0, 4.0, 4.0]) == pytest.approx(0.0)
