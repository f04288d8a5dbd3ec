"""What of a decision goes on the audit trail, and what it was decided under."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from routing_service.answer import DESTINATION, HEAD, columns
from routing_service.decision.decision import Decision
from routing_service.decision.model import Location
from routing_service.live.snapshot import Snapshot
from routing_service.observe.audit import Audit, Batch, Run
from routing_service.observe.chain import canonical
from routing_service.observe.records import (
    Frame,
    Taken,
    block_record,
    decision_record,
    matrix_record,
)
from routing_service.observe.segment_writer import Page
from routing_service.units import ByteArray
from routing_service.version import __version__

Row = tuple[Snapshot, Location, Decision]


class Recorder:
    """Puts decisions on an audit trail. A call costs a fraction of a microsecond.

    Parameters
    ----------
    audit
        The trail of this process.
    folder
        Where the trails of all processes are.
    """

    def __init__(self, audit: Audit, folder: Path) -> None:
        self.audit, self.folder = audit, folder
        self.strict = audit.strict

    def decision(
        self,
        row: Row,
        decision_id: str,
        at: datetime,
        since_ns: int,
        who: str | None = None,
    ) -> Batch | None:
        """Record a decision.

        Parameters
        ----------
        row
            The snapshot that decided, the request as it used it, and the answer.
        decision_id, at
            As in the reply.
        since_ns
            When the request was taken up, by `time.perf_counter_ns`.
        who
            Name of the key that it came with.

        Returns
        -------
        Batch or None
            What it is written with; None if there was no room.
        """
        return self.audit.append(_decision, row, decision_id, at, perf_counter_ns() - since_ns, who)

    def plain(self, snapshot: Snapshot, record: bytes, who: str | None = None) -> Batch | None:
        """Record a decision that depends on its position alone; see `run` for many.

        Parameters
        ----------
        snapshot
            The one that decided.
        record
            Head and numbers, see `routing_service.answer`.
        who
            Name of the key that it came with.
        """
        rows = np.frombuffer(record, dtype=np.uint8)[None, :]
        return self.audit.append(_plain, snapshot, who, rows)

    def run(self, snapshot: Snapshot, who: str | None = None) -> Run:
        """Begin to record such decisions of one snapshot, a key's, in relaxed mode."""
        size = 8 * HEAD + 4 * columns(len(snapshot.units))
        return self.audit.run(_plain, snapshot, who, size=size)

    def matrix(
        self,
        snapshot: Snapshot,
        rows: Sequence[Row | str],
        decision_id: str,
        at: datetime,
        since_ns: int,
        who: str | None = None,
    ) -> Batch | None:
        """Record the decisions of a matrix; for a location in error, the error's code."""
        took_ns = perf_counter_ns() - since_ns
        arguments = (snapshot, rows, decision_id, at, took_ns, who)
        return self.audit.append(_matrix, *arguments, weight=max(len(rows), 1))


def context_of(snapshot: Snapshot) -> dict[str, Any]:
    """What an answer depends on besides its request and the software's speed sets."""
    return {
        "as_of": None if snapshot.as_of is None else snapshot.as_of.isoformat(),
        "calibration": snapshot.calibration,
        "doubts": list(snapshot.doubts),
        "graph_id": snapshot.graph_id,
        "guards_ms": list(snapshot.standing.guards_ms),
        "limits": asdict(snapshot.limits),
        "policy": None if snapshot.policy is None else snapshot.policy.id,
        "profile": snapshot.profile,
        "software": __version__,
        "state_version": snapshot.state_version,
        "statuses": list(snapshot.statuses),
        "units": [unit.ods_code for unit in snapshot.units],
    }


def _frame(snapshot: Snapshot) -> Frame:
    frame: Frame | None = snapshot.kept.get(_frame)
    if frame is None:
        codes = tuple(json.dumps(unit.ods_code) for unit in snapshot.units)
        name = json.dumps(snapshot.speed_set_name, ensure_ascii=False)
        made = Frame(canonical(context_of(snapshot)), name, (*codes, "null"))
        frame = snapshot.kept.setdefault(_frame, made)
    return frame


def _taken(row: Row) -> Taken:
    snapshot, location, found = row
    numbers = found.numbers
    to = numbers[DESTINATION]
    return Taken(location, numbers, found.bits, to, _frame(snapshot), found.disc)


def _decision(
    page: Page, row: Row, decision_id: str, at: datetime, took_ns: int, who: str | None
) -> str:
    return decision_record(page, _taken(row), decision_id, at, took_ns, who)


def _plain(page: Page, snapshot: Snapshot, who: str | None, records: ByteArray) -> str:
    return block_record(page, _frame(snapshot), records, who)


def _matrix(page: Page, snapshot: Snapshot, rows: Sequence[Row | str], *rest: Any) -> str:
    taken = [each if isinstance(each, str) else _taken(each) for each in rows]
    return matrix_record(page, _frame(snapshot), taken, *rest)
