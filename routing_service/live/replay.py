"""Past decisions derived again, bit for bit, from graph file, events and request.

A decision is a pure function of those, so that whoever has the three can prove what was answered,
and that nobody changed the record since. Decisions under one state are derived together by the
kernels' batch; those with a heading, an accuracy or a policy one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from routing_service.answer import BITS, DESTINATION, MS, TIMES
from routing_service.decision.decision import Decision
from routing_service.decision.model import Location
from routing_service.errors import HasuError
from routing_service.live.events import Event
from routing_service.live.recorder import context_of
from routing_service.live.snapshot import Limits, Snapshot
from routing_service.live.view import View
from routing_service.observe.chain import canonical
from routing_service.observe.check import Entry, Trail
from routing_service.observe.records import expand, pack_answer, unpack_answer
from routing_service.version import __version__

AT_ONCE: Final = 4_096
"""Decisions that are grouped by state before they are derived; so many are in memory at a time."""

SNAPSHOTS: Final = 4
"""States that are kept ready: workers' records are read one after another, chain by chain."""

_MALFORMED: Final = (
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
)
"""What reading a record that is not one can raise; OSError by a moment out of all bounds."""

NOWHERE: Final = Location(0.0, 0.0)
NEVER: Final = datetime.min.replace(tzinfo=UTC)

Cause = Literal["graph", "state", "policy", "software", "record"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that cannot be derived again, or comes out otherwise; where and why."""

    cause: Cause
    path: Path
    line: int
    decision_id: str
    detail: str


@dataclass(slots=True)
class Replayed:
    """What a replay found.

    Attributes
    ----------
    decisions
        All that the records tell of; a matrix is as many as it has rows.
    agreed
        Those that came out the same, bit for bit.
    differences
        The others, at most `MOST`; `differing` counts them all.
    differing
        By cause.
    """

    MOST = 100

    decisions: int = 0
    agreed: int = 0
    differences: list[Difference] = field(default_factory=list)
    differing: Counter[str] = field(default_factory=Counter)

    def differ(self, difference: Difference) -> None:
        """Note a decision that is not the same."""
        self.differing[difference.cause] += 1
        if len(self.differences) < self.MOST:
            self.differences.append(difference)


@dataclass(slots=True)
class _Asked:
    """One decision of the records: its request and its answer, and where it stands."""

    entry: Entry
    location: Location = NOWHERE
    moment: datetime = NEVER
    row: dict[str, Any] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether it depends on its position alone."""
        where = self.location
        special = (where.heading_deg, where.accuracy_m, where.capability)
        return special == (None, None, None) and where.source != "postcode"


@dataclass(slots=True)
class _Group:
    """Decisions that were taken under one context."""

    context: dict[str, Any]
    asked: list[_Asked] = field(default_factory=list)


class Replay:
    """Derives decisions again.

    Parameters
    ----------
    base
        The snapshot of the graph file, without closures and with all units open.
    events
        All events of the store, from the first.
    trail
        Where the reading of the records notes what does not hold.
    """

    def __init__(self, base: Snapshot, events: Sequence[Event], trail: Trail) -> None:
        self._base, self._events, self._trail = base, events, trail
        self._view: View | None = None
        self._made: dict[str, Snapshot] = {}
        self.report = Replayed()

    def run(self, entries: Iterable[Entry]) -> Replayed:
        """Derive every decision of some records, and say how many agree."""
        groups: dict[int, _Group] = {}
        held = 0
        for entry in entries:
            if entry.record["kind"] not in ("decision", "decisions", "matrix"):
                continue
            if entry.context is None:
                self._differs(_Asked(entry), "record", "its context is not on the trail")
                continue
            try:
                asked = list(_decisions(entry))
            except _MALFORMED as error:
                detail = f"the record cannot be read: {type(error).__name__} {error}"
                self._differs(_Asked(entry), "record", detail)
                continue
            group = groups.setdefault(id(entry.context), _Group(entry.context))
            group.asked += asked
            held += len(asked)
            if held >= AT_ONCE:
                self._derive(groups.values())
                groups, held = {}, 0
        self._derive(groups.values())
        return self.report

    # --- one state ----------------------------------------------------------------------------
    def _derive(self, groups: Iterable[_Group]) -> None:
        for group in groups:
            try:
                unlike = self._unlike(group.context)
                snapshot = None if unlike else self._snapshot(group.context)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                unlike = "record", f"the context cannot be read: {type(error).__name__} {error}"
            if unlike is not None or snapshot is None:
                for asked in group.asked:
                    self._differs(asked, *(unlike or ("record", "no state")))
                continue
            self._compare(group.asked, snapshot)

    def _unlike(self, context: dict[str, Any]) -> tuple[Cause, str] | None:
        """What is not at hand that the decisions under a context were taken from."""
        graph_id, policy = self._base.graph_id, context_of(self._base)["policy"]
        version = len(self._events)
        if context["graph_id"] != graph_id:
            return "graph", f"decided on graph {context['graph_id'][:12]}, not on {graph_id[:12]}"
        if context["as_of"] is not None and context["state_version"] > version:
            return "state", f"decided at state {context['state_version']}; events go to {version}"
        if context["policy"] != policy:
            return "policy", f"decided under policy {context['policy']}, not under {policy}"
        return None

    def _snapshot(self, context: dict[str, Any]) -> Snapshot:
        """The snapshot that decided, made from graph and events again."""
        key = canonical(context)
        if key not in self._made:
            if len(self._made) >= SNAPSHOTS:
                self._made.pop(next(iter(self._made)))
            self._made[key] = self._make(context)
        return self._made[key]

    def _make(self, context: dict[str, Any]) -> Snapshot:
        limits, version = Limits(**context["limits"]), int(context["state_version"])
        if context["as_of"] is None:
            return replace(self._base, limits=limits, state_version=version)
        moment = datetime.fromisoformat(context["as_of"])
        view = self._view
        if view is None or view.state.version > version:
            view = View.of(self._base, moment)
        self._view = view.after(self._events[view.state.version : version], moment)
        return replace(self._view.snapshot, limits=limits)

    def _compare(self, group: Sequence[_Asked], snapshot: Snapshot) -> None:
        by_speeds: dict[Snapshot, list[_Asked]] = {}
        for asked in group:
            by_speeds.setdefault(snapshot.at(asked.moment), []).append(asked)
        for timed, some in by_speeds.items():
            plain = [asked for asked in some if asked.is_plain and snapshot.policy is None]
            self._compare_batch(plain, timed)
            for asked in some:
                if not (asked.is_plain and snapshot.policy is None):
                    self._compare_one(asked, timed)

    def _compare_batch(self, group: Sequence[_Asked], snapshot: Snapshot) -> None:
        if not group:
            return
        places = np.array([(asked.location.lon, asked.location.lat) for asked in group])
        answers = snapshot.answers(places[:, 0], places[:, 1])
        units = [unit.ods_code for unit in snapshot.units]
        for asked, numbers in zip(group, answers.tolist(), strict=True):
            row, to, bits = asked.row, numbers[DESTINATION], numbers[BITS]
            again = (bits, None if to < 0 else units[to], snapshot.speed_set_name)
            given = (row["bits"], row["destination"], row["speed_set"])
            if again == given and pack_answer(numbers) == row["answer"]:
                self._agrees()
            else:
                self._differs_from(asked, numbers, bits, snapshot)

    def _compare_one(self, asked: _Asked, snapshot: Snapshot) -> None:
        try:
            found = snapshot.decide(asked.location)
        except HasuError as error:
            self._differs(asked, self._cause(asked), f"refused now: {error.detail}")
            return
        row, to = asked.row, found.numbers[DESTINATION]
        again = {
            "answer": pack_answer(found.numbers),
            "bits": found.bits,
            "destination": None if to < 0 else snapshot.units[to].ods_code,
            "speed_set": snapshot.speed_set_name,
            **_disc(found),
        }
        if all(row.get(name) == value for name, value in again.items()):
            self._agrees()
        else:
            self._differs_from(asked, list(found.numbers), found.bits, snapshot)

    def _agrees(self) -> None:
        self.report.decisions += 1
        self.report.agreed += 1

    # --- what is not the same -------------------------------------------------------------------
    def _cause(self, asked: _Asked) -> Cause:
        same = _software(asked) == __version__
        return "record" if same or self._is_broken(asked) else "software"

    def _is_broken(self, asked: _Asked) -> bool:
        place = (asked.entry.path, asked.entry.line)
        return any((each.path, each.line) == place for each in self._trail.breaks)

    def _differs_from(
        self, asked: _Asked, numbers: Sequence[int], bits: int, snapshot: Snapshot
    ) -> None:
        cause = self._cause(asked)
        if cause == "software":
            why = f"decided by version {_software(asked)}, derived by {__version__}"
        elif self._is_broken(asked):
            why = "the record is not what was written"
        else:
            why = "record or events were changed together with their hashes"
        what = _what_differs(asked.row, numbers, bits, snapshot)
        self._differs(asked, cause, f"{what}; {why}")

    def _differs(self, asked: _Asked, cause: Cause, detail: str) -> None:
        entry = asked.entry
        id_ = str(asked.row.get("decision_id") or entry.record.get("decision_id"))
        self.report.decisions += 1
        self.report.differ(Difference(cause, entry.path, entry.line, id_, detail))


def _decisions(entry: Entry) -> Iterator[_Asked]:
    """The decisions of a record; raises as reading a dictionary does if it is malformed."""
    for row in expand(entry.record, entry.context or {}):
        at = datetime.fromisoformat(row["at"])
        given = row["request"]
        moment = given.get("at")
        location = Location(
            _within(given["lat"], 90.0),
            _within(given["lon"], 180.0),
            _within(given.get("accuracy_m", 0.0), 1e6) or None,
            None if "heading_deg" not in given else _within(given["heading_deg"], 360.0),
            str(given["source"]),
            capability=None if "capability" not in given else str(given["capability"]),
        )
        if not {"answer", "bits", "destination", "speed_set"} <= row.keys():
            raise KeyError("a part of the answer")
        yield _Asked(entry, location, at if moment is None else datetime.fromisoformat(moment), row)


def _within(value: float, bound: float) -> float:
    """A number that may be handed to a kernel; NaN is within nothing."""
    if not -bound <= value <= bound:
        raise ValueError("out of range")
    return value


def _software(asked: _Asked) -> str:
    return str((asked.entry.context or {}).get("software"))


def _disc(found: Decision) -> dict[str, Any]:
    if found.disc is None:
        return {}
    return {"disc": {"shares": found.disc.shares, "unroutable": found.disc.unroutable}}


def _what_differs(
    row: dict[str, Any], numbers: Sequence[int], bits: int, snapshot: Snapshot
) -> str:
    """The first thing that differs and that people understand."""
    try:
        given = unpack_answer(row["answer"])
    except ValueError:
        return "the answer on record cannot be read"
    units = [unit.ods_code for unit in snapshot.units]
    to = numbers[DESTINATION]
    code = None if to < 0 else units[to]
    if row["destination"] != code:
        return f"destination {row['destination']} on record, {code} derived"
    first = TIMES + MS * len(units)
    for u, ods_code in enumerate(units):
        on_record = given[first + u] if first + u < len(given) else None
        if on_record != numbers[first + u]:
            return f"{ods_code} {on_record} ms on record, {numbers[first + u]} ms derived"
    for place, number in enumerate(numbers):
        on_record = given[place] if place < len(given) else None
        if on_record != number:
            return f"number {place} of the answer is {on_record} on record, {number} derived"
    if row["bits"] != bits:
        return f"doubts {row['bits']} on record, {bits} derived"
    return "something besides the numbers"
