"""Trees are the shortest times, and the certificate holds for them and for nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from routing_service.kernels.tree import check_tree, grow_tree
from routing_service.units import INF_MS, IntArray
from tests import reference
from tests.networks import TurnTable, random_seeds, random_table, turn_table

NO_SEEDS = np.zeros((0, 3), np.int32)
SEEDS = range(30)


def grow(table: TurnTable, seeds: IntArray) -> tuple[IntArray, IntArray, int]:
    tree_ms = np.full(len(table.edge_ms), 77, np.int32)  # a kernel may not rely on what was there
    tree_cm = tree_ms.copy()
    reached = grow_tree(
        *table.backward, *table.edges, seeds, tree_ms, tree_cm, *table.scratch(seeds)
    )
    return tree_ms, tree_cm, reached


def first_wrong(table: TurnTable, seeds: IntArray, tree_ms: IntArray, tree_cm: IntArray) -> int:
    return check_tree(*table.forward, *table.edges, seeds, tree_ms, tree_cm)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tree_has_the_labels_of_the_plain_twin(seed: int) -> None:
    table = random_table(seed, n_edges=24)
    seeds = random_seeds(seed, table)
    tree_ms, tree_cm, reached = grow(table, seeds)
    assert reference.as_labels(tree_ms, tree_cm) == reference.tree(table, seeds)
    assert reached == np.count_nonzero(tree_ms < INF_MS)
    assert first_wrong(table, seeds, tree_ms, tree_cm) == -1


@pytest.mark.parametrize("seed", range(5))
def test_times_on_larger_graphs_are_those_of_scipy(seed: int) -> None:
    table = random_table(seed, n_edges=300, longest=50_000)
    seeds = random_seeds(seed, table, n=3)
    tree_ms, tree_cm, _ = grow(table, seeds)
    ours = np.where(tree_ms < INF_MS, tree_ms, np.inf)
    assert ours.tolist() == reference.tree_ms_by_scipy(table, seeds)
    assert first_wrong(table, seeds, tree_ms, tree_cm) == -1


@pytest.mark.parametrize("seed", SEEDS)
def test_closed_edges_carry_no_route(seed: int) -> None:
    table = random_table(seed, n_edges=24)
    seeds = random_seeds(seed, table)
    closed = [int(seeds[0, 0]), (seed * 7) % 24, (seed * 11 + 3) % 24]
    table = table.close(*closed)
    tree_ms, tree_cm, _ = grow(table, seeds)
    assert (tree_ms[closed] == INF_MS).all()
    assert (tree_cm[closed] == INF_MS).all()
    assert reference.as_labels(tree_ms, tree_cm) == reference.tree(table, seeds)
    assert first_wrong(table, seeds, tree_ms, tree_cm) == -1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("longest_ms", [1_500, 5_000, 100_000])
def test_times_from_below_to_far_above_a_bucket(seed: int, longest_ms: int) -> None:
    table = random_table(seed, n_edges=30, longest=longest_ms)
    seeds = random_seeds(seed, table, n=3)
    table = table.close(seed, 29 - seed) if seed % 3 == 0 else table
    tree_ms, tree_cm, _ = grow(table, seeds)
    assert reference.as_labels(tree_ms, tree_cm) == reference.tree(table, seeds)
    assert first_wrong(table, seeds, tree_ms, tree_cm) == -1


def test_a_closed_edge_behind_a_door_at_the_very_start_has_no_length_either() -> None:
    # Label of edge 1 and the turn into it are 0, so that the sum is just "no route".
    table = turn_table([10, 9], [100, 90], [(0, 1, 0)]).close(0)
    tree_ms, tree_cm, reached = grow(table, np.array([[1, 0, 0]], np.int32))
    assert (tree_ms.tolist(), tree_cm.tolist()) == ([INF_MS, 0], [INF_MS, 0])
    assert reached == 1


@pytest.mark.parametrize("seed", range(8))
def test_the_certificate_fails_on_any_one_wrong_label(seed: int) -> None:
    table = random_table(seed, n_edges=15)
    seeds = random_seeds(seed, table)
    tree_ms, tree_cm, _ = grow(table, seeds)
    for labels in (tree_ms, tree_cm):
        for e in range(len(labels)):
            right = int(labels[e])
            for wrong in {right - 1, right + 1, 0, INF_MS} - {right}:
                labels[e] = wrong
                found = first_wrong(table, seeds, tree_ms, tree_cm)
                # Either the label itself is not the best of its turns, or one that leans on it.
                leaning = {of for of, to, _ in reference.turns_of(table) if to == e}
                assert found in {e, *leaning}, f"label of edge {e}: {right} -> {wrong}"
            labels[e] = right
    assert first_wrong(table, seeds, tree_ms, tree_cm) == -1


def test_the_certificate_fails_where_a_tree_hangs_on_nothing() -> None:
    # Two roads in a ring that lean on each other, far from any door, with made-up times.
    table = turn_table([5, 5], [5, 5], [(0, 1, 0), (1, 0, 0)])
    labels = np.array([100, 105], np.int32)
    assert first_wrong(table, NO_SEEDS, labels, labels) >= 0
    nothing = np.full(2, INF_MS, np.int32)
    assert first_wrong(table, NO_SEEDS, nothing, nothing) == -1


def test_the_quicker_way_counts_and_its_turns_are_paid_for() -> None:
    # 0 -> 1 -> 3 (door 4 ms along) and 0 -> 2 -> 3, where 2 is quicker but its turn dearer:
    # by 1: 10 + 0 + 6 + 0 + 4 = 20 ms; by 2: 10 + 3 + 5 + 0 + 4 = 22 ms.
    turns = [(0, 1, 0), (0, 2, 3), (1, 3, 0), (2, 3, 0)]
    table = turn_table([10, 6, 5, 9], [100, 60, 50, 90], turns)
    tree_ms, tree_cm, reached = grow(table, np.array([[3, 4, 40]], np.int32))
    assert tree_ms.tolist() == [20, 10, 9, 4]
    assert tree_cm.tolist() == [200, 100, 90, 40]
    assert reached == 4


def test_of_equally_quick_ways_the_shorter_gives_the_length() -> None:
    # Both ways take 10 + 5 + 4 ms; by edge 1 it is 30 cm, by edge 2 only 20.
    turns = [(0, 1, 0), (0, 2, 0), (1, 3, 0), (2, 3, 0)]
    table = turn_table([10, 5, 5, 9], [100, 30, 20, 90], turns)
    tree_ms, tree_cm, _ = grow(table, np.array([[3, 4, 40]], np.int32))
    assert (tree_ms[0], tree_cm[0]) == (19, 100 + 20 + 40)


def test_a_door_at_the_very_start_of_its_edge() -> None:
    table = turn_table([10, 9], [100, 90], [(0, 1, 2)])
    tree_ms, tree_cm, _ = grow(table, np.array([[1, 0, 0]], np.int32))
    assert tree_ms.tolist() == [12, 0]
    assert tree_cm.tolist() == [100, 0]


def test_a_door_that_two_directions_pass() -> None:
    # 0 and 1 are the two directions of one road of 10 ms with the door 3 ms from 0's start; who
    # comes from 2 turns into the one or the other: 8 + 3 against 8 + 7.
    table = turn_table([10, 10, 8], [10, 10, 8], [(2, 0, 0), (2, 1, 0)])
    tree_ms, _, _ = grow(table, np.array([[0, 3, 3], [1, 7, 7]], np.int32))
    assert tree_ms.tolist() == [3, 7, 11]


def test_without_a_way_there_is_no_time_and_no_length() -> None:
    table = turn_table([10, 9, 5], [100, 90, 50], [(0, 1, 0)])
    tree_ms, tree_cm, reached = grow(table, np.array([[1, 4, 40]], np.int32))
    assert (tree_ms[2], tree_cm[2]) == (INF_MS, INF_MS)
    assert reached == 2


def test_long_times_do_not_overflow() -> None:
    # Twenty edges of 50 million ms, 10 ** 9 together: just below "no route".
    n = 20
    table = turn_table([50_000_000] * n, [1] * n, [(e, e + 1, 0) for e in range(n - 1)])
    tree_ms, tree_cm, reached = grow(table, np.array([[n - 1, 50_000_000, 1]], np.int32))
    assert tree_ms[0] == 1_000_000_000
    assert reached == n
    assert first_wrong(table, np.array([[n - 1, 50_000_000, 1]], np.int32), tree_ms, tree_cm) == -1
