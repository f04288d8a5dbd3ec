"""Timing that can be trusted on a noisy machine: in turns, several times, medians."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
SEED = 20261122
# What the benchmarks themselves write does not make the code that they measure another.
WRITTEN = ("tests/benchmarks/RESULTS.md", "tests/benchmarks/results.json", "docs/*.svg")

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One line of the results: what was measured, the figure, and what it is held against."""

    what: str
    ours: str
    other: str
    ratio: str
    wanted: str


@dataclass(frozen=True)
class Run:
    """A finished process: wall seconds and peak resident memory."""

    wall_s: float
    peak_mb: float


def run_process(command: Sequence[str]) -> Run:
    """Run a command to its end; its output is shown only if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{output}")
    return Run(time.perf_counter() - started, usage.ru_maxrss / 1024)


def in_turns(repeats: int, *actions: Callable[[], T]) -> list[list[T]]:
    """Results of each action, taken in turns after one turn that does not count."""
    results: list[list[T]] = [[] for _ in actions]
    for turn in range(repeats + 1):
        for kept, action in zip(results, actions, strict=True):
            outcome = action()
            if turn:
                kept.append(outcome)
    return results


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def median(values: Sequence[float]) -> float:
    """Median of some timings."""
    return statistics.median(values)


def commit() -> str:
    """Short hash of the commit that is measured, with a mark if files have changed since."""
    changed = _git("status", "--porcelain", "--", ".", *(f":(exclude){path}" for path in WRITTEN))
    return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def machine() -> str:
    """Processor, cores and Python of this machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(": ")[2] if lines else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def as_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    head = "| measured | ours | held against | ratio | wanted |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {row.what} | {row.ours} | {row.other} | {row.ratio} | {row.wanted} |\n" for row in rows
    )
