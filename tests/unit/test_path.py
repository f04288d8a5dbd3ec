"""A path is read off a tree by tight turns; what it adds up to is the label it started from."""

from __future__ import annotations

import numpy as np
import pytest

from routing_service.kernels.path import next_edge, trace_path
from routing_service.kernels.tree import grow_tree
from routing_service.units import INF_MS, IntArray
from tests.networks import TurnTable, random_seeds, random_table, turn_table


def grow(table: TurnTable, seeds: IntArray) -> tuple[IntArray, IntArray]:
    tree_ms = np.empty(len(table.edge_ms), np.int32)
    tree_cm = np.empty_like(tree_ms)
    grow_tree(*table.backward, *table.edges, seeds, tree_ms, tree_cm, *table.scratch(seeds))
    return tree_ms, tree_cm


def trace(
    start: int, table: TurnTable, seeds: IntArray, labels: tuple[IntArray, IntArray], room: int
) -> list[int] | None:
    """Turns of the path, None if the kernel gives up."""
    turns = np.full(room, -9, np.int32)
    n = trace_path(start, *table.forward, *table.edges, seeds, *labels, turns)
    return None if n < 0 else turns[:n].tolist()


@pytest.mark.parametrize("seed", range(30))
def test_a_path_ends_at_the_door_and_adds_up_to_its_label(seed: int) -> None:
    table = random_table(seed, n_edges=24)
    seeds = random_seeds(seed, table)
    tree_ms, tree_cm = grow(table, seeds)
    to_door = {e: (ms, cm) for e, ms, cm in seeds.tolist()}
    for start in np.flatnonzero(tree_ms < INF_MS).tolist():
        turns = trace(start, table, seeds, (tree_ms, tree_cm), room=24)
        assert turns is not None
        ms, cm, edge = 0, 0, start
        for j in turns:
            assert table.turn_first[edge] <= j < table.turn_first[edge + 1]
            ms += int(table.edge_ms[edge]) + int(table.turn_ms[j])
            cm += int(table.edge_cm[edge])
            edge = int(table.turn_to[j])
        last_ms, last_cm = to_door[edge]
        assert (ms + last_ms, cm + last_cm) == (tree_ms[start], tree_cm[start])


@pytest.mark.parametrize("seed", range(10))
def test_a_path_visits_no_edge_twice(seed: int) -> None:
    table = random_table(seed, n_edges=24)
    seeds = random_seeds(seed, table)
    labels = grow(table, seeds)
    for start in np.flatnonzero(labels[0] < INF_MS).tolist():
        turns = trace(start, table, seeds, labels, room=24) or []
        visited = [start, *table.turn_to[turns].tolist()]
        assert len(visited) == len(set(visited))


def straight_road() -> tuple[TurnTable, IntArray, tuple[IntArray, IntArray]]:
    """0 -> 1 -> 2, the door in the middle of 2: labels 25, 15 and 5 ms."""
    table = turn_table([10, 10, 10], [7, 7, 7], [(0, 1, 0), (1, 2, 0)])
    seeds = np.array([[2, 5, 3]], np.int32)
    return table, seeds, grow(table, seeds)


def test_the_path_along_a_straight_road() -> None:
    table, seeds, labels = straight_road()
    assert labels[0].tolist() == [25, 15, 5]
    assert trace(0, table, seeds, labels, room=2) == [0, 1]
    assert trace(2, table, seeds, labels, room=0) == []


def test_a_buffer_that_is_too_short_is_told() -> None:
    table, seeds, labels = straight_road()
    assert trace(0, table, seeds, labels, room=1) is None


@pytest.mark.parametrize("which", [0, 1])
def test_a_broken_tree_is_told(which: int) -> None:
    table, seeds, labels = straight_road()
    labels[which][1] += 1
    assert trace(0, table, seeds, labels, room=3) is None


def test_labels_that_lead_in_circles_end_with_a_full_buffer() -> None:
    # With no door and labels of 0, each edge of the ring seems to account for the other.
    table = turn_table([1, 1], [1, 1], [(0, 1, 0), (1, 0, 0)])
    labels = np.array([1, 0], np.int32), np.array([1, 0], np.int32)
    assert trace(0, table, np.zeros((0, 3), np.int32), labels, room=5) is None


def test_of_two_tight_turns_the_first_is_taken() -> None:
    # Both 1 and 2 are 10 ms and 7 cm from the door, and both turns cost 3 ms.
    table = turn_table([5, 20, 20], [5, 20, 20], [(0, 1, 3), (0, 2, 3)])
    labels = np.array([18, 10, 10], np.int32), np.array([12, 7, 7], np.int32)
    assert next_edge(0, 13, 7, *table.forward, *labels) == 0
    assert next_edge(0, 13, 8, *table.forward, *labels) == -1
    assert next_edge(0, 12, 7, *table.forward, *labels) == -1


def test_edges_without_a_route_are_never_next() -> None:
    table = turn_table([5, 5], [5, 5], [(0, 1, 0)])
    nothing = np.full(2, INF_MS, np.int32)
    assert next_edge(0, INF_MS, INF_MS, *table.forward, nothing, nothing) == -1
