"""Run the benchmarks, print the figures and keep them in ``RESULTS.md``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks import foundation
from tests.benchmarks.harness import SEED, as_table, commit, machine


def main() -> None:
    """Measure everything once."""
    table = as_table(foundation.rows())
    text = (
        "# Benchmark results\n\n"
        "Written by `make bench`. Medians of several turns, taken in turns with what they are\n"
        "held against: absolute times depend on the machine, ratios less.\n\n"
        f"Commit {commit()}, seed {SEED}, {machine()}.\n\n{table}"
    )
    Path(__file__).with_name("RESULTS.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
