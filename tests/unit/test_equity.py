"""Groups, and the gap between extremes, on the six villages."""

from __future__ import annotations

import numpy as np
import pytest

from routing_service.planner.equity import DRAWS, SEED, gaps, group_figures
from routing_service.planner.study import Scenario
from routing_service.planner.summary import as_tree
from tests.planner_scene import population, run

CLOSED = Scenario("north closed", close=("NORTH",))
# Milliseconds to the unit: a, b, c to NORTH, then to SOUTH; d, e, f to SOUTH.
BEFORE = (0, 99_586, 298_758, 298_750, 99_583, 0)
AFTER = (995_846, 896_260, 697_088, 298_750, 99_583, 0)


def test_every_group_is_told_once_in_order() -> None:
    figures = run(CLOSED).outcomes[0].figures
    assert [(each.grouping, each.label, each.parts / 10**6) for each in figures] == [
        ("everyone", "everyone", 10),
        ("district", "Lowland", 4),
        ("district", "Upland", 6),
        ("deprivation", "1 (most deprived)", 4),
        ("deprivation", "2 (least deprived)", 6),
        ("age", "young", 30),
        ("age", "old", 27),
    ]


def test_a_group_has_the_figures_of_its_own_people() -> None:
    by_label = {each.label: each for each in run(CLOSED).outcomes[0].figures}
    upland, lowland, old = (by_label[name] for name in ("Upland", "Lowland", "old"))
    assert upland.change.affected == 1.0
    assert upland.before.mean_ms == round((2 * BEFORE[1] + 3 * BEFORE[2]) / 6)
    # 995.8 s for one, 796.7 for two, 398.3 for three: 16.6, 13.3 and 6.6 minutes more.
    assert upland.change.worse == (1.0, 0.5)
    assert lowland.change.affected == 0.0
    assert lowland.change.mean_extra_ms is None
    # The old live in d, e and f, nine in each, whoever the patients are.
    assert old.after.mean_ms == round((AFTER[3] + AFTER[4]) / 3)


def test_the_gap_is_that_of_the_means() -> None:
    (gap,) = run(CLOSED).outcomes[0].gaps
    most = round((2 * BEFORE[3] + BEFORE[4]) / 4)
    assert gap.labels == ("1 (most deprived)", "2 (least deprived)")
    assert gap.areas == (1, 2)
    assert gap.before.ms == most - round((2 * BEFORE[1] + 3 * BEFORE[2]) / 6)
    after = (AFTER[0] + 2 * AFTER[1] + 3 * AFTER[2]) / 6
    assert gap.after.ms == most - round(after)
    assert gap.change.ms == gap.after.ms - gap.before.ms


def test_the_interval_is_that_of_areas_drawn_with_replacement() -> None:
    """The most deprived live in one area, so only the other group's two areas make it vary."""
    (gap,) = run(CLOSED).outcomes[0].gaps
    rng = np.random.Generator(np.random.PCG64(SEED))
    for _ in range(DRAWS):
        rng.integers(0, 1, size=1)
    # Upland 001A: a and b, 3 patients; Upland 001B: c, 3 patients.
    sums = np.array([2 * BEFORE[1], 3 * BEFORE[2]])
    means = []
    for _ in range(DRAWS):
        drawn = rng.integers(0, 2, size=2)
        means.append(int(sums[drawn].sum()) / 6)
    most = (2 * BEFORE[3] + BEFORE[4]) / 4
    low, high = np.quantile(most - np.array(means), (0.025, 0.975), method="inverted_cdf")
    assert (gap.before.low_ms, gap.before.high_ms) == pytest.approx((low, high), abs=1)


def test_a_gap_needs_people_in_both_extremes() -> None:
    found = run(CLOSED)
    people = population()
    lonely = people.groupings[1]
    assert lonely.codes is not None
    lonely.codes[:] = 0
    alone = type(people)(
        **{name: getattr(people, name) for name in people.__slots__ if name != "groupings"},
        groupings=(lonely,),
    )
    assert gaps(alone, found.before, found.outcomes[0].after) == ()


def test_places_without_a_label_are_told_as_unknown() -> None:
    found, people = run(CLOSED), population()
    codes = people.groupings[0].codes
    assert codes is not None
    codes[0] = -1
    told = group_figures(people, found.before, found.outcomes[0].after)
    assert ("district", "unknown") in [(each.grouping, each.label) for each in told]


def test_the_tree_of_figures_is_the_same_each_time() -> None:
    assert as_tree(run(CLOSED)) == as_tree(run(CLOSED))
