"""A number of its own for each process that shares a file: the first that no other holds.

Forked workers are not told which one they are, and one that falls is replaced by another. Each
takes the lowest free number by locking that byte of a shared file; the system frees it when the
process ends, however it ends.
"""

from __future__ import annotations

import fcntl

LIMIT = 1024


def claim_slot(descriptor: int, limit: int = LIMIT) -> int | None:
    """Lock the first free byte of a file, for as long as this process lives and holds it open.

    Parameters
    ----------
    descriptor
        A file open for writing. Its content does not matter. The process must not open and close
        the same file again: the system would free the lock.
    limit
        How many numbers there are.

    Returns
    -------
    int or None
        From 0; None if all are taken.
    """
    for slot in range(limit):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            continue
        return slot
    return None
