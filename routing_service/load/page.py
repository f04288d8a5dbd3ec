"""A run as one page: no script, nothing loaded from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from routing_service.load.report import Figures, summary_of, tables_of
from routing_service.pages.html import figure, page, sentence, table_html
from routing_service.pages.svg import Axis, Frame, even_axis, line, text
from routing_service.pages.table import Table

TITLE = "Load test"
STYLE = """
.plots figure:first-child { grid-row: auto; }
.late { stroke: var(--soft); fill: none; stroke-width: 1.4; stroke-dasharray: 4 3; }
"""
STEPS = (1, 2, 5)

METHOD = """
<p>Requests were sent at moments fixed beforehand, whatever became of those before them, and each
latency counts from the moment at which its request was due. So a request that had to wait because
the service was slow to answer others has waited, as its caller would have.</p>
"""


def write_page(figures: Figures, target: str, verdict: Sequence[str], steps: Table | None) -> str:
    """Write the page of a run.

    Parameters
    ----------
    figures
        As `report.figures_of` gives them.
    target
        What was tested.
    verdict
        What was missed of the budget, or that it held; empty without one.
    steps
        The rates that were tried, if the knee was looked for.
    """
    told = "<br>".join(escape(sentence(words)) for words in [*summary_of(figures), *verdict])
    body = [
        f'<header><h1>{TITLE} of {escape(target)}</h1><p class="soft">{told}</p></header>',
        f'<div class="plots">{_tail(figures)}{_over_time(figures)}{_rate(figures)}</div>',
        *(table_html(table) for table in tables_of(figures)),
    ]
    if steps is not None:
        body.append(table_html(steps))
    return page(TITLE, STYLE, [*body, f"<h2>Method</h2>\n{METHOD.strip()}"])


def _tail(figures: Figures) -> str:
    curves = [(figures["tail_ms"], "curve"), (figures["lag_tail_ms"], "late")]
    slowest = max([ms for points, _ in curves for _, ms in points] + [1.0])
    quickest = max(min([ms for _, ms in figures["tail_ms"]] + [slowest]), 0.001)
    rarest = max([n for n, _ in figures["tail_ms"]] + [10.0])
    frame = Frame(
        _decades("one in so many takes longer", 1.0, rarest),
        _decades("milliseconds", quickest, slowest),
    )
    low = frame.y_axis.low
    marks = [
        line([(frame.x(max(n, 1.0)), frame.y(max(ms, low))) for n, ms in points], kind)
        for points, kind in curves
        if points
    ]
    return figure(
        "The tail of the latency",
        "Solid: decisions. Dashed: how late this client sent them by its own fault; where it is "
        "near the solid line, the line is the client's.",
        frame.draw("Latency by how rare it is", marks),
    )


def _over_time(figures: Figures) -> str:
    seconds = figures["seconds"]
    high = max([row["max_ms"] for row in seconds] + [1.0])
    low = max(min([row["p50_ms"] for row in seconds] + [high]), 0.001)
    frame = Frame(_time_axis(figures), _decades("milliseconds", low, high))
    marks = []
    for key, kind, name, place in (
        ("max_ms", "late", "longest", 0.0),
        ("p99_ms", "outline", "p99", 0.4),
        ("p50_ms", "curve", "p50", 0.8),
    ):
        points = [
            (frame.x(row["second"]), frame.y(max(row[key], frame.y_axis.low))) for row in seconds
        ]
        if points:
            x, y = points[int(place * len(points))]  # apart, for the lines may meet
            marks += [line(points, kind), text(x + 4, y - 5, name, "tick")]
    return figure(
        "Latency over time",
        "By the second in which a request was due.",
        frame.draw("Latency by second", marks),
    )


def _rate(figures: Figures) -> str:
    seconds = figures["seconds"]
    high = max([row["answered"] for row in seconds] + [1])
    frame = Frame(
        _time_axis(figures), even_axis("decisions a second", 0.0, float(high), _step(high))
    )
    points = [(frame.x(row["second"]), frame.y(row["answered"])) for row in seconds]
    return figure(
        "Decisions answered",
        "By the second in which they were due.",
        frame.draw("Decisions a second", [line(points, "curve")] if points else []),
    )


def _time_axis(figures: Figures) -> Axis:
    last = max([row["second"] for row in figures["seconds"]] + [1])
    return even_axis("seconds", 0.0, float(last), _step(last))


def _step(high: float) -> float:
    """A round number of which four to ten fit below `high`."""
    power = 10.0 ** math.floor(math.log10(max(high, 1.0) / 4.0))
    return next(power * k for k in (*STEPS, 10) if high / (power * k) <= 10.0)


def _decades(words: str, low: float, high: float) -> Axis:
    """A logarithmic axis whose ends are powers of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    ticks = tuple(10.0**k for k in range(first, last + 1))
    return Axis(words, ticks[0], ticks[-1], ticks, logarithmic=True)
