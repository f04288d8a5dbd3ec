"""Reading audit trails back: every record in order, and every place where a chain does not hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from routing_service.errors import InvalidAudit
from routing_service.observe import chain
from routing_service.observe.segments import Segment, list_segments

Kind = Literal["altered", "missing", "moved", "unreadable"]


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a chain does not hold: file, line (from 1) and what is wrong, in words."""

    kind: Kind
    path: Path
    line: int
    detail: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with the place where it stands, and the context that it names."""

    path: Path
    line: int
    record: dict[str, Any]
    context: dict[str, Any] | None = None


@dataclass(slots=True)
class Trail:
    """What was found besides the records: breaks, and what is no fault but should be known.

    Attributes
    ----------
    breaks
        In the order found.
    heads
        Last hash of each chain. Noted elsewhere, it proves later that nothing was cut off.
    torn
        Files whose last line is incomplete, with its bytes: a process was killed while writing.
    open
        Chains that do not end with their closing record: still written, or killed.
    lost
        Decisions that were given while the trail could not be written, as it says itself.
    records
        All that were read.
    wanted, found
        A hash that somebody noted, and whether the trail holds it.
    """

    breaks: list[Break] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=dict)
    torn: dict[Path, int] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    lost: int = 0
    records: int = 0
    wanted: str | None = None
    found: bool = False


def find_chains(paths: Iterable[Path]) -> dict[str, list[Segment]]:
    """Segments of trails, chain by chain; a path is a folder or a segment file.

    Raises
    ------
    InvalidAudit
        A path is neither, or a folder holds no segment.
    """
    chains: dict[str, list[Segment]] = {}
    for path in paths:
        if not path.exists():
            raise InvalidAudit(f"There is no audit trail at {path}.")
        named = Segment.named(path)
        found = list_segments(path) if path.is_dir() else [named] if named else []
        if not found:
            raise InvalidAudit(
                f"{path} holds no audit trail; its files are named like "
                "w0-000000000000-20261122T101500Z.jsonl."
            )
        for segment in found:
            chains.setdefault(f"{segment.path.parent}/{segment.chain}", []).append(segment)
    return chains


def read_trail(chains: dict[str, list[Segment]], trail: Trail) -> Iterator[Entry]:
    """Every record of some chains, each checked against the one before.

    Parameters
    ----------
    chains
        As `find_chains` gives them.
    trail
        Filled on the way; complete when the last record was taken.
    """
    for name, segments in chains.items():
        walk = _Walk(trail)
        for segment in segments:
            yield from walk.through(segment)
        walk.finish(name)


class _Walk:
    """One chain, record by record."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self.seq = 0
        self.hash: str | None = chain.FIRST
        self.absent: dict[int, Break] = {}
        self.kept_from: tuple[int, str] | None = None
        self.began: Entry | None = None
        self.kind = ""
        self.contexts: dict[int, dict[str, Any]] = {}

    def through(self, segment: Segment) -> Iterator[Entry]:
        with segment.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    self.trail.torn[segment.path] = len(line)
                    break
                entry = self._entry(segment.path, number, line[:-1])
                if entry is not None:
                    yield entry

    def _entry(self, path: Path, number: int, line: bytes) -> Entry | None:
        parts = chain.split(line)
        record = None if parts is None else _parsed(parts[0])
        if parts is None or record is None:
            self._break("unreadable", path, number, "this line is not a record")
            self.seq, self.hash = self.seq + 1, None
            return None
        content, own = parts
        entry = Entry(path, number, record, self._named_context(record))
        self.trail.records += 1
        if not self._in_place(entry):
            return entry
        if self.hash is not None and not chain.holds(self.hash, content, own):
            self._break(
                "altered",
                path,
                number,
                f"record {record['seq']} is not what was written, or the one before is not",
            )
        self.hash = own
        self.trail.found |= own == self.trail.wanted
        self.seq = record["seq"] + 1
        self.kind = record["kind"]
        self._note(entry)
        return entry

    def _in_place(self, entry: Entry) -> bool:
        """Whether a record's number is the one that is due, or a later one."""
        seq = entry.record["seq"]
        if self.began is None:
            self.began = entry
            if seq:  # right if retention removed what was before, which a later record says
                self.hash = entry.record.get("previous")
        elif seq > self.seq:
            missing = f"record {self.seq}" if seq == self.seq + 1 else f"{self.seq} to {seq - 1}"
            fault = self._break("missing", entry.path, entry.line, f"{missing} before this line")
            self.absent |= dict.fromkeys(range(self.seq, seq), fault)
            self.hash = None
        elif seq < self.seq:
            gap = self.absent.pop(seq, None)
            if gap is not None and gap not in self.absent.values():  # not missing after all
                self.trail.breaks.remove(gap)
            self._break("moved", entry.path, entry.line, f"record {seq} belongs further up")
            return False
        return True

    def _named_context(self, record: dict[str, Any]) -> dict[str, Any] | None:
        named = record.get("context")
        return self.contexts.get(named) if isinstance(named, int) else None

    def _note(self, entry: Entry) -> None:
        """Learn from the records of the trail about itself."""
        record = entry.record
        try:
            match record["kind"]:
                case "segment":
                    self.contexts = {}
                case "context":
                    self.contexts[record["seq"]] = dict(record["context"])
                case "retention":
                    self.kept_from = int(record["last"]) + 1, record["last_hash"]
                case "audit_gap":
                    self.trail.lost += int(record["lost"])
        except (KeyError, TypeError, ValueError):
            self._break(
                "unreadable", entry.path, entry.line, "this record lacks what it should say"
            )

    def finish(self, name: str) -> None:
        first = self.began
        if first is not None and first.record["seq"]:
            begins = first.record["seq"], first.record.get("previous")
            kept = self.kept_from
            # Retention may have been stopped between two files: then less is gone than it says.
            if kept is None or (begins != kept and begins[0] >= kept[0]):
                self._break(
                    "missing",
                    first.path,
                    first.line,
                    f"records 0 to {first.record['seq'] - 1}, and no retention removed them",
                )
        self.trail.heads[name] = self.hash or ""
        if self.kind != "end":
            self.trail.open.append(name)

    def _break(self, kind: Kind, path: Path, line: int, detail: str) -> Break:
        found = Break(kind, path, line, detail)
        self.trail.breaks.append(found)
        return found


def _parsed(content: bytes) -> dict[str, Any] | None:
    """A record, if it is one: every record has a number and a kind."""
    try:
        record = json.loads(content)
    except ValueError:
        return None
    known = isinstance(record, dict) and isinstance(record.get("seq"), int)
    return record if known and isinstance(record.get("kind"), str) else None
