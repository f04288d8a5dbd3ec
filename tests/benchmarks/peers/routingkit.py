"""RoutingKit's customizable contraction hierarchy, units pinned as targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import routingkit_cch as routingkit

from tests.benchmarks.peers.library import Library
from tests.benchmarks.peers.street_map import StreetMap

NEVER = 2**31 - 1
"""RoutingKit's infinite weight."""


class Cch(Library):
    """RoutingKit's customizable contraction hierarchy, units pinned as targets."""

    def build(self, streets: StreetMap) -> None:
        tail, head = streets.edge_from.tolist(), streets.edge_to.tolist()
        order = routingkit.compute_order_inertial(
            streets.n_nodes, tail, head, streets.lat.tolist(), streets.lon.tolist()
        )
        self._cch = routingkit.CCH(order, tail, head, False)
        weights = np.rint(1000.0 * streets.edge_s).astype(np.int64).tolist()
        self._metric = routingkit.CCHMetric(self._cch, weights)
        self._updater = routingkit.CCHMetricPartialUpdater(self._cch)
        self._to_units = routingkit.CCHOneToMany(self._metric, self.units)

    def ask(self, lon: float, lat: float) -> list[int | None]:
        found: list[int | None] = self._to_units.distances_from(self.streets.nearest(lon, lat))
        return found

    def seconds_of(self, answer: Any) -> list[float]:
        return [float("inf") if ms is None else ms / 1000.0 for ms in answer]

    def remove(self, edges: Sequence[int]) -> None:
        # It refuses to change a metric that a query holds.
        del self._to_units
        self._updater.apply(self._metric, dict.fromkeys(edges, NEVER))
        self._to_units = routingkit.CCHOneToMany(self._metric, self.units)
