"""What benchmarks measured: kept as JSON, shown as Markdown.

Parts that are not run again keep their figures, each with the commit and machine it was taken on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.harness import SEED, Row, as_table, commit, machine

KEPT = Path(__file__).with_name("results.json")
SHOWN = Path(__file__).with_name("RESULTS.md")
INTRODUCTION = """# Benchmark results

Written by `make bench`, from `results.json`. Medians of several turns, taken in turns with what
they are held against: absolute times depend on the machine, ratios less.
"""


@dataclass(frozen=True)
class Table:
    """A table beside the rows: its title, a line of column names, and its cells."""

    title: str
    head: Sequence[str]
    cells: Sequence[Sequence[str]]

    def as_markdown(self) -> str:
        """The table with its title."""
        lines = [self.head, ["---"] * len(self.head), *self.cells]
        return f"{self.title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


@dataclass(frozen=True)
class Part:
    """Outcome of one benchmark: rows with what is wanted, tables, and bare numbers for plots."""

    rows: Sequence[Row]
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """A part as it is kept: with its heading and how it was taken."""

    heading: str
    commit: str
    seed: int
    machine: str
    part: Part
    load: float | None = None
    """Processes that wanted a core in the minute before it began; figures of a busy machine are
    good for ratios at best."""

    @classmethod
    def of(cls, heading: str, measure: Callable[[], Part]) -> Outcome:
        """A part, measured now."""
        load = round(os.getloadavg()[0], 1)
        return cls(heading, commit(), SEED, machine(), measure(), load)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Outcome:
        """The inverse of `dataclasses.asdict`."""
        part = kept["part"]
        rows = [Row(**row) for row in part["rows"]]
        tables = [Table(**table) for table in part["tables"]]
        return cls(**{**kept, "part": Part(**{**part, "rows": rows, "tables": tables})})

    def as_markdown(self) -> str:
        """Heading, origin, rows, tables and notes."""
        origin = f"Commit {self.commit}, seed {self.seed}, {self.machine}"
        origin += "." if self.load is None else f", load average {self.load} when it began."
        blocks = [f"## {self.heading}", origin]
        blocks += [as_table(self.part.rows).rstrip()] if self.part.rows else []
        blocks += [table.as_markdown().rstrip() for table in self.part.tables]
        return "\n\n".join([*blocks, *self.part.notes]) + "\n"


def read_kept() -> dict[str, Outcome]:
    """Outcomes by the name of their part, as the last runs left them."""
    if not KEPT.exists():
        return {}
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    return {name: Outcome.from_json(outcome) for name, outcome in kept.items()}


def keep(outcomes: Mapping[str, Outcome]) -> None:
    """Write both files, parts in the order given."""
    text = json.dumps({name: asdict(outcome) for name, outcome in outcomes.items()}, indent=1)
    KEPT.write_text(text + "\n", encoding="utf-8")
    shown = [outcome.as_markdown() for outcome in outcomes.values()]
    SHOWN.write_text("\n".join([INTRODUCTION, *shown]), encoding="utf-8")
