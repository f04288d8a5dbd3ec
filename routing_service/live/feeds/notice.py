"""`Notice`: what one message says about one piece of road, whoever sent it."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from routing_service.errors import MissingExtra
from routing_service.live.closure import Closure, Disc, Line, Point, Polygon, Where

POINT_RADIUS_M: Final = 10.0
"""Works drawn as a point lie on the road that comes this near."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The whole truth about one reference at one moment; a later one replaces it.

    Attributes
    ----------
    reference
        The sender's own, with the name of the feed before it. Ids of closures begin with it.
    said_at
        When the sender said so. An older notice that arrives later changes nothing.
    closures
        What is closed; empty if nothing is, or no longer.
    """

    reference: str
    said_at: datetime
    closures: tuple[Closure, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """A message, or a part of one, that cannot be used, and why."""

    reference: str
    reason: str


Reader = Callable[[bytes], Sequence[Notice | Broken]]


def place(points: Sequence[Point], *, area: bool = False) -> Where:
    """The place that a message draws: a point, a line, or the outline of an area.

    Raises
    ------
    ValueError
        If there are too few points.
    """
    if not points:
        raise ValueError("it says nowhere where it is")
    if area:
        return Polygon((tuple(points),))
    if len(set(points)) == 1:
        lon, lat = points[0]
        return Disc(lat, lon, POINT_RADIUS_M)
    return Line(tuple(points))


def one_line(text: str) -> str:
    """Text as a closure takes it: one line, not longer than it may be."""
    return " ".join(text.split())[:500]


def package(module: str) -> Any:
    """A module of the package `streetworks`, which has no type information.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # It warns of the feeds of other countries that it has not tried yet.
            warnings.simplefilter("ignore")
            return importlib.import_module(f"streetworks.{module}")
    except ModuleNotFoundError as error:
        raise MissingExtra("Reading feeds needs `pip install .[feeds]`.", extra="feeds") from error
