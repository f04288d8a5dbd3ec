"""Maps as inline SVG: the outline of each place, drawn once and coloured several ways.

Places without an outline are dots. Positions are metres of a flat map about the middle, whole
numbers, north up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

import numpy as np

from routing_service.decision.model import Unit
from routing_service.units import METRES_PER_DEGREE, FloatArray

MARGIN_M: Final = 1_500.0
DOT_M: Final = 350.0


@dataclass(frozen=True, slots=True)
class Colouring:
    """One way to colour the map: a class per place, and what the classes mean."""

    key: str
    title: str
    classes: tuple[str, ...]
    legend: tuple[tuple[str, str], ...]


def classes_of(key: str, values: FloatArray, limits: Sequence[float]) -> tuple[str, ...]:
    """Class of each value: how many of the limits it exceeds."""
    number = np.searchsorted(limits, values, side="left")
    return tuple(
        "none" if math.isnan(value) else f"{key}{k}"
        for k, value in zip(number.tolist(), values.tolist(), strict=True)
    )


def legend_of(
    key: str, limits: Sequence[float], words: str, missing: str
) -> tuple[tuple[str, str], ...]:
    """What the classes of `classes_of` mean: `words` holds a place for the limits."""
    told = [f"up to {limits[0]:g}"]
    told += [f"{low:g} to {high:g}" for low, high in pairwise(limits)]
    told.append(f"over {limits[-1]:g}")
    rows = [(f"{key}{k}", words.format(text.replace("-", "−"))) for k, text in enumerate(told)]
    return (*rows, ("none", missing))


class AreaMap:
    """Places and units on one map, which several ways of colouring share.

    Parameters
    ----------
    names
        Of the places, in the order in which classes and words are given.
    lon, lat
        ``float64[n]``, degrees: where a place without an outline is drawn.
    outlines
        shapely polygons by name.
    units
        Marked on every picture.
    """

    def __init__(
        self,
        names: Sequence[str],
        lon: FloatArray,
        lat: FloatArray,
        outlines: Mapping[str, Any],
        units: Sequence[Unit],
    ) -> None:
        corners = np.array([shape.bounds for shape in outlines.values()]).reshape(-1, 2)
        self._flat = Flat(
            np.concatenate([lon, [u.lon for u in units], corners[:, 0]]),
            np.concatenate([lat, [u.lat for u in units], corners[:, 1]]),
        )
        shapes = [
            f'<path id="a{k}" d="{path_of(outlines[name], self._flat)}"/>'
            if name in outlines
            else dot(k, *self._flat.metres(lon[k], lat[k]))
            for k, name in enumerate(names)
        ]
        self.shapes = f'<svg class="shapes" aria-hidden="true"><defs>{"".join(shapes)}</defs></svg>'
        """The outlines, to be written once before the first picture."""

    def pictures(
        self,
        colourings: Sequence[Colouring],
        words: Sequence[str],
        units: Sequence[Unit],
        group: str = "map",
    ) -> str:
        """One picture for each way of colouring, with the buttons that choose one.

        On paper all are shown. `words` are what the pointer is told of each place, `group` parts
        the buttons of one map from those of another on the same page.
        """
        titles = [f"<title>{escape(text)}</title>" for text in words]
        marks = "".join(unit_mark(unit, self._flat) for unit in units)
        parts = []
        for number, colouring in enumerate(colourings):
            checked = " checked" if number == 0 else ""
            parts.append(
                f'<input type="radio" name="{group}" id="by-{colouring.key}"{checked}>'
                f'<label for="by-{colouring.key}">{escape(colouring.title)}</label>'
            )
        parts += [picture(each, titles, marks, self._flat) for each in colourings]
        return "\n".join(parts)


def chosen_rule(keys: Sequence[str]) -> str:
    """The rule of a style sheet by which a button shows its picture."""
    chosen = ", ".join(f"#by-{key}:checked ~ #map-{key}" for key in keys)
    return f"{chosen} {{ display: block; }}\n"


class Flat:
    """A flat map about the middle of some positions, in metres, y to the south."""

    def __init__(self, lon: FloatArray, lat: FloatArray) -> None:
        self._lon = (lon.min() + lon.max()) / 2.0
        self._lat = (lat.min() + lat.max()) / 2.0
        self._narrow = math.cos(math.radians(self._lat))
        x, y = self.metres(lon, lat)
        self.box = (
            round(float(x.min()) - MARGIN_M),
            round(float(y.min()) - MARGIN_M),
            round(float(np.ptp(x)) + 2 * MARGIN_M),
            round(float(np.ptp(y)) + 2 * MARGIN_M),
        )

    def metres(self, lon: Any, lat: Any) -> tuple[Any, Any]:
        """Metres east and south of the middle."""
        return (
            (lon - self._lon) * METRES_PER_DEGREE * self._narrow,
            (self._lat - lat) * METRES_PER_DEGREE,
        )


def path_of(outline: Any, flat: Flat) -> str:
    """An outline as steps in whole metres, which are shorter to write than positions."""
    return "".join(_ring(np.asarray(ring.coords), flat) for ring in _rings(outline))


def _rings(outline: Any) -> Iterator[Any]:
    for polygon in getattr(outline, "geoms", [outline]):
        if not polygon.is_empty:
            yield polygon.exterior
            yield from polygon.interiors


def _ring(coords: FloatArray, flat: Flat) -> str:
    x, y = (np.rint(part).astype(int) for part in flat.metres(coords[:-1, 0], coords[:-1, 1]))
    steps = " ".join(
        f"{dx} {dy}" for dx, dy in zip(np.diff(x).tolist(), np.diff(y).tolist(), strict=True)
    )
    return f"M{x[0]} {y[0]}l{steps}z"


def dot(k: int, x: float, y: float) -> str:
    """A place that is a point."""
    return f'<circle id="a{k}" cx="{x:.0f}" cy="{y:.0f}" r="{DOT_M:g}"/>'


def unit_mark(unit: Unit, flat: Flat) -> str:
    """A ring and the unit's name, which runs towards the middle where the edge is near."""
    x, y = flat.metres(unit.lon, unit.lat)
    side, anchor = (-1, "end") if x > flat.box[2] * 0.15 else (1, "start")
    return (
        f'<circle class="unit" cx="{x:.0f}" cy="{y:.0f}" r="700"/>'
        f'<text class="unit-name" x="{x + side * 1100:.0f}" y="{y + 550:.0f}" '
        f'text-anchor="{anchor}">{escape(unit.name)}</text>'
    )


def picture(colouring: Colouring, titles: Sequence[str], marks: str, flat: Flat) -> str:
    """One map: its places in their classes, its units, and what the classes mean."""
    uses = "\n".join(
        f'<use href="#a{k}" class="{kind}">{title}</use>'
        for k, (kind, title) in enumerate(zip(colouring.classes, titles, strict=True))
    )
    used = set(colouring.classes)
    legend = "".join(
        f'<li><i class="{kind}"></i>{escape(words)} '
        f"<b>{sum(k == kind for k in colouring.classes)}</b></li>"
        for kind, words in colouring.legend
        if kind != "none" or kind in used
    )
    box = " ".join(str(part) for part in flat.box)
    return (
        f'<figure class="map" id="map-{colouring.key}">'
        f"<figcaption>{escape(colouring.title)}</figcaption>"
        f'<svg viewBox="{box}" role="img" aria-label="{escape(colouring.title)}">'
        f'<g class="areas">{uses}</g><g class="units">{marks}</g></svg>'
        f'<ul class="legend">{legend}</ul></figure>'
    )
