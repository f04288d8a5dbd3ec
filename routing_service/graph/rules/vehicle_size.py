"""Signed limits of height, width and weight against the size of the vehicle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routing_service.graph.rules.toml_table import Table
from routing_service.graph.sources.raw import Tags

_KEYS: Final = {
    "too_low": ("maxheight", "maxheight:physical"),
    "too_narrow": ("maxwidth", "maxwidth:physical"),
    "too_weak": ("maxweight",),
}
_UNITS: Final = {"": 1.0, "m": 1.0, "cm": 0.01, "t": 1.0, "kg": 0.001}
_METRES_PER_FOOT: Final = 0.3048
_METRES_PER_INCH: Final = 0.0254

_METRIC = re.compile(r"(\d+(?:\.\d+)?)\s*(m|cm|t|kg|)")
_IMPERIAL = re.compile(r"(\d+)\s*(?:'|ft)\s*(?:(\d+(?:\.\d+)?)\s*(?:\"|in)?)?")


def read_size(value: str) -> float | None:
    r"""Read a signed height, width (metres) or weight (tonnes); None for words and nonsense.

    Examples
    --------
    >>> read_size("2.1 m"), read_size("7.5"), read_size("6'6\""), read_size("default")
    (2.1, 7.5, 1.9812, None)
    """
    text = value.strip().lower()
    if metric := _METRIC.fullmatch(text):
        return float(metric[1]) * _UNITS[metric[2]]
    if imperial := _IMPERIAL.fullmatch(text):
        inches = float(imperial[2] or 0)
        return round(int(imperial[1]) * _METRES_PER_FOOT + inches * _METRES_PER_INCH, 4)
    return None


@dataclass(frozen=True, slots=True)
class VehicleSize:
    """``[vehicle]`` of a profile: reason → the size that a sign must allow (metres, tonnes)."""

    needed: Mapping[str, float]

    @classmethod
    def from_table(cls, table: Table) -> VehicleSize:
        """Read ``[vehicle]``."""
        size = cls(
            {
                "too_low": table.number("height_m"),
                "too_narrow": table.number("width_m"),
                "too_weak": table.number("weight_t"),
            }
        )
        table.finish()
        return size

    def too_big(self, tags: Tags) -> str:
        """Name the first limit that keeps the vehicle out, ``""`` if none does."""
        for reason, keys in _KEYS.items():
            limits = (read_size(tags[key]) for key in keys if key in tags)
            if any(limit is not None and limit < self.needed[reason] for limit in limits):
                return reason
        return ""

    def states_size(self, tags: Tags) -> bool:
        """Tell whether a height or width is signed that can be read."""
        keys = (*_KEYS["too_low"], *_KEYS["too_narrow"])
        return any(key in tags and read_size(tags[key]) is not None for key in keys)
