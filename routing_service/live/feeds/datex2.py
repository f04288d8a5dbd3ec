"""DATEX II (the European standard for road events) → notices.

A publication holds situations, each with records; every record is a notice of its own. A record
closes a road where it manages traffic by shutting the road or the carriageway, or says that
something blocks it; one that states its delay slows it down. XML of versions 2 and 3 is read by
the package `streetworks`, and so is the JSON of National Highways. What the package passes over is
read here from the elements it keeps: cancellation, the kind of management, delay, the periods of
the JSON, and how something blocks the road.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

from routing_service.errors import HasuError
from routing_service.live.closure import Closure
from routing_service.live.feeds.notice import Broken, Notice, one_line, package, place

FEED: Final = "datex2"
SHUT: Final = frozenset(
    {
        *("roadClosed", "carriagewayClosures", "carriagewayBlocked", "roadBlocked"),
        *("closed", "closedPermanentlyForTheWinter", "impassable"),
    }
)
"""Values that say that nothing passes, of whichever element."""

SAYS_SO: Final = frozenset(
    {
        "roadOrCarriagewayOrLaneManagementType",
        "trafficConstrictionType",
        "networkManagementType",
    }
)
WITHDRAWN: Final = frozenset({"cancel", "end"})
MINUTE_S: Final = 60.0

Period = tuple[datetime | None, datetime | None]


def recognises(content: bytes) -> bool:
    """Whether some bytes are such a publication."""
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"<") or (start.startswith(b"{") and b'"situation"' in content)


def read(content: bytes) -> Sequence[Notice | Broken]:
    """Read one publication.

    Raises
    ------
    MissingExtra
        Without the package `streetworks`.
    """
    reader = package("datex2")
    try:
        if content.lstrip().startswith(b"{"):
            situations = reader.parse_nationalhighways_situations(json.loads(content))
        else:
            situations = list(reader.iter_situations_full(io.BytesIO(content)))
    except (ParseError, ValueError, TypeError, AttributeError, KeyError) as error:
        return [Broken(FEED, f"not a DATEX II publication: {one_line(str(error))}")]
    records = [record for situation in situations for record in situation.records]
    return [_read_record(record) for record in records]


def _read_record(record: Any) -> Notice | Broken:
    """One record, as the package models it."""
    reference = f"{FEED}:{record.id}"
    try:
        return _notice(reference, record)
    except (ValueError, TypeError, HasuError) as error:
        return Broken(reference, one_line(str(error)))


def _notice(reference: str, record: Any) -> Notice:
    if not record.id:
        raise ValueError("a record has no id")
    said_at = record.version_time or record.creation_time
    if said_at is None or said_at.tzinfo is None:
        raise ValueError("it does not say when it was written, with a time zone")
    facts = list(_facts(record.raw))
    delay_minutes = _delay_minutes(facts)
    shut = any(name in SAYS_SO and value in SHUT for name, value in facts)
    if _is_withdrawn(record, facts) or not (shut or delay_minutes):
        return Notice(reference, said_at)
    if record.location.srs_name and "4326" not in record.location.srs_name:
        raise ValueError(f"its positions are in {record.location.srs_name}, not in WGS84")
    where = place([(lon, lat) for lat, lon in record.location.points])
    periods = _periods(record)
    closures = tuple(
        Closure.from_json(
            Closure(
                id=reference if len(periods) == 1 else f"{reference}#{number}",
                reason=one_line(_reason(record, shut=shut)),
                author=one_line(record.source_name or "not said"),
                source=f"{FEED} {said_at.isoformat()}",
                where=where,
                delay_minutes=None if shut else delay_minutes,
                starts_at=start,
                expires_at=end,
            ).to_json()
        )
        for number, (start, end) in enumerate(periods, start=1)
    )
    return Notice(reference, said_at, closures)


def _is_withdrawn(record: Any, facts: Iterable[tuple[str, str]]) -> bool:
    ended = any(name in WITHDRAWN and value == "true" for name, value in facts)
    return ended or record.validity.status == "suspended"


def _reason(record: Any, *, shut: bool) -> str:
    road = record.location.road_number or "road"
    what = "closed" if shut else "delays"
    why = [record.cause_description, record.cause_type, *record.comments]
    return f"{road} {what}" + "".join(f": {text}" for text in why[:3] if text)


def _delay_minutes(facts: Iterable[tuple[str, str]]) -> float | None:
    """The longest delay that is stated; the standard counts it in seconds."""
    stated = [float(value) / MINUTE_S for name, value in facts if name == "delayTimeValue"]
    return max(stated, default=None)


def _periods(record: Any) -> list[Period]:
    """When it holds: each of its periods, such as nights, or else from its start to its end."""
    validity = record.validity
    periods = [(period.start, period.end) for period in validity.periods]
    if isinstance(record.raw, Mapping):
        spec = (record.raw.get("validity") or {}).get("validityTimeSpecification") or {}
        periods = [
            (_moment(period.get("startOfPeriod")), _moment(period.get("endOfPeriod")))
            for period in spec.get("validPeriod") or []
        ]
    return periods or [(validity.overall_start, validity.overall_end)]


def _moment(text: str | None) -> datetime | None:
    return None if not text else datetime.fromisoformat(text)


def _facts(raw: object) -> Iterable[tuple[str, str]]:
    """Names and texts of all that a record holds, at whatever depth; names without namespace.

    In JSON an enumeration is an object with its ``value``, which gets the name of the object.
    """
    if isinstance(raw, Element):
        for element in raw.iter():
            yield element.tag.rsplit("}", 1)[-1], (element.text or "").strip()
    elif isinstance(raw, Mapping):
        for name, value in raw.items():
            if isinstance(value, Mapping) and "value" in value:
                yield name, str(value["value"])
            elif isinstance(value, list | Mapping):
                yield from _facts(value)
            else:
                yield name, str(value).lower() if isinstance(value, bool) else str(value)
    elif isinstance(raw, list):
        for item in raw:
            yield from _facts(item)
