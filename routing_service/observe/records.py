"""Decisions as records of the audit trail: what was asked, under what, and the raw numbers given.

The numbers are those that the kernels computed and that every figure and word of the reply is read
from (see `routing_service.answer`), so that a replay can compare bit for bit. What they depend on
besides the request (graph, state, limits, policy, software) many have in common: it has a record of
its own in each segment, whose number they name as ``context``.
"""

from __future__ import annotations

import json
import sys
from array import array
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Any

from routing_service.answer import BITS, DESTINATION
from routing_service.observe.chain import canonical

if TYPE_CHECKING:
    from routing_service.decision.model import Disc, Location
    from routing_service.observe.segment_writer import Page

Json = dict[str, Any]
PlainRow = tuple["Location", Sequence[int], str, datetime, int]
"""Place, numbers of the answer, id, moment, and nanoseconds that it took."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the decisions of one state have in common, as JSON.

    Attributes
    ----------
    context
        Graph, state, limits, policy and software.
    speed_set
        Name of the speeds.
    codes
        ODS codes of the units, in the order of the answer's numbers, and last the word for none.
    """

    context: str
    speed_set: str
    codes: tuple[str, ...]


@dataclass(slots=True)  # not frozen: that would take three times as long to make
class Taken:
    """One decision as it was taken.

    Attributes
    ----------
    location
        The request as it was used: degrees, whatever form they came in.
    numbers, bits
        The answer.
    destination
        Index of the unit; -1 if none is eligible.
    frame
        What it was taken under.
    disc
        What is nearest over the disc of a request with an accuracy.
    """

    location: Location
    numbers: Sequence[int]
    bits: int
    destination: int
    frame: Frame
    disc: Disc | None = None


def pack_answer(numbers: Sequence[int]) -> str:
    """The numbers of an answer as they are recorded: base64 of 32-bit integers, low byte first.

    Written and read four times as quickly as digits, and half as long.

    Examples
    --------
    >>> pack_answer([1, -1])
    'AQAAAP////8='
    """
    return _base64(_struct(len(numbers)).pack(*numbers))


def unpack_answer(text: object) -> list[int]:
    """What `pack_answer` was given.

    Raises
    ------
    ValueError
        The text was not packed so.
    """
    if not isinstance(text, str):
        raise ValueError("an answer is a text")
    packed = a2b_base64(text, strict_mode=True)
    if len(packed) % 4:
        raise ValueError("an answer is whole numbers of 32 bits")
    return list(_struct(len(packed) // 4).unpack(packed))


@lru_cache(maxsize=64)
def _struct(count: int) -> Struct:
    return Struct(f"<{count}i")


def plain_record(page: Page, taken: Taken, decision_id: str, at: datetime, took_ns: int) -> str:
    """A decision that depends on its position alone, as nearly all do: `decision_record`, quickly.

    No dictionary is built only to be sorted and walked.
    """
    location, frame = taken.location, taken.frame
    named = page.context(frame.context)
    return (
        f'{{"answer":"{pack_answer(taken.numbers)}","at":"{at.isoformat()}","bits":{taken.bits},'
        f'"context":{named},"decision_id":"{decision_id}",'
        f'"destination":{frame.codes[taken.destination]},"kind":"decision",'
        f'"request":{{"lat":{location.lat!r},"lon":{location.lon!r},"source":"{location.source}"}},'
        f'"seq":{page.seq},"speed_set":{frame.speed_set},"took_us":{took_ns // 1000}}}'
    )


def block_record(page: Page, frame: Frame, rows: Sequence[PlainRow]) -> str:
    """Many plain decisions of one state as one record, for when many come at once.

    One after another it would take the writer four times as long, during which requests wait for
    the interpreter. `expand` gives each decision back.
    """
    named = page.context(frame.context)
    places = array("d", [degrees for row in rows for degrees in (row[0].lat, row[0].lon)])
    return canonical(
        {
            "answers": _base64(b"".join([_struct(len(row[1])).pack(*row[1]) for row in rows])),
            "context": named,
            "ids": " ".join([row[2] for row in rows]),
            "kind": "decisions",
            "moments": _base64(_little(array("d", [row[3].timestamp() for row in rows]))),
            "places": _base64(_little(places)),
            "seq": page.seq,
            "speed_set": json.loads(frame.speed_set),
            "took_us": [row[4] // 1000 for row in rows],
        }
    )


def expand(record: Json, context: Json) -> list[Json]:
    """Every decision of a record, each as a record of its own would tell it; not those in error.

    Raises
    ------
    KeyError, ValueError, TypeError, IndexError
        The record is none, or not what it should be.
    """
    if record["kind"] == "decision":
        return [record]
    if record["kind"] == "matrix":
        same = {"at": record["at"], "decision_id": record["decision_id"]}
        return [{**same, **each} for each in record["rows"] if "error" not in each]
    ids = record["ids"].split(" ")
    answers = a2b_base64(record["answers"], strict_mode=True)
    width = len(answers) // len(ids)
    places, moments = _doubles(record["places"]), _doubles(record["moments"])
    counts = (len(answers) / width, len(places) / 2, len(moments), len(record["took_us"]))
    if counts != (len(ids),) * len(counts):
        raise ValueError("a block whose parts are not of the same count")
    codes = [*context["units"], None]
    rows = []
    for i, id_ in enumerate(ids):
        packed = answers[i * width : (i + 1) * width]
        numbers = _struct(width // 4).unpack(packed)
        rows.append(
            {
                "answer": _base64(packed),
                "at": datetime.fromtimestamp(moments[i], UTC).isoformat(),
                "bits": numbers[BITS],
                "decision_id": id_,
                "destination": codes[numbers[DESTINATION]],
                "request": {"lat": places[2 * i], "lon": places[2 * i + 1], "source": "lat_lon"},
                "speed_set": record["speed_set"],
                "took_us": record["took_us"][i],
            }
        )
    return rows


def _base64(packed: bytes) -> str:
    return b2a_base64(packed, newline=False).decode()


def _little(numbers: array[float]) -> bytes:
    """Low byte first, on any machine."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _doubles(text: str) -> array[float]:
    numbers = array("d", a2b_base64(text, strict_mode=True))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def decision_record(
    page: Page,
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
    taken
        The decision.
    decision_id, at
        As in the reply; the moment with all its digits.
    took_ns
        From the request's arrival to its answer.
    who
        Name of the key that it came with.
    """
    named = page.context(taken.frame.context)
    head = _head("decision", page.seq, named, decision_id, at, who)
    return canonical({**head, "took_us": took_ns // 1000, **row(taken)})


def matrix_record(
    page: Page,
    frame: Frame,
    rows: Sequence[Taken | str],
    decision_id: str,
    at: datetime,
    took_ns: int,
    who: str | None = None,
) -> str:
    """The decisions of one matrix as canonical JSON; for a location in error its code."""
    named = page.context(frame.context)
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
        "answer": pack_answer(taken.numbers),
        "bits": taken.bits,
        "speed_set": json.loads(taken.frame.speed_set),
        "destination": json.loads(taken.frame.codes[taken.destination]),
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
