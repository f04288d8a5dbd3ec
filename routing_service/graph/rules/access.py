"""Access tags → what the vehicle may do there, and by what privilege."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from routing_service.graph.rules.flags import FLAG_BITS
from routing_service.graph.rules.maxspeed import Direction
from routing_service.graph.rules.toml_table import Table
from routing_service.graph.sources.raw import Tags

Opens = Literal["nothing", "barrier", "lock"]
OPENS: Final = ("nothing", "barrier", "lock")
"""What a grant opens, weakest first."""

OPEN: Final = "open"
"""The grant of a public road; every profile defines it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a kind of permission means to this vehicle.

    Attributes
    ----------
    closed
        The reason (a snake_case word for the manifest) why it does not let us in, or ``""``.
    cap_kph
        Speed not exceeded under it, ``inf`` for none.
    flags
        The privileges and attributes that it marks an edge with.
    opens
        The strongest thing that it opens: ``"nothing"``, a ``"barrier"`` that stands shut, or
        even a ``"lock"``.
    """

    closed: str = ""
    cap_kph: float = math.inf
    flags: int = 0
    opens: Opens = "nothing"

    @property
    def usable(self) -> bool:
        """True where the vehicle may pass."""
        return not self.closed

    @classmethod
    def from_table(cls, table: Table) -> Grant:
        """Read one entry of ``[access.grants]``: ``closed = "reason"`` or any of the others."""
        if "closed" in table:
            grant = cls(closed=table.text("closed"), cap_kph=0.0)
        else:
            flags = table.words("flags") if "flags" in table else ()
            unknown = [flag for flag in flags if flag not in FLAG_BITS]
            if unknown:
                known = ", ".join(FLAG_BITS)
                raise table.fail("flags", f"has no flag {unknown[0]}; known: {known}")
            grant = cls(
                cap_kph=table.number("cap_kph", 1) if "cap_kph" in table else math.inf,
                flags=sum(FLAG_BITS[flag] for flag in flags),
                opens=cast(Opens, table.text("opens", OPENS)) if "opens" in table else "nothing",
            )
        table.finish()
        return grant


@dataclass(frozen=True, slots=True)
class Default:
    """The grant that a tag implies, and the access keys that then say nothing new."""

    grant: str
    ignores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessRules:
    """``[access]`` of a profile.

    Attributes
    ----------
    keys
        The hierarchy for the public, least to most specific: ``access``, ``vehicle``…
    values
        Value of such a key → name of a grant. Other values say nothing and are passed over.
    grants
        The kinds of permission by name.
    defaults
        ``key=value`` of a way → what it implies (``highway=pedestrian``), later ones win.
    privileges
        Key → grant: an allowing value of ``emergency`` opens what is shut to the public.
    closing
        The privilege keys whose ``no`` shuts an otherwise open way to us.
    """

    keys: tuple[str, ...]
    values: Mapping[str, str]
    grants: Mapping[str, Grant]
    defaults: Mapping[str, Default]
    privileges: Mapping[str, str]
    closing: tuple[str, ...]

    @classmethod
    def from_table(cls, table: Table) -> AccessRules:
        """Read ``[access]``; every grant that is named must be defined."""
        grant_table = table.table("grants")
        grants = {name: Grant.from_table(grant_table.table(name)) for name in grant_table}
        if OPEN not in grants:
            raise grant_table.fail(OPEN, "is missing; it is the grant of a public road")
        names = tuple(grants)
        default_table = table.table("defaults")
        rules = cls(
            table.words("keys"),
            table.text_map("values", names),
            grants,
            {tag: _read_default(default_table.table(tag), names) for tag in default_table},
            table.text_map("privileges", names),
            table.words("closing"),
        )
        table.finish()
        return rules

    def way(self, tags: Tags, direction: Direction) -> Grant:
        """Decide for one direction of a way.

        What the public may do comes from the access keys, else from the kind of road. A general
        ``access=yes`` does not lift what the kind implies, because on a pedestrian street it is
        meant for those on foot. Then the privileges open what is not simply open.
        """
        implied = self._implied(tags)
        ignores = implied.ignores if implied else ()
        keys = tuple(key for key in self.keys if key not in ignores)
        name = self.stated(tags, keys, direction)
        if implied and name == OPEN and self.stated(tags, keys[1:], direction) is None:
            name = None
        if name is None:
            name = implied.grant if implied else OPEN
        privilege = self.privilege(tags, direction)
        if privilege is not None and (name != OPEN or not self.grants[privilege].usable):
            name = privilege
        return self.grants[name]

    def stated(
        self, tags: Tags, keys: tuple[str, ...], direction: Direction | None = None
    ) -> str | None:
        """Name the public's grant by `keys`, or None where no tag says anything known.

        The most specific key wins; with a `direction`, ``key:forward`` or ``key:backward``
        outranks the bare key.
        """
        names = (self._value(tags, key, direction) for key in reversed(keys))
        return next((name for name in names if name is not None), None)

    def privilege(self, tags: Tags, direction: Direction | None = None) -> str | None:
        """Name the grant of the last privilege key that speaks: its own, or one that is closed."""
        found = None
        for key, grant in self.privileges.items():
            name = self._value(tags, key, direction)
            if name in (OPEN, grant):
                found = grant
            elif name is not None and key in self.closing and not self.grants[name].usable:
                found = name
        return found

    def _implied(self, tags: Tags) -> Default | None:
        found = None
        for tag, default in self.defaults.items():
            key, _, value = tag.partition("=")
            if tags.get(key) == value:
                found = default
        return found

    def _value(self, tags: Tags, key: str, direction: Direction | None) -> str | None:
        """Name the most permissive grant among the values of one key."""
        value = tags.get(f"{key}:{direction}") if direction else None
        value = tags.get(key) if value is None else value
        if value is None:
            return None
        parts = (self.values.get(part.strip()) for part in value.split(";"))
        known = [part for part in parts if part is not None]
        return max(known, key=lambda name: self.grants[name].cap_kph, default=None)


def _read_default(table: Table, names: tuple[str, ...]) -> Default:
    default = Default(table.text("grant", names), table.words("ignores"))
    table.finish()
    return default
