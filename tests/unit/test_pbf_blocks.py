"""Blocks of an OSM PBF file that no program of today writes, but that may come."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from routing_service.graph.sources.pbf_blocks import NodeBlock, UnusualPbf, read_block
from routing_service.graph.sources.pbf_roads import NodeTable
from tests.unit.test_protobuf import plain, signed, stretch

pytestmark = pytest.mark.unit

NO_STRINGS = stretch(1, stretch(1, b""))


def column(field: int, values: list[int]) -> bytes:
    return stretch(field, b"".join(signed(b - a) for a, b in pairwise([0, *values])))


def dense(ids: list[int], lon_e7: list[int], lat_e7: list[int]) -> bytes:
    """A group of nodes without tags."""
    nodes = column(1, ids) + column(8, lat_e7) + column(9, lon_e7)
    return stretch(2, stretch(2, nodes))


def table(block: bytes) -> NodeTable:
    return NodeTable([part for part in read_block(block) if isinstance(part, NodeBlock)])


def test_nodes_in_any_order_are_found() -> None:
    block = NO_STRINGS + dense([7, 3, 5], [70, 30, 50], [-7, -3, -5])
    found = table(block).locate(np.array([3, 4, 5, 7]))
    assert found.ids.tolist() == [3, 5, 7]
    assert found.lon_e7.tolist() == [30, 50, 70]
    assert found.lat_e7.tolist() == [-3, -5, -7]


@pytest.mark.parametrize("far", [900_000_001, -1_800_000_001, 2**31, -(2**31), 2**40])
def test_nodes_off_the_globe_are_not_there(far: int) -> None:
    block = NO_STRINGS + dense([1, 2], [10, 20], [10, far])
    assert table(block).locate(np.array([1, 2])).ids.tolist() == [1]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(NO_STRINGS + dense([1], [1], [1]) + plain(17, 1000), id="granularity"),
        pytest.param(NO_STRINGS + dense([1], [1], [1]) + plain(19, 5), id="offset"),
        pytest.param(NO_STRINGS + dense([1, 2], [1], [1]), id="columns of different length"),
        pytest.param(NO_STRINGS + stretch(2, stretch(1, plain(1, 2))), id="plain node"),
        pytest.param(NO_STRINGS + stretch(2, stretch(5, b"")), id="changeset"),
    ],
)
def test_what_is_unusual_is_not_guessed_at(block: bytes) -> None:
    with pytest.raises(UnusualPbf):
        read_block(block)
