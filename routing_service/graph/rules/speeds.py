"""How fast the vehicle really travels: class, setting and limit → km/h."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

import numpy as np

from routing_service.graph.rules.flags import ROAD_CLASSES
from routing_service.graph.rules.maxspeed import KPH_PER_MPH, WORD_KEYS, Direction, LimitWords
from routing_service.graph.rules.toml_table import Table
from routing_service.graph.sources.raw import Tags

Setting = Literal["urban", "rural"]
_SETTINGS: Final = ("urban", "rural")

SETTING_KEY: Final = "hasu:setting"
"""Our own tag on authored networks; it outranks every hint."""


@dataclass(frozen=True, slots=True)
class ClassSpeed:
    """Travel speeds of a road class, km/h.

    `urban_kph` and `rural_kph` hold where no limit is known; `free_kph` is what the road's
    shape and use allow however high the limit; `setting` is what to assume without a hint.
    """

    urban_kph: float
    rural_kph: float
    free_kph: float
    setting: Setting


@dataclass(frozen=True, slots=True)
class LimitCurve:
    """Travel speed at a known limit, by linear interpolation from (0, 0); km/h."""

    limit_kph: tuple[float, ...]
    urban_kph: tuple[float, ...]
    rural_kph: tuple[float, ...]

    @classmethod
    def from_table(cls, table: Table) -> LimitCurve:
        """Read ``[speeds.limit_curve]``: three lists of mph, of equal length."""
        columns = [table.numbers(key) for key in ("limit_mph", "urban_mph", "rural_mph")]
        if len({len(column) for column in columns}) != 1:
            raise table.fail("limit_mph", "must be as long as urban_mph and rural_mph")
        if any(np.diff((0.0, *column)).min() <= 0 for column in columns):
            raise table.fail("limit_mph", "each list must rise strictly from above 0")
        table.finish()
        scaled = [tuple(mph * KPH_PER_MPH for mph in (0.0, *column)) for column in columns]
        return cls(*scaled)

    def travel_kph(self, limit_kph: float, setting: Setting) -> float:
        """Travel speed where `limit_kph` is the limit; flat beyond the last point."""
        speeds = self.urban_kph if setting == "urban" else self.rural_kph
        return float(np.interp(limit_kph, self.limit_kph, speeds))


@dataclass(frozen=True, slots=True)
class SpeedRules:
    """All that decides a speed: ``[speeds]`` and ``[limits]`` of a profile.

    `caps_kph` maps key → value → km/h (``tracktype``, ``surface``…); 0 means not usable.
    `urban_at_most_kph` and `rural_at_least_kph` are the limits that betray the setting.
    """

    classes: Mapping[str, ClassSpeed]
    curve: LimitCurve
    limits: LimitWords
    caps_kph: Mapping[str, Mapping[str, float]]
    min_kph: float
    max_kph: float
    urban_at_most_kph: float
    rural_at_least_kph: float

    @classmethod
    def from_table(cls, table: Table, limits: LimitWords) -> SpeedRules:
        """Read ``[speeds]``; every road class must be there."""
        caps = table.table("caps_kph")
        rules = cls(
            _read_classes(table.table("classes")),
            LimitCurve.from_table(table.table("limit_curve")),
            limits,
            {key: caps.number_map(key) for key in caps},
            table.number("min_kph", 1),
            table.number("max_kph", 1, 250),
            table.number("urban_at_most_mph") * KPH_PER_MPH,
            table.number("rural_at_least_mph") * KPH_PER_MPH,
        )
        table.finish()
        return rules

    def cap_kph(self, tags: Tags) -> float:
        """Lowest cap of the way's tags, ``inf`` without one, 0 where the way is not usable."""
        stated = ((values, tags.get(key, "")) for key, values in self.caps_kph.items())
        return min((values.get(value, math.inf) for values, value in stated), default=math.inf)

    def setting(self, tags: Tags, limit_kph: float | None) -> Setting:
        """Tell town from country: our own tag, the limit, street lamps, the class; in this order.

        Street lamps are what the law goes by in Britain: a lit road without signs is restricted.
        A 40 mph limit says nothing, and roads of a class lie mostly in one setting.
        """
        own = tags.get(SETTING_KEY)
        if own in _SETTINGS:
            return cast(Setting, own)
        if limit_kph is not None and limit_kph <= self.urban_at_most_kph:
            return "urban"
        if limit_kph is not None and limit_kph >= self.rural_at_least_kph:
            return "rural"
        words = " ".join(tags.get(key, "") for key in WORD_KEYS)
        if ":urban" in words or ":nsl_restricted" in words or ":rural" in words:
            return "rural" if ":rural" in words else "urban"
        lit = tags.get("lit")
        if lit is not None:
            return "rural" if lit in ("no", "disused") else "urban"
        return self.classes[tags["highway"]].setting

    def travel_kph(self, tags: Tags, direction: Direction, oneway: bool) -> float:
        """Travel speed along one direction of a way whose ``highway`` is a road class.

        Returns
        -------
        float
            km/h in ``min_kph..max_kph``, or 0.0 where a cap says that the way is not usable.
        """
        row = self.classes[tags["highway"]]
        limit_kph = self.limits.limit_kph(tags, direction, oneway)
        setting = self.setting(tags, limit_kph)
        if limit_kph is None:
            kph = row.urban_kph if setting == "urban" else row.rural_kph
        else:
            kph = min(self.curve.travel_kph(limit_kph, setting), row.free_kph)
        cap_kph = self.cap_kph(tags)
        if cap_kph == 0.0:
            return 0.0
        return max(self.min_kph, min(kph, cap_kph, self.max_kph))


def _read_classes(table: Table) -> dict[str, ClassSpeed]:
    classes = {}
    for name in ROAD_CLASSES:
        row = table.table(name)
        classes[name] = ClassSpeed(
            row.number("urban_kph", 1),
            row.number("rural_kph", 1),
            row.number("free_kph", 1),
            cast(Setting, row.text("setting", _SETTINGS)),
        )
        row.finish()
    table.finish()
    return classes
