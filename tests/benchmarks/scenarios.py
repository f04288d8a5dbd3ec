"""Planning: one unit closed over every postcode of the default network, with its report.

Each figure is that of a whole process, from the start of Python to the written file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.harness import ROOT, Row, Run, in_turns, median, run_process

REPEATS = 3
WANTED_S = 30.0
GRAPH = ROOT / "graphs" / "south_yorkshire.graph"
CANDIDATES = """id,name,postcode
RFFAA,Barnsley Hospital,S75 2EP
RFRPA,Rotherham Hospital,S60 2UD
RP5BA,Bassetlaw Hospital,S81 0BD
RHQNG,Northern General Hospital,S5 7AU
"""
STUDY = """title = "Hallamshire closed"
[population]
points = "{points}"
[[scenario]]
name = "Hallamshire closed"
close = ["RHQHH"]
"""


def rows() -> list[Row]:
    """Reports over small areas and postcodes, and sites chosen among eight."""
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder))


def _measure(folder: Path) -> list[Row]:
    studies = {}
    for points in ("lsoa", "postcodes"):
        studies[points] = folder / f"{points}.toml"
        studies[points].write_text(STUDY.format(points=points), encoding="utf-8")
    sites = folder / "sites.csv"
    sites.write_text(CANDIDATES, encoding="utf-8")

    def plan(*words: str | Path) -> Run:
        command = [sys.executable, "-m", "routing_service.cli", "plan", *map(str, words)]
        return run_process([*command, "--graph", str(GRAPH)])

    areas, postcodes, chosen = in_turns(
        REPEATS,
        lambda: plan("report", studies["lsoa"], "--out", folder / "areas.html"),
        lambda: plan("report", studies["postcodes"], "--out", folder / "postcodes.html"),
        lambda: plan("sites", sites, "--open", "8", "--front"),
    )
    return [
        _row("one unit closed, every small area, with report", areas, "-"),
        _row("one unit closed, every postcode, with report", postcodes, f"under {WANTED_S:g} s"),
        _row("best of 8 sites for every number, with the front", chosen, "-"),
    ]


def _row(what: str, runs: list[Run], wanted: str) -> Row:
    wall_s = median([run.wall_s for run in runs])
    peak_mb = max(run.peak_mb for run in runs)
    ratio = f"{wall_s / WANTED_S:.2f}" if wanted != "-" else "-"
    return Row(what, f"{wall_s:.1f} s, {peak_mb:.0f} MB", "-", ratio, wanted)
