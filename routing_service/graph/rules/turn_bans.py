"""Which turn restriction relations bind this vehicle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, cast

from routing_service.graph.rules.toml_table import Table
from routing_service.graph.sources.raw import Tags

Ban = Literal["no", "only"]

_KINDS: Final = frozenset(
    {
        "no_left_turn",
        "no_right_turn",
        "no_straight_on",
        "no_u_turn",
        "no_entry",
        "no_exit",
        "only_left_turn",
        "only_right_turn",
        "only_straight_on",
        "only_u_turn",
    }
)
_HOURS: Final = ("day_on", "day_off", "hour_on", "hour_off")
_SEPARATORS = re.compile(r"[;,|]")


@dataclass(frozen=True, slots=True)
class TurnBans:
    """``[restrictions]`` of a profile.

    `keys` are the tags that may hold the kind, least to most specific; `exempt` the words in
    ``except=`` that free this vehicle.
    """

    keys: tuple[str, ...]
    exempt: tuple[str, ...]

    @classmethod
    def from_table(cls, table: Table) -> TurnBans:
        """Read ``[restrictions]``."""
        bans = cls(table.words("keys"), table.words("exempt"))
        table.finish()
        return bans

    def binds(self, tags: Tags) -> Ban | None:
        """Tell whether a relation forbids (``"no"``) or prescribes (``"only"``) for us.

        None when it does not concern this vehicle, when it is of no known kind, or when it holds
        only at certain hours (conditional tags and the older ``hour_on``), which are not read.
        The most specific key decides: ``restriction:emergency=none`` lifts the ban for us.
        """
        if any(key in tags for key in _HOURS):
            return None
        if not self._listed(tags.get("except", "")).isdisjoint(self.exempt):
            return None
        kind = next((tags[key] for key in reversed(self.keys) if key in tags), "")
        bans = {part.partition("_")[0] for part in self._listed(kind) & _KINDS}
        return cast(Ban, bans.pop()) if len(bans) == 1 else None

    def _listed(self, value: str) -> set[str]:
        return {part.strip() for part in _SEPARATORS.split(value)}
