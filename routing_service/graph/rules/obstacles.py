"""Nodes on the road: what shuts it, and what only costs time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from routing_service.graph.rules.access import OPEN, OPENS, AccessRules, Grant
from routing_service.graph.rules.flags import FLAG_BITS
from routing_service.graph.rules.toml_table import Table
from routing_service.graph.rules.vehicle_size import VehicleSize
from routing_service.graph.sources.raw import Tags

Crossing = Literal["open", "shut", "never", "sized"]
_CROSSINGS: Final = ("open", "shut", "never", "sized")

OTHER: Final = "other"
"""Entry of ``[barriers]`` for a kind that the profile does not name."""


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What a node does to a vehicle that drives over it.

    Attributes
    ----------
    passable
        False where the road ends for us: the graph is cut there.
    penalty_ms
        Time lost on each crossing, traffic signals excepted.
    signals
        True where traffic signals stand; their delay is part of the turn costs.
    flags
        Bits to mark the edges at the node with (``gate``, ``ford``, privileges).
    """

    passable: bool = True
    penalty_ms: int = 0
    signals: bool = False
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Barrier:
    """How a kind of barrier is crossed.

    `crossing` is ``"open"`` (unless access tags or a lock shut it), ``"shut"`` (unless access
    tags open it), ``"never"`` (whatever the tags say: it is a solid thing) or ``"sized"`` (open
    if the stated size lets the vehicle through).
    """

    crossing: Crossing
    penalty_ms: int
    flags: int


@dataclass(frozen=True, slots=True)
class NodeRules:
    """``[barriers]`` and ``[nodes]`` of a profile.

    `signals` and the keys of `penalties_ms` are ``key=value`` tags. Without a barrier only
    `plain_keys` can shut a node: ``access`` there is mostly about the bus stop or the car park
    that the node stands for.
    """

    barriers: Mapping[str, Barrier]
    signals: tuple[str, ...]
    penalties_ms: Mapping[str, int]
    plain_keys: tuple[str, ...]
    access: AccessRules
    size: VehicleSize

    @classmethod
    def from_tables(
        cls, barriers: Table, nodes: Table, access: AccessRules, size: VehicleSize
    ) -> NodeRules:
        """Read ``[barriers]`` and ``[nodes]``; a rule for other barriers must be there."""
        if OTHER not in barriers:
            raise barriers.fail(OTHER, "is missing; it is the rule for unnamed kinds of barrier")
        penalties_s = nodes.number_map("penalties_s")
        rules = cls(
            {kind: _read_barrier(barriers.table(kind)) for kind in barriers},
            nodes.words("signals"),
            {tag: round(seconds * 1000) for tag, seconds in penalties_s.items()},
            nodes.words("plain_keys"),
            access,
            size,
        )
        nodes.finish()
        return rules

    def use(self, tags: Tags) -> NodeUse:
        """Apply the rules to a node's tags."""
        barrier = self._barrier(tags)
        grant = self._grant(tags) if barrier is None else self._grant_at(barrier, tags)
        if grant is None or self.size.too_big(tags):
            return NodeUse(passable=False)
        pairs = _pairs(tags)
        penalty_ms = sum(self.penalties_ms.get(pair, 0) for pair in pairs)
        flags = FLAG_BITS["ford"] if tags.get("ford", "no") != "no" else 0
        return NodeUse(
            penalty_ms=penalty_ms + (barrier.penalty_ms if barrier else 0),
            signals=any(pair in self.signals for pair in pairs),
            flags=flags | grant.flags | (barrier.flags if barrier else 0),
        )

    def _barrier(self, tags: Tags) -> Barrier | None:
        kind = tags.get("barrier", "no")
        return None if kind == "no" else self.barriers.get(kind, self.barriers[OTHER])

    def _grant(self, tags: Tags) -> Grant | None:
        """Find what lets us over a node without a barrier; None where nothing does."""
        public = self.access.stated(tags, self.plain_keys)
        privilege = self.access.privilege(tags)
        names = (public or OPEN, privilege or public or OPEN)
        grants = (self.access.grants[name] for name in names)
        return next((grant for grant in grants if grant.usable), None)

    def _grant_at(self, barrier: Barrier, tags: Tags) -> Grant | None:
        """Find what lets us through a barrier; None where nothing does.

        A barrier with a restriction on it (a gate marked private) stands shut to others, so the
        grant must open barriers; a locked one takes a grant that opens locks.
        """
        if barrier.crossing == "never":
            return None
        public = self.access.stated(tags, self.access.keys)
        privilege = self.access.privilege(tags)
        sized = barrier.crossing == "sized" and self.size.states_size(tags)
        shut = not (barrier.crossing == "open" or sized) or public not in (None, OPEN)
        locked = tags.get("locked") == "yes"
        needed = OPENS.index("lock" if locked else "barrier" if shut else "nothing")
        by_public = self.access.grants[public] if public else Grant()
        by_privilege = self.access.grants[privilege] if privilege else by_public
        candidates = (by_public, by_privilege) if by_privilege.usable else ()
        fitting = (g for g in candidates if g.usable and OPENS.index(g.opens) >= needed)
        return next(fitting, None)


def _pairs(tags: Tags) -> list[str]:
    """Write tags as ``key=value``, one for each value of a list."""
    return [f"{key}={part.strip()}" for key, value in tags.items() for part in value.split(";")]


def _read_barrier(table: Table) -> Barrier:
    barrier = Barrier(
        cast(Crossing, table.text("crossing", _CROSSINGS)),
        round(table.number("penalty_s") * 1000) if "penalty_s" in table else 0,
        FLAG_BITS["gate"] if "gate" in table and table.text("gate", ("yes", "no")) == "yes" else 0,
    )
    table.finish()
    return barrier
