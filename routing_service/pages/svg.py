"""Plots as inline SVG: text in, text out, coloured by the page's style sheet.

Numbers are written with one digit after the point, so that the same figures give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 560.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 14.0, 44.0


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows: its words, its ends, and where its ticks are."""

    words: str
    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Place of a value, 0 at the low end and 1 at the high end."""
        low, high, value = (
            math.log(v) if self.logarithmic else v for v in (self.low, self.high, value)
        )
        return (value - low) / (high - low)


def even_axis(words: str, low: float, high: float, step: float) -> Axis:
    """Make an axis with a tick at each multiple of `step`, its ends moved out to ticks."""
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = tuple(round(k * step, 6) for k in range(first, last + 1))
    return Axis(words, ticks[0], ticks[-1], ticks)


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot's area between two axes; y grows upwards."""

    x_axis: Axis
    y_axis: Axis
    width: float = WIDTH
    height: float = HEIGHT

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return LEFT + self.x_axis.at(value) * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return self.height - BOTTOM - self.y_axis.at(value) * (self.height - TOP - BOTTOM)

    def draw(self, what: str, marks: Iterable[str]) -> str:
        """The whole plot: grid, axes, marks; `what` says in words what it shows."""
        return "\n".join(
            [
                f'<svg class="plot" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
                f'aria-label="{escape(what)}">',
                *self._grid(),
                *marks,
                "</svg>",
            ]
        )

    def _grid(self) -> list[str]:
        top, bottom = TOP, self.height - BOTTOM
        left, right = LEFT, self.width - RIGHT
        parts = []
        for value in self.x_axis.ticks:
            x = self.x(value)
            parts.append(f'<path class="grid" d="M{x:.1f} {top:g}V{bottom:g}"/>')
            parts.append(text(x, bottom + 16, f"{value:g}", "tick middle"))
        for value in self.y_axis.ticks:
            y = self.y(value)
            parts.append(f'<path class="grid" d="M{left:g} {y:.1f}H{right:g}"/>')
            parts.append(text(left - 7, y + 4, f"{value:g}", "tick end"))
        middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
        parts.append(text(middle_x, self.height - 8, self.x_axis.words, "axis middle"))
        turned = f' transform="rotate(-90 14 {middle_y:.1f})"'
        parts.append(text(14, middle_y, self.y_axis.words, "axis middle", turned))
        return parts


def text(x: float, y: float, words: str, kind: str, extra: str = "") -> str:
    """Words at a place."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{extra}>{escape(words)}</text>'


def line(points: Iterable[tuple[float, float]], kind: str) -> str:
    """A line through pixels."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path class="{kind}" d="M{path}"/>'


def box(x: float, y: float, width: float, height: float, kind: str, words: str) -> str:
    """A rectangle that tells words to the pointer."""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
        f"<title>{escape(words)}</title></rect>"
    )
