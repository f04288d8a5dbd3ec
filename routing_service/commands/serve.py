"""`hasu serve`: answer over HTTP until told to stop."""

from __future__ import annotations

import signal
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from routing_service.commands.command import OK, Command, add_settings, read_settings

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot


def _options(parser: ArgumentParser) -> None:
    add_settings(
        parser,
        *("graph", "host", "port", "workers"),
        *("snap_limit_m", "poor_snap_m", "near_tie_minutes"),
    )


def _run(args: Namespace) -> int:
    from routing_service.api.app import create_app
    from routing_service.api.fast_lane import FastLane
    from routing_service.commands import prefork
    from routing_service.wiring import open_engine

    # A stop that was asked for is not a failure, at whatever moment it comes.
    signal.signal(signal.SIGTERM, prefork.stop)
    signal.signal(signal.SIGINT, prefork.stop)
    settings = read_settings(args)
    engine = open_engine(settings)
    app = FastLane(create_app(engine), engine)
    listener = prefork.listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    print(_ready(engine.snapshot, settings.host, port), flush=True)
    prefork.serve(app, listener, settings.workers)
    return OK


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
