"""`View`: one state of the day, what of it is in force at a moment, and the snapshot of that."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from routing_service.errors import HasuError
from routing_service.graph.road_graph import RoadGraph
from routing_service.live.closure import Closure
from routing_service.live.effect import Effect, effect_of
from routing_service.live.events import ClosureOpened, Event, UnitStatusSet
from routing_service.live.hit import Hit, describe
from routing_service.live.overlay import overlaid
from routing_service.live.snapshot import Snapshot
from routing_service.live.state import InForce, LiveState
from routing_service.live.unit_states import UnitState, needs, next_opening, unit_states

log = logging.getLogger(__name__)

FORGOTTEN_AFTER = timedelta(days=1)
"""What expired is kept for this long, in case a clock is set back, and not placed after that."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A closure on a network: what it does, and in words what it hits."""

    graph: RoadGraph
    effect: Effect

    @classmethod
    def on(cls, graph: RoadGraph, closure: Closure) -> Placed:
        """Place a closure on a network.

        Raises
        ------
        ClosureHitsNothing, InvalidClosure
            See `hit.find_edges`.
        """
        return cls(graph, effect_of(graph, closure))

    @cached_property
    def hit(self) -> Hit:
        """Roads, edges and metres."""
        return describe(self.graph, self.effect.edges)


@dataclass(frozen=True, eq=False)
class View:
    """What a process knows of the day, made by `after` from the view before it.

    Attributes
    ----------
    base
        The network without closures and with every unit open.
    state
        The fold of all events.
    moment
        For which it was made.
    in_force
        What of the state holds then.
    snapshot
        Answers by what is in force.
    units
        How each unit stands, in the order of their ODS codes.
    placed
        Each closure of the state on this network, by its id; None if it hits nothing.
    told
        The event that brought each closure (by id) and each status of the state.
    """

    base: Snapshot
    state: LiveState
    moment: datetime
    in_force: InForce
    snapshot: Snapshot
    units: tuple[UnitState, ...]
    placed: Mapping[str, Placed | None] = field(default_factory=dict)
    told: Mapping[str | UnitStatusSet, Event] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot, moment: datetime) -> View:
        """The view of a snapshot that no events were folded into."""
        states = zip(snapshot.units, snapshot.statuses, strict=True)
        units = tuple(UnitState(unit, status) for unit, status in states)
        return cls(snapshot, LiveState.empty(), moment, InForce((), ()), snapshot, units)

    @cached_property
    def next_change(self) -> datetime | None:
        """When something starts or ends of itself."""
        limits = (self.state.next_change(self.moment), next_opening(self.base.units, self.moment))
        return min((limit for limit in limits if limit is not None), default=None)

    @cached_property
    def holding(self) -> frozenset[str]:
        """Ids of the closures in force."""
        return frozenset(each.id for each in self.in_force.closures)

    @cached_property
    def unplaced(self) -> tuple[Closure, ...]:
        """Closures in force that hit nothing on this network."""
        return tuple(each for each in self.in_force.closures if self.placed[each.id] is None)

    def after(self, events: Sequence[Event], moment: datetime) -> View:
        """The view after more events, at a later moment; or at an earlier one, if clocks moved."""
        state = self.state.after(*events).without_expired(moment - FORGOTTEN_AFTER)
        placed = self._place(state)
        told = self._told(state, events)
        in_force = state.in_force(moment)
        made = replace(
            self,
            state=state,
            moment=moment,
            in_force=in_force,
            units=unit_states(self.base.units, in_force.units, moment),
            placed=placed,
            told=told,
        )
        return replace(made, snapshot=made._snapshot(self))

    def _place(self, state: LiveState) -> dict[str, Placed | None]:
        """Where the state's closures are; each is looked up once and not for every view."""
        placed: dict[str, Placed | None] = {}
        for id_, closure in state.closures.items():
            if self.state.closures.get(id_) is closure:
                placed[id_] = self.placed[id_]
            else:
                placed[id_] = _place(self.base.graph, closure)
        return placed

    def _told(self, state: LiveState, events: Sequence[Event]) -> dict[str | UnitStatusSet, Event]:
        told = dict(self.told)
        for event in events:
            if isinstance(event.body, ClosureOpened):
                told[event.body.closure.id] = event
            elif isinstance(event.body, UnitStatusSet):
                told[event.body] = event
        kept = {*state.closures, *(each for sets in state.units.values() for each in sets)}
        return {key: told[key] for key in told if key in kept}

    def _snapshot(self, before: View) -> Snapshot:
        """The snapshot of this view; the network of the one before, if the same is closed."""
        graph = before.snapshot.graph
        if self.in_force.closures != before.in_force.closures:
            placed = (self.placed[each.id] for each in self.in_force.closures)
            graph = overlaid(self.base.graph, [each.effect for each in placed if each is not None])
        doubts = ("closure_not_placed",) if self.unplaced else ()
        return replace(
            self.base,
            graph=graph,
            state_version=self.state.version,
            as_of=self.moment,
            statuses=tuple(each.status for each in self.units),
            guards_ms=tuple(each.guard_ms() for each in self.units),
            doubts=(*self.base.doubts, *doubts),
            needs=needs(self.units),
        )


def _place(graph: RoadGraph, closure: Closure) -> Placed | None:
    try:
        return Placed.on(graph, closure)
    except HasuError as error:
        # Accepted elsewhere, for another network: it must not stop this one.
        log.warning("closure %s hits nothing here: %s", closure.id, error.code)
        return None
