"""`RawNetwork` + profile + units → `RoadGraph`: split, direct, connect, label, prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from routing_service.decision.model import Unit
from routing_service.errors import InvalidSource
from routing_service.graph.calibration import Calibration, calibrated
from routing_service.graph.doors import Doors, place_doors
from routing_service.graph.profile import (
    EXEMPTION_FLAGS,
    FLAG_BITS,
    FLAG_NAMES,
    ROAD_CLASSES,
    Profile,
)
from routing_service.graph.restrictions import RestrictedTurns, apply_restrictions
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.snapping import build_grid
from routing_service.graph.speed_sets import SpeedSets
from routing_service.graph.split import Pieces, split_ways
from routing_service.graph.trees import (
    Grow,
    beyond_doors,
    check_trees,
    grow_trees,
    with_speed_sets,
)
from routing_service.graph.turns import Edges, Turns, all_turns, bearings, without_u_turns
from routing_service.kernels.components import strong_components
from routing_service.progress import Progress
from routing_service.units import E7, NONE, BoolArray, FlagArray, IntArray, LongArray

if TYPE_CHECKING:
    from routing_service.graph.sources.raw import RawNetwork


# 1 cm at 1 km/h takes 36 ms.
MS_KPH_PER_CM = 36.0


def build_graph(
    raw: RawNetwork,
    profile: Profile,
    units: Sequence[Unit],
    *,
    speed_sets: SpeedSets | None = None,
    calibration: Calibration | None = None,
    grow: Grow = grow_trees,
    progress: Progress | None = None,
) -> RoadGraph:
    """Build the network of one profile with a tree to each unit.

    Parameters
    ----------
    raw
        The map.
    profile
        What a vehicle may do and how fast.
    units
        The destinations, kept in the order of their ODS codes; each must lie by a road that
        leads both to and from the others.
    speed_sets
        Further speeds for parts of the week, each with trees of its own.
    calibration
        Factors on the times that the profile gives.
    grow
        Who grows the trees.
    progress
        Told of the stages: ``split``, ``turns``, ``core``, ``trees``, ``certificate``.

    Returns
    -------
    RoadGraph
        With its trees, which have passed their certificate.

    Raises
    ------
    InvalidSource
        If the map holds no usable road.
    InvalidUnits
        If a unit is not on the connected network.
    InvalidCalibration
        If the calibration was fitted for another kind of network or another profile.
    """
    tell = progress or (lambda stage, share: None)
    tell("split", 0.0)
    units = sorted(units, key=lambda unit: unit.ods_code)
    pieces = split_ways(raw, profile)
    edges, speed = _direct(raw, pieces)
    tell("turns", 0.0)
    restricted, edges = _turns(raw, profile, pieces, edges)
    tell("core", 0.0)
    graph, doors, counts = _connect(raw, profile, pieces, edges, speed, restricted, units)
    if calibration:
        graph = calibrated(graph, raw, profile, calibration)
    tell("trees", 0.0)
    done = [0]

    def on_tree(_: int) -> None:
        done[0] += 1
        tell("trees", done[0] / len(units))

    tree_ms, tree_cm = grow(graph, on_tree=on_tree)
    manifest = _manifest(raw, profile, pieces, units, doors, {**restricted.counts, **counts})
    manifest["speed_sets"] = (speed_sets or SpeedSets()).as_json()
    if calibration:
        manifest |= calibration.as_manifest()
    graph = replace(graph, tree_ms=tree_ms, tree_cm=tree_cm, manifest=manifest)
    graph = with_speed_sets(replace(graph, doors=beyond_doors(graph)), grow)
    tell("certificate", 0.0)
    graph.validate()
    check_trees(graph)
    tell("certificate", 1.0)
    return graph


def _direct(raw: RawNetwork, pieces: Pieces) -> tuple[Edges, npt.NDArray[np.float64]]:
    """Directed edges of the pieces, the two directions of a piece side by side; and their km/h."""
    tagset = raw.way_tagset[pieces.way]
    kph = np.array([[use.forward_kph, use.backward_kph] for use in pieces.uses])[tagset]
    slot = np.flatnonzero(kph.ravel() > 0.0)  # piece * 2 + direction
    piece = (slot // 2).astype(np.int32)
    backward = (slot % 2).astype(np.bool_)
    index = np.full(2 * len(tagset), NONE, dtype=np.int32)
    index[slot] = np.arange(len(slot), dtype=np.int32)
    first_deg, last_deg = bearings(pieces)
    start, end = pieces.start_node[piece], pieces.end_node[piece]
    edges = Edges(
        piece=piece,
        reversed=backward,
        from_node=np.where(backward, end, start),
        to_node=np.where(backward, start, end),
        way=raw.way_ids[pieces.way[piece]],
        twin=index[slot ^ 1],
        leave_deg=np.where(backward, last_deg[piece] + 180.0, first_deg[piece]),
        arrive_deg=np.where(backward, first_deg[piece] + 180.0, last_deg[piece]),
    )
    return edges, kph.ravel()[slot]


def _turns(
    raw: RawNetwork, profile: Profile, pieces: Pieces, edges: Edges
) -> tuple[RestrictedTurns, Edges]:
    """The turn table, and the edges with the copies that restrictions needed."""
    turns = all_turns(edges, pieces, len(raw.node_ids), profile)
    restricted = apply_restrictions(turns, edges, raw, profile)
    if len(restricted.copy_of):
        rows = np.concatenate([np.arange(len(edges.piece), dtype=np.int32), restricted.copy_of])
        edges = Edges(**{name: getattr(edges, name)[rows] for name in edges.__dataclass_fields__})
    final = without_u_turns(restricted.turns, edges, profile)
    return replace(restricted, turns=final), edges


def _connect(
    raw: RawNetwork,
    profile: Profile,
    pieces: Pieces,
    edges: Edges,
    kph: npt.NDArray[np.float64],
    restricted: RestrictedTurns,
    units: Sequence[Unit],
) -> tuple[RoadGraph, Doors, dict[str, int]]:
    """Everything but the trees: tables, core, grid, doors."""
    n_base = len(kph)
    n_edges = len(edges.piece)
    base = np.concatenate([np.arange(n_base, dtype=np.int32), restricted.copy_of])
    edge_cm = pieces.piece_cm[edges.piece]
    edge_ms = np.maximum(np.rint(edge_cm * MS_KPH_PER_CM / kph[base]), 1).astype(np.int32)
    turns = _table(restricted.turns, n_edges)
    component = _components(turns[0], turns[1], n_edges)
    core = _core(component, base, restricted.turns)
    segments = _segment_table(pieces, edges, core[:n_base], n_base)
    which = np.flatnonzero((segments[:, 4] >= 0) | (segments[:, 5] >= 0)).astype(np.int32)
    if len(which) == 0:
        raise InvalidSource("no two roads of the map connect: check the extract")
    grid = build_grid(segments, which)
    doors = place_doors(units, grid, segments, (edge_ms, edge_cm, base))
    nodes, index = _used_nodes(edges, len(raw.node_ids))
    label_first, label_bytes = _labels(raw)
    no_trees = np.zeros((0, n_edges), dtype=np.int32)
    no_sets = np.zeros((0, *doors.table.shape[:1], n_edges), dtype=np.int32)
    graph = RoadGraph(
        node_ids=raw.node_ids[nodes],
        node_lon_e7=raw.node_lon_e7[nodes],
        node_lat_e7=raw.node_lat_e7[nodes],
        edge_from=index[edges.from_node],
        edge_to=index[edges.to_node],
        edge_ms=edge_ms,
        edge_cm=edge_cm,
        edge_way=edges.way,
        edge_label=raw.way_label[pieces.way[edges.piece]],
        edge_class=_per_edge(raw, pieces, edges, "road_class", "road_class").astype(np.uint8),
        edge_flags=_flags(raw, pieces, edges),
        edge_twin=edges.twin,
        edge_base=base,
        edge_segment=pieces.segment_first[edges.piece],
        edge_segments=np.diff(pieces.segment_first)[edges.piece],
        edge_reversed=edges.reversed.astype(np.uint8),
        edge_core=core.astype(np.uint8),
        turn_first=turns[0],
        turn_to=turns[1],
        turn_ms=turns[2],
        back_first=turns[3],
        back_from=turns[4],
        back_ms=turns[5],
        segments=segments,
        grid=grid[0],
        cell_first=grid[1],
        cell_segments=grid[2],
        label_first=label_first,
        label_bytes=label_bytes,
        doors=doors.table,
        tree_ms=no_trees,
        tree_cm=no_trees,
        set_edge_ms=no_trees,
        set_doors=np.zeros((0, *doors.table.shape), dtype=np.int32),
        set_tree_ms=no_sets,
        set_tree_cm=no_sets,
        manifest={"units": [], "profile": profile.name},
    )
    counts = {
        "nodes": len(nodes),
        "edges": n_edges,
        "turns": len(turns[1]),
        "segments": len(segments),
        "core_edges": int(core.sum()),
        "not_in_core_edges": int(n_edges - core.sum()),
        "components": int(component.max()) + 1,
    }
    return graph, doors, counts


def _used_nodes(edges: Edges, n_nodes: int) -> tuple[LongArray, IntArray]:
    """The nodes at which an edge begins or ends, and the number of each among them."""
    used = np.zeros(n_nodes, dtype=np.bool_)
    used[edges.from_node] = used[edges.to_node] = True
    return np.flatnonzero(used), np.cumsum(used, dtype=np.int32) - np.int32(1)


def _table(turns: Turns, n_edges: int) -> tuple[IntArray, ...]:
    """Turns as CSR by source edge and by target edge."""
    arrays = []
    for key, other, order in (
        (turns.of, turns.to, np.arange(len(turns.of))),
        (turns.to, turns.of, np.argsort(turns.to, kind="stable")),
    ):
        first = np.zeros(n_edges + 1, dtype=np.int32)
        np.cumsum(np.bincount(key, minlength=n_edges), out=first[1:])
        arrays += [first, other[order].astype(np.int32), turns.ms[order]]
    for array in arrays:
        array.setflags(write=False)
    return tuple(arrays)


def _components(turn_first: IntArray, turn_to: IntArray, n_edges: int) -> IntArray:
    component = np.empty(n_edges, dtype=np.int32)
    scratch = [np.empty(n_edges, dtype=np.int32) for _ in range(5)]
    strong_components(turn_first, turn_to, component, *scratch)
    return component


def _core(component: IntArray, base: IntArray, turns: Turns) -> BoolArray:
    """The largest component, and the roads that are driven there on their copies alone.

    Where restrictions let every drive onto a road by its copy, nothing turns into the road
    itself; an incident on it is as well connected as the copy, if its own turns lead back.
    """
    core: BoolArray = component == np.argmax(np.bincount(component))
    entered = np.zeros(len(core), dtype=np.bool_)
    entered[base[core]] = True
    while True:
        leads = np.zeros(len(core), dtype=np.bool_)
        leads[turns.of[core[turns.to]]] = True
        more = entered & leads & ~core
        if not more.any():
            return core
        core |= more


def _segment_table(pieces: Pieces, edges: Edges, core: BoolArray, n_base: int) -> IntArray:
    """``int32[segments, 8]`` of `kernels.snap`; edges outside the core are left out."""
    by_direction = np.full((len(pieces.way), 2), NONE, dtype=np.int32)
    kept = np.flatnonzero(core)
    by_direction[edges.piece[:n_base][kept], edges.reversed[:n_base][kept].astype(np.int8)] = kept
    of_piece = np.repeat(by_direction, np.diff(pieces.segment_first), axis=0)
    table: IntArray = np.ascontiguousarray(
        np.column_stack([pieces.segment_xy, of_piece, pieces.segment_start_cm, pieces.segment_cm]),
        dtype=np.int32,
    )
    table.setflags(write=False)
    return table


def _per_edge(
    raw: RawNetwork, pieces: Pieces, edges: Edges, forward: str, backward: str
) -> FlagArray:
    """A property of the way's use, by the direction of each edge."""
    values = np.array([[getattr(u, forward), getattr(u, backward)] for u in pieces.uses])
    tagset = raw.way_tagset[pieces.way[edges.piece]]
    result: FlagArray = values[tagset, edges.reversed.astype(np.int8)].astype(np.uint16)
    return result


def _flags(raw: RawNetwork, pieces: Pieces, edges: Edges) -> FlagArray:
    """Flags of each edge: those of its way, and those of the node that it leads to."""
    flags = _per_edge(raw, pieces, edges, "forward_flags", "backward_flags")
    at_node = np.zeros(len(raw.node_ids), dtype=np.uint16)
    for i, use in pieces.nodes.items():
        at_node[i] = use.flags
    return flags | at_node[edges.to_node]


def _labels(raw: RawNetwork) -> tuple[IntArray, npt.NDArray[np.uint8]]:
    encoded = [f"{ref}\t{name}".encode() for ref, name in raw.labels]
    first = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in encoded], out=first[1:])
    return first, np.frombuffer(b"".join(encoded), dtype=np.uint8).copy()


def _manifest(
    raw: RawNetwork,
    profile: Profile,
    pieces: Pieces,
    units: Sequence[Unit],
    doors: Doors,
    counts: dict[str, int],
) -> dict[str, Any]:
    """What the graph file says of itself; nothing in it depends on when or where it was built."""
    xy = pieces.segment_xy
    dropped = {**raw.dropped}
    for reason, n in pieces.dropped.items():
        dropped[reason] = dropped.get(reason, 0) + n
    for reason in [key for key in counts if key.startswith("restriction_not")]:
        dropped[reason] = counts.pop(reason)
    dropped["edge_not_in_core"] = counts.pop("not_in_core_edges")
    return {
        "network": raw.network,
        "profile": profile.name,
        "profile_sha256": profile.sha256,
        "calibration": profile.calibration,
        "calibration_data": {},
        "start_ms": 0,
        "error_model": {},
        "sources": [asdict(source) for source in raw.sources],
        "licence": sorted({source.licence for source in raw.sources}),
        "attribution": list(dict.fromkeys(source.attribution for source in raw.sources)),
        "bbox": [
            float(xy[:, [0, 2]].min()) / E7,
            float(xy[:, [1, 3]].min()) / E7,
            float(xy[:, [0, 2]].max()) / E7,
            float(xy[:, [1, 3]].max()) / E7,
        ],
        "units": [_unit(unit) for unit in units],
        "door_distance_m": list(doors.distance_m),
        "road_classes": list(ROAD_CLASSES),
        "flags": {name: FLAG_BITS[name] for name in FLAG_NAMES},
        "exemptions": {name: FLAG_BITS[name] for name in EXEMPTION_FLAGS},
        "counts": dict(sorted(counts.items())),
        "dropped": dict(sorted((k, n) for k, n in dropped.items() if n)),
    }


def _unit(unit: Unit) -> dict[str, Any]:
    values = {**asdict(unit), "capabilities": list(unit.capabilities)}
    # Left out where there are none, so that a network without hours is the same bytes as before.
    return values if unit.hours else {key: values[key] for key in values if key != "hours"}
