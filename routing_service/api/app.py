"""The application: routes, error shape, documentation and page around one engine."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

import routing_service
from routing_service.api import area_routes, document, pages, problems, routes, state_routes
from routing_service.api.heavy import HeavyLane

if TYPE_CHECKING:
    from routing_service.live.engine import Engine
    from routing_service.live.follower import Follower

DESCRIPTION = (
    "Which hyper-acute stroke unit is quickest to reach from an incident, by road, "
    "how close the call is, and what is doubtful about it. A clinician decides."
)


def create_app(engine: Engine, follower: Follower | None = None) -> FastAPI:
    """Build the application that answers from `engine`.

    Parameters
    ----------
    engine
        Holds the snapshot that answers; each request takes it once.
    follower
        Keeps the engine at the state of a store; started and stopped with the application, which
        is after a worker was forked. Without one the state never changes.

    Returns
    -------
    FastAPI
        An ASGI application. Nothing is built when this module is imported.
    """
    app = FastAPI(
        title="Stroke conveyance routing",
        version=routing_service.__version__,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # the framework's page loads its parts from elsewhere; ours is in `pages`
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(follower),
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.engine = engine
    app.state.follower = follower
    app.state.started_s = time.monotonic()
    app.state.heavy = HeavyLane()
    app.state.areas = OrderedDict()
    app.include_router(routes.router)
    app.include_router(state_routes.router)
    app.include_router(area_routes.router)
    app.include_router(pages.router)
    problems.install(app)
    document.install(app)
    keep_queries_out_of_logs()
    return app


def _lifespan(follower: Follower | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if follower is not None:
            await run_in_threadpool(follower.start)
        yield
        if follower is not None:
            await run_in_threadpool(follower.stop)

    return lifespan


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
