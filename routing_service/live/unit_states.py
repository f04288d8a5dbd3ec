"""How each unit stands at a moment: what was set for it, else its opening hours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from routing_service.decision.model import Status, Unit
from routing_service.decision.standing import Need
from routing_service.graph.weekly import Hours
from routing_service.live.events import UnitStatusSet
from routing_service.units import INF_MS, MS_PER_MINUTE

OUTSIDE_HOURS = "outside its opening hours"
SEVERITY: Mapping[Status, int] = {"open": 0, "divert": 1, "closed": 2}


@dataclass(frozen=True, slots=True)
class UnitState:
    """How a unit stands, and on whose word.

    Attributes
    ----------
    unit
        The unit.
    status, reason
        As set, else open, or closed outside its hours.
    set_by
        What was set for the unit as a whole; None if nothing is in force.
    by_capability
        What was set for single capabilities, by their names in small letters.
    """

    unit: Unit
    status: Status = "open"
    reason: str = ""
    set_by: UnitStatusSet | None = None
    by_capability: Mapping[str, UnitStatusSet] = field(default_factory=dict)

    def status_for(self, capability: str) -> Status:
        """The status for a patient who needs a capability: the unit's or its own, if worse."""
        own = self.by_capability.get(capability)
        if own is None:
            return self.status
        return max(self.status, own.status, key=SEVERITY.__getitem__)

    def guard_ms(self, capability: str | None = None) -> int:
        """What a divert may cost at most; of two that hold, the smaller limit."""
        own = self.by_capability.get(capability) if capability else None
        limits = [set_.max_extra_minutes for set_ in (self.set_by, own) if set_ is not None]
        known = [round(limit * MS_PER_MINUTE) for limit in limits if limit is not None]
        return min(known, default=INF_MS)

    def offers(self, capability: str) -> bool:
        """Whether the unit has a capability at all."""
        return capability in (name.lower() for name in self.unit.capabilities)


def unit_states(
    units: Sequence[Unit], in_force: Sequence[UnitStatusSet], moment: datetime
) -> tuple[UnitState, ...]:
    """How all units stand at a moment.

    Parameters
    ----------
    units
        In the order of their ODS codes.
    in_force
        At most one for each unit and capability; those of other networks' units change nothing.
    moment
        With a time zone.
    """
    set_by = {(each.ods_code, (each.capability or "").lower()): each for each in in_force}
    states = []
    for unit in units:
        own = {
            capability: each
            for (code, capability), each in set_by.items()
            if code == unit.ods_code and capability
        }
        whole = set_by.get((unit.ods_code, ""))
        if whole is not None:
            states.append(UnitState(unit, whole.status, whole.reason, whole, own))
        elif Hours.read(unit.hours).open_at(moment):
            states.append(UnitState(unit, by_capability=own))
        else:
            states.append(UnitState(unit, "closed", OUTSIDE_HOURS, None, own))
    return tuple(states)


def needs(states: Sequence[UnitState]) -> dict[str, Need]:
    """How the units stand for each capability for which something was set."""
    named = sorted({name for state in states for name in state.by_capability})
    return {
        name: Need(
            tuple(state.offers(name) for state in states),
            tuple(state.status_for(name) for state in states),
            tuple(state.guard_ms(name) for state in states),
        )
        for name in named
    }


def next_opening(units: Sequence[Unit], moment: datetime) -> datetime | None:
    """The first moment after this one at which a unit's hours begin or end."""
    limits = (Hours.read(unit.hours).next_change(moment) for unit in units if unit.hours)
    return min((limit for limit in limits if limit is not None), default=None)
