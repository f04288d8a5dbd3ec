"""The plots of a validation, see `pages.svg`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from routing_service.pages.svg import BOTTOM, TOP, WIDTH, Axis, Frame, box, even_axis, line, text
from routing_service.units import FloatArray

SHADES = 5
ROW = 26.0
LATTICE_VALUES = 150
"""A reference with more distinct times than this lies on no lattice of minutes."""


# --- the plots ---------------------------------------------------------------------------------
def times_against(ours: FloatArray, reference: FloatArray) -> str:
    """Our minutes by the reference's, as cells of about a minute shaded by the pairs they hold.

    Cells are as wide as the reference's step where it lies on a lattice; with another width
    some would hold two of its values and others none.

    Parameters
    ----------
    ours, reference
        ``float64[n]``, minutes, without NaN.
    """
    high = float(max(ours.max(initial=1.0), reference.max(initial=1.0)))
    axis = [even_axis(words, 0.0, high, 10.0) for words in ("reference, minutes", "ours, minutes")]
    frame = Frame(axis[0], axis[1], height=WIDTH)
    start, step = _lattice(reference)
    cells = np.floor(np.stack([(reference - start) / step, ours], axis=1)).astype(int)
    squares, counts = np.unique(cells, axis=0, return_counts=True)
    side = frame.x(step) - frame.x(0.0)
    tall = frame.y(0.0) - frame.y(1.0)
    marks = []
    for (column, y), n in zip(squares.tolist(), counts.tolist(), strict=True):
        x = start + column * step
        shade = f"s{min(int(math.log2(n)) // 2, SHADES - 1)}"
        words = f"reference {x:.1f} to {x + step:.1f}, ours {y} to {y + 1} min: {n} pairs"
        marks.append(box(frame.x(x), frame.y(y + 1), side, tall, shade, words))
    ends = (0.0, axis[0].high)
    marks.append(line([(frame.x(v), frame.y(v)) for v in ends], "equal"))
    return frame.draw("Our minutes against those of the reference", marks)


def _lattice(values: FloatArray) -> tuple[float, float]:
    """Where cells begin and how wide they are: with a lattice's step, values are in mid-cell."""
    distinct = np.unique(values)
    steps = np.rint(np.diff(distinct))
    if len(distinct) < 10 or len(distinct) > LATTICE_VALUES or steps.min(initial=1.0) < 1.0:
        return 0.0, 1.0
    step = float(np.polyfit(np.concatenate([[0.0], np.cumsum(steps)]), distinct, 1)[0])
    return float(distinct[0] - step / 2.0), step


def error_histogram(error: FloatArray, yardstick: FloatArray, reach: float = 6.0) -> str:
    """Share of the pairs by error, half a minute to a bar; the outer bars hold all beyond.

    Parameters
    ----------
    error, yardstick
        ``float64[n]``, minutes of ours less the reference; the straight line's as an outline.
    """
    edges = np.arange(-reach, reach + 0.25, 0.5)
    shares = [_binned(values, edges) for values in (error, yardstick)]
    high = 100.0 * float(max(shares[0].max(), shares[1].max()))
    frame = Frame(
        even_axis("ours less reference, minutes", -reach, reach, 1.0),
        even_axis("% of pairs", 0.0, high, 5.0 if high < 40.0 else 10.0),
    )
    zero = frame.y(0.0)
    marks = []
    for k, value in enumerate((100.0 * shares[0]).tolist()):
        left, right, top = frame.x(edges[k]), frame.x(edges[k + 1]), frame.y(value)
        words = f"{edges[k]:+g} to {edges[k + 1]:+g} min: {value:.1f} %"
        marks.append(box(left + 0.5, top, right - left - 1.0, zero - top, "bar", words))
    outline = [(frame.x(edges[0]), zero)]
    for k, value in enumerate((100.0 * shares[1]).tolist()):
        outline += [(frame.x(edges[k]), frame.y(value)), (frame.x(edges[k + 1]), frame.y(value))]
    outline.append((frame.x(edges[-1]), zero))
    marks.append(line(outline, "outline"))
    return frame.draw("Histogram of errors, with those of the straight line as an outline", marks)


def _binned(values: FloatArray, edges: FloatArray) -> FloatArray:
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return np.asarray(counts / max(len(values), 1))


def spread_by_name(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Bias as a dot and one SD to each side as a line, a row for each name.

    Parameters
    ----------
    rows
        Name, bias, SD and mean absolute error, minutes.
    """
    low = min([bias - sd for _, bias, sd, _ in rows] + [-1.0])
    high = max([bias + sd for _, bias, sd, _ in rows] + [1.0])
    step = 1.0 if high - low < 12.0 else 5.0
    height = TOP + BOTTOM + ROW * len(rows)
    axis = even_axis("ours less reference, minutes: mean and one SD to each side", low, high, step)
    left, right = 170.0, WIDTH - 74.0

    def x(value: float) -> float:
        return left + axis.at(value) * (right - left)

    marks = []
    for value in axis.ticks:
        kind = "zero" if value == 0.0 else "grid"
        marks.append(line([(x(value), TOP), (x(value), height - BOTTOM)], kind))
        marks.append(text(x(value), height - BOTTOM + 16, f"{value:g}", "tick middle"))
    for k, (name, bias, sd, mae) in enumerate(rows):
        y = TOP + ROW * (k + 0.5)
        marks.append(text(left - 10, y + 4, name, "tick end"))
        marks.append(line([(x(bias - sd), y), (x(bias + sd), y)], "whisker"))
        marks.append(f'<circle class="dot" cx="{x(bias):.1f}" cy="{y:.1f}" r="4.5"/>')
        marks.append(text(WIDTH - 4, y + 4, f"MAE {mae:.2f}", "tick end"))
    marks.append(text((left + right) / 2, height - 8, axis.words, "axis middle"))
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        'aria-label="Bias and spread by name">\n' + "\n".join(marks) + "\n</svg>"
    )


def curve(
    points: Sequence[tuple[float, float]], words: tuple[str, str], step: float, width: float = WIDTH
) -> str:
    """A line through points with rising x, which is drawn on a logarithmic axis.

    Parameters
    ----------
    points
        (x, y) with x above 0.
    words
        Of the axes.
    step
        Between ticks of y.
    """
    xs, ys = [x for x, _ in points], [y for _, y in points]
    across = Axis(words[0], xs[0] / 1.15, xs[-1] * 1.15, tuple(xs), logarithmic=True)
    frame = Frame(across, even_axis(words[1], min(ys), max(ys), step), width=width, height=260.0)
    places = [(frame.x(x), frame.y(y)) for x, y in points]
    marks = [line(places, "curve")]
    for (x, y), (px, py) in zip(points, places, strict=True):
        marks.append(
            f'<circle class="dot" cx="{px:.1f}" cy="{py:.1f}" r="4.5">'
            f"<title>{x:g}: {y:.3f}</title></circle>"
        )
    return frame.draw(f"{words[1]} by {words[0]}", marks)


def reliability_plot(bins: Sequence[tuple[float, float, int]]) -> str:
    """Share that was right by the probability stated; dots grow with the number of decisions.

    Parameters
    ----------
    bins
        Mean probability, share right, number of decisions.
    """
    low = min([0.4] + [min(p, right) for p, right, _ in bins])
    axes = [even_axis(w, low, 1.0, 0.1) for w in ("probability stated", "share right")]
    frame = Frame(axes[0], axes[1])
    marks = [line([(frame.x(v), frame.y(v)) for v in (axes[0].low, 1.0)], "equal")]
    most = max((n for _, _, n in bins), default=1)
    for probability, right, n in bins:
        radius = 3.0 + 9.0 * math.sqrt(n / most)
        marks.append(
            f'<circle class="dot see-through" cx="{frame.x(probability):.1f}" '
            f'cy="{frame.y(right):.1f}" r="{radius:.1f}">'
            f"<title>stated {probability:.3f}, right {right:.3f}, of {n}</title></circle>"
        )
    return frame.draw("Share of decisions that were right by the probability stated", marks)
