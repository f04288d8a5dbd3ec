"""Speed sets: other speeds for parts of the week, as data. The graph holds trees for each set.

A set says when it holds, in local time, and by what factor it changes the speed of each road
class. Set 0 is always ``"default"``: the speeds of the profile, at all times that no set claims.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from routing_service.errors import InvalidSpeedSets
from routing_service.graph.weekly import DAYS, LOCAL, Period
from routing_service.units import FloatArray

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class SpeedSet:
    """One set: its name, where its figures come from, when it holds, and its factors.

    A speed is multiplied by the factor of its road class, or by `factor` if the class has none.
    """

    name: str
    evidence: str
    factor: float
    by_class: Mapping[str, float]
    periods: tuple[Period, ...]

    def factors(self, road_classes: Sequence[str]) -> FloatArray:
        """Speed factors by class index, ``float64[classes]``."""
        return np.array([self.by_class.get(name, self.factor) for name in road_classes])


@dataclass(frozen=True, slots=True)
class SpeedSets:
    """All sets of a network. The first set that holds at a moment is in force.

    Examples
    --------
    >>> SpeedSets().names
    ('default',)
    """

    timezone: str = LOCAL
    sets: tuple[SpeedSet, ...] = ()
    sha256: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all sets, ``"default"`` first."""
        return (DEFAULT, *(each.name for each in self.sets))

    def at(self, moment: datetime) -> int:
        """Index of the set in force at a moment, 0 for the default.

        The moment carries its own offset from UTC; it is the local clock that decides, so summer
        time needs no thought: 22:00 is 22:00 on either side of the change.

        Raises
        ------
        ValueError
            If `moment` has no time zone: whose 22:00 would it be?
        """
        if moment.tzinfo is None:
            raise ValueError("the moment needs a time zone")
        local = moment.astimezone(ZoneInfo(self.timezone))
        clock = local.time()
        for index, each in enumerate(self.sets, start=1):
            if any(period.holds(local.weekday(), clock) for period in each.periods):
                return index
        return 0

    def as_json(self) -> dict[str, Any]:
        """What the manifest keeps; `from_json` reads it back."""
        return {
            "timezone": self.timezone,
            "sha256": self.sha256,
            "sets": [
                {
                    "name": each.name,
                    "evidence": each.evidence,
                    "factor": each.factor,
                    "by_class": dict(sorted(each.by_class.items())),
                    "periods": [
                        {
                            "days": [DAYS[day] for day in period.days],
                            "from": period.start.isoformat("minutes"),
                            "to": period.until.isoformat("minutes"),
                        }
                        for period in each.periods
                    ],
                }
                for each in self.sets
            ],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SpeedSets:
        """Read what `as_json` wrote, which the checksum of the graph file vouches for."""
        sets = tuple(_read_set(table, "manifest") for table in values.get("sets", ()))
        return cls(values.get("timezone", LOCAL), sets, values.get("sha256", ""))

    @classmethod
    def load(cls, path: Path) -> SpeedSets:
        """Read a TOML file.

        Raises
        ------
        InvalidSpeedSets
            If it cannot be read, or a set has no name, period or evidence, or an unusable factor.
        """
        try:
            content = path.read_bytes()
            values = tomllib.loads(content.decode())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidSpeedSets(f"{path.name}: cannot be read as TOML: {error}") from error
        unknown = sorted(set(values) - {"timezone", "set"})
        if unknown:
            raise InvalidSpeedSets(f"{path.name}: {unknown[0]!r} is not known; use timezone, set")
        timezone = values.get("timezone", LOCAL)
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, TypeError) as error:
            raise InvalidSpeedSets(f"{path.name}: no such time zone: {timezone!r}") from error
        tables = values.get("set", [])
        if not isinstance(tables, list) or not tables:
            raise InvalidSpeedSets(f"{path.name}: needs at least one [[set]]")
        sets = tuple(_read_set(table, path.name) for table in tables)
        names = [DEFAULT, *(each.name for each in sets)]
        if len(set(names)) < len(names):
            raise InvalidSpeedSets(
                f"{path.name}: every set needs a name of its own, none {DEFAULT!r}"
            )
        return cls(timezone, sets, hashlib.sha256(content).hexdigest())


def _read_set(table: Mapping[str, Any], origin: str) -> SpeedSet:
    known = {"name", "evidence", "factor", "by_class", "periods"}
    name = table.get("name")
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidSpeedSets(f"{origin}: a set needs a name of letters, digits and underscores")
    unknown = sorted(set(table) - known)
    if unknown:
        raise InvalidSpeedSets(f"{origin}: set {name}: {unknown[0]!r} is not known")
    if not table.get("evidence") or not table.get("periods"):
        raise InvalidSpeedSets(f"{origin}: set {name} needs evidence (a source) and periods")
    by_class = dict(table.get("by_class", {}))
    for key, value in {"factor": table.get("factor", 1.0), **by_class}.items():
        if not isinstance(value, int | float) or not 0.1 <= value <= 10.0:
            raise InvalidSpeedSets(f"{origin}: set {name}: {key} must be a number from 0.1 to 10")
    periods = tuple(_read_period(each, f"{origin}: set {name}") for each in table["periods"])
    return SpeedSet(name, table["evidence"], float(table.get("factor", 1.0)), by_class, periods)


def _read_period(table: Mapping[str, Any], origin: str) -> Period:
    try:
        days = tuple(DAYS.index(day) for day in table["days"])
        start, until = time.fromisoformat(table["from"]), time.fromisoformat(table["to"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidSpeedSets(
            f"{origin}: a period needs days (of {', '.join(DAYS)}), from and to (HH:MM)"
        ) from error
    if not days or start.tzinfo or until.tzinfo:
        raise InvalidSpeedSets(f"{origin}: a period needs days and plain local times")
    return Period(days, start, until)
