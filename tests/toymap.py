"""Street scenes drawn as text, built through the production path.

::

    A--B--C      {"ABC": {"highway": "primary", "name": "A61"},
       |          "BD":  {"highway": "residential", "oneway": "yes"}}
       D

A letter is a node; its column and row are its position, `CELL_M` metres to the character, north
up. A key of the ways spells the nodes in order. Lines between letters are for the reader only.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase
from typing import Final

import numpy as np

from routing_service.decision.model import Unit
from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile, flag_names
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.raw import RawNetwork, Restriction, Tags
from routing_service.kernels.metric import metres_per_e7
from routing_service.units import E7, MS_PER_MINUTE

CELL_M: Final = 100.0
NORTH_WEST: Final = (53.55, -1.48)
LETTERS: Final = ascii_uppercase + ascii_lowercase


@dataclass(frozen=True)
class Ban:
    """A turn restriction: ways as they are spelt in the map, `via` a letter or ways in order."""

    from_way: str
    via: str | tuple[str, ...]
    to_way: str
    kind: str
    tags: Tags | None = None


def node_id(letter: str) -> int:
    """``A`` is 1, ``B`` 2, …, ``a`` 27."""
    return LETTERS.index(letter) + 1


def positions(drawing: str, cell_m: float = CELL_M) -> dict[str, tuple[int, int]]:
    """Longitude and latitude (degrees x 10**7) of every letter, the top left at `NORTH_WEST`."""
    lat_e7, lon_e7 = (round(degrees * E7) for degrees in NORTH_WEST)
    east_m, north_m = (float(metres) for metres in metres_per_e7(float(lat_e7)))
    rows = drawing.strip("\n").splitlines()
    return {
        letter: (
            lon_e7 + round(column * cell_m / east_m),
            lat_e7 - round(row * cell_m / north_m),
        )
        for row, line in enumerate(rows)
        for column, letter in enumerate(line)
        if letter in LETTERS
    }


def read_map(
    drawing: str,
    ways: Mapping[str, Tags],
    nodes: Mapping[str, Tags] | None = None,
    bans: Sequence[Ban] = (),
    cell_m: float = CELL_M,
) -> RawNetwork:
    """Make the raw network of a drawing; ways are numbered from 1 in the order given."""
    builder = RawBuilder()
    for letter, (lon_e7, lat_e7) in positions(drawing, cell_m).items():
        builder.add_node(node_id(letter), lon_e7, lat_e7, (nodes or {}).get(letter))
    way_ids = {spelling: number for number, spelling in enumerate(ways, start=1)}
    for spelling, tags in ways.items():
        builder.add_way(way_ids[spelling], [node_id(letter) for letter in spelling], tags)
    for number, ban in enumerate(bans, start=1):
        via_node = isinstance(ban.via, str)
        builder.add_restriction(
            Restriction(
                relation_id=number,
                tags={"type": "restriction", "restriction": ban.kind, **(ban.tags or {})},
                from_ways=(way_ids[ban.from_way],),
                via_nodes=(node_id(ban.via),) if isinstance(ban.via, str) else (),
                via_ways=() if via_node else tuple(way_ids[way] for way in ban.via),
                to_ways=(way_ids[ban.to_way],),
            )
        )
    raw = builder.finish("surrogate", ())
    assert not raw.dropped, raw.dropped
    return raw


def scene(
    drawing: str,
    ways: Mapping[str, Tags],
    *,
    nodes: Mapping[str, Tags] | None = None,
    bans: Sequence[Ban] = (),
    profile: str | Profile = "blue_light",
    unit_at: str = "A",
    cell_m: float = CELL_M,
) -> RoadGraph:
    """Build the graph of a drawing, with one unit whose door is by the letter `unit_at`."""
    lon_e7, lat_e7 = positions(drawing, cell_m)[unit_at]
    unit = Unit(ods_code="TOY01", name="Toy Hospital", lat=lat_e7 / E7, lon=lon_e7 / E7)
    rules = Profile.load(profile) if isinstance(profile, str) else profile
    return build_graph(read_map(drawing, ways, nodes, bans, cell_m), rules, [unit])


def spelling(graph: RoadGraph, e: int) -> str:
    """Both ends of an edge, ``"AB"``."""
    ends = (graph.edge_from[e], graph.edge_to[e])
    return "".join(LETTERS[int(graph.node_ids[node]) - 1] for node in ends)


def edges(graph: RoadGraph) -> list[str]:
    """All edges by their ends, sorted; copies made for restrictions are left out."""
    own = [e for e in range(graph.n_edges) if graph.edge_base[e] == e]
    return sorted(spelling(graph, e) for e in own)


def edge(graph: RoadGraph, ends: str) -> int:
    """Find the one edge between two letters."""
    (found,) = (
        e for e in range(graph.n_edges) if spelling(graph, e) == ends and graph.edge_base[e] == e
    )
    return found


def quickest(graph: RoadGraph, start: str, goal: str) -> tuple[str, int] | None:
    """Search the turn table in plain Python.

    Returns
    -------
    tuple or None
        The junctions passed, spelt out, and the milliseconds from leaving `start` to arriving at
        `goal`; None where there is no way.
    """
    queue = [
        (int(graph.edge_ms[e]), spelling(graph, e), e)
        for e in range(graph.n_edges)
        if graph.edge_base[e] == e and spelling(graph, e)[0] == start
    ]
    heapq.heapify(queue)
    done: set[int] = set()
    while queue:
        ms, path, e = heapq.heappop(queue)
        if path[-1] == goal:
            return path, ms
        if e in done:
            continue
        done.add(e)
        for turn in range(graph.turn_first[e], graph.turn_first[e + 1]):
            to = int(graph.turn_to[turn])
            total_ms = ms + int(graph.turn_ms[turn]) + int(graph.edge_ms[to])
            heapq.heappush(queue, (total_ms, path + spelling(graph, to)[-1], to))
    return None


def route(graph: RoadGraph, start: str, goal: str) -> str | None:
    """Junctions of the quickest way, ``"ABD"``; None where there is none."""
    found = quickest(graph, start, goal)
    return found[0] if found else None


def reachable(graph: RoadGraph, start: str, goal: str) -> bool:
    """Tell whether there is any way at all."""
    return quickest(graph, start, goal) is not None


def minutes(graph: RoadGraph, start: str, goal: str) -> float:
    """Time of the quickest way, ``inf`` where there is none."""
    found = quickest(graph, start, goal)
    return found[1] / MS_PER_MINUTE if found else float("inf")


def drive_ms(graph: RoadGraph, path: str) -> int | None:
    """Time along exactly these junctions, the quickest if several roads do; None if barred."""
    reached = {
        e: int(graph.edge_ms[e])
        for e in range(graph.n_edges)
        if graph.edge_base[e] == e and spelling(graph, e) == path[:2]
    }
    for a, b in pairwise(path[1:]):
        onward: dict[int, int] = {}
        for e, ms in reached.items():
            for turn in range(graph.turn_first[e], graph.turn_first[e + 1]):
                to = int(graph.turn_to[turn])
                total_ms = ms + int(graph.turn_ms[turn]) + int(graph.edge_ms[to])
                if spelling(graph, to) == a + b:
                    onward[to] = min(total_ms, onward.get(to, total_ms))
        reached = onward
    return min(reached.values(), default=None)


def can_drive(graph: RoadGraph, path: str) -> bool:
    """Tell whether a vehicle may pass exactly these junctions in this order."""
    return drive_ms(graph, path) is not None


def marks(graph: RoadGraph, ends: str) -> tuple[str, ...]:
    """Flags of the edge between two letters."""
    return flag_names(int(graph.edge_flags[edge(graph, ends)]))


def turn_cost_ms(graph: RoadGraph, path: str) -> int:
    """What the turn in the middle of three junctions costs by itself."""
    total_ms = drive_ms(graph, path)
    assert total_ms is not None, f"{path} is barred"
    legs = [edge(graph, path[:2]), edge(graph, path[1:])]
    return total_ms - int(np.sum(graph.edge_ms[legs]))
