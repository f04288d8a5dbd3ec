"""Plain questions answered from position to bytes, with no object or dictionary on the way.

Replies of one state differ in little but their figures: `encode` writes one for each order of the
units with its reasons and doubts, that is kept as a form, and the kernels fill in what is
different. The bytes are those of ``encode.dump(encode.decision(…))``; a contract test says so.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from routing_service.answer import (
    BITS,
    CM,
    DESTINATION,
    DISTANCE_CM,
    LABEL,
    LAT_E7,
    LON_E7,
    MARGIN_MS,
    MS,
    P10,
    P90,
    SHARE,
    TIMES,
)
from routing_service.api import encode
from routing_service.decision.decision import Decision
from routing_service.decision.model import Location
from routing_service.kernels import reply
from routing_service.kernels.bound import Desk
from routing_service.kernels.reply import Form
from routing_service.kernels.respond import NO_FORM, SHEET_BYTES, Forms, Sheet
from routing_service.units import (
    CM_PER_KM,
    CM_PER_M,
    MS_PER_MINUTE,
    ByteArray,
    IntArray,
)

if TYPE_CHECKING:
    from routing_service.decision.decision import Roster
    from routing_service.kernels.tape import Tape
    from routing_service.live.snapshot import Snapshot

MOST_WORDINGS = 16
"""Statuses, policies, speed sets and flags of the network that are remembered."""

Gap = tuple[int, int, int]
"""Kind, number of the answer, divisor; see `kernels.reply`."""

Names = tuple[IntArray, ByteArray]
"""The names of a network's roads as JSON, see `reply.Form`."""


class Desks:
    """What the answers of one event loop are written on, and the forms that are left of them.

    States that say the same but for their version share their forms: making one takes 0.2 ms, as
    long as thirty answers, and there may be twenty states in a second.
    """

    def __init__(self) -> None:
        self.sheet = Sheet()
        self._desks: dict[int, Desk] = {}
        self._forms: dict[Hashable, Forms] = {}

    def desk(self, units: int) -> Desk:
        """For answers about so many units."""
        return self._desks.get(units) or self._desks.setdefault(units, Desk(units))

    def forms(self, snapshot: Snapshot, roster: Roster) -> Forms:
        """The forms of a state."""
        wording = _wording(snapshot, roster)
        forms = self._forms.get(wording)
        if forms is None:
            if len(self._forms) >= MOST_WORDINGS:
                del self._forms[next(iter(self._forms))]
            forms = self._forms[wording] = Forms(len(roster.units))
        return forms


def _wording(snapshot: Snapshot, roster: Roster) -> Hashable:
    """All that a reply says besides its figures and the version of its state."""
    versions = encode.versions(snapshot)
    del versions["state_version"]
    standing = roster.standing
    known = (standing.units, standing.statuses, standing.lacking, roster.doubts, roster.error_known)
    return (*versions.values(), snapshot.speed_set_name, *known)


class Instant:
    """Answers plain questions under one state, one at a time.

    Parameters
    ----------
    snapshot
        What the answers come from.
    roster
        What their numbers stand for: which units the policy of the place allows.
    desks
        Where they are written.

    Attributes
    ----------
    tape
        Where the record of each reply is put, see `routing_service.answer`; nowhere at first.
    """

    def __init__(self, snapshot: Snapshot, roster: Roster, desks: Desks) -> None:
        self.snapshot = snapshot
        self.tape: Tape | None = None
        self._roster, self._names = roster, _names(snapshot)
        self._desk, sheet = desks.desk(len(roster.units)), desks.sheet
        self._forms = desks.forms(snapshot, roster)
        self._responder = snapshot.responder(roster, self._desk, sheet, self._forms)
        self._write, self._text = self._responder.write, sheet.text

    def tell(self, tape: Tape) -> None:
        """Put the record of each reply on a tape from now on."""
        self.tape = self._responder.tape = tape

    def reply(
        self, lat: float, lon: float, moment_ns: int, words: tuple[int, int], since_ns: int
    ) -> bytes | None:
        """The body for a position.

        None if it is too far from any road, or has a figure that `encode` must write.

        Parameters
        ----------
        lat, lon
            Degrees.
        moment_ns, words
            The moment, nanoseconds since 1970, and the random words of the decision's id.
        since_ns
            When the request was taken up, by `time.perf_counter_ns`.
        """
        word, other = words
        length = self._write(lat, lon, moment_ns, word, other, since_ns)
        if length == NO_FORM and self._learn(Location(lat, lon)):
            length = self._write(lat, lon, moment_ns, word, other, since_ns)
        return self._text[:length].tobytes() if length > 0 else None

    @property
    def record(self) -> bytes:
        """What is recorded of the last reply."""
        return self._desk.record.tobytes()

    def _learn(self, location: Location) -> bool:
        """Make the form that the last answer lacks; False if it does not fit."""
        bits = int(self._desk.answer[BITS])
        found = Decision(self._desk.numbers.tobytes(), self._roster, bits)
        form = make_form(found, location, self.snapshot, self._names)
        longest_name = int(np.diff(form.name_first).max())
        if len(form.text) + reply.WIDEST * len(form.gaps) + longest_name > SHEET_BYTES:
            return False
        self._forms.put(self._desk.answer, form)
        return True


def make_form(found: Decision, location: Location, snapshot: Snapshot, names: Names) -> Form:
    """The reply of `encode` with a gap in each place of a figure.

    Parameters
    ----------
    found, location, snapshot
        As for `encode.decision`.
    names
        Of the roads.
    """
    body, gaps = _with_marks(found, location, snapshot)
    parts = encode.dump(body).split(encode.dump({"": _MARK})[4:-1])
    for place, (kind, _, _) in enumerate(gaps):
        if kind in (reply.ID, reply.MOMENT):  # texts, which keep their quotes
            parts[place] += b'"'
            parts[place + 1] = b'"' + parts[place + 1]
    table = np.empty((len(gaps), 4), dtype=np.int32)
    table[:, reply.G_END] = list(accumulate(map(len, parts[:-1])))
    table[:, reply.G_KIND :] = gaps
    return Form(np.frombuffer(b"".join(parts), dtype=np.uint8), table, *names)


def _with_marks(
    found: Decision, location: Location, snapshot: Snapshot
) -> tuple[dict[str, Any], list[Gap]]:
    """The reply as a dictionary with a mark for each figure, and what the marks stand for."""
    body = encode.decision(found, location, snapshot, _MARK, _MARK)
    numbers, units = found.numbers, found.roster.units
    codes, n = [unit.ods_code for unit in units], len(units)
    body["state_version"] = _MARK
    gaps: list[Gap] = [(reply.ID, 0, 1), (reply.STATE, 0, 1), (reply.MOMENT, 0, 1)]

    def leave(
        part: dict[str, Any], name: str, kind: int, number: int = 0, divisor: int = 1
    ) -> None:
        if part[name] is not None:
            part[name] = _MARK
            gaps.append((kind, number, divisor))

    incident = body["incident"]
    leave(incident, "lat", reply.LAT)
    leave(incident, "lon", reply.LON)
    leave(incident["snap"], "lat", reply.DEGREES, LAT_E7)
    leave(incident["snap"], "lon", reply.DEGREES, LON_E7)
    leave(incident["snap"], "distance_m", reply.TENTHS, DISTANCE_CM, CM_PER_M // 10)
    leave(incident["snap"], "road", reply.NAME, LABEL)
    if body["destination"]:
        number = TIMES + MS * n + numbers[DESTINATION]
        leave(body["destination"], "minutes", reply.TENTHS, number, MS_PER_MINUTE // 10)
    leave(body, "margin_minutes", reply.TENTHS, MARGIN_MS, MS_PER_MINUTE // 10)
    for row in body["ranking"]:
        first = TIMES + codes.index(row["ods_code"])
        leave(row, "minutes", reply.TENTHS, first + MS * n, MS_PER_MINUTE // 10)
        leave(row, "p10_minutes", reply.TENTHS, first + P10 * n)
        leave(row, "p90_minutes", reply.TENTHS, first + P90 * n)
        leave(row, "km", reply.TENTHS, first + CM * n, CM_PER_KM // 10)
        leave(row, "p_nearest", reply.THOUSANDTHS, first + SHARE * n)
    return body, gaps


_MARK = "\ue000"
"""From the private range of Unicode: in no name of a unit or road."""


def prepare(snapshot: Snapshot) -> None:
    """Do now what the first question of any state would wait for; before a fork, once for all."""
    _names(snapshot)


def _names(snapshot: Snapshot) -> Names:
    """The names of a network's roads; made once for all states of it."""
    kept = snapshot.graph.kept
    names: Names | None = kept.get(_names)
    if names is None:
        texts = [encode.dump({"": name})[4:-1] for name in snapshot.graph.road_names]
        first = np.array([0, *accumulate(map(len, texts))], dtype=np.int32)
        made = first, np.frombuffer(b"".join(texts), dtype=np.uint8)
        names = kept.setdefault(_names, made)
    return names
