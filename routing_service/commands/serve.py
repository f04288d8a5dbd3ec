"""`hasu serve`: answer over HTTP until told to stop."""

from __future__ import annotations

import ipaddress
import signal
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from routing_service.commands.command import OK, Command, add_settings, read_settings
from routing_service.errors import InvalidSettings

if TYPE_CHECKING:
    from routing_service.api.admission import Admission
    from routing_service.api.fast_lane import App
    from routing_service.api.keys import KeyRing
    from routing_service.config import Settings
    from routing_service.live.engine import Engine
    from routing_service.live.snapshot import Snapshot

OPEN = "Open: no keys are in force, so anybody on this address may ask and change the state."


def _options(parser: ArgumentParser) -> None:
    add_settings(
        parser,
        *("graph", "host", "port", "workers"),
        *("max_connections", "shed_after_ms", "drain_seconds"),
        *("snap_limit_m", "poor_snap_m", "near_tie_minutes", "policy"),
        *("store", "stale_limit_s", "api_keys_file", "open_access"),
        *("audit", "audit_dir", "audit_days"),
    )


def _run(args: Namespace) -> int:
    from routing_service.serving import prefork
    from routing_service.serving.limits import Limits
    from routing_service.wiring.service import open_engine

    # A stop that was asked for is not a failure, at whatever moment it comes.
    signal.signal(signal.SIGTERM, prefork.stop)
    signal.signal(signal.SIGINT, prefork.stop)
    settings = read_settings(args)
    keys = allowed_keys(settings)
    engine = open_engine(settings)
    base = engine.snapshot
    service = _service(settings, engine, keys)
    listeners = prefork.listen(settings.host, settings.port, settings.workers)
    port = listeners[0].getsockname()[1]
    print(_ready(base, settings.host, port), flush=True)
    if keys is None:
        print(OPEN, file=sys.stderr, flush=True)
    prefork.serve(service, listeners, Limits(settings.max_connections, settings.drain_seconds))
    return OK


def _service(settings: Settings, engine: Engine, keys: KeyRing | None) -> Admission:
    """All that a request passes through: admission, counts, keys, fast lane; the rest aside."""
    from routing_service.api import ids
    from routing_service.api.admission import Admission
    from routing_service.api.app import create_app
    from routing_service.api.fast_lane import FastLane
    from routing_service.api.guard import Guard
    from routing_service.api.instant import prepare
    from routing_service.api.metered import Metered
    from routing_service.serving.aside import Aside
    from routing_service.wiring.service import open_follower, open_recorder

    prepare(engine.snapshot)
    recorder = open_recorder(settings, ids.now)
    inner = create_app(engine, open_follower(settings, engine, ids.now), recorder)
    app: App = FastLane(Aside(inner), engine, recorder)
    if keys is not None:
        app = Guard(app, keys)
    metrics = inner.state.metrics
    return Admission(Metered(app, metrics), settings.shed_after_ms / 1000, metrics)


def allowed_keys(settings: Settings) -> KeyRing | None:
    """The keys that requests need; None where the service may run open."""
    from routing_service.api.keys import KeyRing

    if settings.api_keys_file is not None:
        return KeyRing(settings.api_keys_file)
    if not settings.open_access and not _only_here(settings.host):
        raise InvalidSettings(
            f"{settings.host} can be reached from other machines: give HASU_API_KEYS_FILE (see "
            "`hasu keys`), or set HASU_OPEN_ACCESS=1 if something else guards the service",
            host=settings.host,
        )
    return None


def _only_here(host: str) -> bool:
    """Whether an address is a loopback one, which no other machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ready(snapshot: Snapshot, host: str, port: int) -> str:
    # An address that stands for all of them cannot be opened in a browser.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    base = f"http://{shown}:{port}"
    return (
        f"Ready: {base}/ (map) and {base}/docs (API); {snapshot.network} network "
        f"{snapshot.graph_id[:12]}, {len(snapshot.units)} units, profile {snapshot.profile}."
    )


COMMAND = Command(
    name="serve",
    summary="Answer over HTTP: the API and a map.",
    example="hasu serve --port 8080 --workers 2",
    add_options=_options,
    run=_run,
)
