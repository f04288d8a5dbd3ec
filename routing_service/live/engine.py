"""`Engine`: holds the current snapshot and exchanges it for a newer one."""

from __future__ import annotations

from routing_service.live.snapshot import Snapshot


class Engine:
    """A single reference to the snapshot in force.

    A request takes `snapshot` once and answers from it alone. Publishing is one assignment, which
    the interpreter makes atomic: no request can see half of two states.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot in force."""
        return self._snapshot

    def publish(self, snapshot: Snapshot) -> None:
        """Put a newer snapshot in force."""
        self._snapshot = snapshot
