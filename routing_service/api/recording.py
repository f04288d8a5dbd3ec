"""Decisions on their way to the audit trail: recorded, and in strict mode kept before the reply."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from routing_service.errors import AuditUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fastapi import Request

    from routing_service.live.recorder import Recorder, Row
    from routing_service.live.snapshot import Snapshot
    from routing_service.observe.audit import Batch

PATIENCE_S = 5.0
"""How long a reply waits for the disk in strict mode."""

WHO = "hasu.who"
"""Where the scope of a request has the name of the key that it came with; see `guard`."""


async def record_decision(
    request: Request, row: Row, decision_id: str, at: datetime, since_ns: int
) -> None:
    """Record a decision of a route; returns when the reply may be sent.

    Raises
    ------
    AuditUnavailable
        In strict mode, if it cannot be kept.
    """
    recorder: Recorder | None = request.app.state.recorder
    if recorder is not None:
        who = request.scope.get(WHO)
        await keep(recorder, recorder.decision(row, decision_id, at, since_ns, who))


def record_matrix(
    request: Request,
    snapshot: Snapshot,
    rows: Sequence[Row | str],
    decision_id: str,
    at: datetime,
    since_ns: int,
) -> None:
    """Record the decisions of a matrix, in a thread; as `record_decision` else."""
    recorder: Recorder | None = request.app.state.recorder
    if recorder is None:
        return
    who = request.scope.get(WHO)
    batch = recorder.matrix(snapshot, rows, decision_id, at, since_ns, who)
    if recorder.strict:
        try:
            _roomy(batch).written.result(PATIENCE_S)
        except TimeoutError:
            raise _slow() from None


async def keep(recorder: Recorder | None, batch: Batch | None) -> None:
    """In strict mode wait until what was recorded is on the disk.

    Raises
    ------
    AuditUnavailable
        It is not, or not in time.
    """
    if recorder is None or not recorder.strict:
        return
    written = asyncio.wrap_future(_roomy(batch).written)
    try:
        # Shielded: others wait for the same batch.
        await asyncio.wait_for(asyncio.shield(written), PATIENCE_S)
    except TimeoutError:
        raise _slow() from None


def _roomy(batch: Batch | None) -> Batch:
    if batch is None:
        raise AuditUnavailable("More decisions wait to be recorded than fit; try again.")
    return batch


def _slow() -> AuditUnavailable:
    return AuditUnavailable(f"The disk did not take the record within {PATIENCE_S:.0f} s.")
