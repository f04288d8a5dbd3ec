"""Under closures the network is exactly the one that would be grown with those times."""

from __future__ import annotations

from typing import Any

import numpy as np

from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.trees import grow_trees
from routing_service.live.closure import Closure, Way, Where
from routing_service.live.overlay import overlaid
from routing_service.units import INF_MS
from tests import toymap


def closure(where: Where, name: str = "c", **more: Any) -> Closure:
    return Closure(name, "flood", "J. Bloggs", "test", where, **more)


def square() -> RoadGraph:
    return toymap.scene(
        """
        A-----B
        |     |
        C-----D
        """,
        {"AB": {"highway": "primary"}, "BD": {"highway": "primary"}, "AC": {"highway": "primary"},
         "CD": {"highway": "primary"}},
    )  # fmt: skip


def test_a_shut_road_is_left_by_the_other_side() -> None:
    graph = square()
    shut = overlaid(graph, [closure(Way(3))])  # AC; way 3 as they are given
    assert all(
        np.array_equal(*pair)
        for pair in zip(grow_trees(shut), (shut.tree_ms, shut.tree_cm), strict=True)
    )
    assert shut.edge_ms[toymap.edge(shut, "AC")] == INF_MS
    assert toymap.route(graph, "C", "A") == "CA"
    assert toymap.route(shut, "C", "A") == "CDBA"
    assert overlaid(graph, []) is graph
