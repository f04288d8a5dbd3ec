"""Strongly connected components of the edges, against networkx."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from routing_service.kernels.components import strong_components
from tests import reference
from tests.networks import TurnTable, random_table, turn_table


def components(table: TurnTable) -> set[frozenset[int]]:
    n = len(table.edge_ms)
    component = np.full(n, 5, np.int32)
    count = strong_components(
        table.turn_first, table.turn_to, component, *(np.full(n, 9, np.int32) for _ in range(5))
    )
    members: dict[int, set[int]] = defaultdict(set)
    for e, label in enumerate(component.tolist()):
        members[label].add(e)
    assert sorted(members) == list(range(count))
    return {frozenset(edges) for edges in members.values()}


@pytest.mark.parametrize("seed", range(40))
def test_components_are_those_of_networkx(seed: int) -> None:
    # From sparse (mostly single edges) to dense (nearly all in one).
    table = random_table(seed, n_edges=6 + 2 * (seed % 20))
    assert components(table) == reference.components(table)


def test_two_rings_joined_one_way_are_two_components() -> None:
    turns = [(0, 1, 0), (1, 0, 0), (1, 2, 0), (2, 3, 0), (3, 2, 0)]
    assert components(turn_table([1] * 4, [1] * 4, turns)) == {
        frozenset({0, 1}),
        frozenset({2, 3}),
    }


def test_edges_without_turns_stand_alone() -> None:
    assert components(turn_table([1] * 3, [1] * 3, [(1, 1, 0)])) == {
        frozenset({0}),
        frozenset({1}),
        frozenset({2}),
    }


def test_a_ring_deeper_than_any_recursion_is_one_component() -> None:
    n = 20_000
    ring = turn_table([1] * n, [1] * n, [(e, (e + 1) % n, 0) for e in range(n)])
    assert components(ring) == {frozenset(range(n))}
    # With one link cut nothing is left but single edges.
    chain = turn_table([1] * n, [1] * n, [(e, e + 1, 0) for e in range(n - 1)])
    assert len(components(chain)) == n
