"""The audit trail off the hot path: a bounded buffer, and a thread that writes it down.

A request appends what a record will be made of, which takes a fraction of a microsecond; the thread
makes the records, chains and writes them, many at a time. What does not fit the buffer is lost in
relaxed mode, and the trail says how much (``audit_gap``); in strict mode the request waits until
its record is on the disk, and fails when it cannot be.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, NamedTuple

from routing_service.errors import AuditUnavailable
from routing_service.kernels.tape import Tape
from routing_service.observe.chain import canonical
from routing_service.observe.segment_writer import Body, Clock, Page, SegmentWriter

log = logging.getLogger(__name__)

RELAXED_PAUSE_S: Final = 0.05
"""How often the thread looks in relaxed mode: no request ever wakes it."""

UPKEEP_S: Final = 1.0
"""In relaxed mode a loss of power costs this much at most."""

RETRY_S: Final = 0.5
TOGETHER: Final = 512
"""Most that one record tells together: a third of a millisecond's work, after which requests get
their turn.
"""

WRITE_AT_ONCE: Final = 64
"""Records made in one go, for the same reason."""

MOST_SPARE: Final = 4
"""Tapes that are kept for the next runs."""

STOP_PATIENCE_S: Final = 10.0

Maker = Callable[..., str]


class Item(NamedTuple):
    """A record to be, ``make(page, *given)``, and how many locations it is about."""

    make: Maker
    given: tuple[Any, ...]
    weight: int = 1


class Batch:
    """What was appended since the thread last looked; `written` is resolved when it is on disk."""

    __slots__ = ("items", "weight", "written")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.weight = 0
        self.written: Future[None] = Future()


class Run:
    """Records of one length, told one after another, that have all else in common.

    See `Audit.run`. To tell one more takes no lock and wakes nobody.

    Attributes
    ----------
    tape
        Where one thread, and no other, puts them.
    """

    __slots__ = ("given", "make", "over", "tape")

    def __init__(self, make: Maker, given: tuple[Any, ...], tape: Tape) -> None:
        self.make, self.given, self.tape, self.over = make, given, tape, False

    def end(self) -> None:
        """Nothing more will be told."""
        self.over = True

    def take(self) -> list[Item]:
        """What was told so far, in records of no more than `TOGETHER`."""
        taken = self.tape.take()
        parts = [taken[at : at + TOGETHER] for at in range(0, len(taken), TOGETHER)]
        return [Item(self.make, (*self.given, part), len(part)) for part in parts]


class Audit:
    """An audit trail that takes records from any thread.

    Parameters
    ----------
    open_writer
        Opens the chain. Called in `start`, so that each forked process has its own.
    clock
        Gives the present moment, in UTC.
    strict
        Whether who appends waits for the disk (see `Batch.written`).
    limit
        Locations that may wait to be written; more are lost.
    """

    def __init__(
        self,
        open_writer: Callable[[], SegmentWriter],
        clock: Clock,
        *,
        strict: bool = False,
        limit: int = 20_000,
    ) -> None:
        self.strict = strict
        self._lost = 0
        self.limit = limit
        self._open_writer, self._clock = open_writer, clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._batch = Batch()
        self._runs: list[Run] = []
        self._spare: list[Tape] = []  # of runs that are over
        self._in_flight = 0
        self._gap: tuple[int, str] | None = None
        self._stopping = False
        self._told = ""
        self._thread: threading.Thread | None = None

    # --- by requests ------------------------------------------------------------------------
    def append(self, make: Maker, *args: object, weight: int = 1) -> Batch | None:
        """Have ``make(page, *args)`` written as the next record but those that wait already.

        Parameters
        ----------
        make
            Gives the record as JSON; called later, by the thread.
        *args
            Must not change any more.
        weight
            Locations that the record is about.

        Returns
        -------
        Batch or None
            What it will be written with; None if there was no room.
        """
        with self._lock:
            batch = self._batch
            # An empty buffer takes anything, or a large matrix could never be written.
            full = self.waiting and self.waiting + weight > self.limit
            if not full:
                batch.items.append(Item(make, args, weight))
                batch.weight += weight
        if full:
            self._lose(weight)
            return None
        if self.strict:
            self._wake.set()
        return batch

    def run(self, make: Maker, *given: object, size: int) -> Run:
        """Begin a run, for what is told so often that appending each would cost too much.

        Parameters
        ----------
        make
            Gives a record: ``make(page, *given, told)`` with some that were told, in order,
            ``uint8[n, size]``.
        *given
            What they have in common; must not change any more.
        size
            Bytes of each.
        """
        with self._lock:
            # There may be twenty runs a second, and a tape is four megabytes.
            spare = [tape for tape in self._spare if tape.size == size]
            tape = spare[0] if spare else Tape(size, self.limit)
            self._spare = [other for other in self._spare if other is not tape]
            run = Run(make, given, tape)
            self._runs.append(run)
            self._hold(self.waiting)
        return run

    def _hold(self, waiting: int) -> None:
        """Have every run leave room for so many."""
        for run in self._runs:
            run.tape.allow(self.limit - waiting)

    @property
    def lost(self) -> int:
        """Locations that were not recorded, as there was no room."""
        return self._lost + sum(run.tape.lost for run in self._runs)

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was appended so far is in the file; False if that took too long."""
        with self._lock:
            batch = self._batch
            if not self.waiting:
                return True
        self._wake.set()
        try:
            batch.written.result(timeout_s)
        except (TimeoutError, AuditUnavailable):
            return False
        return True

    @property
    def waiting(self) -> int:
        """Locations that wait to be written."""
        told = sum(len(run.tape) for run in self._runs)
        return self._in_flight + self._batch.weight + told

    # --- by the process ---------------------------------------------------------------------
    def start(self) -> None:
        """Open the chain and begin to write. Once in each process, after it was forked.

        Raises
        ------
        AuditUnavailable
            The chain cannot be opened.
        """
        self._writer = self._open_writer()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits and end the chain."""
        if self._thread is None:
            return
        self._stopping = True
        self._wake.set()
        self._thread.join(STOP_PATIENCE_S)
        self._thread = None

    @property
    def chain(self) -> str:
        """Name of the chain that this process writes."""
        return self._writer.chain

    # --- by the thread ----------------------------------------------------------------------
    def _run(self) -> None:
        looked_s = time.monotonic()
        while not self._stopping:
            self._wake.wait(UPKEEP_S if self.strict else RELAXED_PAUSE_S)
            self._wake.clear()
            self._drain()
            if time.monotonic() - looked_s >= UPKEEP_S:
                self._look_after()
                looked_s = time.monotonic()
        self._drain()
        try:
            self._writer.close()
        except AuditUnavailable as error:
            self._tell(error)

    def _look_after(self) -> None:
        """Bring what was written to the disk, and begin the segment of a new day."""
        try:
            self._writer.sync()
            self._writer.turn()
        except AuditUnavailable as error:
            self._tell(error)

    def _drain(self) -> None:
        with self._lock:
            batch, self._batch = self._batch, Batch()
            lost = sum(run.tape.take_lost() for run in self._runs)
            items = [*batch.items, *self._take_runs()]
            self._in_flight = sum(item.weight for item in items)
            self._hold(self._in_flight)
        if lost:
            self._lose(lost)
        try:
            self._write(items)
            self._write_gap()
        except AuditUnavailable as error:
            batch.written.set_exception(error)
            self._tell(error)
        else:
            batch.written.set_result(None)
        with self._lock:
            self._in_flight = 0
            self._hold(0)

    def _take_runs(self) -> list[Item]:
        # Whether a run is over is asked first: what is told before its end must not be left.
        over = [run for run in self._runs if run.over]
        taken = [item for run in self._runs for item in run.take()]
        self._runs = [run for run in self._runs if run not in over]
        self._spare = [*self._spare, *(run.tape for run in over)][-MOST_SPARE:]
        return taken

    def _write(self, items: Sequence[Item]) -> None:
        at = 0
        while at < len(items):
            part: list[Body] = [partial(_made, item) for item in items[at : at + WRITE_AT_ONCE]]
            last = at + WRITE_AT_ONCE >= len(items)
            try:
                self._writer.append(part, durable=self.strict and last)
            except AuditUnavailable as error:
                if self.strict or self._stopping:
                    raise
                self._tell(error)
                time.sleep(RETRY_S)
                continue
            at += WRITE_AT_ONCE

    def _lose(self, weight: int) -> None:
        """Count what is not recorded, and have the trail say so."""
        with self._lock:
            self._lost += weight
            lost, since = self._gap or (0, self._clock().isoformat())
            self._gap = lost + weight, since

    def _write_gap(self) -> None:
        """Put on the record how much is not."""
        with self._lock:
            gap = self._gap
        if gap is None:
            return
        until = self._clock().isoformat()
        self._writer.append([partial(_gap_note, *gap, until)], durable=self.strict)
        with self._lock:
            lost = self._gap[0] if self._gap else 0
            self._gap = (lost - gap[0], until) if lost > gap[0] else None

    def _tell(self, error: AuditUnavailable) -> None:
        """Log a failure once, not twice a second for as long as it lasts."""
        if error.detail != self._told:
            log.error("%s", error.detail)
            self._told = error.detail


def _made(item: Item, page: Page) -> str:
    """A record; one that cannot be made must not end the trail, so that it says so instead."""
    try:
        body = item.make(page, *item.given)
    except Exception as error:
        # Without the text of the error, which can hold coordinates.
        log.error("an audit record could not be made: %s", type(error).__name__)
        return canonical({"fault": type(error).__name__, "kind": "audit_fault", "seq": page.seq})
    return body


def _gap_note(lost: int, since: str, until: str, page: Page) -> str:
    return canonical(
        {"kind": "audit_gap", "lost": lost, "seq": page.seq, "since": since, "until": until}
    )
