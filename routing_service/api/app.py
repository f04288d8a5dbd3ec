"""The application: routes, error shape, documentation and page around one engine."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from fastapi import FastAPI

import routing_service
from routing_service.api import document, pages, problems, routes

if TYPE_CHECKING:
    from routing_service.live.engine import Engine

DESCRIPTION = (
    "Which hyper-acute stroke unit is quickest to reach from an incident, by road, "
    "how close the call is, and what is doubtful about it. A clinician decides."
)


def create_app(engine: Engine) -> FastAPI:
    """Build the application that answers from `engine`.

    Parameters
    ----------
    engine
        Holds the snapshot that answers; each request takes it once.

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
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.engine = engine
    app.state.started_s = time.monotonic()
    app.include_router(routes.router)
    app.include_router(pages.router)
    problems.install(app)
    document.install(app)
    keep_queries_out_of_logs()
    return app


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
