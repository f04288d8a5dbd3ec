"""Appending records to one chain of an audit trail, on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from routing_service.errors import AuditUnavailable
from routing_service.observe.chain import canonical, seal
from routing_service.observe.segments import (
    Segment,
    list_segments,
    read_end,
    segment_name,
    stamp,
)
from routing_service.observe.slots import claim_slot
from routing_service.version import __version__

FORMAT: Final = 1
SLOTS_FILE: Final = ".slots"

Clock = Callable[[], datetime]


class Page:
    """Where records are put: tells each its number, and writes what many have in common once.

    Attributes
    ----------
    seq
        Number of the next record.
    last
        Hash of the last one.
    lines
        What is to be written.
    contexts
        Numbers of the records of this segment that hold what decisions were taken under.
    """

    __slots__ = ("contexts", "last", "lines", "seq")

    def __init__(self, seq: int, last: str, contexts: dict[str, int]) -> None:
        self.seq, self.last, self.contexts = seq, last, contexts
        self.lines = bytearray()

    def put(self, body: str) -> None:
        """Add a record, which is without its hash and has `seq` as its number."""
        line, self.last = seal(self.last, body)
        self.lines += line
        self.seq += 1

    def context(self, text: str) -> int:
        """Number of the record of this segment that holds a context, given as canonical JSON."""
        if text not in self.contexts:
            self.contexts[text] = self.seq
            self.put(f'{{"context":{text},"kind":"context","seq":{self.seq}}}')
        return self.contexts[text]


Body = Callable[[Page], str]
"""Makes a record, without its hash; reads its number off the page when it needs no more context."""


class SegmentWriter:
    """The one writer of one chain.

    Opening it claims the first chain of the folder that no living process writes, and goes on
    where that chain ends, in a new segment: what a killed process left half written stays as it
    is. A segment ends when it is full, and at midnight UTC.

    Parameters
    ----------
    folder
        Holds all chains; made if missing.
    clock
        Gives the present moment, in UTC.
    days
        Segments that ended longer ago are removed; 0 keeps all.
    segment_bytes
        Size at which a segment ends.

    Raises
    ------
    AuditUnavailable
        The folder cannot be written.
    """

    def __init__(
        self, folder: Path, clock: Clock, *, days: int = 0, segment_bytes: int = 67_108_864
    ) -> None:
        self._folder, self._clock = folder, clock
        self._days, self._segment_bytes = days, segment_bytes
        self._file = -1
        self._bytes = 0
        self._contexts: dict[str, int] = {}
        self._day = ""
        self._damaged = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._slots = os.open(folder / SLOTS_FILE, os.O_RDWR | os.O_CREAT, 0o640)
            slot = claim_slot(self._slots)
            if slot is None:
                raise AuditUnavailable(f"All audit chains in {folder} are being written.")
            self.chain = f"w{slot}"
            end = read_end(self._segments())
            self._seq, self._hash = end.seq, end.hash
            self._open_segment(torn_bytes=end.torn_bytes)
        except OSError as error:
            raise unwritable(folder, error) from None

    @property
    def head(self) -> str:
        """Hash of the last record written."""
        return self._hash

    def append(self, bodies: Sequence[Body], *, durable: bool) -> None:
        """Write records, all or none of them.

        Parameters
        ----------
        bodies
            Called in order with the page that the records are put on.
        durable
            Return only when the disk has them.

        Raises
        ------
        AuditUnavailable
            They could not be written. The chain ends where it did before.
        """
        try:
            if self._full():
                self._open_segment()
            self._write(bodies)
            if durable:
                os.fdatasync(self._file)
        except OSError as error:
            raise unwritable(self._folder, error) from None

    def turn(self) -> None:
        """Begin a new segment if the day has changed, so that retention holds without traffic too.

        Raises
        ------
        AuditUnavailable
        """
        self.append([], durable=False)

    def sync(self) -> None:
        """Have the disk take what was written.

        Raises
        ------
        AuditUnavailable
        """
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise unwritable(self._folder, error) from None

    def close(self) -> None:
        """End the chain with a record that says so; it can be gone on with later."""
        try:
            self.append([lambda page: self._note(page, "end")], durable=True)
        finally:
            os.close(self._file)
            os.close(self._slots)

    def _write(self, bodies: Sequence[Body]) -> None:
        if self._damaged:
            self._cut_back()
        page = Page(self._seq, self._hash, dict(self._contexts))
        for body in bodies:
            page.put(body(page))
        try:
            view = memoryview(page.lines)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            self._damaged = True
            raise
        self._seq, self._hash, self._contexts = page.seq, page.last, page.contexts
        self._bytes += len(page.lines)

    def _cut_back(self) -> None:
        """Take away what a failed write may have left."""
        os.ftruncate(self._file, self._bytes)
        os.lseek(self._file, self._bytes, os.SEEK_SET)
        self._damaged = False

    def _full(self) -> bool:
        return self._bytes >= self._segment_bytes or stamp(self._clock())[:8] != self._day

    def _open_segment(self, torn_bytes: int = 0) -> None:
        now = self._clock()
        path = self._folder / segment_name(self.chain, self._seq, now)
        # A segment of that name can only be one that was opened and holds nothing.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        before, self._file = self._file, file
        contexts, self._contexts = self._contexts, {}
        self._bytes, self._damaged = 0, False
        torn = {"torn_bytes": torn_bytes} if torn_bytes else {}
        try:
            previous = self._hash
            self._write([lambda page: self._note(page, "segment", previous=previous, **torn)])
            _sync_folder(self._folder)
        except OSError:
            os.close(file)
            self._file, self._contexts = before, contexts
            if before >= 0:
                self._bytes = os.lseek(before, 0, os.SEEK_END)
            raise
        self._day = stamp(now)[:8]
        if before >= 0:
            os.fdatasync(before)
            os.close(before)
        self._forget(now)

    def _note(self, page: Page, kind: str, **facts: Any) -> str:
        """A record of the trail about itself."""
        note = {"at": self._clock().isoformat(), "chain": self.chain, "kind": kind, "seq": page.seq}
        if kind == "segment":
            note |= {"format": FORMAT, "software": __version__}
        return canonical(note | facts)

    def _segments(self) -> list[Segment]:
        return [s for s in list_segments(self._folder) if s.chain == self.chain]

    def _forget(self, now: datetime) -> None:
        """Remove segments that ended before the retention, once the chain itself says so.

        The record keeps number and hash at which the rest begins, so that what remains still
        verifies, and shows that it is what the retention left and not what somebody took away.
        """
        if not self._days:
            return
        limit = stamp(now - timedelta(days=self._days))
        segments = self._segments()
        # A segment ended when the next one was opened.
        old = [s for s, after in pairwise(segments) if after.opened < limit]
        if not old:
            return
        end = read_end(old)
        facts = {"removed": [s.path.name for s in old], "last": end.seq - 1, "last_hash": end.hash}
        self._write([lambda page: self._note(page, "retention", **facts)])
        self.sync()
        for segment in old:
            segment.path.unlink()


def try_folder(folder: Path) -> None:
    """Make the folder of a trail if it is missing, and see that it can be written.

    Raises
    ------
    AuditUnavailable
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(folder / SLOTS_FILE, os.O_RDWR | os.O_CREAT, 0o640))
    except OSError as error:
        raise unwritable(folder, error) from None


def unwritable(folder: Path, error: OSError) -> AuditUnavailable:
    """The error for a folder that does not take records."""
    return AuditUnavailable(
        f"The audit trail in {folder} cannot be written: {error.strerror or error}. Free or mend "
        "the disk, or choose another folder with HASU_AUDIT_DIR."
    )


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as the file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
