"""pandana: `shortest_path_lengths` over its contraction hierarchy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandana
import pandas

from tests.benchmarks.peers.library import Library
from tests.benchmarks.peers.peer import Point
from tests.benchmarks.peers.street_map import StreetMap


class Pandana(Library):
    """pandana: `shortest_path_lengths` over its contraction hierarchy."""

    def build(self, streets: StreetMap) -> None:
        self._open = np.ones(len(streets.edge_s), dtype=np.bool_)
        self._contract()

    def _contract(self) -> None:
        streets, kept = self.streets, self._open
        self._network = pandana.Network(
            pandas.Series(streets.lon),
            pandas.Series(streets.lat),
            pandas.Series(streets.edge_from[kept]),
            pandas.Series(streets.edge_to[kept]),
            pandas.DataFrame({"s": streets.edge_s[kept]}),
            twoway=False,
        )

    def ask(self, lon: float, lat: float) -> list[float]:
        n = len(self.units)
        node = self.streets.nearest(lon, lat)
        found: list[float] = self._network.shortest_path_lengths([node] * n, self.units)
        return found

    def ask_many(self, places: Sequence[Point]) -> list[float]:
        nodes = [self.streets.nearest(lon, lat) for lon, lat in places]
        n = len(self.units)
        starts = np.repeat(nodes, n)
        found: list[float] = self._network.shortest_path_lengths(starts, self.units * len(nodes))
        return found

    def remove(self, edges: Sequence[int]) -> None:
        self._open[list(edges)] = False
        self._contract()
