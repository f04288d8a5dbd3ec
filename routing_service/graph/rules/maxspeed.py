"""``maxspeed`` in all its spellings → km/h."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from routing_service.graph.rules.toml_table import Table
from routing_service.graph.sources.raw import Tags

Direction = Literal["forward", "backward"]

KPH_PER_MPH: Final = 1.609344
_KPH_PER_UNIT: Final = {
    "": 1.0,
    "km/h": 1.0,
    "kmh": 1.0,
    "kph": 1.0,
    "mph": KPH_PER_MPH,
    "knots": 1.852,
}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z/]*)")
_ZONE = re.compile(r"gb:(?:zone:?)?(\d+)")

MAX_LIMIT_KPH: Final = 250.0
"""A greater number is a typing error (``300`` for ``30``), not a limit."""

WORD_KEYS: Final = ("maxspeed:type", "source:maxspeed", "zone:maxspeed")
"""Keys that say by which rule a limit applies; they give the limit when no number does."""


@dataclass(frozen=True, slots=True)
class LimitWords:
    """Legal limits by name, in km/h (``inf`` where there is none), lower-case keys.

    `single`, `dual` and `motorway` are what the ``national`` sign means on each kind of road.
    """

    kph: Mapping[str, float]
    single_kph: float
    dual_kph: float
    motorway_kph: float

    @classmethod
    def from_table(cls, table: Table) -> LimitWords:
        """Read ``[limits]``: the national limits and ``[limits.words_mph]``."""
        words = table.number_map("words_mph")
        rules = cls(
            {word.lower(): mph * KPH_PER_MPH for word, mph in words.items()},
            table.number("single_mph", 1) * KPH_PER_MPH,
            table.number("dual_mph", 1) * KPH_PER_MPH,
            table.number("motorway_mph", 1) * KPH_PER_MPH,
        )
        table.finish()
        return rules

    def national_kph(self, tags: Tags, oneway: bool) -> float:
        """Resolve the ``national`` sign, which means 60 or 70 mph by the kind of road.

        A one-way main road under the national limit is one half of a dual carriageway, except
        on roundabouts and slip roads, which have no central reservation of their own.
        """
        highway = tags.get("highway", "")
        if highway in ("motorway", "motorway_link"):
            return self.motorway_kph
        half = oneway and "junction" not in tags and not highway.endswith("_link")
        dual = tags.get("dual_carriageway", "yes" if half else "no") == "yes"
        return self.dual_kph if dual else self.single_kph

    def read(self, value: str, tags: Tags, oneway: bool) -> float | None:
        """Read one value, or the lowest of a list; None when nothing in it is a limit.

        Examples
        --------
        >>> words = LimitWords({"gb:nsl_dual": 112.65}, 96.56, 112.65, 112.65)
        >>> words.read("48 km/h;gb:nsl_dual", {}, False)
        48.0
        """
        limits = (self._read_one(part, tags, oneway) for part in value.lower().split(";"))
        return min((kph for kph in limits if kph is not None), default=None)

    def _read_one(self, part: str, tags: Tags, oneway: bool) -> float | None:
        word = part.strip()
        if word in ("national", "nsl", "gb:national"):
            return self.national_kph(tags, oneway)
        if word in self.kph:
            return self.kph[word]
        if zone := _ZONE.fullmatch(word):
            return float(zone[1]) * KPH_PER_MPH
        number = _NUMBER.fullmatch(word)
        if number is None or number[2] not in _KPH_PER_UNIT:
            return None
        kph = float(number[1]) * _KPH_PER_UNIT[number[2]]
        return kph if 0.0 < kph <= MAX_LIMIT_KPH else None

    def limit_kph(self, tags: Tags, direction: Direction, oneway: bool) -> float | None:
        """Find the limit for one direction of a way.

        The direction's own tag wins, then ``maxspeed``, then the rule that is said to apply
        (`WORD_KEYS`). What cannot be read counts as absent, so ``maxspeed=signals`` with
        ``maxspeed:type=GB:motorway`` is 70 mph. Advisory and conditional limits are not read.

        Returns
        -------
        float or None
            km/h, ``inf`` where there is no limit, None where none is known.
        """
        for key in (f"maxspeed:{direction}", "maxspeed", *WORD_KEYS):
            value = tags.get(key)
            if value is not None:
                kph = self.read(value, tags, oneway)
                if kph is not None:
                    return kph
        return None
