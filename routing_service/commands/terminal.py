"""What people see: tables, nested facts, and a bar while they wait."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from routing_service.pages.table import Table

BAR_CELLS = 24
STAGE_WIDTH = 36
REDRAW_SECONDS = 0.1


def print_json(value: object) -> None:
    """Print JSON that people can read too; arrays stay in the order of the value."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Align columns; the first row is the heading, columns in `right` are numbers.

    Examples
    --------
    >>> print(table([["unit", "min"], ["RXF05", "9.1"], ["RP5DR", "18.3"]], right=[1]))
    unit    min
    RXF05   9.1
    RP5DR  18.3
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_text(table_of: Table) -> str:
    """A table of words and numbers, without its title."""
    numbers = range(table_of.texts, len(table_of.heading))
    return table([table_of.heading, *table_of.rows], right=tuple(numbers))


def facts(values: Mapping[str, Any]) -> str:
    """Write nested facts as aligned lines, names as they are in JSON.

    Examples
    --------
    >>> print(facts({"network": "osm", "counts": {"edges": 12000}, "extracts": ["a", "b"]}))
    network   osm
    counts
      edges  12,000
    extracts  a, b
    """
    width = max((len(name) for name, value in values.items() if not _nests(value)), default=0)
    lines = []
    for name, value in values.items():
        if not _nests(value):
            lines.append(f"{name.ljust(width)}  {_scalar(value)}".rstrip())
            continue
        inner = facts(value) if isinstance(value, Mapping) else _records(value)
        lines += [f"{name}", *(f"  {line}" for line in inner.splitlines())]
    return "\n".join(lines)


def _records(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of mappings with the same keys, names first; empty columns are left out."""
    names = [name for name in rows[0] if any(row.get(name) for row in rows)]
    names.sort(key=lambda name: name not in ("ods_code", "name"))
    return table([names, *([_scalar(row.get(name)) for name in names] for row in rows)])


def _nests(value: object) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value)


def _scalar(value: object) -> str:
    match value:
        case None | "" | {} | [] | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(_scalar(part) for part in value)
    return str(value)


class Bar:
    """Progress for people: on a terminal a bar per stage, elsewhere a line when one ends.

    A stage ends when the next begins or the ``with`` block is left. Nothing goes to standard
    output, which belongs to the result.
    """

    def __init__(self, labels: Mapping[str, str], stream: TextIO | None = None) -> None:
        self._labels = labels
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._stage = ""
        self._began_s = self._drawn_s = 0.0

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._end()
        elif self._live and self._stage:
            self._stream.write("\n")  # the bar stays where it broke off

    def __call__(self, stage: str, share: float) -> None:
        """Show that `share`, 0 to 1, of `stage` is done."""
        now_s = time.monotonic()
        if stage != self._stage:
            self._end()
            self._stage, self._began_s, self._drawn_s = stage, now_s, 0.0
        if self._live and now_s - self._drawn_s >= REDRAW_SECONDS:
            self._draw(share, "")
            self._drawn_s = now_s

    def _end(self) -> None:
        if self._stage:
            self._draw(1.0, "\n")
            self._stage = ""

    def _draw(self, share: float, end: str) -> None:
        label = self._labels.get(self._stage, self._stage.capitalize())
        elapsed_s = time.monotonic() - self._began_s
        if self._live:
            full = min(max(round(share * BAR_CELLS), 0), BAR_CELLS)
            bar = "█" * full + "░" * (BAR_CELLS - full)
            text = f"\r{label:<{STAGE_WIDTH}} {bar} {share:4.0%} {elapsed_s:6.1f} s{end}"
        else:
            text = f"{label:<{STAGE_WIDTH}} {elapsed_s:6.1f} s{end}"
        self._stream.write(text)
        self._stream.flush()
