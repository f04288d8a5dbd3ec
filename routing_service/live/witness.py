"""A second record, outside the database, of how far a store had come.

A database that was emptied, cut off, or replaced by an older copy looks whole. So the newest
version and its digest are also noted in a small file of their own, which the database may be ahead
of but never behind. It costs one write into the page cache: it survives a killed process, and after
a power cut it may be old, which makes it a weaker witness but never a wrong one. Watching it is
also how a process hears that another has written.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from routing_service.live.chain import GENESIS, Tip

LINE_BYTES = 96


class Witness:
    """The file ``<store>-head`` beside a store."""

    def __init__(self, store: Path) -> None:
        self.path = store.with_name(store.name + "-head")
        self._descriptor = -1

    def read(self) -> Tip:
        """Return what was last noted; `GENESIS` where there is no note, or none that is legible."""
        with suppress(OSError, ValueError):
            version, digest = self.path.read_bytes().split()
            return int(version), bytes.fromhex(digest.decode("ascii"))
        return GENESIS

    def open(self) -> None:
        """Begin to take notes, if the file can be made."""
        with suppress(OSError):
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def note(self, version: int, digest: bytes) -> None:
        """Note what has just become durable; a note that cannot be written is left out."""
        line = f"{version} {digest.hex()}".ljust(LINE_BYTES - 1) + "\n"
        with suppress(OSError):
            # Always the same length in the same place: one block, which a full disk still takes.
            os.pwrite(self._descriptor, line.encode("ascii"), 0)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
