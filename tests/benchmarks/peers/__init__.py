"""Peers side by side: same extract, same units, same incidents, same closure.

Each engine is a module with one class of the interface in `peer`, and runs in a process of its
own (`worker`). `compare` asks all of them in turns. Those modules run on the interpreter that
``scripts/make-peers`` sets up; one that is missing there is named in the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.results import Part


def measure() -> Part:
    """Compare with all peers, on a real town and on a city made of several of it."""
    # Imported here: the peers' own interpreter imports this package too, and has less installed.
    from tests.benchmarks.peers.report import measure as compare

    return compare()
