"""The parts of a running service: engine, follower, recorder."""

from __future__ import annotations

from functools import partial

from routing_service.config import Settings
from routing_service.live.engine import Engine
from routing_service.live.follower import Clock, Follower
from routing_service.live.no_store import Nowhere
from routing_service.live.overlay import prepare
from routing_service.live.recorder import Recorder
from routing_service.live.store import LiveStore, open_store
from routing_service.live.view import View
from routing_service.observe.audit import Audit
from routing_service.observe.segment_writer import SegmentWriter, try_folder
from routing_service.wiring.opening import open_base
from routing_service.wiring.warming import warm_snapshot


def open_engine(settings: Settings) -> Engine:
    """Open the graph file of the settings and answer once, so that every kernel is ready."""
    snapshot = open_base(settings)
    warm_snapshot(snapshot)
    return Engine(snapshot)


def open_follower(settings: Settings, engine: Engine, clock: Clock) -> Follower:
    """Make what keeps an engine at the state of the settings' store; started after the fork.

    The snapshot in the engine is the base of all that follows. Where there is a store the engine
    answers nothing until the state was read: without the day's closures it could be wrong.
    """
    base = engine.snapshot
    if not settings.store:
        return Follower(engine, base, Nowhere, clock, settings.stale_limit_s, has_store=False)
    prepare(engine.snapshot.graph)
    engine.withdraw()
    open_it = partial(open_store, settings.store)
    return Follower(engine, base, open_it, clock, settings.stale_limit_s)


def read_view(settings: Settings, clock: Clock) -> View:
    """What is known of the day now, read once; without a store nothing is.

    Raises
    ------
    StoreUnavailable, StoreCorrupt
        The day's closures are not known, so any answer could be wrong.
    """
    moment = clock()
    view = View.of(open_base(settings), moment)
    store: LiveStore = open_store(settings.store) if settings.store else Nowhere()
    try:
        return view.after(store.read(0), moment)
    finally:
        store.close()


def open_recorder(settings: Settings, clock: Clock) -> Recorder | None:
    """Make what puts decisions on the audit trail of the settings; None if none is kept.

    Its file is opened after the fork. Here only whether that will do is tried.

    Raises
    ------
    AuditUnavailable
        If the folder cannot be written.
    """
    if settings.audit == "off":
        return None
    folder = settings.audit_dir
    try_folder(folder)
    open_writer = partial(SegmentWriter, folder, clock, days=settings.audit_days)
    audit = Audit(open_writer, clock, strict=settings.audit == "strict")
    return Recorder(audit, folder)
