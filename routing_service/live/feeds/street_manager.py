"""Street Manager (England's register of street works) → notices.

Its open data come as one message per event, in the envelope of Amazon's notification service or
bare. A permit closes a road while its traffic management is a road closure and its works are
planned or in progress. Signals, lane closures and the like let an ambulance through: they are no
closures, and how long they hold up is not said.

The package `streetworks` reads envelope and event. It leaves geometry as text, in metres of the
National Grid, and does not say what the event means for traffic; that is here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from routing_service.errors import HasuError
from routing_service.live.closure import Closure, Where
from routing_service.live.feeds.notice import Broken, Notice, one_line, package, place
from routing_service.location import bng

FEED: Final = "street_manager"
SHUT: Final = "road_closure"
ONGOING: Final = ("planned", "in_progress")
WITHDRAWN: Final = (
    *("PERMIT_SUBMITTED", "PERMIT_REFUSED", "PERMIT_REVOKED", "PERMIT_CANCELLED"),
    *("WORK_STOP", "ACTIVITY_CANCELLED"),
)
"""After these events there is no closure, whatever else the message says: not granted, or over."""

BRITAIN: Final = ZoneInfo("Europe/London")
_GEOMETRY: Final = re.compile(r"\s*(POINT|LINESTRING|POLYGON)\s*(?:Z\s*)?\(\(?([^()]*)\)", re.I)


def recognises(content: bytes) -> bool:
    """Whether some bytes are such a message."""
    return content.lstrip().startswith(b"{") and (
        b"object_reference" in content or b"TopicArn" in content
    )


def read(content: bytes) -> Sequence[Notice | Broken]:
    """Read one message.

    Returns
    -------
    sequence of Notice or Broken
        None for the service's own messages (a subscription) and for events about other things.

    Raises
    ------
    MissingExtra
        Without the package `streetworks`.
    """
    try:
        event = _event(content)
    except ValueError as error:
        return [Broken(FEED, f"not a message of Street Manager: {one_line(str(error))}")]
    if event is None or event.get("object_type") not in ("PERMIT", "ACTIVITY"):
        return []
    reference = f"{FEED}:{event.get('object_reference') or ''}"
    try:
        return [_notice(reference, event)]
    except (ValueError, KeyError, TypeError, HasuError) as error:
        return [Broken(reference, _why(error))]


def _event(content: bytes) -> dict[str, Any] | None:
    """The event in a message; None if it carries none."""
    opendata, exceptions = package("opendata"), package("exceptions")
    try:
        values = json.loads(content)
        if isinstance(values, dict) and "Type" in values:
            message = opendata.parse_message(content)
            if message.type is not opendata.SnsMessageType.NOTIFICATION:
                return None
            values = message.event_payload()
        event: dict[str, Any] = opendata.EventNotification.model_validate(values).model_dump()
    except exceptions.StreetworksError as error:
        raise ValueError(str(error)) from error
    return event


def _notice(reference: str, event: Mapping[str, Any]) -> Notice:
    if reference == f"{FEED}:":
        raise ValueError("it has no object_reference")
    said_at = _moment(event, "event_time")
    if said_at is None:
        raise ValueError("it has no event_time")
    data = event["object_data"] or {}
    if not _closes(event, data):
        return Notice(reference, said_at)
    closure = Closure(
        id=reference,
        reason=one_line(_reason(data)),
        author=one_line(data.get("promoter_organisation") or data["highway_authority"]),
        source=f"{FEED} {said_at.isoformat()}",
        where=_where(data.get("works_location_coordinates") or data.get("activity_coordinates")),
        starts_at=_moment(data, "actual_start_date_time") or _day(data, "start"),
        expires_at=_moment(data, "actual_end_date_time") or _day(data, "end"),
    )
    # Read back, so that it is held to the rules for every closure.
    return Notice(reference, said_at, (Closure.from_json(closure.to_json()),))


def _closes(event: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a road is shut, or will be, by what the event says."""
    if event.get("event_type") in WITHDRAWN or data.get("cancelled") == "Yes":
        return False
    if data.get("work_status_ref", "planned") not in ONGOING:
        return False
    # What was put up on the day counts before what was planned.
    now = data.get("current_traffic_management_type_ref")
    return (now or data.get("traffic_management_type_ref")) == SHUT


def _reason(data: Mapping[str, Any]) -> str:
    what = data.get("activity_name") or data.get("activity_type") or "Street works"
    street = data.get("street_name") or "a street without a name"
    return f"Road closure, {street}: {what}"


def _where(geometry: object) -> Where:
    """A place from well-known text in metres of the National Grid."""
    found = _GEOMETRY.match(geometry) if isinstance(geometry, str) else None
    if found is None:
        raise ValueError("its location is no POINT, LINESTRING or POLYGON")
    pairs = [[float(number) for number in pair.split()[:2]] for pair in found[2].split(",")]
    lats, lons = bng.to_wgs84(*np.array(pairs).T)
    points = list(zip(lons.tolist(), lats.tolist(), strict=True))
    return place(points, area=found[1].upper() == "POLYGON")


def _day(data: Mapping[str, Any], end: str) -> datetime | None:
    """Start or end as planned: a day, and perhaps a time of that day, in Britain.

    Without a time works last from the first minute of their first day to the last of their last.
    """
    day = _moment(data, f"proposed_{end}_date") or _moment(data, f"{end}_date")
    if day is None:
        return None
    time = data.get(f"proposed_{end}_time") or data.get(f"{end}_time")
    if isinstance(time, str) and "T" in time:
        return datetime.fromisoformat(time)
    midnight = day.astimezone(BRITAIN).replace(hour=0, minute=0, second=0, microsecond=0)
    if isinstance(time, str):
        hour, minute = time.split(":")[:2]
        return midnight.replace(hour=int(hour), minute=int(minute))
    return midnight if end == "start" else midnight + timedelta(days=1)


def _moment(values: Mapping[str, Any], name: str) -> datetime | None:
    text = values.get(name)
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return moment


def _why(error: Exception) -> str:
    return one_line(f"it lacks {error}" if isinstance(error, KeyError) else str(error))
