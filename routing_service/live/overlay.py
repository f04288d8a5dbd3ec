"""The network under closures: times, doors and trees as they are while the closures hold.

``rows = f(base rows, closures)``: always computed from the base network, never from an earlier
overlay. Reopening a road needs no second way of computing, the order of events cannot matter and no
error can add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from routing_service.errors import ClosureHitsNothing
from routing_service.graph.doors import at_speeds
from routing_service.graph.repair import repair_trees, spot_check
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.split import ranges
from routing_service.graph.trees import beyond_doors
from routing_service.live.closure import Closure, Way
from routing_service.live.effect import Effect, effect_of, slowed_ms
from routing_service.units import INF_MS, NONE, IntArray


def overlaid(base: RoadGraph, closures: Sequence[Closure | Effect]) -> RoadGraph:
    """The network under closures.

    Parameters
    ----------
    base
        The network without any closure.
    closures
        Those in force, in any order; who asks often keeps their effects. One that hits nothing (it
        was ordered on another map) changes nothing.

    Returns
    -------
    RoadGraph
        ``edge_ms``, ``doors``, ``tree_ms``, ``tree_cm`` and the same of every speed set are those
        of a network grown from scratch with these edge times. ``segments`` no longer name the edges
        that are shut, so that an incident there is snapped to the nearest road that can be left.
        All else is shared with `base`; where nothing changes, it is `base`.

    Examples
    --------
    ``overlaid(base, [Closure("c1", "flood", "J. Bloggs", "api", Way(4711))])``
    """
    effects = [effect for effect in map(partial(_effect, base), closures) if effect is not None]
    if not effects:
        return base
    sets = [base.in_set(k) for k in range(len(base.speed_sets.names))]
    slowed = [_slowed(each, *slowed_ms(each.edge_ms, effects)) for each in sets]
    if all(after is before for after, before in zip(slowed, sets, strict=True)):
        return base
    graph = replace(slowed[0], segments=_without_shut(base, effects))
    if len(slowed) == 1:
        return graph
    further = slowed[1:]
    return replace(
        graph,
        set_edge_ms=np.stack([each.edge_ms for each in further]),
        set_doors=np.stack([each.doors for each in further]),
        set_tree_ms=np.stack([each.tree_ms for each in further]),
        set_tree_cm=np.stack([each.tree_cm for each in further]),
    )


def prepare(base: RoadGraph) -> None:
    """Do now what the first closure would otherwise wait for: index the edges, load the kernels.

    Before a fork it is done once for all workers (0.3 s for half a million edges).
    """
    door = int(base.doors[0, 0, 0])
    shut = Closure("prepare", "none", "none", "none", Way(int(base.edge_way[door])))
    spot_check(base, overlaid(base, [shut]), labels=2, seed=0)


def _effect(base: RoadGraph, closure: Closure | Effect) -> Effect | None:
    if isinstance(closure, Effect):
        return closure
    try:
        return effect_of(base, closure)
    except ClosureHitsNothing:
        return None


def _slowed(base: RoadGraph, touched: IntArray, touched_ms: IntArray) -> RoadGraph:
    """The network of one speed set where some edges take longer."""
    if len(touched) == 0:
        return base
    edge_ms = base.edge_ms.copy()
    edge_ms[touched] = touched_ms
    timed = replace(base, edge_ms=edge_ms, doors=_moved_doors(base, edge_ms))
    tree_ms, tree_cm = repair_trees(base, timed, touched)
    timed = replace(timed, tree_ms=tree_ms, tree_cm=tree_cm)
    return replace(timed, doors=beyond_doors(timed))


def _moved_doors(base: RoadGraph, edge_ms: IntArray) -> IntArray:
    """Doors at the new times; on a shut edge the old ones, which no search reads."""
    doors = at_speeds(base.doors, edge_ms, base.edge_cm, int(base.manifest.get("start_ms", 0)))
    shut = (base.doors[:, :, 0] >= 0) & (edge_ms[base.doors[:, :, 0]] >= INF_MS)
    doors[shut] = base.doors[shut]
    return doors


def _without_shut(base: RoadGraph, effects: Sequence[Effect]) -> IntArray:
    """The segments with only those edges that can be driven."""
    shut = [effect.edges for effect in effects if effect.closure.shuts]
    if not shut:
        return base.segments
    edges = np.concatenate(shut)
    edges = edges[base.edge_base[edges] == edges]
    counts = base.edge_segments[edges]
    column = 4 + np.repeat(base.edge_reversed[edges], counts)  # forward, backward
    segments = base.segments.copy()
    segments[ranges(base.edge_segment[edges], counts), column] = NONE
    return segments
