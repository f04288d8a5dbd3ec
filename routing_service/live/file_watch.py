"""Hearing at once that another process has written to a file, without asking all the time.

Polling a file every 5 ms took 3 to 4 % of a core in each worker, and woke it 200 times a second in
the middle of its answers. Linux tells by itself, through inotify; elsewhere it is polled.
"""

from __future__ import annotations

import ctypes
import os
import select
import threading
from contextlib import suppress
from pathlib import Path
from time import sleep

IN_MODIFY = 2  # <sys/inotify.h>
POLL_S = 0.005
EVENTS_BYTES = 4096


class FileWatch:
    """Wakes who waits when the file is written to; the file must be there."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._descriptor = _inotify(path)

    def wait(self, timeout_s: float) -> None:
        """Return when the file was written to since the last wait, or after `timeout_s`.

        Where files cannot be watched it returns after a few milliseconds, so the caller polls.
        """
        with self._lock:
            if self._descriptor < 0:
                sleep(min(timeout_s, POLL_S))
                return
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            if poll.poll(timeout_s * 1000):
                with suppress(BlockingIOError):
                    os.read(self._descriptor, EVENTS_BYTES)

    def close(self) -> None:
        """Stop watching."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _inotify(path: Path) -> int:
    """Return a descriptor that is readable once the file was modified; -1 if that cannot be."""
    with suppress(OSError, AttributeError):
        c = ctypes.CDLL(None, use_errno=True)
        descriptor: int = c.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor >= 0 and c.inotify_add_watch(descriptor, os.fsencode(path), IN_MODIFY) >= 0:
            return descriptor
        if descriptor >= 0:
            os.close(descriptor)
    return -1
