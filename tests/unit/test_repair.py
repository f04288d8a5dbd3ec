"""A repaired tree is the tree that would be grown, and only what must be is looked at again."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing_service.kernels.buckets import END, RECORD
from routing_service.kernels.repair import Roads, Scratch, repair_tree
from routing_service.kernels.tree import check_tree, count_wrong
from routing_service.units import INF_MS, IntArray
from tests import reference
from tests.networks import TurnTable, random_seeds, random_table, turn_table

Slower = dict[int, int]
"""New times by edge, ``INF_MS`` where it is shut."""


def scratch(table: TurnTable, ring: int = 64) -> Scratch:
    n = len(table.edge_ms)
    records = np.full((n, RECORD), 77, np.int32)  # a kernel may not rely on what was there
    return Scratch(np.full(n, 77, np.int32), records, np.full(ring, END, np.int32))


def timed(table: TurnTable, slower: Slower) -> TurnTable:
    edge_ms = table.edge_ms.copy()
    edge_ms[list(slower)] = list(slower.values())
    return TurnTable(*table.forward, *table.backward, edge_ms, table.edge_cm)


def moved(seeds: IntArray, before: TurnTable, after: TurnTable) -> IntArray:
    """The door's seeds where its edge takes longer: as far along it in space, not in time."""
    result = seeds.copy()
    for row in result:
        if after.edge_ms[row[0]] < INF_MS:
            row[1] = int(row[1]) * int(after.edge_ms[row[0]]) // int(before.edge_ms[row[0]])
    return result


def repair(
    table: TurnTable,
    seeds: IntArray,
    slower: Slower,
    limit: int | None = None,
    buffers: Scratch | None = None,
) -> tuple[list[reference.Label], set[int] | None]:
    """Labels after the repair of a base tree, and the edges that were withdrawn."""
    base_ms, base_cm = np.array(reference.tree(table, seeds), np.int32).T.copy()
    after = timed(table, slower)
    buffers = buffers or scratch(table)
    tree_ms, tree_cm = base_ms.copy(), base_cm.copy()
    n = repair_tree(
        Roads(*after.forward, *after.backward, *after.edges),
        moved(seeds, table, after),
        np.array(sorted(slower), np.int32),
        base_ms,
        base_cm,
        tree_ms,
        tree_cm,
        len(base_ms) if limit is None else limit,
        buffers,
    )
    assert (buffers.buckets == END).all()  # ready for the next one
    withdrawn = None if n < 0 else set(buffers.withdrawn[:n].tolist())
    assert withdrawn is None or len(withdrawn) == n
    return reference.as_labels(tree_ms, tree_cm), withdrawn


def random_slower(seed: int, table: TurnTable, edges: int) -> Slower:
    rng = random.Random(seed)
    chosen = rng.sample(range(len(table.edge_ms)), edges)
    return {
        e: INF_MS if rng.random() < 0.5 else int(table.edge_ms[e]) + rng.choice((1, 2, 5, 3_000))
        for e in chosen
    }


@given(st.integers(0, 10**6), st.integers(1, 8), st.sampled_from([3, 9, 1_500, 100_000]))
@example(0, 24, 9)  # everything is touched
def test_a_repaired_tree_has_the_labels_of_the_plain_twin(
    seed: int, edges: int, longest_ms: int
) -> None:
    table = random_table(seed, n_edges=24, longest=longest_ms)
    seeds = random_seeds(seed, table)
    slower = random_slower(seed, table, edges)
    after = timed(table, slower)
    labels, withdrawn = repair(table, seeds, slower)
    assert labels == reference.tree(after, moved(seeds, table, after))
    assert withdrawn == reference.hanging(table, seeds, after, moved(seeds, table, after))
    tree = (np.array(column, np.int32) for column in zip(*labels, strict=True))
    assert check_tree(*after.forward, *after.edges, moved(seeds, table, after), *tree) == -1


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("ring", [1, 2, 1024])
def test_the_number_of_buckets_does_not_matter(seed: int, ring: int) -> None:
    table = random_table(seed, n_edges=30, longest=20_000)
    seeds = random_seeds(seed, table)
    slower = random_slower(seed, table, 6)
    labels, _ = repair(table, seeds, slower, buffers=scratch(table, ring))
    after = timed(table, slower)
    assert labels == reference.tree(after, moved(seeds, table, after))


def test_one_set_of_buffers_serves_many_repairs() -> None:
    table = random_table(4, n_edges=30)
    seeds = random_seeds(4, table)
    buffers = scratch(table)
    for number in range(40):
        slower = random_slower(number, table, 1 + number % 5)
        after = timed(table, slower)
        labels, _ = repair(table, seeds, slower, buffers=buffers)
        assert labels == reference.tree(after, moved(seeds, table, after))


# 0 -> 1 -> 3 and 0 -> 2 -> 3, each 10 + 5 + 4 ms and 100 + 30 + 40 cm; the door is on 3.
TIE = turn_table([10, 5, 5, 9], [100, 30, 30, 90], [(0, 1, 0), (0, 2, 0), (1, 3, 0), (2, 3, 0)])
DOOR = np.array([[3, 4, 40]], np.int32)


def test_a_label_stands_while_another_way_attains_it() -> None:
    labels, withdrawn = repair(TIE, DOOR, {1: INF_MS})
    assert withdrawn == {1}
    assert labels == [(19, 170), (INF_MS, INF_MS), (9, 70), (4, 40)]


def test_a_label_falls_when_all_that_attained_it_are_gone() -> None:
    # 8 ms longer by either: 10 + 8 + 5 + 4 ms; the lengths stay.
    labels, withdrawn = repair(TIE, DOOR, {1: 13, 2: 13})
    assert withdrawn == {0, 1, 2}
    assert labels == [(27, 170), (17, 70), (17, 70), (4, 40)]


def test_of_two_ways_left_the_shorter_counts() -> None:
    # 0 -> 1 is quickest; shut, 2 and 3 are left with 6 ms each, and 2 is 10 cm shorter.
    turns = [(0, f, 0) for f in (1, 2, 3)] + [(f, 4, 0) for f in (1, 2, 3)]
    table = turn_table([10, 5, 6, 6, 9], [100, 30, 40, 50, 90], turns)
    labels, _ = repair(table, np.array([[4, 4, 40]], np.int32), {1: INF_MS})
    assert labels[0] == (20, 180)


def test_who_is_past_the_closure_and_who_never_used_it_are_left_alone() -> None:
    # 0 -> 1 -> 2 -> 3 (door); 4 -> 3. Edge 1 takes 5 ms longer, so 0 and 1 do.
    table = turn_table([10] * 5, [10] * 5, [(0, 1, 0), (1, 2, 0), (2, 3, 0), (4, 3, 0)])
    labels, withdrawn = repair(table, np.array([[3, 5, 5]], np.int32), {1: 15})
    assert [ms for ms, _ in labels] == [40, 30, 15, 5, 15]
    assert withdrawn == {0, 1}


def test_where_the_road_of_the_door_slows_down_its_seed_moves() -> None:
    # The door is halfway along edge 1: 10 of its 20 ms, then 30 of 60.
    table = turn_table([7, 20], [70, 200], [(0, 1, 0)])
    labels, withdrawn = repair(table, np.array([[1, 10, 100]], np.int32), {1: 60})
    assert labels == [(37, 170), (30, 100)]
    assert withdrawn == {0, 1}


def test_where_the_door_is_at_the_start_of_its_road_nothing_moves() -> None:
    # Nobody drives along edge 1: its own time does not matter, unless it is shut.
    table = turn_table([7, 20], [70, 200], [(0, 1, 0)])
    door = np.array([[1, 0, 0]], np.int32)
    assert repair(table, door, {1: 60}) == ([(7, 70), (0, 0)], set())
    shut = (INF_MS, INF_MS)
    assert repair(table, door, {1: INF_MS}) == ([shut, shut], {0, 1})


def test_a_ring_of_roads_does_not_hold_itself_up() -> None:
    # 0 and 1 lead into each other and out by 0 -> 2, the door's road; shut, both hang on nothing.
    table = turn_table([5, 5, 9], [5, 5, 9], [(0, 1, 0), (1, 0, 0), (0, 2, 0)])
    labels, withdrawn = repair(table, np.array([[2, 4, 4]], np.int32), {2: INF_MS})
    assert labels == [(INF_MS, INF_MS)] * 3
    assert withdrawn == {0, 1, 2}


def test_a_repair_gives_up_where_too_much_hangs_on_what_is_touched() -> None:
    n = 12
    table = turn_table([5] * n, [5] * n, [(e, e + 1, 0) for e in range(n - 1)])
    door = np.array([[n - 1, 3, 3]], np.int32)
    assert repair(table, door, {8: 6}, limit=8)[1] is None  # 0 to 8 are nine
    assert repair(table, door, {8: 6}, limit=9)[1] == set(range(9))


def test_wrong_labels_are_counted_where_they_are_looked_for() -> None:
    labels = reference.tree(TIE, DOOR)
    tree_ms, tree_cm = np.array(labels, np.int32).T.copy()
    every = np.arange(4, dtype=np.int32)
    assert count_wrong(every, *TIE.forward, *TIE.edges, DOOR, tree_ms, tree_cm) == 0
    tree_ms[0] += 1
    assert count_wrong(every, *TIE.forward, *TIE.edges, DOOR, tree_ms, tree_cm) == 1
    assert count_wrong(every[1:], *TIE.forward, *TIE.edges, DOOR, tree_ms, tree_cm) == 0
