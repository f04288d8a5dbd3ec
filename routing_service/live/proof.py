"""Proving a sample of what is in force: the certificate of trees that were repaired."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from routing_service.graph.repair import spot_check

if TYPE_CHECKING:
    from routing_service.graph.road_graph import RoadGraph
    from routing_service.live.view import View

log = logging.getLogger(__name__)

LABELS = 1_000
"""Of each tree, half of them where the repair was: 4 ms for four trees of half a million edges."""


class Prover:
    """Samples each network that comes into force once."""

    def __init__(self) -> None:
        self._sampled: RoadGraph | None = None

    def prove(self, view: View) -> Literal["held", "broken"] | None:
        """Whether a sample of the trees in force is right; None if they were sampled before."""
        graph, base = view.snapshot.graph, view.base.graph
        if graph is self._sampled:
            return None
        self._sampled = graph
        wrong = spot_check(base, graph, LABELS, seed=view.state.version)
        if not wrong:
            return "held"
        log.error("%d labels of state %d are wrong: restart", wrong, view.state.version)
        return "broken"
