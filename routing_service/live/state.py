"""`LiveState`: what all events up to a version come to. Pure: no clock, no store.

A moment is always given, never read, so the same events and moment give the same answer in a
worker, in a replay a year later and after a clock has stepped back. Nothing has to happen for a
closure to expire: it is simply not among those in force from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from routing_service.errors import StoreCorrupt
from routing_service.live.closure import Closure
from routing_service.live.events import ClosureOpened, ClosureRevoked, Event, UnitStatusSet

UnitKey = tuple[str, str]
"""ODS code and capability in small letters; an empty one is the unit as a whole."""


Timed = Closure | UnitStatusSet
"""In force from `starts_at` up to, not including, `expires_at`; None is no limit."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds at one moment: closures as they were opened, at most one status per unit key."""

    closures: tuple[Closure, ...]
    units: tuple[UnitStatusSet, ...]


@dataclass(frozen=True, slots=True)
class LiveState:
    """The fold of all events up to `version`.

    `closures` are those not revoked, by id, in the order of opening. `units` are the statuses set
    for each unit key, oldest first: of those in force the newest holds. So a divert until two
    o'clock leaves what was planned for the evening, and "open" without limits ends everything.
    """

    version: int
    closures: Mapping[str, Closure]
    units: Mapping[UnitKey, tuple[UnitStatusSet, ...]]

    @classmethod
    def empty(cls) -> LiveState:
        """The state before the first event."""
        return cls(0, MappingProxyType({}), MappingProxyType({}))

    def after(self, *events: Event) -> LiveState:
        """Return the state after more events; in one call or in many, it is the same.

        Raises
        ------
        StoreCorrupt
            The events do not follow on from this state without a gap.
        """
        version, closures, units = self.version, dict(self.closures), dict(self.units)
        for event in events:
            if event.version != version + 1:
                raise StoreCorrupt(
                    f"event {event.version} came after version {version}, so events are missing: "
                    "restore the store from a backup",
                    version=version,
                )
            version = event.version
            body = event.body
            if isinstance(body, ClosureOpened):
                closures.pop(body.closure.id, None)  # so that a replaced one is the last opened
                closures[body.closure.id] = body.closure
            elif isinstance(body, ClosureRevoked):
                closures.pop(body.closure_id, None)
            else:
                key = (body.ods_code, (body.capability or "").lower())
                older = (set_ for set_ in units.get(key, ()) if not _covers(body, set_))
                units[key] = (*older, body)
        return LiveState(version, MappingProxyType(closures), MappingProxyType(units))

    def in_force(self, moment: datetime) -> InForce:
        """Return what holds at a moment; statuses in the order of ODS code and capability."""
        closures = tuple(c for c in self.closures.values() if _holds(c, moment))
        units = []
        for key in sorted(self.units):
            newest_first = reversed(self.units[key])
            units += [set_ for set_ in newest_first if _holds(set_, moment)][:1]
        return InForce(closures, tuple(units))

    def next_change(self, moment: datetime) -> datetime | None:
        """Return the first start or expiry after a moment; until then `in_force` stays the same."""
        return min((limit for limit in _limits(self.timed()) if limit > moment), default=None)

    def without_expired(self, moment: datetime) -> LiveState:
        """Return the state without what expired by a moment: the same at that moment and later.

        Choose a moment well past, a day or more, so that a clock set back does not ask for them.
        """
        closures = {i: c for i, c in self.closures.items() if not _expired(c, moment)}
        kept = {
            key: tuple(set_ for set_ in sets if not _expired(set_, moment))
            for key, sets in self.units.items()
        }
        units = {key: sets for key, sets in kept.items() if sets}
        return LiveState(self.version, MappingProxyType(closures), MappingProxyType(units))

    def timed(self) -> Iterator[Timed]:
        """Everything that is, was or will be in force."""
        yield from self.closures.values()
        for sets in self.units.values():
            yield from sets


def _holds(timed: Timed, moment: datetime) -> bool:
    started = timed.starts_at is None or timed.starts_at <= moment
    return started and not _expired(timed, moment)


def _expired(timed: Timed, moment: datetime) -> bool:
    return timed.expires_at is not None and timed.expires_at <= moment


def _covers(newer: Timed, older: Timed) -> bool:
    """Whether `older` can never hold again, since `newer` holds whenever it would."""
    from_before = newer.starts_at is None or (
        older.starts_at is not None and newer.starts_at <= older.starts_at
    )
    to_after = newer.expires_at is None or (
        older.expires_at is not None and newer.expires_at >= older.expires_at
    )
    return from_before and to_after


def _limits(timed: Iterable[Timed]) -> Iterator[datetime]:
    for item in timed:
        if item.starts_at is not None:
            yield item.starts_at
        if item.expires_at is not None:
            yield item.expires_at
