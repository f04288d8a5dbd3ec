"""Benchmarks keep what is not measured again, and every part of the folder is found."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from tests.benchmarks import results
from tests.benchmarks.__main__ import find_parts
from tests.benchmarks.harness import Row
from tests.benchmarks.results import Outcome, Part, Table

OUTCOME = Outcome(
    heading="How fast",
    commit="abc1234",
    seed=1,
    machine="a machine",
    part=Part(
        [Row("a call", "2 µs", "theirs 8 µs", "4×", "≥ 2×")],
        [Table("By size", ("edges", "time"), (("10", "1 s"),))],
        ("A note.",),
        {"edges": [10]},
    ),
)


@pytest.mark.unit
def test_kept_outcomes_come_back() -> None:
    kept = Outcome.from_json(json.loads(json.dumps(asdict(OUTCOME))))
    assert kept.as_markdown() == OUTCOME.as_markdown()
    assert kept.part.figures == {"edges": [10]}


@pytest.mark.unit
def test_what_is_shown_names_commit_seed_and_machine() -> None:
    text = OUTCOME.as_markdown()
    assert "Commit abc1234, seed 1, a machine." in text
    assert "| a call | 2 µs | theirs 8 µs | 4× | ≥ 2× |" in text
    assert "| 10 | 1 s |" in text


@pytest.mark.unit
def test_results_shown_are_those_kept() -> None:
    """Nobody edits the table by hand."""
    shown = [outcome.as_markdown() for outcome in results.read_kept().values()]
    text = "\n".join([results.INTRODUCTION, *shown])
    assert results.SHOWN.read_text(encoding="utf-8") == text


@pytest.mark.unit
def test_parts_are_found_by_what_they_define() -> None:
    parts = find_parts()
    assert next(iter(parts)) == "foundation"
    assert not {"harness", "results", "__main__"} & set(parts)
