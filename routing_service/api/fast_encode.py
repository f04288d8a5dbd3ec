"""The decision JSON filled into forms, for the fast lane.

The same bytes as ``encode.dump(encode.decision(…))`` in a fraction of the time: no row is made into
an object and no dictionary is built only to be walked. `encode` stays the specification and a
contract test compares the bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from routing_service.answer import (
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
)
from routing_service.api import encode
from routing_service.units import E7, INF_MS

if TYPE_CHECKING:
    from routing_service.decision.decision import Decision, Roster
    from routing_service.decision.model import Location
    from routing_service.live.snapshot import Snapshot

# Numbers with one decimal and with three; nearly every figure of an answer is among them.
_TENTHS = [repr(n / 10) for n in range(10_000)]
_THOUSANDTHS = [repr(n / 1000) for n in range(1_001)]

MOST_FORMS = 4_096
"""Of one state: orders of the units with their reasons and doubts; more than a region has."""

_Form = tuple[str, tuple[int, ...]]
"""A reply with a gap for each figure, and the units that have figures, in the order of the rows."""


def decision(
    found: Decision, location: Location, snapshot: Snapshot, decision_id: str, computed_at: str
) -> bytes:
    """The body for a decision without a disc; arguments as for `encode.decision`.

    Replies of one state differ in little but their figures: what is around them is put together
    once for each order of the units, reasons and doubts, and filled in.
    """
    numbers = found.numbers
    n = len(found.roster.units)
    places = TIMES + ORDER * n
    # The order and the reasons stand side by side.
    key = (numbers[places : places + 2 * n], found.bits, numbers[DESTINATION], location.source)
    forms = _forms(snapshot, found.roster)
    form = forms.get(key)
    if form is None:
        if len(forms) >= MOST_FORMS:
            forms.clear()
        form = forms[key] = _form(found, location, snapshot)
    text, units = form
    try:
        return (text % _figures(found, location, decision_id, computed_at, units)).encode(
            "utf-8", "replace"
        )
    except IndexError:  # a thousand minutes or kilometres
        return encode.dump(encode.decision(found, location, snapshot, decision_id, computed_at))


def _figures(
    found: Decision,
    location: Location,
    decision_id: str,
    computed_at: str,
    units: tuple[int, ...],
) -> tuple[str, ...]:
    """What the gaps are filled with, in their order; raises `IndexError` beyond the tables."""
    numbers, roster = found.numbers, found.roster
    n = len(roster.units)
    tenths, thousandths = _TENTHS, _THOUSANDTHS
    to, margin_ms = numbers[DESTINATION], numbers[MARGIN_MS]
    figures = [
        decision_id,
        computed_at,
        repr(round(location.lat, encode.DEGREE_DECIMALS)),
        repr(round(location.lon, encode.DEGREE_DECIMALS)),
        repr(numbers[LAT_E7] / E7),
        repr(numbers[LON_E7] / E7),
        tenths[(numbers[DISTANCE_CM] + 5) // 10],
        _text(roster.road_names[numbers[LABEL]]),
    ]
    if to >= 0:
        figures.append(tenths[(numbers[TIMES + to] + 3_000) // 6_000])
    figures.append("null" if margin_ms >= INF_MS else tenths[(margin_ms + 3_000) // 6_000])
    known = roster.error_known
    for u in units:
        own = numbers[TIMES + u :: n]  # the blocks, of this unit
        figures.append(tenths[(own[MS] + 3_000) // 6_000])
        if known:
            figures.append(tenths[own[P10]])
            figures.append(tenths[own[P90]])
        figures.append(tenths[(own[CM] + 5_000) // 10_000])
        if known:
            figures.append(thousandths[own[SHARE]])
    return tuple(figures)


def _form(found: Decision, location: Location, snapshot: Snapshot) -> _Form:
    """The reply with its gaps: `encode`'s own, with a mark in each place of a figure."""
    body = encode.decision(found, location, snapshot, _MARK, _MARK)
    incident, destination = body["incident"], body["destination"]
    incident |= {"lat": _MARK, "lon": _MARK}
    incident["snap"] |= dict.fromkeys(("lat", "lon", "distance_m", "road"), _MARK)
    if destination:
        destination["minutes"] = _MARK
    body["margin_minutes"] = _MARK
    units = []
    codes = [unit.ods_code for unit in found.roster.units]
    for row in body["ranking"]:
        if row["minutes"] is not None:
            units.append(codes.index(row["ods_code"]))
            row |= {name: _MARK for name in _FIGURES if row[name] is not None}
    text = encode.dump(body).decode().replace("%", "%%")
    mark = encode.dump({"": _MARK})[4:-1].decode()
    head, decision_id, rest = text.partition(mark)
    moment = rest.index(mark)
    # The id and the moment are texts and keep their quotes; all others are whole JSON values.
    rest = rest[:moment] + '"%s"' + rest[moment + len(mark) :]
    assert decision_id
    return f'{head}"%s"{rest.replace(mark, "%s")}', tuple(units)


_FIGURES = ("minutes", "p10_minutes", "p90_minutes", "km", "p_nearest")
_MARK = "\ue000"
"""From the private range of Unicode: in no name of a unit or road."""


def _forms(snapshot: Snapshot, roster: Roster) -> dict[tuple[object, ...], _Form]:
    """The forms of one state, which go when it goes."""
    forms: dict[tuple[object, ...], _Form] | None = snapshot.kept.get(roster)
    if forms is None:
        forms = snapshot.kept.setdefault(roster, {})
    return forms


@lru_cache(maxsize=65_536)
def _text(value: str) -> str:
    """A string as JSON; names of roads come again and again."""
    return encode.dump({"": value})[4:-1].decode()
