"""The live state as a fold of events, at any moment of the day."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.errors import StoreCorrupt
from routing_service.live.events import (
    Body,
    ClosureOpened,
    ClosureRevoked,
    Event,
    UnitStatusSet,
    canonical,
)
from routing_service.live.state import InForce, LiveState, Timed
from tests.live_events import (
    MINUTE,
    NOON,
    bodies,
    clock,
    days,
    moments,
    numbered,
    opened,
    status,
)


def state(*day: Body) -> LiveState:
    return LiveState.empty().after(*numbered(day))


def closed(state: LiveState, hour: int, minute: int = 0) -> list[str]:
    return [c.id for c in state.in_force(clock(hour, minute)).closures]


def statuses(state: LiveState, hour: int) -> list[str]:
    return [unit.status for unit in state.in_force(clock(hour)).units]


# --- closures ------------------------------------------------------------------------------
def test_a_closure_holds_from_its_start_up_to_its_expiry() -> None:
    day = state(opened("bridge", clock(10), clock(14)))
    assert closed(day, 9, 59) == []
    assert closed(day, 10) == ["bridge"]
    assert closed(day, 13, 59) == ["bridge"]
    assert closed(day, 14) == []


def test_closures_are_revoked_one_by_one() -> None:
    assert closed(state(opened("a"), opened("b"), ClosureRevoked("a")), 12) == ["b"]


def test_revoking_what_is_not_there_changes_nothing_but_the_version() -> None:
    day = state(opened("a"), ClosureRevoked("b"))
    assert (day.version, closed(day, 12)) == (2, ["a"])


def test_a_closure_of_the_same_id_replaces_the_older_as_a_whole() -> None:
    day = state(opened("a", expires_at=clock(13)), opened("b"), opened("a", clock(15)))
    assert closed(day, 12) == ["b"]
    assert closed(day, 16) == ["b", "a"]


# --- units ---------------------------------------------------------------------------------
def test_a_divert_ends_at_its_expiry_and_leaves_what_was_planned_for_the_evening() -> None:
    day = state(
        status("NORTH", "closed", clock(20), clock(22)),
        status("NORTH", "divert", clock(11), clock(14)),
    )
    assert statuses(day, 12) == ["divert"]
    assert statuses(day, 15) == []
    assert statuses(day, 21) == ["closed"]


def test_of_two_statuses_in_force_the_newer_holds_and_then_the_older_again() -> None:
    day = state(status("NORTH", "divert"), status("NORTH", "closed", clock(11), clock(14)))
    assert [statuses(day, hour) for hour in (10, 12, 15)] == [["divert"], ["closed"], ["divert"]]


def test_opening_without_limits_ends_everything_that_was_set() -> None:
    day = state(
        status("NORTH", "divert", clock(11), clock(14)),
        status("NORTH", "closed", clock(20)),
        status("NORTH", "open"),
    )
    assert [statuses(day, hour) for hour in (12, 21)] == [["open"], ["open"]]
    assert len(day.units["NORTH", ""]) == 1  # what can never hold again is not kept


def test_a_capability_has_a_status_of_its_own() -> None:
    day = state(status("NORTH", "divert", capability="mt"), status("NORTH", "open"))
    shown = [(unit.capability, unit.status) for unit in day.in_force(NOON).units]
    assert shown == [(None, "open"), ("mt", "divert")]


def test_a_capability_is_the_same_however_it_is_written() -> None:
    day = state(
        status("NORTH", "closed", capability="MT"), status("NORTH", "open", capability="mt")
    )
    assert statuses(day, 12) == ["open"]


# --- changes without an event --------------------------------------------------------------
def test_the_next_change_is_the_first_start_or_expiry_to_come() -> None:
    day = state(opened("a", clock(10), clock(14)), status("NORTH", "closed", clock(13)))
    changes = [day.next_change(clock(hour)) for hour in (9, 10, 13, 14)]
    assert changes == [clock(10), clock(13), clock(14), None]


HALF_HOURS = [clock(0) + 30 * n * MINUTE for n in range(48)]


@given(days)
def test_in_force_changes_at_the_next_change_and_never_before(day: list[Body]) -> None:
    folded = state(*day)
    for moment, later in pairwise(HALF_HOURS):
        change = folded.next_change(moment)
        assert change is None or change > moment
        if change is None or change > later:
            assert folded.in_force(later) == folded.in_force(moment)


@given(days)
def test_in_force_is_what_a_search_through_all_events_finds(day: list[Body]) -> None:
    folded = state(*day)
    for moment in HALF_HOURS:
        assert folded.in_force(moment) == searched(day, moment)


def searched(day: list[Body], moment: datetime) -> InForce:
    """The twin: no fold, but all events again, newest first."""

    def holds(timed: Timed) -> bool:
        return (timed.starts_at or moment) <= moment < (timed.expires_at or moment + MINUTE)

    last: dict[str, Body] = {}
    units: dict[tuple[str, str], UnitStatusSet] = {}
    for body in reversed(day):
        if isinstance(body, UnitStatusSet):
            if holds(body):
                units.setdefault((body.ods_code, body.capability or ""), body)
        else:
            id = body.closure.id if isinstance(body, ClosureOpened) else body.closure_id
            last.setdefault(id, body)
    newest_first = [body.closure for body in last.values() if isinstance(body, ClosureOpened)]
    closures = tuple(c for c in reversed(newest_first) if holds(c))
    return InForce(closures, tuple(units[key] for key in sorted(units)))


@given(days, st.data())
def test_the_fold_is_the_same_however_events_arrive(day: list[Body], data: st.DataObject) -> None:
    events = numbered(day)
    cuts = data.draw(st.lists(st.integers(0, len(events))).map(sorted))
    folded = LiveState.empty()
    for start, end in pairwise([0, *cuts, len(events)]):
        folded = folded.after(*events[start:end])
    at_once = state(*day)
    assert folded == at_once
    assert list(folded.closures) == list(at_once.closures)


@given(days, moments)
def test_forgetting_what_expired_changes_nothing_from_then_on(
    day: list[Body], moment: datetime
) -> None:
    folded = state(*day)
    kept = folded.without_expired(moment)
    assert all(kept.in_force(m) == folded.in_force(m) for m in HALF_HOURS if m >= moment)
    expiries = [timed.expires_at for timed in kept.timed()]
    assert all(expiry is None or expiry > moment for expiry in expiries)


# --- order ---------------------------------------------------------------------------------
@given(days, st.randoms(use_true_random=False))
def test_clocks_never_order_events(day: list[Body], random: Random) -> None:
    """Event times that jump about, as with a clock that steps back, change nothing."""
    jumping = [replace(event, at=random.choice(HALF_HOURS)) for event in numbered(day)]
    assert LiveState.empty().after(*jumping) == state(*day)


def test_an_event_that_does_not_follow_is_refused() -> None:
    first, second, third = numbered([opened("a"), opened("b"), opened("c")])
    for wrong in [(second,), (first, third), (first, first), (first, second, first)]:
        with pytest.raises(StoreCorrupt, match="missing"):
            LiveState.empty().after(*wrong)


def test_an_older_state_is_untouched_by_later_events() -> None:
    first, second = numbered([opened("a"), ClosureRevoked("a")])
    before = LiveState.empty().after(first)
    before.after(second)
    assert closed(before, 12) == ["a"]


# --- the written form ----------------------------------------------------------------------
@given(bodies)
def test_an_event_is_read_back_as_it_was_written(body: Body) -> None:
    [event] = numbered([body])
    written = canonical(event.to_json())
    assert Event.from_json(json.loads(written)) == event
    assert canonical(Event.from_json(json.loads(written)).to_json()) == written


def test_the_written_form_is_the_same_for_ever() -> None:
    """Stores of years ago hold this text."""
    [event] = numbered([status("NORTH", "divert", expires_at=clock(14), guard=10.0)])
    assert canonical(event.to_json()) == (
        '{"at":"2026-11-22T12:00:00Z","author":"A. Controller",'
        '"body":{"author":"A. Controller","capability":null,'
        '"expires_at":"2026-11-22T14:00:00Z","max_extra_minutes":10.0,"ods_code":"NORTH",'
        '"reason":"scanner down","starts_at":null,"status":"divert"},'
        '"kind":"unit_status_set","version":1}'
    )


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "unit_renamed"},
        {"at": None},
        {"at": "2026-11-22T12:00:00"},
        {"author": 7},
        {"body": {}},
        {"body": {"ods_code": "N", "status": "shut", "reason": "", "author": ""}},
    ],
    ids=str,
)
def test_what_is_no_event_is_refused(change: dict[str, object]) -> None:
    [event] = numbered([status("NORTH", "divert")])
    with pytest.raises((KeyError, TypeError, ValueError)):
        Event.from_json({**event.to_json(), **change})
