"""The network under closures: times, doors and trees as they are while the closures hold.

``rows = f(base rows, closures)``: always computed from the base network, never from an earlier
overlay. Reopening a road needs no second way of computing, the order of events cannot matter and no
error can add up. All large arrays are copies of the base that share its memory where they are the
same (`graph.pages`): what a closure costs is what it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from routing_service.errors import ClosureHitsNothing
from routing_service.graph.doors import at_speeds
from routing_service.graph.repair import repair_trees, spot_check
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.split import ranges
from routing_service.graph.trees import beyond_doors
from routing_service.kernels.lookup import E_MS, relabel
from routing_service.live.closure import Closure, Disc
from routing_service.live.effect import Effect, effect_of, slowed_ms
from routing_service.units import E7, INF_MS, NONE, IntArray


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
    touched = [slowed_ms(each.edge_ms, effects) for each in sets]
    if not any(len(edges) for edges, _ in touched):
        return base
    segments = _without_shut(base, effects)
    slowed = [_slowed(each, segments, *times) for each, times in zip(sets, touched, strict=True)]
    return slowed[0] if len(slowed) == 1 else _with_sets(slowed)


def _with_sets(sets: Sequence[RoadGraph]) -> RoadGraph:
    """One network of several that differ in their speeds."""
    stacked: dict[str, Any] = {
        f"set_{name}": np.stack([getattr(each, name) for each in sets[1:]])
        for name in ("edge_ms", "doors", "tree_ms", "tree_cm")
    }
    graph, *further = (replace(each, **stacked).knowing(**each.known) for each in sets)
    return graph.knowing(further_sets=tuple(further))


def prepare(base: RoadGraph) -> None:
    """Do now what the first closure would wait for: index the edges, load kernels and library.

    Before a fork it is done once for all workers (0.3 s for half a million edges).
    """
    node = base.edge_from[base.doors[0, 0, 0]]
    lat, lon = int(base.node_lat_e7[node]) / E7, int(base.node_lon_e7[node]) / E7
    shut = Closure("prepare", "none", "none", "none", Disc(lat, lon, 1.0))
    spot_check(base, overlaid(base, [shut]), labels=2, seed=0)


def _effect(base: RoadGraph, closure: Closure | Effect) -> Effect | None:
    if isinstance(closure, Effect):
        return closure
    try:
        return effect_of(base, closure)
    except ClosureHitsNothing:
        return None


def _slowed(
    base: RoadGraph, segments: IntArray, touched: IntArray, touched_ms: IntArray
) -> RoadGraph:
    """The network of one speed set where some edges take longer."""
    edge_ms = base.spare("edge_ms")
    edge_ms[touched] = touched_ms
    doors = _moved_doors(base, edge_ms)
    timed = replace(base, edge_ms=edge_ms, doors=doors, segments=segments)
    repaired = repair_trees(base, timed, touched)
    tree_ms, tree_cm = repaired.tree_ms, repaired.tree_cm
    timed = replace(timed, tree_ms=tree_ms, tree_cm=tree_cm)
    timed = replace(timed, doors=beyond_doors(timed)).knowing(**base.lasting)
    few = [edges for edges in repaired.changed if edges is not None]
    if len(few) < len(tree_ms):
        return timed  # with rows made anew: to copy pages for so many takes twice as long
    rows = base.spare("label_rows")
    rows[touched, E_MS] = touched_ms
    for u, edges in enumerate(few):
        relabel(rows, u, edges, tree_ms[u], tree_cm[u])
    return timed.knowing(label_rows=rows)


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
    segments: IntArray = base.spare("segments")
    segments[ranges(base.edge_segment[edges], counts), column] = NONE
    return segments
