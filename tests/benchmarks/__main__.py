"""Run benchmarks, print their figures, keep them in ``RESULTS.md`` and ``results.json``, plot them.

``python -m tests.benchmarks`` runs every part, ``python -m tests.benchmarks foundation scale``
these; the figures of the others stay as they were.

To add a part, put a module in this folder: nothing is registered. Either function makes it one:

- ``def rows() -> list[Row]``: figures beside what they are held against;
- ``def measure() -> Part``: rows, and tables and numbers for plots as well (see `results`).

The first line of its docstring is its heading. Name it in `ORDER` if it belongs somewhere else
than at the end.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from functools import partial
from pathlib import Path

from tests.benchmarks import harness
from tests.benchmarks.plot import write_plot
from tests.benchmarks.results import Outcome, Part, keep, read_kept

ORDER = ("foundation", "http", "peers", "scale", "repair", "live", "audit", "planner")
ENTRIES = ("measure", "rows")


def find_parts() -> dict[str, ast.Module]:
    """Modules and packages of this folder that measure something, in order, unimported."""
    folder = Path(__file__).parent
    files = {path.stem: path for path in folder.glob("*.py") if not path.stem.startswith("_")}
    files |= {path.parent.name: path for path in folder.glob("*/__init__.py")}
    parts = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name in ENTRIES for node in tree.body):
            parts[name] = tree
    return {name: parts[name] for name in sorted(parts, key=_place)}


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER)), name


def run_part(name: str) -> Part:
    """Measure one part now."""
    module = importlib.import_module(f"tests.benchmarks.{name}")
    if hasattr(module, "measure"):
        part: Part = module.measure()
        return part
    return Part(module.rows())


def main() -> None:
    """Measure the parts that are named, or all."""
    parts = find_parts()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("part", nargs="*", help=f"of {', '.join(parts)}; all if none is named")
    parser.add_argument(
        "--long", action="store_true", help="ten minutes under load, not half a one"
    )
    args = parser.parse_args()
    harness.long_runs = args.long
    chosen = args.part or list(parts)
    unknown = [name for name in chosen if name not in parts]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: name some of {', '.join(parts)}")
    outcomes = read_kept()
    for name in chosen:
        heading = (ast.get_docstring(parts[name]) or name).splitlines()[0].rstrip(".")
        outcomes[name] = Outcome.of(heading, partial(run_part, name))
        sys.stdout.write(outcomes[name].as_markdown() + "\n")
        # Kept at once: a part that fails does not cost the figures of those before it.
        keep({kept: outcomes[kept] for kept in sorted(outcomes, key=_place)})
    write_plot()


if __name__ == "__main__":
    main()
