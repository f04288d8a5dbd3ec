"""The plot of the README, from the kept results: one decision by engine, and cost by size of graph.

``python -m tests.benchmarks.plot`` draws it again without measuring.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from routing_service.pages.svg import Axis, box, line, text
from tests.benchmarks.harness import ROOT
from tests.benchmarks.results import Outcome, read_kept

PLOT = ROOT / "docs" / "benchmarks.svg"

WIDTH, HEIGHT = 960.0, 340.0
TOP, BOTTOM = 48.0, 288.0
BARS_LEFT, BARS_RIGHT = 128.0, 440.0
LINES_LEFT, LINES_RIGHT = 560.0, 880.0
BAR = 15.0

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 14px; font-weight: 600; fill: #111 }
.middle { text-anchor: middle } .end { text-anchor: end }
.grid { stroke: #e3e3e3 } .bar { fill: #b8c4cf } .ours { fill: #0b6e4f } .tick { fill: #666 }
.curve { fill: none; stroke-width: 2 } .dot { stroke: #fff }
.c0 { stroke: #0b6e4f } .c1 { stroke: #b4530a } .c2 { stroke: #3b5b92 }
.f0 { fill: #0b6e4f } .f1 { fill: #b4530a } .f2 { fill: #3b5b92 }
"""

CURVES = (
    ("decision_p50_us", 1e-6, "decision"),
    ("closure_s", 1.0, "closure"),
    ("build_s", 1.0, "build"),
)
"""Figure, seconds in its unit, words."""


def draw(kept: Mapping[str, Outcome]) -> str:
    """The whole plot; a part that was never measured leaves its half empty."""
    marks = []
    if "peers" in kept and kept["peers"].part.figures:
        marks += _bars(kept["peers"].part.figures)
    if "scale" in kept and kept["scale"].part.figures:
        marks += _lines(kept["scale"].part.figures["copies"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="Time of one decision by engine, and cost by size of graph">\n'
        f'<style>{STYLE}</style>\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(marks)
        + "\n</svg>\n"
    )


def _decades(words: str, low: float, high: float) -> Axis:
    """A logarithmic axis over whole powers of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = tuple(10.0**k for k in range(first, last + 1))
    return Axis(words, ticks[0], ticks[-1], ticks, logarithmic=True)


def _bars(by_map: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Median of one question in process, an engine to a row, on the map measured last."""
    name, engines = list(by_map.items())[-1]
    times = sorted((figures["p50_us"], engine) for engine, figures in engines.items())
    axis = _decades("", times[0][0], times[-1][0])
    step = (BOTTOM - TOP) / len(times)

    def x(us: float) -> float:
        return BARS_LEFT + axis.at(us) * (BARS_RIGHT - BARS_LEFT)

    marks = [text(BARS_LEFT, 26, f"One incident to four units, {name}", "title")]
    for tick in axis.ticks:
        marks.append(line([(x(tick), TOP - 6), (x(tick), BOTTOM)], "grid"))
        marks.append(text(x(tick), BOTTOM + 18, _span(tick * 1e-6), "tick middle"))
    for k, (us, engine) in enumerate(times):
        y = TOP + step * (k + 0.5)
        kind = "ours" if engine == "ours" else "bar"
        words = f"{engine}: {_span(us * 1e-6)}"
        marks.append(box(BARS_LEFT, y - BAR / 2, x(us) - BARS_LEFT, BAR, kind, words))
        marks.append(text(BARS_LEFT - 8, y + 4, engine, "end"))
        marks.append(text(x(us) + 6, y + 4, _span(us * 1e-6), ""))
    middle = (BARS_LEFT + BARS_RIGHT) / 2
    marks.append(text(middle, BOTTOM + 38, "median in process, logarithmic", "middle"))
    return marks


def _lines(sizes: Sequence[Mapping[str, float]]) -> list[str]:
    """Decision, closure and build by directed edges, on two logarithmic axes."""
    edges = [one["edges"] for one in sizes]
    spans = [[one[name] * unit for one in sizes] for name, unit, _ in CURVES]
    across = _decades("", edges[0], edges[-1])
    upward = _decades("", min(map(min, spans)), max(map(max, spans)))

    def x(value: float) -> float:
        return LINES_LEFT + across.at(value) * (LINES_RIGHT - LINES_LEFT)

    def y(value: float) -> float:
        return BOTTOM - upward.at(value) * (BOTTOM - TOP)

    marks = [text(LINES_LEFT, 26, "As the graph grows", "title")]
    for tick in across.ticks:
        marks.append(line([(x(tick), TOP), (x(tick), BOTTOM)], "grid"))
        marks.append(text(x(tick), BOTTOM + 18, f"{tick:,.0f}", "tick middle"))
    for tick in upward.ticks:
        marks.append(line([(LINES_LEFT, y(tick)), (LINES_RIGHT, y(tick))], "grid"))
        marks.append(text(LINES_LEFT - 8, y(tick) + 4, _span(tick), "tick end"))
    for k, ((_, _, words), values) in enumerate(zip(CURVES, spans, strict=True)):
        places = [(x(n), y(s)) for n, s in zip(edges, values, strict=True)]
        marks.append(line(places, f"curve c{k}"))
        marks += [f'<circle class="dot f{k}" cx="{a:.1f}" cy="{b:.1f}" r="4"/>' for a, b in places]
        marks.append(text(places[-1][0] + 8, places[-1][1] + 4, words, f"f{k}"))
    middle = (LINES_LEFT + LINES_RIGHT) / 2
    marks.append(text(middle, BOTTOM + 38, "directed edges, four units", "middle"))
    return marks


def _span(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, words in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= unit * 0.9995:
            return f"{seconds / unit:.3g} {words}"
    return f"{seconds * 1e6:.3g} µs"


def write_plot(path: Path = PLOT) -> None:
    """Draw the kept results."""
    path.write_text(draw(read_kept()), encoding="utf-8")


if __name__ == "__main__":
    write_plot()
