"""rustworkx: `dijkstra_shortest_path_lengths`."""

from __future__ import annotations

from collections.abc import Sequence

import rustworkx

from tests.benchmarks.peers.library import Library
from tests.benchmarks.peers.street_map import StreetMap


class Rustworkx(Library):
    """rustworkx: `dijkstra_shortest_path_lengths`."""

    def build(self, streets: StreetMap) -> None:
        self._graph = rustworkx.PyDiGraph(multigraph=False)
        self._graph.add_nodes_from(range(streets.n_nodes))
        columns = streets.edge_from.tolist(), streets.edge_to.tolist(), streets.edge_s.tolist()
        self._graph.add_edges_from(list(zip(*columns, strict=True)))

    def ask(self, lon: float, lat: float) -> list[float]:
        source = self.streets.nearest(lon, lat)
        seconds = rustworkx.dijkstra_shortest_path_lengths(self._graph, source, float)
        return [
            0.0 if unit == source else seconds[unit] if unit in seconds else float("inf")
            for unit in self.units
        ]

    def remove(self, edges: Sequence[int]) -> None:
        for e in edges:
            self._graph.remove_edge_from_index(e)
