"""The network under closures: times, doors and trees as they are while the closures hold.

``rows = f(base rows, closures)``: always computed from the base network, never from an earlier
overlay. Reopening a road needs no second way of computing, the order of events cannot matter and no
error can add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from routing_service.errors import ClosureHitsNothing
from routing_service.graph.doors import at_speeds
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.trees import beyond_doors, grow_trees
from routing_service.live.closure import Closure
from routing_service.live.effect import Effect, effect_of, slowed_ms
from routing_service.units import INF_MS, IntArray


def overlaid(base: RoadGraph, closures: Sequence[Closure | Effect]) -> RoadGraph:
    """The network under closures.

    Parameters
    ----------
    base
        The network without any closure.
    closures
        Those in force, in any order. One that hits nothing (it was ordered on another map) changes
        nothing, see `unplaced`.

    Returns
    -------
    RoadGraph
        Its ``edge_ms``, ``doors``, ``tree_ms``, ``tree_cm`` and the same of every speed set are
        those of a network grown from scratch with these edge times; all else is shared with `base`.
    """
    effects = []
    for each in closures:
        try:
            effects.append(each if isinstance(each, Effect) else effect_of(base, each))
        except ClosureHitsNothing:
            continue
    if not effects:
        return base
    sets = [_slowed_set(base.in_set(k), effects) for k in range(len(base.speed_sets.names))]
    further = sets[1:]
    if not further:
        return sets[0]
    return replace(
        sets[0],
        set_edge_ms=np.stack([each.edge_ms for each in further]),
        set_doors=np.stack([each.doors for each in further]),
        set_tree_ms=np.stack([each.tree_ms for each in further]),
        set_tree_cm=np.stack([each.tree_cm for each in further]),
    )


def unplaced(base: RoadGraph, closures: Sequence[Closure]) -> tuple[Closure, ...]:
    """Those of the closures that hit nothing on this network."""
    missing = []
    for closure in closures:
        try:
            effect_of(base, closure)
        except ClosureHitsNothing:
            missing.append(closure)
    return tuple(missing)


def _slowed_set(base: RoadGraph, effects: Sequence[Effect]) -> RoadGraph:
    """One speed set under closures."""
    touched, touched_ms = slowed_ms(base.edge_ms, effects)
    if len(touched) == 0:
        return base
    edge_ms = base.edge_ms.copy()
    edge_ms[touched] = touched_ms
    graph = replace(base, edge_ms=edge_ms, doors=_moved_doors(base, edge_ms))
    tree_ms, tree_cm = grow_trees(graph)
    graph = replace(graph, tree_ms=tree_ms, tree_cm=tree_cm)
    return replace(graph, doors=beyond_doors(graph))


def _moved_doors(base: RoadGraph, edge_ms: IntArray) -> IntArray:
    """Doors at the new times; a shut edge keeps its seed, which no search reads."""
    doors = at_speeds(base.doors, edge_ms, base.edge_cm, int(base.manifest.get("start_ms", 0)))
    shut = (base.doors[:, :, 0] >= 0) & (edge_ms[base.doors[:, :, 0]] >= INF_MS)
    doors[shut] = base.doors[shut]
    return doors
