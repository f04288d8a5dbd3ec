"""``oneway`` in all its spellings → which directions are open, and by what privilege."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routing_service.graph.rules.flags import FLAG_BITS
from routing_service.graph.rules.maxspeed import Direction
from routing_service.graph.rules.toml_table import Table
from routing_service.graph.sources.raw import Tags

_MEANINGS: Final = {
    "yes": "forward",
    "true": "forward",
    "1": "forward",
    "-1": "backward",
    "reverse": "backward",
    "no": "both",
    "false": "both",
    "0": "both",
    # One direction at a time, changing every few minutes (a narrow bridge): both are usable.
    "alternating": "both",
    # Changes by the hour of the day: we cannot know it, and to guess is to drive head-on.
    "reversible": "neither",
}


@dataclass(frozen=True, slots=True)
class Directions:
    """Which directions of a way are open as far as one-way rules go.

    `forward_flags` and `backward_flags` name the privilege used; `against` is the direction
    that is open only at the profile's ``against_kph``.
    """

    forward: bool
    backward: bool
    oneway: bool
    forward_flags: int = 0
    backward_flags: int = 0
    against: Direction | None = None


@dataclass(frozen=True, slots=True)
class OnewayRules:
    """``[oneway]`` of a profile.

    Attributes
    ----------
    keys
        Keys that state the rule, least to most specific (``oneway``, ``oneway:motorcar``).
    implied_by
        ``key=value`` tags that make a way one-way without saying so.
    lifted_by
        Key → flag: ``key=no`` opens the other direction to this vehicle.
    contraflow_tags
        ``key=value`` tags of a bus lane against the one-way.
    contraflow_counts, contraflow_lists
        Keys that, with ``:backward`` (against the one-way), count the bus lanes or list the
        lanes' permissions.
    against_kph
        Speed at which a plain one-way may be driven against; 0 obeys it.
    against_never
        ``key=value`` tags of ways that are never driven against.
    """

    keys: tuple[str, ...]
    implied_by: tuple[str, ...]
    lifted_by: Mapping[str, int]
    contraflow_tags: tuple[str, ...]
    contraflow_counts: tuple[str, ...]
    contraflow_lists: tuple[str, ...]
    against_kph: float
    against_never: tuple[str, ...]

    @classmethod
    def from_table(cls, table: Table) -> OnewayRules:
        """Read ``[oneway]``."""
        lifted_by = table.text_map("lifted_by", tuple(FLAG_BITS))
        rules = cls(
            table.words("keys"),
            table.words("implied_by"),
            {key: FLAG_BITS[flag] for key, flag in lifted_by.items()},
            table.words("contraflow_tags"),
            table.words("contraflow_counts"),
            table.words("contraflow_lists"),
            table.number("against_kph"),
            table.words("against_never"),
        )
        table.finish()
        return rules

    def directions(self, tags: Tags) -> Directions:
        """Apply the rules to a way; neither direction is open where it changes by the hour."""
        meaning = self._meaning(tags)
        if meaning in ("both", "neither"):
            return Directions(meaning == "both", meaning == "both", oneway=False)
        forward = meaning == "forward"
        flags = self._privilege(tags, "backward" if forward else "forward")
        against: Direction | None = None
        if not flags and self.against_kph and not _has_any(tags, self.against_never):
            against = "backward" if forward else "forward"
            flags = FLAG_BITS["oneway_exempt"]
        return Directions(
            forward or flags != 0,
            not forward or flags != 0,
            oneway=True,
            forward_flags=0 if forward else flags,
            backward_flags=flags if forward else 0,
            against=against,
        )

    def _meaning(self, tags: Tags) -> str:
        for key in reversed(self.keys):
            meaning = _MEANINGS.get(tags.get(key, ""))
            if meaning is not None:
                return meaning
        return "forward" if _has_any(tags, self.implied_by) else "both"

    def _privilege(self, tags: Tags, against: Direction) -> int:
        """Find the flag of the privilege that opens the way against its one-way, or 0."""
        for key, flag in self.lifted_by.items():
            if tags.get(key) == "no":
                return flag
        counts = (tags.get(f"{key}:{against}", "0") for key in self.contraflow_counts)
        lanes = (tags.get(f"{key}:{against}", "").split("|") for key in self.contraflow_lists)
        contraflow = (
            _has_any(tags, self.contraflow_tags)
            or any(count not in ("0", "no") for count in counts)
            or any("designated" in lane or "yes" in lane for lane in lanes)
        )
        return FLAG_BITS["bus_lane"] if contraflow else 0


def _has_any(tags: Tags, wanted: tuple[str, ...]) -> bool:
    """Tell whether one of the ``key=value`` tags is there."""
    return any(tags.get(key) == value for key, _, value in (tag.partition("=") for tag in wanted))
