"""How long work tells whoever watches how far it is; what is shown is the caller's business."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by long work as it goes.

    A stage is announced with ``done = 0`` when it starts and ends with ``done = total``; a stage
    that cannot count its steps is announced with ``total = 1``.
    """

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps of `stage` are complete."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
