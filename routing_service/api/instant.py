"""Plain questions answered from position to bytes, with no object or dictionary on the way.

Replies of one state differ in little but their figures: `encode` writes one for each order of the
units with its reasons and doubts, that is kept as a form, and the kernels fill in what is
different. The bytes are those of ``encode.dump(encode.decision(…))``; a contract test says so.
"""

from __future__ import annotations

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
    ORDER,
    P10,
    P90,
    SHARE,
    TIMES,
    TOO_FAR,
)
from routing_service.api import encode
from routing_service.decision.decision import Decision
from routing_service.decision.model import Location
from routing_service.kernels import reply
from routing_service.kernels.bound import Desk
from routing_service.kernels.reply import SHEET_BYTES, Filler, Form, Sheet
from routing_service.units import (
    CM_PER_KM,
    CM_PER_M,
    E7,
    MS_PER_MINUTE,
    ByteArray,
    IntArray,
)

if TYPE_CHECKING:
    from routing_service.decision.decision import Roster
    from routing_service.live.snapshot import Snapshot

MOST_FORMS = 4_096
"""Of one state: orders of the units with their reasons and doubts; more than a region has."""

Gap = tuple[int, int, int]
"""Kind, number of the answer, divisor; see `kernels.reply`."""

Names = tuple[IntArray, ByteArray]
"""The names of a network's roads as JSON, see `reply.Form`."""


class Instant:
    """Answers plain questions under one state.

    One question at a time: the event loop's.

    Parameters
    ----------
    snapshot
        What the answers come from.
    roster
        What their numbers stand for: which units the policy of the place allows.
    sheet
        Where they are written.
    """

    def __init__(self, snapshot: Snapshot, roster: Roster, sheet: Sheet) -> None:
        n = len(roster.units)
        self.snapshot = snapshot
        self._roster, self._sheet, self._desk = roster, sheet, Desk(n)
        self._ask = snapshot.plainly(roster)
        # Where, among the bytes of an answer, the order is and behind it the reasons.
        self._order = slice(4 * (TIMES + ORDER * n), 4 * (TIMES + P10 * n))
        self._names = _names(snapshot)
        self._fillers: dict[bytes, Filler] = {}

    def ask(self, lat: float, lon: float) -> bytes | None:
        """The numbers for a position, packed; None if it is too far from any road."""
        bits = self._ask(lon * E7, lat * E7, self._desk)
        return None if bits & TOO_FAR else self._desk.numbers.tobytes()

    def reply(
        self,
        packed: bytes,
        lat: float,
        lon: float,
        at_ns: int,
        words: tuple[int, int],
        took_ns: int,
    ) -> bytes | None:
        """The body for what `ask` gave last; None if it has a figure that `encode` must write.

        Parameters
        ----------
        packed, lat, lon
            What was given, and what for.
        at_ns, words
            The moment, nanoseconds since 1970, and the random words of the decision's id.
        took_ns
            How long the answer took; for the record alone.
        """
        key = packed[_DOUBTS] + packed[self._order]
        fill = self._fillers.get(key)
        if fill is None:
            fill = self._filler(key, packed, Location(lat, lon))
        length = fill(lat, lon, at_ns, *words, took_ns) if fill else 0
        return self._sheet.text[:length].tobytes() if length else None

    def record(self, packed: bytes) -> bytes:
        """What is recorded of the last reply, see `routing_service.answer`."""
        return self._sheet.record.tobytes() + packed

    def _filler(self, key: bytes, packed: bytes, location: Location) -> Filler | None:
        if len(self._fillers) >= MOST_FORMS:
            self._fillers.clear()
        bits = int.from_bytes(packed[4 * BITS : 4 * BITS + 4], "little")
        found = Decision(packed, self._roster, bits)
        form = make_form(found, location, self.snapshot, self._names)
        longest_name = int(np.diff(form.name_first).max())
        if len(form.text) + reply.WIDEST * len(form.gaps) + longest_name > SHEET_BYTES:
            return None
        filler = self._fillers[key] = Filler(form, self._desk, self._sheet)
        return filler


_DOUBTS = slice(4 * BITS, 4 * DESTINATION + 4)
assert DESTINATION == BITS + 1


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
    mark = encode.dump({"": _MARK})[4:-1]
    first, second, third, *rest = encode.dump(body).split(mark)
    # The id and the moment are texts and keep their quotes; all others are whole JSON values.
    parts = [first + b'"', b'"' + second + b'"', b'"' + third, *rest]
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
    gaps: list[Gap] = [(reply.ID, 0, 1), (reply.MOMENT, 0, 1)]

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
