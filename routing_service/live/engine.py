"""`Engine`: holds the current snapshot and exchanges it for a newer one."""

from __future__ import annotations

from routing_service.errors import NotReady
from routing_service.live.snapshot import Snapshot


class Engine:
    """A single reference to the snapshot in force.

    A request takes `snapshot` once and answers from it alone. Publishing is one assignment, which
    the interpreter makes atomic: no request can see half of two states.

    Parameters
    ----------
    snapshot
        The first one.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot: Snapshot | None = snapshot

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot in force.

        Raises
        ------
        NotReady
            While there is none: an answer without the day's closures could be wrong.
        """
        if self._snapshot is None:
            raise NotReady("The state of the day has not been read yet; ask again in a moment.")
        return self._snapshot

    def publish(self, snapshot: Snapshot) -> None:
        """Put a newer snapshot in force."""
        self._snapshot = snapshot

    def withdraw(self) -> None:
        """Answer nothing until the next `publish`."""
        self._snapshot = None
