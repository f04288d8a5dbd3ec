"""Numbers that several workers count and any of them can tell, as Prometheus reads them.

All numbers lie in one piece of anonymous memory that is made before the workers are forked, a row
for each worker, so that counting is one addition without a lock and no file is involved. A worker
that falls leaves its counts to the one that takes its row: a counter never goes back.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Final, Literal

from routing_service.observe.slots import claim_slot

ROWS: Final = 256
CELLS: Final = 2048
_CELL_BYTES: Final = 8
_PID: Final = 0
"""The first cell of a row holds the worker's process id."""

Type = Literal["counter", "gauge", "histogram"]


class Metrics:
    """All numbers of a service. Declare them before the fork, `claim` a row after it."""

    def __init__(self) -> None:
        memory = mmap.mmap(-1, ROWS * CELLS * _CELL_BYTES)
        self._cells: Any = memoryview(memory).cast("q")
        self._row = 0
        self._next = _PID + 1
        self._families: list[Family] = []
        # Only its locks are used; forked processes share the open file.
        self._slots = tempfile.TemporaryFile()  # noqa: SIM115

    def claim(self) -> None:
        """Take a row of one's own. Once in each process, after it was forked."""
        slot = claim_slot(self._slots.fileno(), ROWS)
        assert slot is not None
        self._row = slot * CELLS
        self._cells[self._row + _PID] = os.getpid()
        for family in self._families:
            if family.type == "gauge":  # what the one before was at
                for cell in range(family.first, family.first + family.size):
                    self._cells[self._row + cell] = 0

    # --- declaring --------------------------------------------------------------------------
    def counter(self, name: str, help: str, **labels: Sequence[str]) -> Counter:
        """Declare a number that only grows, one for each combination of the labels' values."""
        return Counter(self, self._declare(Family(name, "counter", help, labels)))

    def gauge(
        self, name: str, help: str, merge: Callable[[list[int]], int], scale: float = 1
    ) -> Gauge:
        """Declare a number that goes up and down; `merge` makes one of all workers' numbers."""
        return Gauge(self, self._declare(Family(name, "gauge", help, {}, merge, scale=scale)))

    def histogram(self, name: str, help: str, bounds_ns: Sequence[int]) -> Histogram:
        """Declare counts of durations up to each bound, shown in seconds."""
        family = Family(name, "histogram", help, {}, bounds_ns=tuple(bounds_ns), scale=1e-9)
        return Histogram(self, self._declare(family))

    def _declare(self, family: Family) -> Family:
        family.first = self._next
        self._next += family.size
        assert self._next <= CELLS
        self._families.append(family)
        return family

    # --- counting ---------------------------------------------------------------------------
    def add(self, cell: int, amount: int) -> None:
        """Add to a cell of this worker's row."""
        self._cells[self._row + cell] += amount

    def put(self, cell: int, value: int) -> None:
        """Set a cell of this worker's row."""
        self._cells[self._row + cell] = value

    def tally(
        self, counter: Counter, values: tuple[str, ...], histogram: Histogram
    ) -> Callable[[int], None]:
        """What counts one more in both, given how long it took in nanoseconds.

        For what happens very often: five calls in one, which cost a third of a decision.
        """
        cells, one, bounds_ns = self._cells, counter.cell_of[values], histogram.bounds_ns
        first, total = histogram.first, histogram.sum

        def count(duration_ns: int) -> None:
            row = self._row
            cells[row + one] += 1
            cells[row + first + bisect_left(bounds_ns, duration_ns)] += 1
            cells[row + total] += duration_ns

        return count

    # --- telling ----------------------------------------------------------------------------
    def rows(self, *, living: bool = False) -> list[int]:
        """Rows that were ever claimed, or those whose process lives; the first if none was."""
        pids = ((row, self._cells[row + _PID]) for row in range(0, ROWS * CELLS, CELLS))
        return [row for row, pid in pids if pid and (not living or _lives(pid))] or [0]

    def values(self, cell: int, rows: Sequence[int]) -> list[int]:
        """One cell of some rows."""
        return [self._cells[row + cell] for row in rows]

    def render(self) -> str:
        """All numbers in the text format of Prometheus, version 0.0.4."""
        every, living = self.rows(), self.rows(living=True)
        return "".join(
            line
            for family in self._families
            for line in family.lines(self, living if family.type == "gauge" else every)
        )


@dataclass(slots=True)
class Family:
    """A metric as it was declared, and where its cells are."""

    name: str
    type: Type
    help: str
    labels: dict[str, Sequence[str]]
    merge: Callable[[list[int]], int] = sum
    bounds_ns: tuple[int, ...] = ()
    scale: float = 1
    first: int = 0

    @property
    def size(self) -> int:
        """How many cells it has."""
        if self.type == "histogram":
            return len(self.bounds_ns) + 2  # beyond the last bound; the sum
        return len(list(product(*self.labels.values())))

    def lines(self, metrics: Metrics, rows: Sequence[int]) -> Iterator[str]:
        """Its lines of the text, merged over some rows."""
        yield f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.type}\n"
        if self.type == "histogram":
            yield from self._bucket_lines(metrics, rows)
            return
        for cell, values in enumerate(product(*self.labels.values()), start=self.first):
            total = self.merge(metrics.values(cell, rows))
            if total or not self.labels:  # of hundreds of combinations few ever happen
                shown = ",".join(f'{n}="{v}"' for n, v in zip(self.labels, values, strict=True))
                yield f"{self.name}{f'{{{shown}}}' if shown else ''} {_shown(total, self.scale)}\n"

    def _bucket_lines(self, metrics: Metrics, rows: Sequence[int]) -> Iterator[str]:
        total = 0
        for cell, bound in enumerate([*self.bounds_ns, None], start=self.first):
            total += sum(metrics.values(cell, rows))
            shown = "+Inf" if bound is None else f"{bound * self.scale:g}"
            yield f'{self.name}_bucket{{le="{shown}"}} {total}\n'
        sum_ns = sum(metrics.values(self.first + len(self.bounds_ns) + 1, rows))
        yield f"{self.name}_sum {sum_ns * self.scale:.9g}\n{self.name}_count {total}\n"


class Counter:
    """A number that only grows."""

    def __init__(self, metrics: Metrics, family: Family) -> None:
        self._metrics = metrics
        combinations = product(*family.labels.values())
        self.cell_of = {key: cell for cell, key in enumerate(combinations, start=family.first)}
        self.labels = family.labels

    def add(self, *values: str, amount: int = 1) -> None:
        """Count one more with these values of the labels, in the order declared."""
        self._metrics.add(self.cell_of[values], amount)

    def adder(self, *values: str) -> Callable[[], None]:
        """What counts one more with these values, for where that happens very often."""
        return partial(self._metrics.add, self.cell_of[values], 1)

    @property
    def total(self) -> int:
        """Its count over all workers and labels."""
        rows = self._metrics.rows()
        return sum(sum(self._metrics.values(cell, rows)) for cell in self.cell_of.values())


class Gauge:
    """A number that goes up and down."""

    def __init__(self, metrics: Metrics, family: Family) -> None:
        self._metrics, self._cell = metrics, family.first

    def put(self, value: int) -> None:
        """Say where it is now, in this worker."""
        self._metrics.put(self._cell, value)


class Histogram:
    """Durations, counted by how long they were."""

    def __init__(self, metrics: Metrics, family: Family) -> None:
        self._metrics, self.first, self.bounds_ns = metrics, family.first, family.bounds_ns
        self.sum = family.first + len(family.bounds_ns) + 1

    def observe(self, duration_ns: int) -> None:
        """Count one duration."""
        self._metrics.add(self.first + bisect_left(self.bounds_ns, duration_ns), 1)
        self._metrics.add(self.sum, duration_ns)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _shown(value: int, scale: float) -> str:
    return str(value) if scale == 1 else f"{value * scale:.9g}"
