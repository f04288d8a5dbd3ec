"""Decisions as records of the audit trail: what was asked, under what, and the raw numbers given.

The numbers are those that the kernels computed and that every figure and word of the reply is read
from (see `routing_service.answer`), so that a replay can compare bit for bit. What they depend on
besides the request (graph, state, limits, policy, software) many have in common: it has a record of
its own in each segment, whose number they name as ``context``.
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from routing_service.answer import BITS, DESTINATION, HEAD, columns, pack, unpack
from routing_service.kernels.base64 import base64
from routing_service.observe.chain import canonical
from routing_service.units import ByteArray

if TYPE_CHECKING:
    from routing_service.decision.model import Disc, Location
    from routing_service.observe.segment_writer import Page

Json = dict[str, Any]


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
    return _base64(pack(numbers))


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
    return list(unpack(packed))


def block_record(page: Page, frame: Frame, records: ByteArray, who: str | None = None) -> str:
    """Plain decisions of one state as one record, as the kernels gave them; `expand` reads it.

    Not even one of them is told in digits: that takes the writer ten times as long, during which
    requests wait for the interpreter. Their ids stand apart, where they are found without
    unpacking.

    Parameters
    ----------
    page
        Where the record is put; gets a record of the context first, if it has none.
    frame
        What they were taken under.
    records
        ``uint8[n, size]``: head and numbers of each, see `routing_service.answer`.
    who
        Name of the key that they came with.
    """
    named = page.context(frame.context)
    ids = records[:, :16].tobytes().hex()
    taken = base64(records).decode()
    # Written out: the encoder would look through all of it for what it has to escape, and take as
    # long as all else together.
    whose = "" if who is None else f',"who":{json.dumps(who, ensure_ascii=False)}'
    return (
        f'{{"context":{named},"ids":"{ids}","kind":"decisions","seq":{page.seq},'
        f'"speed_set":{frame.speed_set},"taken":"{taken}"{whose}}}'
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
    codes = [*context["units"], None]
    taken = a2b_base64(record["taken"], strict_mode=True)
    size = _HEAD.size + 4 * columns(len(context["units"]))
    if len(taken) % size or len(record["ids"]) != 32 * (len(taken) // size):
        raise ValueError("a block whose parts are not of the same count")
    return [
        _plain(taken[first : first + size], codes, record["speed_set"])
        for first in range(0, len(taken), size)
    ]


def _plain(packed: bytes, codes: Sequence[str | None], speed_set: str) -> Json:
    """One decision of a block."""
    id_, at_ns, lat, lon, took_ns = _HEAD.unpack_from(packed)
    answer = packed[_HEAD.size :]
    numbers = unpack(answer)
    return {
        "answer": _base64(answer),
        "at": (EPOCH + timedelta(microseconds=at_ns // 1000)).isoformat(),
        "bits": numbers[BITS],
        "decision_id": str(UUID(bytes=id_)),
        "destination": codes[numbers[DESTINATION]],
        "request": {"lat": lat, "lon": lon, "source": "lat_lon"},
        "speed_set": speed_set,
        "took_us": took_ns // 1000,
    }


_HEAD: Final = Struct("<16sqddq")
assert _HEAD.size == 8 * HEAD

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _base64(packed: bytes) -> str:
    return b2a_base64(packed, newline=False).decode()


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
