"""Scale: cost as the graph and the units grow, with the fitted growth.

The real town of the extract, copied side by side and joined by roads, is written as an extract of
its own and built by `hasu build` like any other. ``SCALE_COPIES=1,10 python -m tests.benchmarks
scale`` measures fewer sizes.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.sources.raw import RawNetwork
from routing_service.units import E7
from tests.benchmarks.extract_file import write_pbf
from tests.benchmarks.foundation import extract
from tests.benchmarks.harness import SEED, Row, run_process, warm_kernels
from tests.benchmarks.made_up import Point, units_file
from tests.benchmarks.results import Part, Table
from tests.benchmarks.tiled import main_nodes, tile

COPIES = tuple(int(n) for n in os.environ.get("SCALE_COPIES", "1,10,50,250").split(","))
UNITS = (4, 40, 120)
UNITS_AT = 10
"""Copies of the map on which the units grow."""

Figures = dict[str, Any]

COLUMNS = (
    ("read_s", "read map", "s"),
    ("build_s", "build", "s"),
    ("build_mb", "its peak memory", "MB"),
    ("trees_s", "its trees", "s"),
    ("file_mb", "file", "MB"),
    ("start_s", "start to first answer", "s"),
    ("own_mb", "own memory", "MB"),
    ("mapped_mb", "mapped memory", "MB"),
    ("decision_p50_us", "decision p50", "µs"),
    ("decision_p99_us", "p99", "µs"),
    ("batch_us", "in a batch", "µs"),
    ("closure_s", "closure", "s"),
)
"""Figure, heading, unit."""

NOTE = (
    "“Growth” is the exponent of a power fitted to the column (1: in proportion, 0: not at all), "
    "over sizes from ten copies on where there are two of them: below, what every process costs "
    "counts most. Decisions ask 20,000 places in random order. Start is everything from the first "
    "line of Python: imports, every checksum of the file, kernels from their cache, first answers. "
    "Own memory is the process's, mapped memory the file's pages, which all workers share."
)


def measure() -> Part:
    """Grow the graph at four units, then the units at one size of graph."""
    warm_kernels()
    raw = read_pbf([extract()])
    with tempfile.TemporaryDirectory() as folder:
        by_copies = [_one(raw, copies, UNITS[0], Path(folder)) for copies in COPIES]
        more = UNITS[1:] if UNITS_AT in COPIES else ()
        by_units = [one for one in by_copies if one["copies"] == UNITS_AT]
        by_units += [_one(raw, UNITS_AT, n, Path(folder)) for n in more]
    name = extract().name.partition(".")[0].capitalize()
    tables = [_table(f"{name}, copied and joined; 4 units:", "edges", by_copies)]
    if by_units:
        tables.append(_table(f"{UNITS_AT} copies; units:", "units", by_units))
    return Part(_rows(by_copies), tables, (NOTE,), {"copies": by_copies, "units": by_units})


def _one(raw: RawNetwork, copies: int, n_units: int, folder: Path) -> Figures:
    """Build and probe one size; its files are removed again."""
    columns = max(n for n in range(1, math.isqrt(copies) + 1) if copies % n == 0)
    pbf, units, out = folder / "map.osm.pbf", folder / "units.toml", folder / "map.graph"
    large = tile(raw, copies // columns, columns)
    write_pbf(large, pbf)
    units.write_text(units_file(_spread_units(large, n_units)), encoding="utf-8")
    del large
    build = [sys.executable, "-m", "routing_service.cli", "build", "--json"]
    build += ["--pbf", str(pbf), "--units", str(units), "--out", str(out)]
    built = run_process(build)
    stages = json.loads(built.output)["seconds"]
    probe = [sys.executable, "-m", "tests.benchmarks.scale_probe", str(out)]
    probed = json.loads(run_process(probe).output)
    figures = {
        "copies": copies,
        **probed,
        "read_s": stages["read"],
        "build_s": stages["build"] + stages["write"],
        "build_mb": built.peak_mb,
        "file_mb": out.stat().st_size / 2**20,
    }
    pbf.unlink()
    out.unlink()
    return figures


def _spread_units(raw: RawNetwork, n: int) -> list[Point]:
    """Units at main roads all over the map."""
    at = np.random.default_rng(SEED).choice(main_nodes(raw), n, replace=False)
    lon, lat = raw.node_lon_e7[at] / E7, raw.node_lat_e7[at] / E7
    return list(zip(lon.tolist(), lat.tolist(), strict=True))


def growth(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Exponent of the power of the size that fits the costs best.

    >>> round(growth([1, 10, 100], [2.0, 20.0, 200.0]), 3)
    1.0
    """
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(costs, 1e-9)), 1)[0])


def _table(title: str, by: str, figures: Sequence[Figures]) -> Table:
    cells = [
        [f"{one[by]:,}", *(_shown(one[name], unit) for name, _, unit in COLUMNS)] for one in figures
    ]
    fitted = [one for one in figures if one["copies"] >= UNITS_AT]
    fitted = fitted if len(fitted) > 1 else list(figures)
    if len(fitted) > 1:
        sizes = [one[by] for one in fitted]
        powers = [growth(sizes, [one[name] for one in fitted]) for name, _, _ in COLUMNS]
        cells.append(["growth", *(f"{power:.2f}" for power in powers)])
    return Table(title, [by, *(heading for _, heading, _ in COLUMNS)], cells)


def _shown(value: float, unit: str) -> str:
    if unit == "s" and value < 0.1:
        return f"{1000 * value:.1f} ms"
    digits = 0 if value >= 100 else 1 if value >= 10 or unit == "µs" else 2
    return f"{value:,.{digits}f} {unit}"


def _rows(by_copies: Sequence[Figures]) -> list[Row]:
    """Decision time of the larger graphs beside that of the smallest."""
    base = by_copies[0]
    return [
        Row(
            f"decision on {one['copies']}× the graph, {one['edges']:,} edges",
            _shown(one["decision_p50_us"], "µs"),
            f"on {base['edges']:,} edges {_shown(base['decision_p50_us'], 'µs')}",
            f"{one['decision_p50_us'] / base['decision_p50_us']:.2f}×",
            "< 2×" if one["copies"] <= 50 else "",
        )
        for one in by_copies[1:]
    ]
