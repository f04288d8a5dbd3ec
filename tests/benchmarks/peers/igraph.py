"""igraph: `Graph.distances`."""

from __future__ import annotations

from collections.abc import Sequence

import igraph
import numpy as np

from tests.benchmarks.peers.library import Library
from tests.benchmarks.peers.street_map import StreetMap


class Igraph(Library):
    """igraph: `Graph.distances`."""

    def build(self, streets: StreetMap) -> None:
        pairs = np.column_stack([streets.edge_from, streets.edge_to])
        self._graph = igraph.Graph(n=streets.n_nodes, edges=pairs, directed=True)
        self._graph.es["s"] = streets.edge_s

    def ask(self, lon: float, lat: float) -> list[float]:
        source = self.streets.nearest(lon, lat)
        seconds: list[float] = self._graph.distances(source, self.units, weights="s")[0]
        return seconds

    def remove(self, edges: Sequence[int]) -> None:
        self._graph.delete_edges(list(edges))
