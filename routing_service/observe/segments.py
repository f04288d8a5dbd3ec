"""The files of an audit trail: chains cut into segments, one chain for each worker.

``w0-000000001234-20261122T101500Z.jsonl`` is the segment of chain ``w0`` that begins with its
record 1234. Each begins with a record about itself, which carries the hash that the segment before
ended with.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from routing_service.observe import chain

SUFFIX: Final = ".jsonl"
SCAN_BYTES: Final = 262_144
TAIL_BYTES: Final = 65_536
_NAME: Final = re.compile(r"(w\d+)-(\d{12})-(\d{8}T\d{6}Z)\.jsonl")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file: its chain, the number of its first record and when it was opened (UTC)."""

    path: Path
    chain: str
    first: int
    opened: str

    @classmethod
    def named(cls, path: Path) -> Segment | None:
        """The segment that a path names; None if it names none."""
        found = _NAME.fullmatch(path.name)
        return None if found is None else cls(path, found[1], int(found[2]), found[3])


def segment_name(chain_name: str, first: int, opened: datetime) -> str:
    """File name of a segment."""
    return f"{chain_name}-{first:012d}-{stamp(opened)}{SUFFIX}"


def stamp(moment: datetime) -> str:
    """A UTC moment as segment names hold it; sorts by time."""
    return moment.strftime("%Y%m%dT%H%M%SZ")


def list_segments(folder: Path) -> list[Segment]:
    """All segments of a folder, chain by chain, in order."""
    found = (Segment.named(path) for path in folder.iterdir())
    return sorted((s for s in found if s is not None), key=lambda s: (s.chain, s.first, s.opened))


@dataclass(frozen=True, slots=True)
class End:
    """Where a chain stands: the number of its next record, the last hash, and bytes torn off."""

    seq: int = 0
    hash: str = chain.FIRST
    torn_bytes: int = 0


def read_end(segments: list[Segment]) -> End:
    """Where a chain of segments ends, from the last whole record that is in the files.

    A process that is killed can leave half a line; a machine that loses power, an empty file.
    """
    torn = 0
    for segment in reversed(segments):
        for line, length in _lines_backwards(segment.path):
            parts = chain.split(line)
            if parts is not None:
                return End(int(json.loads(parts[0])["seq"]) + 1, parts[1], torn)
            torn += length
    return End(torn_bytes=torn)


def _lines_backwards(path: Path) -> Iterator[tuple[bytes, int]]:
    """Lines of a file from its end, each with its length in bytes; half a line comes empty."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        length = min(size, TAIL_BYTES)
        while True:
            file.seek(size - length)
            tail = file.read(length)
            whole = length == size
            lines = tail.split(b"\n")
            if whole or len(lines) > 2:
                break
            length = min(size, length * 8)  # a matrix can be a line of megabytes
        if lines[-1]:
            yield b"", len(lines[-1])
        for line in reversed(lines[0 if whole else 1 : -1]):
            yield line, len(line) + 1


def find_line(path: Path, *wanted: bytes) -> bytes | None:
    """The first line of a file that holds any of `wanted`, without its end; None if none does.

    Reads in pieces: each read lets other threads run, and none is held up for long.
    """
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(SCAN_BYTES):
            block = rest + piece
            found = [at for at in map(block.find, wanted) if at >= 0]
            if found:
                start = block.rfind(b"\n", 0, min(found)) + 1
                return (block[start:] + file.readline()).partition(b"\n")[0]
            rest = block[block.rfind(b"\n") + 1 :]
    return None


def parse(line: bytes) -> dict[str, Any]:
    """A record as it is written, its hash included."""
    record: dict[str, Any] = json.loads(line)
    return record
