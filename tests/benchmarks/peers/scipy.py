"""SciPy: `sparse.csgraph.dijkstra`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from tests.benchmarks.peers.library import Library
from tests.benchmarks.peers.street_map import StreetMap


class Scipy(Library):
    """SciPy: `sparse.csgraph.dijkstra`."""

    def build(self, streets: StreetMap) -> None:
        shape = (streets.n_nodes,) * 2
        ends = streets.edge_from, streets.edge_to
        self._matrix = csr_array((streets.edge_s, ends), shape=shape)

    def ask(self, lon: float, lat: float) -> list[float]:
        seconds = dijkstra(self._matrix, indices=self.streets.nearest(lon, lat))
        return [float(seconds[unit]) for unit in self.units]

    def remove(self, edges: Sequence[int]) -> None:
        for e in edges:
            a, b = int(self.streets.edge_from[e]), int(self.streets.edge_to[e])
            row = slice(self._matrix.indptr[a], self._matrix.indptr[a + 1])
            at = self._matrix.indptr[a] + int(np.flatnonzero(self._matrix.indices[row] == b)[0])
            self._matrix.data[at] = np.inf
