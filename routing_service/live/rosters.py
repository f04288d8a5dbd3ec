"""`Rosters`: which units an incident may be sent to, by where it is and what it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from routing_service.decision.decision import Roster
from routing_service.decision.standing import Need, Standing
from routing_service.errors import InvalidRequest

if TYPE_CHECKING:
    from routing_service.decision.model import Location, Policy


class Rosters:
    """What the numbers of an answer stand for under one state; each is made once.

    Parameters
    ----------
    standing
        The units and their state, without any policy.
    policy
        Which units an area may be sent to; None for all.
    needs
        By capability, in small letters, how the units stand where something was set for it.
    roads, doubts, error_known
        As for `Roster`.

    Attributes
    ----------
    usual
        Without any policy and for no capability in particular.
    """

    def __init__(
        self,
        standing: Standing,
        policy: Policy | None,
        needs: Mapping[str, Need],
        roads: Sequence[str],
        doubts: tuple[str, ...],
        error_known: bool,
    ) -> None:
        self._standing, self._policy, self._needs = standing, policy, needs
        self._all = (roads, doubts, error_known)
        self.usual = Roster(standing, *self._all)
        # By the units that a policy allows and the capability that is needed; None is any.
        self._made: dict[tuple[tuple[bool, ...] | None, str | None], Roster] = {
            (None, None): self.usual
        }

    def at(self, location: Location) -> Roster:
        """The roster of a location.

        Raises
        ------
        InvalidRequest
            If no unit has the capability that it names.
        """
        policy, capability = self._policy, location.capability
        if policy is None and capability is None:
            return self.usual
        allowed = None if policy is None else policy.allowed(location.lon, location.lat)
        key = allowed, capability
        if key not in self._made:
            self._made[key] = Roster(self._standing_for(*key), *self._all)
        return self._made[key]

    def _standing_for(self, allowed: tuple[bool, ...] | None, capability: str | None) -> Standing:
        units = self._standing.units
        if capability is None:
            usual = self._standing
            return Standing(units, usual.statuses, usual.guards_ms, allowed or ())
        need = self._need(capability)
        may = zip(allowed or (True,) * len(units), need.offered, strict=True)
        return Standing(
            units,
            need.statuses,
            need.guards_ms,
            tuple(in_policy and offers for in_policy, offers in may),
            tuple(not offers for offers in need.offered),
        )

    def _need(self, capability: str) -> Need:
        units = self._standing.units
        offered = tuple(capability in map(str.lower, unit.capabilities) for unit in units)
        if not any(offered):
            known = sorted({name.lower() for unit in units for name in unit.capabilities})
            raise InvalidRequest(
                f"No unit here has that capability; known are {', '.join(known) or 'none'}.",
                field="capability",
            )
        usual = Need(offered, self._standing.statuses, self._standing.guards_ms)
        return self._needs.get(capability, usual)
