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

long_runs = False
"""Set by ``--long``: what needs a long time to show is given it."""

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
    """A finished process: wall seconds, peak resident memory, and what it printed."""

    wall_s: float
    peak_mb: float
    output: str = ""


# Run between us and the command: what Linux gives as the peak memory of a process is at least what
# its parent held when it started it.
_WATCH = """
import os, resource, sys, time
started = time.perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status = os.waitpid(process, 0)
peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
os.write(int(sys.argv[1]), b"%f %d" % (time.perf_counter() - started, peak_kb))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run_process(command: Sequence[str]) -> Run:
    """Run a command to its end; its output is kept, and shown if it fails."""
    reading, writing = os.pipe()
    watched = [sys.executable, "-S", "-c", _WATCH, str(writing), *command]
    done = subprocess.run(
        watched, cwd=ROOT, capture_output=True, text=True, check=False, pass_fds=(writing,)
    )
    os.close(writing)
    with os.fdopen(reading) as figures:
        wall_s, _, peak_kb = figures.read().partition(" ")
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return Run(float(wall_s), int(peak_kb) / 1024, done.stdout)


def warm_kernels() -> None:
    """Compile every module and every kernel, as installing does: no figure counts that."""
    # Where PYTHONDONTWRITEBYTECODE is set each process would compile all 120 modules anew.
    run_process([sys.executable, "-m", "compileall", "-q", "routing_service", "tests"])
    run_process([sys.executable, "-m", "routing_service.cli", "warm"])


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


def times(ours: Sequence[float], others: Sequence[float]) -> str:
    """How many times another's figures ours are, turn by turn: machines have slow minutes."""
    return f"{median([one / other for one, other in zip(ours, others, strict=True)]):.2f}×"


def commit() -> str:
    """Short hash of the commit that is measured, with a mark if files have changed since."""
    changed = _git("status", "--porcelain", "--", ".", *(f":(exclude){path}" for path in WRITTEN))
    return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def machine() -> str:
    """Processor, cores, memory and Python of this machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(": ")[2] if lines else model
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{model}, {os.cpu_count()} cores, {gib:.0f} GiB, Python {python}"


def as_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    head = "| measured | ours | held against | ratio | wanted |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {row.what} | {row.ours} | {row.other} | {row.ratio} | {row.wanted} |\n" for row in rows
    )
