"""The decision JSON written out by hand, for the fast lane.

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
    ELIGIBLE,
    LABEL,
    LAT_E7,
    LON_E7,
    MARGIN_MS,
    MS,
    NEAR_TIE,
    ORDER,
    P10,
    P90,
    POOR_SNAP,
    REASONS,
    SHARE,
    TIMES,
)
from routing_service.api import encode
from routing_service.units import E7, INF_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing_service.decision.decision import Decision, Roster
    from routing_service.decision.model import Location
    from routing_service.live.snapshot import Snapshot

# Numbers with one decimal and with three; nearly every figure of an answer is among them.
_TENTHS = [repr(n / 10) for n in range(10_000)]
_THOUSANDTHS = [repr(n / 1000) for n in range(1_001)]


def decision(
    found: Decision, location: Location, snapshot: Snapshot, decision_id: str, computed_at: str
) -> bytes:
    """The body for a decision without a disc; arguments as for `encode.decision`."""
    numbers, roster, bits = found.numbers, found.roster, found.bits
    before, speeds = _frame(snapshot)
    n = len(roster.units)
    places = TIMES + ORDER * n
    order = numbers[places : places + n]
    heads = _heads(roster)
    nearest = order[0]
    to = numbers[DESTINATION]
    margin_ms = numbers[MARGIN_MS]
    return (
        f'{{"decision_id":"{decision_id}",{before}"{computed_at}",{speeds}'
        f'"incident":{{"lat":{round(location.lat, encode.DEGREE_DECIMALS)!r},'
        f'"lon":{round(location.lon, encode.DEGREE_DECIMALS)!r},'
        f'"snap":{{"lat":{numbers[LAT_E7] / E7!r},"lon":{numbers[LON_E7] / E7!r},'
        f'"distance_m":{_tenths((numbers[DISTANCE_CM] + 5) // 10)},'
        f'"road":{_text(roster.road_names[numbers[LABEL]])},'
        f'"quality":"{"poor" if bits & POOR_SNAP else "good"}"}},'
        f'"source":"{location.source}"}},"destination":'
        + ("null" if to < 0 else f"{{{heads[to]}{_minutes(numbers[TIMES + to])}}}")
        + f',"nearest_ods_code":{_nearest(roster, nearest, numbers[TIMES + nearest] < INF_MS)},'
        f'"margin_minutes":{"null" if margin_ms >= INF_MS else _minutes(margin_ms)},'
        f'"near_tie":{"true" if bits & NEAR_TIE else "false"},"ranking":['
        + ",".join([_row(numbers, roster, heads, place, u) for place, u in enumerate(order, 1)])
        + f'],"flags":{_texts(roster.flags(bits))},{_AFTER}'
    ).encode("utf-8", "replace")


def _row(numbers: Sequence[int], roster: Roster, heads: Sequence[str], place: int, u: int) -> str:
    own = numbers[TIMES + u :: len(heads)]  # the blocks, of this unit
    ms, tail = own[MS], _tail(roster, u, own[REASONS])
    if ms >= INF_MS:
        return f'{{"rank":{place},{heads[u]}{_NO_FIGURES}{tail}'
    p10 = p90 = share = "null"
    if roster.error_known:
        p10, p90, share = _tenths(own[P10]), _tenths(own[P90]), _THOUSANDTHS[own[SHARE]]
    return (
        f'{{"rank":{place},{heads[u]}{_minutes(ms)},"p10_minutes":{p10},"p90_minutes":{p90},'
        f'"km":{_tenths((own[CM] + 5_000) // 10_000)},"p_nearest":{share},{tail}'
    )


def _minutes(ms: int) -> str:
    """As `units.minutes_from_ms`, in digits."""
    return _tenths((ms + 3_000) // 6_000)


def _tenths(n: int) -> str:
    return _TENTHS[n] if n < len(_TENTHS) else repr(n / 10)


@lru_cache(maxsize=65_536)
def _text(value: str | None) -> str:
    """A string or null; names of units and roads come again and again."""
    return encode.dump({"": value})[4:-1].decode()


@lru_cache(maxsize=4_096)
def _texts(values: tuple[str, ...]) -> str:
    """A list of strings: flags and reasons, of which there are few combinations."""
    return "[" + ",".join(map(_text, values)) + "]"


@lru_cache(maxsize=8)  # few, since each entry keeps a snapshot alive
def _frame(snapshot: Snapshot) -> tuple[str, str]:
    """What comes before and after the moment in every reply of a snapshot."""
    before = encode.dump(encode.provenance(snapshot, "")).decode()[1:-3]
    return before, f'"speed_set":{_text(snapshot.speed_set_name)},'


@lru_cache(maxsize=64)
def _heads(roster: Roster) -> tuple[str, ...]:
    """What comes before the minutes of each unit."""
    return tuple(
        f'"ods_code":{_text(unit.ods_code)},"name":{_text(unit.name)},"minutes":'
        for unit in roster.units
    )


@lru_cache(maxsize=4_096)
def _tail(roster: Roster, u: int, bits: int) -> str:
    """What comes after the figures of a unit."""
    return (
        f'"status":"{roster.standing.statuses[u]}",'
        f'"eligible":{"true" if bits & ELIGIBLE else "false"},'
        f'"reasons":{_texts(roster.reasons(bits, u))},"door":"{roster.units[u].door}"}}'
    )


@lru_cache(maxsize=1_024)
def _nearest(roster: Roster, u: int, reached: bool) -> str:
    return _text(roster.units[u].ods_code if reached else None)


_NO_FIGURES = 'null,"p10_minutes":null,"p90_minutes":null,"km":null,"p_nearest":null,'
_AFTER = f'"decision_support":{_text(encode.DECISION_SUPPORT)}}}'
