"""Small networks for tests: turn tables without a map, and maps drawn by a seeded generator."""

from __future__ import annotations

import random
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from routing_service.decision.model import Unit
from routing_service.graph.profile import Profile
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.raw import RawNetwork, Restriction
from routing_service.kernels.buckets import RECORD, bucket_count
from routing_service.units import E7, INF_MS, IntArray

Turn = tuple[int, int, int]
"""Source edge, target edge, cost in ms."""

LON_E7: Final = -14_800_000
LAT_E7: Final = 535_500_000
STREET_E7: Final = 15_000
"""About 100 m eastwards and 167 m northwards at this latitude."""


@dataclass(frozen=True)
class TurnTable:
    """Edges and turns as the kernels take them, both ways round."""

    turn_first: IntArray
    turn_to: IntArray
    turn_ms: IntArray
    back_first: IntArray
    back_from: IntArray
    back_ms: IntArray
    edge_ms: IntArray
    edge_cm: IntArray

    @property
    def forward(self) -> tuple[IntArray, IntArray, IntArray]:
        return self.turn_first, self.turn_to, self.turn_ms

    @property
    def backward(self) -> tuple[IntArray, IntArray, IntArray]:
        return self.back_first, self.back_from, self.back_ms

    @property
    def edges(self) -> tuple[IntArray, IntArray]:
        return self.edge_ms, self.edge_cm

    def scratch(self, seeds: IntArray) -> tuple[IntArray, IntArray]:
        """Records and buckets for a search; their contents are not to be relied on."""
        open_ms = self.edge_ms[self.edge_ms < INF_MS]
        step_ms = int(open_ms.max(initial=0)) + int(self.turn_ms.max(initial=0))
        longest_ms = max(step_ms, int(seeds[:, 1].max(initial=0)))
        records = np.full((len(self.edge_ms), RECORD), 77, np.int32)
        return records, np.full(bucket_count(longest_ms), 77, np.int32)

    def close(self, *edges: int) -> TurnTable:
        """The same roads with some edges closed."""
        edge_ms = self.edge_ms.copy()
        edge_ms[list(edges)] = INF_MS
        return replace(self, edge_ms=edge_ms)


def turn_table(edge_ms: Sequence[int], edge_cm: Sequence[int], turns: Sequence[Turn]) -> TurnTable:
    """Lay out turns, given in any order, by source and by target."""
    by_source = _csr(len(edge_ms), sorted((of, to, ms) for of, to, ms in turns))
    by_target = _csr(len(edge_ms), sorted((to, of, ms) for of, to, ms in turns))
    return TurnTable(
        *by_source, *by_target, np.array(edge_ms, np.int32), np.array(edge_cm, np.int32)
    )


def _csr(n: int, rows: list[Turn]) -> tuple[IntArray, IntArray, IntArray]:
    columns = np.array(rows, np.int32).reshape(len(rows), 3)
    first = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(columns[:, 0], minlength=n), out=first[1:])
    return first, columns[:, 1].copy(), columns[:, 2].copy()


def random_table(seed: int, n_edges: int, longest: int = 9) -> TurnTable:
    """Random roads between a third as many junctions, a fifth of all turns banned.

    Times are small (1 to `longest`), so that ties are common; there are parallel roads and loops.
    """
    rng = random.Random(seed)
    junctions = range(max(n_edges // 3, 1))
    ends = [(rng.choice(junctions), rng.choice(junctions)) for _ in range(n_edges)]
    turns = [
        (e, f, rng.choice((0, 0, 1, 3)))
        for e in range(n_edges)
        for f in range(n_edges)
        if ends[e][1] == ends[f][0] and rng.random() > 0.2
    ]
    return turn_table(
        [rng.randint(1, longest) for _ in ends], [rng.randint(1, longest) for _ in ends], turns
    )


def random_seeds(seed: int, table: TurnTable, n: int = 2) -> IntArray:
    """A door on `n` edges: each with a time and a length from its start to the door."""
    rng = random.Random(seed)
    chosen = sorted(rng.sample(range(len(table.edge_ms)), n))
    rows = [
        (e, rng.randint(0, int(table.edge_ms[e])), rng.randint(0, int(table.edge_cm[e])))
        for e in chosen
    ]
    return np.array(rows, np.int32).reshape(n, 3)


TAGS: Final[tuple[dict[str, str], ...]] = (
    {"highway": "primary", "maxspeed": "60 mph", "ref": "A61"},
    {"highway": "secondary", "maxspeed": "40 mph", "name": "Mill Lane"},
    {"highway": "residential", "maxspeed": "20 mph"},
    {"highway": "residential"},
    {"highway": "tertiary", "oneway": "yes"},
    {"highway": "unclassified", "oneway": "-1"},
)


def random_network(seed: int, side: int = 4, bans: int = 0, onlys: int = 0) -> RawNetwork:
    """A town of `side` x `side` crossroads with some streets missing, one-way or bent.

    Every street between two crossroads is a way of its own. `bans` restrictions of all kinds are
    spread over it, and `onlys` more that prescribe a way through another street.
    """
    rng = random.Random(seed)
    builder = RawBuilder()
    at: dict[tuple[int, int], int] = {}
    for row in range(side):
        for column in range(side):
            at[column, row] = len(at) + 1
            _add_node(builder, rng, at[column, row], column, row)
    streets: list[tuple[int, int]] = []
    for (column, row), node in at.items():
        for neighbour in ((column + 1, row), (column, row + 1)):
            if neighbour not in at or rng.random() < 0.15:
                continue
            streets.append((node, at[neighbour]))
            bend = len(streets) + 1000
            middle = []
            if rng.random() < 0.3:
                _add_node(builder, rng, bend, column + 0.5, row + 0.5)
                middle = [bend]
            builder.add_way(len(streets), [node, *middle, at[neighbour]], rng.choice(TAGS))
    for number in range(bans + onlys):
        _add_restriction(builder, rng, number + 1, streets, number >= bans)
    return builder.finish("osm", ())


def _add_node(
    builder: RawBuilder, rng: random.Random, node: int, column: float, row: float
) -> None:
    east = round((column + rng.uniform(-0.2, 0.2)) * STREET_E7)
    north = round((row + rng.uniform(-0.2, 0.2)) * STREET_E7 * 0.6)
    builder.add_node(node, LON_E7 + east, LAT_E7 + north)


def _add_restriction(
    builder: RawBuilder,
    rng: random.Random,
    relation_id: int,
    streets: Sequence[tuple[int, int]],
    prescribed: bool,
) -> None:
    """Choose a drive over three to four crossroads without repetition and restrict its end."""
    walk = _random_drive(rng, streets, 4 if prescribed else rng.choice((2, 3, 4)))
    if walk is None:
        return
    ways, nodes = walk
    kind = "no_entry" if len(ways) > 2 else rng.choice(("no_entry", "no_entry", "only_straight_on"))
    via_ways = ways[1:-1]
    builder.add_restriction(
        Restriction(
            relation_id=relation_id,
            tags={
                "type": "restriction",
                "restriction": "only_straight_on" if prescribed else kind,
            },
            from_ways=(ways[0],),
            via_nodes=() if via_ways else (nodes[1],),
            via_ways=tuple(via_ways),
            to_ways=(ways[-1],),
        )
    )


def _random_drive(
    rng: random.Random, streets: Sequence[tuple[int, int]], length: int
) -> tuple[list[int], list[int]] | None:
    """Ways and nodes of a drive along `length` streets through different crossroads."""
    ways: list[int] = []
    nodes = [rng.choice(streets)[0]]
    while len(ways) < length:
        onward = [
            (way, b if a == nodes[-1] else a)
            for way, (a, b) in enumerate(streets, start=1)
            if nodes[-1] in (a, b) and (b if a == nodes[-1] else a) not in nodes
        ]
        if not onward:
            return None
        way, node = rng.choice(onward)
        ways.append(way)
        nodes.append(node)
    return ways, nodes


def units_at(raw: RawNetwork, *nodes: int, **extra: Any) -> tuple[Unit, ...]:
    """Units U1, U2, … beside the nodes with these indices, a few metres off the road."""
    return tuple(
        Unit(
            f"U{number}",
            f"Unit {number}",
            (int(raw.node_lat_e7[node]) + 200) / E7,
            (int(raw.node_lon_e7[node]) + 300) / E7,
            **extra,
        )
        for number, node in enumerate(nodes, start=1)
    )


# Turns, signals and restrictions cost nothing, so that only roads are left.
NO_TURN_COSTS: Final = """
extends = "car"
name = "no_turn_costs"
[restrictions]
keys = []
exempt = []
[turns]
seconds = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
signal_s = 0
u_turn_s = 0
u_turns = "everywhere"
"""


def without_penalties(text: str) -> str:
    """A profile that extends the car, with all that nodes cost struck out."""
    folder = resources.files("routing_service.graph") / "profiles"
    car = tomllib.loads((folder / "car.toml").read_text(encoding="utf-8"))
    lines = ["[nodes.penalties_s]", *(f'"{tag}" = 0' for tag in car["nodes"]["penalties_s"])]
    lines += ["[barriers]"]
    lines += [
        f'{k} = {{ crossing = "{barrier["crossing"]}" }}' for k, barrier in car["barriers"].items()
    ]
    return text.replace('"no_turn_costs"', '"only_roads_cost"') + "\n".join(lines)


# At 36 km/h one centimetre takes one millisecond: times are lengths, and can be done in the head.
FLAT: Final = (
    NO_TURN_COSTS.replace("no_turn_costs", "flat").replace('"everywhere"', '"dead_end"')
    + """
[speeds.classes]
residential = { urban_kph = 36, rural_kph = 36, free_kph = 36, setting = "urban" }
"""
)


@cache
def profile(text: str) -> Profile:
    """A profile from its TOML."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile.toml"
        path.write_text(text, encoding="utf-8")
        return Profile.load(path)
