"""The comparison as rows with what is wanted, tables, and numbers for a plot."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from routing_service.units import BoolArray, FloatArray
from tests.benchmarks import city
from tests.benchmarks.extract_file import write_pbf
from tests.benchmarks.foundation import extract
from tests.benchmarks.harness import Row, median
from tests.benchmarks.peers.compare import OURS, Comparison
from tests.benchmarks.peers.figures import Figures
from tests.benchmarks.peers.over_http import client
from tests.benchmarks.results import Part, Table

CLEAR_S = 120.0
"""A margin from which the profiles' difference should not change the unit."""

NOTES = (
    "All engines read the same extract, each in a process of its own, and took turns; a ratio is "
    "the median of those of the turns, so that a slow minute of the machine meets both. Ours is a "
    "whole decision (snapped, ranked, with flags) of the profile `car`; theirs are four numbers. "
    "“First answer” counts from the start of the process to the first answer, imports, map and "
    "preparation included; compiled kernels are cached, as after installation. Batches have 100 "
    "places a call. A closure is shut both ways and counts until the first answer under it; "
    "Valhalla takes it anew with every request, so its next column is the time of such a request.",
    "“Same unit”: share of the incidents for which the engine's quickest unit is ours, of all and "
    "of those where ours is at least two minutes quicker than the next. “Time ratio”: median of "
    "its times by ours. Ours include turn costs and a wait at signals, and “turns free” holds the "
    "same answers against ours where turns cost nothing. The graph libraries search junctions with "
    "the edge times of our own profile: what is left there is snapping to a junction instead of a "
    "road. OSRM and Valhalla have speeds and turn costs of their own. “Rank” is Spearman's "
    "correlation of all times.",
)

HTTP_NOTE = (
    "Over HTTP every server has two workers or threads, and {client} asks it on the same two cores "
    "as fast as replies come back. OSRM's table is asked as its documentation has it, and bare: "
    "without hints and without the places that it snapped to, which our reply tells."
)

CITY_NOTE = (
    f"{city.NAME}: roads © OpenStreetMap contributors (ODbL), from the test data of neatnet, which "
    "has each stretch with its class and without direction, names, limits and turn restrictions: "
    "all are two-way for every engine. What is wanted was set on a real city of 63,000 junctions; "
    "the town shows how it changes with the size."
)


def measure() -> Part:
    """Compare on the real extract of a town, and on the roads of a real city."""
    pbf = extract()
    comparisons = [Comparison(pbf, pbf.name.partition(".")[0].capitalize()).run()]
    notes = []
    try:
        roads = city.read_city()
    except FileNotFoundError as error:
        notes = [f"The city is missing: {error}. `make peers` fetches its roads."]
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "city.osm.pbf"
            write_pbf(roads, path)
            comparisons.append(Comparison(path, city.NAME).run())
        notes = [CITY_NOTE]
    return report(comparisons, notes)


def report(comparisons: list[Comparison], notes: Sequence[str]) -> Part:
    """Rows, two tables for each map, and bare numbers."""
    rows: list[Row] = []
    tables: list[Table] = []
    figures: dict[str, Any] = {}
    for each in comparisons:
        rows += _rows(each)
        tables += [_costs(each), _agreement(each)]
        figures[each.map] = {
            name: {"p50_us": one.p50_us, "first_answer_s": median(one.first_answer_s)}
            for name, one in each.figures.items()
        }
    return Part(rows, tables, (*NOTES, HTTP_NOTE.format(client=client()), *notes), figures)


def _rows(comparison: Comparison) -> list[Row]:
    """Our figures beside those that the issue names."""
    ours = comparison.figures[OURS]

    def beside(
        what: str, peer: str, wanted: float, value: Callable[[Figures], Sequence[float]], unit: str
    ) -> list[Row]:
        mine = value(ours)
        amount, wish = _amount(median(mine), unit), _times(wanted)
        if peer not in comparison.figures:
            return [Row(what, amount, f"{peer} is missing", "", wish)]
        other = value(comparison.figures[peer])
        # Turn by turn, as far as both were asked: machines have slow minutes.
        turns = zip(mine, other, strict=False)
        ratio = median([a / b if unit == "/s" else b / a for a, b in turns])
        held = f"{peer} {_amount(median(other), unit)}"
        return [Row(f"{what}, {comparison.map}", amount, held, f"{ratio:,.1f}×", wish)]

    def rate(kind: str) -> Callable[[Figures], Sequence[float]]:
        return lambda one: one.rates["decision" if "decision" in one.rates else kind]

    def first(one: Figures) -> Sequence[float]:
        return one.first_answer_s

    def p50(one: Figures) -> Sequence[float]:
        return one.turns_p50_us

    return [
        *beside("decision in process, p50", "OSRM, CH", 400, p50, "µs"),
        *beside("decision in process, p50", "Valhalla", 10_000, p50, "µs"),
        *beside("extract to first answer", "Valhalla", 3, first, "s"),
        *beside("extract to first answer", "OSRM, CH", 5, first, "s"),
        *beside("closure to first answer", "OSRM, MLD", 1, lambda one: [one.closure_s], "s"),
        *beside("HTTP, held against its table", "OSRM, CH", 10, rate("table"), "/s"),
        *beside("HTTP, held against its bare table", "OSRM, CH", 10, rate("bare table"), "/s"),
        *beside("HTTP, held against its nearest", "OSRM, CH", 1, rate("nearest"), "/s"),
        *beside("HTTP, held against FastAPI + networkx", "networkx", 4, rate("table"), "/s"),
    ]


def _costs(comparison: Comparison) -> Table:
    questions, ours = comparison.questions, comparison.figures[OURS]
    head = ["engine", "first answer", "memory, asking", "… set-up, peak", "p50", "p99"]
    head += ["p50 by ours", "calls/s", "in a batch", "closure", "p50 closed", "over HTTP"]
    cells = []
    for name, one in comparison.figures.items():
        over_http = [f"{kind} {median(rates):,.0f}/s" for kind, rates in one.rates.items()]
        cells.append(
            [
                name,
                f"{median(one.first_answer_s):.2f} s",
                f"{one.memory_mb['asking']:.0f} MB",
                f"{one.memory_mb['set_up']:.0f} MB",
                _microseconds(one.p50_us),
                _microseconds(one.p99_us),
                f"{one.p50_us / ours.p50_us:,.0f}×",
                f"{one.calls_per_s:,.0f}",
                _microseconds(median(one.batch_us)) if one.batch_us else "",
                _seconds(one.closure_s),
                _microseconds(float(np.median(one.closed_us))),
                ", ".join(over_http),
            ]
        )
    cells += [[name, f"missing: {why}"] + [""] * 10 for name, why in comparison.missing.items()]
    junctions, edges = f"{questions.junctions:,}", f"{questions.edges:,}"
    title = f"**{comparison.map}**: {junctions} junctions, {edges} directed edges, 4 units"
    return Table(f"{title}, {len(questions.incidents)} incidents.", head, cells)


def _agreement(comparison: Comparison) -> Table:
    ours = comparison.figures[OURS]
    free = comparison.questions.without_turns_s[: len(ours.times_s)]
    two = np.sort(ours.times_s, axis=1)[:, :2]
    clear: BoolArray = two[:, 1] - two[:, 0] >= CLEAR_S
    cells = []
    for name, one in comparison.figures.items():
        changed = (one.closed_times_s.min(axis=1) > one.times_s.min(axis=1) + 1.0).mean()
        cells.append(
            [
                name,
                _share(one.times_s, ours.times_s),
                _share(one.times_s[clear], ours.times_s[clear]),
                f"{_ratio(one.times_s, ours.times_s):.2f}",
                f"{_ratio(one.times_s, free):.2f}",
                _share(one.times_s, free),
                f"{_rank(one.times_s, ours.times_s):.3f}",
                f"{100 * changed:.0f} %",
            ]
        )
    head = (
        *("engine", "same unit", f"… of {clear.sum()} clear", "time ratio", "… turns free"),
        *("same unit, turns free", "rank", "slower by the closure"),
    )
    return Table(f"Do the answers agree? {comparison.map}:", head, cells)


def _share(times_s: FloatArray, base_s: FloatArray) -> str:
    return f"{100 * (times_s.argmin(axis=1) == base_s.argmin(axis=1)).mean():.1f} %"


def _ratio(times_s: FloatArray, base_s: FloatArray) -> float:
    known = np.isfinite(times_s) & np.isfinite(base_s) & (base_s > 0)
    return float(np.median(times_s[known] / base_s[known]))


def _rank(times_s: FloatArray, base_s: FloatArray) -> float:
    known = np.isfinite(times_s) & np.isfinite(base_s)
    return float(spearmanr(times_s[known], base_s[known]).statistic)


def _times(wanted: float) -> str:
    return f"≥ {wanted:,.0f}×"


def _amount(value: float, unit: str) -> str:
    if unit == "µs":
        return _microseconds(value)
    return _seconds(value) if unit == "s" else f"{value:,.0f}/s"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.1 else f"{1000 * value:.2g} ms"


def _microseconds(value: float) -> str:
    return f"{value:,.0f} µs" if value >= 100 else f"{value:.1f} µs"
