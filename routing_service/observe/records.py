"""Decisions as records of the audit trail: what was asked, under what, and the raw numbers given.

The numbers are those that the kernels computed and that every figure and word of the reply is read
from (see `routing_service.answer`), so that a replay can compare bit for bit. What they depend on
besides the request (graph, state, limits, policy, software) many have in common: it has a record of
its own in each segment, whose number they name as ``context``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from routing_service.observe.chain import canonical

if TYPE_CHECKING:
    from routing_service.decision.model import Disc, Location
    from routing_service.observe.segment_writer import Page

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """One decision as it was taken.

    Attributes
    ----------
    location
        The request as it was used: degrees, whatever form they came in.
    numbers, bits
        The answer.
    speed_set
        Name of the speeds that it used.
    destination
        ODS code; None if no unit is eligible.
    disc
        What is nearest over the disc of a request with an accuracy.
    """

    location: Location
    numbers: Sequence[int]
    bits: int
    speed_set: str
    destination: str | None
    disc: Disc | None = None


def decision_record(
    page: Page,
    context: str,
    taken: Taken,
    decision_id: str,
    at: datetime,
    took_ns: int,
    who: str | None = None,
) -> str:
    """A decision as canonical JSON.

    Parameters
    ----------
    page
        Where the record is put; gets a record of the context first, if it has none.
    context
        Canonical JSON of what the answer depends on besides the request.
    taken
        The decision.
    decision_id, at
        As in the reply; the moment with all its digits.
    took_ns
        From the request's arrival to its answer.
    who
        Name of the key that it came with.
    """
    location = taken.location
    named = page.context(context)
    optional = (location.accuracy_m, location.heading_deg, location.at, location.capability, who)
    if optional == (None,) * len(optional):
        # Nearly all are like this, and no dictionary is built only to be sorted and walked.
        answer = str(list(taken.numbers)).replace(" ", "")
        to = "null" if taken.destination is None else f'"{taken.destination}"'
        return (
            f'{{"answer":{answer},"at":"{at.isoformat()}","bits":{taken.bits},'
            f'"context":{named},"decision_id":"{decision_id}","destination":{to},'
            f'"kind":"decision","request":{{"lat":{location.lat!r},"lon":{location.lon!r},'
            f'"source":"{location.source}"}},"seq":{page.seq},'
            f'"speed_set":{canonical_text(taken.speed_set)},"took_us":{took_ns // 1000}}}'
        )
    head = _head("decision", page.seq, named, decision_id, at, who)
    return canonical({**head, "took_us": took_ns // 1000, **row(taken)})


def matrix_record(
    page: Page,
    context: str,
    rows: Sequence[Taken | str],
    decision_id: str,
    at: datetime,
    took_ns: int,
    who: str | None = None,
) -> str:
    """The decisions of one matrix as canonical JSON; for a location in error its code."""
    named = page.context(context)
    head = _head("matrix", page.seq, named, decision_id, at, who)
    told = [{"error": each} if isinstance(each, str) else row(each) for each in rows]
    return canonical({**head, "took_us": took_ns // 1000, "rows": told})


def _head(
    kind: str, seq: int, context: int, decision_id: str, at: datetime, who: str | None
) -> Json:
    head: Json = {
        "at": at.isoformat(),
        "context": context,
        "decision_id": decision_id,
        "kind": kind,
        "seq": seq,
    }
    return head if who is None else {**head, "who": who}


def row(taken: Taken) -> Json:
    """Request and answer of one decision."""
    found: Json = {
        "request": request(taken.location),
        "answer": list(taken.numbers),
        "bits": taken.bits,
        "speed_set": taken.speed_set,
        "destination": taken.destination,
    }
    if taken.disc is not None:
        found["disc"] = {"shares": taken.disc.shares, "unroutable": taken.disc.unroutable}
    return found


def request(location: Location) -> Json:
    """The request as it was used; what was not given is left out."""
    optional = {
        "accuracy_m": location.accuracy_m,
        "heading_deg": location.heading_deg,
        "at": None if location.at is None else location.at.isoformat(),
        "capability": location.capability,
    }
    given = {name: value for name, value in optional.items() if value is not None}
    return {"lat": location.lat, "lon": location.lon, "source": location.source, **given}


def canonical_text(value: str) -> str:
    """A text as JSON."""
    return canonical({"": value})[4:-1]
