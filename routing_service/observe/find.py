"""Finding one decision in an audit trail by its id, which tells when it was made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from routing_service.observe.records import expand, unpack_answer
from routing_service.observe.segments import Segment, find_line, list_segments, parse, stamp

SLACK: Final = timedelta(hours=1)
"""A record stands where its id says, give or take a clock that was set and a wait for the disk."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record of a decision, or a part of one, where it stands, and the context that it names.

    Of a block of decisions it is the one; it has what the block says of all.
    """

    segment: str
    record: dict[str, Any]
    context: dict[str, Any]

    @property
    def answers(self) -> list[list[int] | None]:
        """The numbers of each decision of the record; None for a location in error."""
        rows = self.record["rows"] if self.record["kind"] == "matrix" else [self.record]
        return [None if "error" in row else unpack_answer(row["answer"]) for row in rows]


def find_decision(folder: Path, decision_id: str) -> Found | None:
    """The record of a decision; None if no chain of the folder has it.

    Reads the segments of the hour around the id's moment, at a gigabyte a second or so.
    """
    moment = moment_of(decision_id)
    if moment is None or not folder.is_dir():
        return None
    for segment in _around(list_segments(folder), moment):
        # A block has its ids without hyphens.
        line = find_line(segment.path, decision_id.encode(), UUID(decision_id).hex.encode())
        if line is not None:
            record = parse(line)
            context = _context(segment.path, record["context"])
            return Found(segment.path.name, _single(record, context, decision_id), context)
    return None


def _single(record: dict[str, Any], context: dict[str, Any], decision_id: str) -> dict[str, Any]:
    if record["kind"] != "decisions":
        return record
    shared = {n: record[n] for n in ("context", "hash", "kind", "seq", "who") if n in record}
    return next(
        {**each, **shared} for each in expand(record, context) if each["decision_id"] == decision_id
    )


def moment_of(decision_id: str) -> datetime | None:
    """When an id was made; None if it is none of ours (UUID of version 7, in lower case)."""
    try:
        known = UUID(decision_id)
    except ValueError:
        return None
    if str(known) != decision_id or known.version != 7:
        return None
    return datetime.fromtimestamp((known.int >> 80) / 1000, UTC)


def _around(segments: list[Segment], moment: datetime) -> list[Segment]:
    """Segments that were being written around a moment."""
    early, late = stamp(moment - SLACK), stamp(moment + SLACK)
    ended = {
        segment: after.opened
        for segment, after in pairwise(segments)
        if segment.chain == after.chain
    }
    return [s for s in segments if s.opened <= late and ended.get(s, late) >= early]


def _context(path: Path, seq: int) -> dict[str, Any]:
    line = find_line(path, f'"kind":"context","seq":{seq},'.encode())
    return {} if line is None else dict(parse(line)["context"])
