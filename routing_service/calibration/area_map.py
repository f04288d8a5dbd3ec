"""The map of a report: the outline of each place, coloured three ways.

An outline is drawn once and used three times. Places without an outline (a trust's own trips) are
dots. Positions are metres of a flat map about the middle, whole numbers, north up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

import numpy as np

from routing_service.calibration import metrics
from routing_service.calibration.validate import Result
from routing_service.decision.model import Unit
from routing_service.errors import MissingExtra
from routing_service.location.small_areas import AREAS_FILE, data_folder
from routing_service.units import METRES_PER_DEGREE, FloatArray

TOLERANCE_M: Final = 60.0
"""Outlines are simplified to this: half a pixel of a page-wide map."""

MARGIN_M: Final = 1_500.0
DOT_M: Final = 350.0

ERROR_LIMITS: Final = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)
LOSS_LIMITS: Final = (0.0, 1.5, 3.0)
MARGIN_LIMITS: Final = (2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Colouring:
    """One way to colour the map: a class per place, and what the classes mean."""

    key: str
    title: str
    classes: tuple[str, ...]
    legend: tuple[tuple[str, str], ...]


def draw_map(result: Result) -> str:
    """The map's three pictures with the buttons that choose one; on paper all three are shown."""
    rows = result.rows
    lon, lat = result.tested.lon[rows], result.tested.lat[rows]
    names = [result.tested.place[row] for row in rows]
    units = [result.tested.units[u] for u in result.columns]
    outlines = read_outlines(names)
    corners = np.array([shape.bounds for shape in outlines.values()]).reshape(-1, 2)
    flat = _Flat(
        np.concatenate([lon, [u.lon for u in units], corners[:, 0]]),
        np.concatenate([lat, [u.lat for u in units], corners[:, 1]]),
    )
    shapes = [
        f'<path id="a{k}" d="{_path(outlines[name], flat)}"/>'
        if name in outlines
        else _dot(k, *flat.metres(lon[k], lat[k]))
        for k, name in enumerate(names)
    ]
    titles = [f"<title>{escape(words)}</title>" for words in _words(result, names)]
    marks = "".join(_unit_mark(unit, flat) for unit in units)
    colourings = _colourings(result)
    parts = [f'<svg class="shapes" aria-hidden="true"><defs>{"".join(shapes)}</defs></svg>']
    for number, colouring in enumerate(colourings):
        checked = " checked" if number == 0 else ""
        parts.append(
            f'<input type="radio" name="map" id="by-{colouring.key}"{checked}>'
            f'<label for="by-{colouring.key}">{escape(colouring.title)}</label>'
        )
    for colouring in colourings:
        parts.append(_picture(colouring, titles, marks, flat))
    return "\n".join(parts)


def read_outlines(names: Sequence[str]) -> dict[str, Any]:
    """Outlines of small areas by name, simplified; none where the package is not installed."""
    import shapely
    from shapely.geometry import shape

    try:
        content = (data_folder() / AREAS_FILE).read_bytes()
    except MissingExtra:
        return {}
    wanted = set(names)
    tolerance_deg = TOLERANCE_M / METRES_PER_DEGREE
    return {
        feature["properties"]["LSOA11NM"]: shapely.simplify(
            shape(feature["geometry"]), tolerance_deg
        )
        for feature in json.loads(content)["features"]
        if feature["properties"]["LSOA11NM"] in wanted
    }


# --- colours -----------------------------------------------------------------------------------
def _colourings(result: Result) -> tuple[Colouring, ...]:
    reference = result.reference_by_place
    known = ~np.isnan(reference).all(axis=1)
    best = np.where(known, metrics.chosen(reference), 0)
    at_best = np.arange(len(reference)), best
    errors = _mean_over_draws(result.ours_by_place - reference)[at_best]
    by_error = Colouring(
        "error",
        "Error of the time to the reference's unit",
        _classes("e", errors, ERROR_LIMITS),
        _legend("e", ERROR_LIMITS, "{} min", "no route"),
    )
    if not result.chooses:
        return (by_error,)
    loss = _mean_over_draws(
        np.stack([metrics.losses(draw, reference) for draw in result.ours_by_place])
    )
    margin = metrics.margins(reference)
    return (
        Colouring(
            "choice",
            "Minutes lost by our choice",
            _classes("d", loss, LOSS_LIMITS),
            (
                ("d0", "the reference's unit, or a tie"),
                ("d1", "lost up to 1.5 min"),
                ("d2", "1.5 to 3 min"),
                ("d3", "over 3 min"),
                ("none", "no answer"),
            ),
        ),
        by_error,
        Colouring(
            "margin",
            "Margin of the reference",
            _classes("m", np.where(known, margin, np.nan), MARGIN_LIMITS),
            _legend("m", MARGIN_LIMITS, "{} min", "no reference"),
        ),
    )


def _mean_over_draws(values: FloatArray) -> FloatArray:
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _classes(key: str, values: FloatArray, limits: Sequence[float]) -> tuple[str, ...]:
    """Class of each value: how many of the limits it exceeds."""
    number = np.searchsorted(limits, values, side="left")
    return tuple(
        "none" if math.isnan(value) else f"{key}{k}"
        for k, value in zip(number.tolist(), values.tolist(), strict=True)
    )


def _legend(
    key: str, limits: Sequence[float], words: str, missing: str
) -> tuple[tuple[str, str], ...]:
    told = [f"up to {limits[0]:g}"]
    told += [f"{low:g} to {high:g}" for low, high in pairwise(limits)]
    told.append(f"over {limits[-1]:g}")
    rows = [(f"{key}{k}", words.format(text.replace("-", "−"))) for k, text in enumerate(told)]
    return (*rows, ("none", missing))


# --- drawing -----------------------------------------------------------------------------------
class _Flat:
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


def _path(outline: Any, flat: _Flat) -> str:
    """An outline as steps in whole metres, which are shorter to write than positions."""
    return "".join(_ring(np.asarray(ring.coords), flat) for ring in _rings(outline))


def _rings(outline: Any) -> Iterator[Any]:
    for polygon in getattr(outline, "geoms", [outline]):
        if not polygon.is_empty:
            yield polygon.exterior
            yield from polygon.interiors


def _ring(coords: FloatArray, flat: _Flat) -> str:
    x, y = (np.rint(part).astype(int) for part in flat.metres(coords[:-1, 0], coords[:-1, 1]))
    steps = " ".join(
        f"{dx} {dy}" for dx, dy in zip(np.diff(x).tolist(), np.diff(y).tolist(), strict=True)
    )
    return f"M{x[0]} {y[0]}l{steps}z"


def _dot(k: int, x: float, y: float) -> str:
    return f'<circle id="a{k}" cx="{x:.0f}" cy="{y:.0f}" r="{DOT_M:g}"/>'


def _unit_mark(unit: Unit, flat: _Flat) -> str:
    """A ring and the unit's name, which runs towards the middle where the edge is near."""
    x, y = flat.metres(unit.lon, unit.lat)
    side, anchor = (-1, "end") if x > flat.box[2] * 0.15 else (1, "start")
    return (
        f'<circle class="unit" cx="{x:.0f}" cy="{y:.0f}" r="700"/>'
        f'<text class="unit-name" x="{x + side * 1100:.0f}" y="{y + 550:.0f}" '
        f'text-anchor="{anchor}">{escape(unit.name)}</text>'
    )


def _picture(colouring: Colouring, titles: Sequence[str], marks: str, flat: _Flat) -> str:
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


def _words(result: Result, names: Sequence[str]) -> list[str]:
    """What the pointer is told of each place: each unit's minutes, ours and the reference's."""
    codes = [result.tested.units[u].ods_code for u in result.columns]
    ours = _mean_over_draws(result.ours_by_place)
    told = []
    for name, our, reference in zip(
        names, ours.tolist(), result.reference_by_place.tolist(), strict=True
    ):
        pairs = [
            f"{code} {_m(a)} / {_m(b)}" for code, a, b in zip(codes, our, reference, strict=True)
        ]
        told.append(f"{name}\nours / reference, min\n" + "\n".join(pairs))
    return told


def _m(minutes: float) -> str:
    return "–" if math.isnan(minutes) else f"{minutes:.1f}"


def colours_in_use() -> Mapping[str, int]:
    """How many classes each way of colouring has; the style sheet holds a colour for each."""
    return {"e": len(ERROR_LIMITS) + 1, "d": len(LOSS_LIMITS) + 1, "m": len(MARGIN_LIMITS) + 1}
