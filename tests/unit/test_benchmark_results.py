"""Benchmarks keep what is not measured again, and every part of the folder is found."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from tests.benchmarks import results
from tests.benchmarks.__main__ import find_parts
from tests.benchmarks.harness import Row
from tests.benchmarks.peers.figures import Figures
from tests.benchmarks.peers.report import _rows
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


@pytest.mark.unit
def test_peers_are_held_against_ours_turn_by_turn() -> None:
    """The last two came in minutes of their own: the medians' ratio would be 3."""
    rates = {"table": [10.0], "bare table": [10.0], "nearest": [10.0]}
    ours = Figures([1.0, 3.0, 1.0], [[1.0], [3.0], [1.0]], rates={"decision": [30.0]})
    peer = Figures([2.0, 6.0, 3.0], [[2.0], [6.0], [3.0]], rates=rates)
    comparison: Any = SimpleNamespace(map="M", figures={"ours": ours, "Valhalla": peer})
    rows = {(row.what, row.other): row.ratio for row in _rows(comparison)}
    assert rows["extract to first answer, M", "Valhalla 3.00 s"] == "2.0×"
    assert rows["decision in process, p50, M", "Valhalla 3.0 µs"] == "2.0×"
    assert rows["HTTP, held against its nearest", "OSRM, CH is missing"] == ""
