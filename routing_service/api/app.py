"""The application: routes, error shape, documentation and page around one engine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from routing_service.api import (
    area_routes,
    decisions,
    document,
    metrics_page,
    pages,
    problems,
    routes,
    state_routes,
)
from routing_service.api.heavy import HeavyLane
from routing_service.api.metered import routes_of, tell_gauges
from routing_service.observe.service_metrics import ServiceMetrics
from routing_service.version import __version__

if TYPE_CHECKING:
    from routing_service.live.engine import Engine
    from routing_service.live.follower import Follower
    from routing_service.live.recorder import Recorder

DESCRIPTION = (
    "Which hyper-acute stroke unit is quickest to reach from an incident, by road, "
    "how close the call is, and what is doubtful about it. A clinician decides."
)

ROUTERS = (
    routes.router,
    state_routes.router,
    area_routes.router,
    decisions.router,
    pages.router,
    metrics_page.router,
)


def create_app(
    engine: Engine,
    follower: Follower | None = None,
    recorder: Recorder | None = None,
) -> FastAPI:
    """Build the application that answers from `engine`.

    Parameters
    ----------
    engine
        Holds the snapshot that answers; each request takes it once.
    follower
        Keeps the engine at the state of a store; started and stopped with the application, which
        is after a worker was forked. Without one the state never changes.
    recorder
        Puts decisions on the audit trail; its trail is started and stopped with the application.
        Without one none is kept.

    Returns
    -------
    FastAPI
        An ASGI application. Nothing is built when this module is imported.
    """
    app = FastAPI(
        title="Stroke conveyance routing",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # the framework's page loads its parts from elsewhere; ours is in `pages`
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.engine = engine
    app.state.follower = follower
    app.state.recorder = recorder
    app.state.started_s = time.monotonic()
    app.state.metrics = metrics = ServiceMetrics(routes_of(*ROUTERS))
    app.state.heavy = HeavyLane(refused=metrics.shed.adder("heavy"))
    app.state.areas = OrderedDict()
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    document.install(app)
    keep_queries_out_of_logs()
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Threads and what else is a worker's own: it begins after the fork."""
    state = app.state
    state.metrics.all.claim()
    gauges = asyncio.create_task(
        tell_gauges(state.metrics, state.engine, state.follower, state.recorder)
    )
    # Not in the pool, whose threads go on into requests: nothing else is to be done here yet.
    if state.recorder is not None:
        state.recorder.audit.start()
    if state.follower is not None:
        state.follower.start()
    yield
    gauges.cancel()
    if state.follower is not None:
        await run_in_threadpool(state.follower.stop)
    if state.recorder is not None:
        await run_in_threadpool(state.recorder.audit.stop)


def keep_queries_out_of_logs() -> None:
    """Cut the query, where coordinates are, from the server's access log."""
    log = logging.getLogger("uvicorn.access")
    if not any(isinstance(item, _PathOnly) for item in log.filters):
        log.addFilter(_PathOnly())


class _PathOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # The server's arguments: client, method, path with query, HTTP version, status.
        if isinstance(record.args, tuple):
            record.args = tuple(
                part.partition("?")[0] if isinstance(part, str) else part for part in record.args
            )
        return True
