"""The decision JSON written out by hand, for the fast lane.

The same bytes as ``encode.dump(encode.decision(…))`` in a fraction of the time: no dictionary is
built only to be walked. `encode` stays the specification and a contract test compares the bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from routing_service.api import encode

if TYPE_CHECKING:
    from routing_service.decision.model import Decision, Location, Ranked
    from routing_service.live.snapshot import Snapshot


@lru_cache(maxsize=65_536)
def _text(value: str | None) -> str:
    """A string or null; names of units and roads come again and again."""
    return encode.dump({"": value})[4:-1].decode()


@lru_cache(maxsize=4_096)
def _texts(values: tuple[str, ...]) -> str:
    """A list of strings: flags and reasons, of which there are few combinations."""
    return "[" + ",".join(map(_text, values)) + "]"


@lru_cache(maxsize=8)  # few, since each entry keeps a snapshot alive
def _before(snapshot: Snapshot) -> str:
    """What comes before the moment in every reply of a snapshot."""
    return encode.dump(encode.provenance(snapshot, "")).decode()[1:-3]


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def decision(
    found: Decision, location: Location, snapshot: Snapshot, decision_id: str, computed_at: str
) -> bytes:
    """The body for a decision without a disc; arguments as for `encode.decision`."""
    snap = found.snap
    first = found.destination
    destination = (
        "null"
        if first is None
        else f'{{"ods_code":{_text(first.ods_code)},"name":{_text(first.name)},'
        f'"minutes":{_number(first.minutes)}}}'
    )
    doors = snapshot.doors
    ranking = ",".join([_ranked(row, doors[row.ods_code]) for row in found.ranking])
    return (
        f'{{"decision_id":"{decision_id}",{_before(snapshot)}"{computed_at}",'
        f'"speed_set":{_text(snapshot.speed_set_name)},'
        f'"incident":{{"lat":{round(location.lat, encode.DEGREE_DECIMALS)!r},'
        f'"lon":{round(location.lon, encode.DEGREE_DECIMALS)!r},'
        f'"snap":{{"lat":{snap.lat!r},"lon":{snap.lon!r},"distance_m":{snap.distance_m!r},'
        f'"road":{_text(snap.road)},"quality":"{snap.quality}"}},'
        f'"source":{_text(location.source)}}},'
        f'"destination":{destination},"nearest_ods_code":{_text(found.nearest_ods_code)},'
        f'"margin_minutes":{_number(found.margin_minutes)},"near_tie":{_flag(found.near_tie)},'
        f'"ranking":[{ranking}],"flags":{_texts(found.flags)},'
        f'"decision_support":{_text(encode.DECISION_SUPPORT)}}}'
    ).encode("utf-8", "replace")


def _ranked(row: Ranked, door: str) -> str:
    return (
        f'{{"rank":{row.rank},"ods_code":{_text(row.ods_code)},"name":{_text(row.name)},'
        f'"minutes":{_number(row.minutes)},"p10_minutes":{_number(row.p10_minutes)},'
        f'"p90_minutes":{_number(row.p90_minutes)},"km":{_number(row.km)},'
        f'"p_nearest":{_number(row.p_nearest)},"status":"{row.status}",'
        f'"eligible":{_flag(row.eligible)},"reasons":{_texts(row.reasons)},"door":"{door}"}}'
    )
