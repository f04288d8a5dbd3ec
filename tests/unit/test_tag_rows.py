"""Tags as rows of numbers, held against dictionaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.graph.sources.tag_rows import TagRows, joined

pytestmark = pytest.mark.unit

Tags = dict[str, str]
few = st.sampled_from("abc")
objects = st.lists(st.dictionaries(few, few, max_size=3), max_size=12)


def rows_of(tags: list[Tags]) -> TagRows:
    """In the order in which each object has its tags."""
    pairs = list({pair: None for each in tags for pair in each.items()})
    codes = [pairs.index(pair) for each in tags for pair in each.items()]
    first = np.cumsum([0, *map(len, tags)])
    return TagRows(first, np.array(codes, np.int32), pairs)


def tags_of(rows: TagRows) -> list[Tags]:
    kinds, kind = rows.distinct()
    return [dict(kinds[k]) for k in kind.tolist()]


@given(objects)
def test_every_object_keeps_its_tags(tags: list[Tags]) -> None:
    assert tags_of(rows_of(tags)) == tags


@given(objects)
def test_each_set_of_tags_is_there_once(tags: list[Tags]) -> None:
    kinds, _ = rows_of(tags).distinct()
    assert len(kinds) == len({frozenset(each.items()) for each in tags})


@given(objects)
def test_some_keys_can_be_left_out(tags: list[Tags]) -> None:
    kept = rows_of(tags).where(lambda key: key != "b")
    assert tags_of(kept) == [{k: v for k, v in each.items() if k != "b"} for each in tags]


@given(st.lists(objects, max_size=4))
def test_parts_follow_one_another(parts: list[list[Tags]]) -> None:
    whole = joined([rows_of(part) for part in parts])
    assert tags_of(whole) == [each for part in parts for each in part]
