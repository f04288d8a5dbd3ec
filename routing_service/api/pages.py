"""The web page, the documentation and what they load. Nothing comes from outside."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from routing_service.api import document, encode, schemas
from routing_service.api.replies import GeoJson

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from routing_service.live.snapshot import Snapshot

ASSETS = {
    "/": ("index.html", "text/html"),
    "/docs": ("docs.html", "text/html"),
    "/web/page.js": ("page.js", "text/javascript"),
    "/web/map.js": ("map.js", "text/javascript"),
    "/web/docs.js": ("docs.js", "text/javascript"),
    "/web/style.css": ("style.css", "text/css"),
}

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter()


@cache
def asset(name: str) -> bytes:
    """A file of the page, read once."""
    return (files("routing_service.api") / "web" / name).read_bytes()


def _serve(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def page() -> Response:
        return Response(asset(name), headers=HEADERS, media_type=media_type)

    return page


for _path, (_name, _media_type) in ASSETS.items():
    router.add_api_route(_path, _serve(_name, _media_type), include_in_schema=False)


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request) -> Response:
    """The description of all routes."""
    return Response(
        encode.dump(request.app.openapi()),
        headers={"Cache-Control": "no-cache"},
        media_type="application/json",
    )


@router.get(
    "/map/main-roads.json",
    summary="The main roads, for drawing",
    response_class=GeoJson,
    responses=document.replies(schemas.MainRoadsOut, "not_ready", media_type=GeoJson.media_type),
)
async def get_main_roads(request: Request) -> Response:
    """The same bytes until the graph changes, so a browser that has them gets a 304."""
    snapshot = request.app.state.engine.snapshot
    headers = {
        "Cache-Control": "no-cache",
        "ETag": f'"{snapshot.graph_id}"',
        "Vary": "Accept-Encoding",
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    # Gathering them visits every edge: off the loop.
    body = await run_in_threadpool(_main_roads, request, snapshot)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        body = gzip.decompress(body)
    return GeoJson(body, headers=headers)


def _main_roads(request: Request, snapshot: Snapshot) -> bytes:
    """The encoded roads, packed once per graph and kept with the application."""
    kept: tuple[str, bytes] | None = getattr(request.app.state, "main_roads", None)
    if kept is None or kept[0] != snapshot.graph_id:
        packed = gzip.compress(encode.dump(encode.main_roads(snapshot)), mtime=0)
        kept = (snapshot.graph_id, packed)
        request.app.state.main_roads = kept
    return kept[1]
