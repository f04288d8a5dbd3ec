"""A built network with further units: their doors placed and their trees grown, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from routing_service.decision.model import Unit
from routing_service.graph.doors import at_speeds, place_doors
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.trees import beyond_doors, grow_trees
from routing_service.units import INF_MS, NONE, IntArray


def with_more_units(graph: RoadGraph, units: Sequence[Unit]) -> RoadGraph:
    """The network with further units behind those that it has.

    Parameters
    ----------
    graph
        A built network at the speeds of one set; the result has no further sets.
    units
        New units, in the order in which they are added; no ODS code may occur twice.

    Raises
    ------
    InvalidUnits
        If one is too far from every road that leads both to and from it.
    """
    graph = replace(
        graph,
        set_edge_ms=graph.set_edge_ms[:0],
        set_doors=graph.set_doors[:0],
        set_tree_ms=graph.set_tree_ms[:0],
        set_tree_cm=graph.set_tree_cm[:0],
        manifest={**graph.manifest, "speed_sets": {}},
    )
    if not units:
        return graph
    grid = (graph.grid, graph.cell_first, graph.cell_segments)
    edges = (graph.edge_ms, graph.edge_cm, graph.edge_base)
    placed = place_doors(units, grid, graph.segments, edges)
    start_ms = int(graph.manifest.get("start_ms", 0))
    doors = at_speeds(placed.table, graph.edge_ms, graph.edge_cm, start_ms)
    fresh = replace(graph, doors=doors)
    tree_ms, tree_cm = grow_trees(fresh)
    fresh = replace(fresh, tree_ms=tree_ms, tree_cm=tree_cm)
    described = [{**asdict(unit), "capabilities": list(unit.capabilities)} for unit in units]
    return replace(
        graph,
        doors=_stacked(graph.doors, beyond_doors(fresh)),
        tree_ms=np.concatenate([graph.tree_ms, tree_ms]),
        tree_cm=np.concatenate([graph.tree_cm, tree_cm]),
        manifest={
            **graph.manifest,
            "units": [*graph.manifest["units"], *described],
            "door_distance_m": [*graph.manifest["door_distance_m"], *placed.distance_m],
        },
    )


def _stacked(first: IntArray, second: IntArray) -> IntArray:
    """Two tables of doors as one, as wide as the wider."""
    width = max(first.shape[1], second.shape[1])
    table = np.full((len(first) + len(second), width, 5), INF_MS, dtype=np.int32)
    table[:, :, 0] = NONE
    table[: len(first), : first.shape[1]] = first
    table[len(first) :, : second.shape[1]] = second
    return table
