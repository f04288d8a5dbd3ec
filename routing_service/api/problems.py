"""The one table from errors to HTTP, and the one shape of every error reply (RFC 9457).

How a status is chosen: 400 where the request cannot be understood as it stands, 401 and 403 where
its key does not allow it, 404 where it names something that is not here, 409 where it contradicts
what is known, 422 where it is understood and this network has no answer,
501 where this installation lacks an optional part, 503 where it will work in a moment.
"""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routing_service import errors
from routing_service.api import encode

log = logging.getLogger(__name__)

METHODS = ("GET", "POST", "PUT", "DELETE")

MEDIA_TYPE = "application/problem+json"

KINDS: dict[type[errors.HasuError], tuple[int, str]] = {
    errors.InvalidRequest: (400, "The request cannot be understood"),
    errors.InvalidLocation: (400, "The location cannot be read"),
    errors.SwappedCoordinates: (400, "Latitude and longitude look exchanged"),
    errors.Unauthorised: (401, "A key is needed"),
    errors.Forbidden: (403, "Not with this key"),
    errors.InvalidClosure: (400, "The closure cannot be understood"),
    errors.UnknownPostcode: (404, "Unknown postcode"),
    errors.UnknownUnit: (404, "Unknown unit"),
    errors.UnknownClosure: (404, "Unknown closure"),
    errors.ClosureConflict: (409, "Another closure has this id"),
    errors.OutsideRegion: (422, "Outside the region"),
    errors.TooFarFromRoad: (422, "Too far from any road"),
    errors.NoRoute: (422, "No route"),
    errors.LooksLikePatientData: (422, "Looks like patient data"),
    errors.UnknownDecision: (404, "Unknown decision"),
    errors.ClosureHitsNothing: (422, "The closure hits no road"),
    errors.MissingExtra: (501, "Not installed here"),
    errors.Busy: (503, "Busy"),
    errors.NotReady: (503, "Not ready"),
    errors.NoStore: (503, "No store"),
    errors.StoreUnavailable: (503, "The store cannot be reached"),
    errors.StoreCorrupt: (503, "The store is damaged"),
    errors.StateBehind: (503, "The state has not arrived"),
    errors.AuditUnavailable: (503, "The audit trail cannot be written"),
    errors.NoAudit: (503, "No audit trail"),
}
"""Each error that a request can cause: its status and its title. Any other is a fault of ours."""

TRANSPORT: dict[int, tuple[str, str, str]] = {
    404: ("not_found", "Nothing here", "There is nothing at this path; /docs lists the routes."),
    405: ("method_not_allowed", "Method not allowed", "This path does not take this method."),
    413: ("too_large", "Too large", "The request is larger than this route takes."),
    415: ("unsupported_media_type", "Not JSON", "Send the body as Content-Type: application/json."),
    500: ("internal_error", "A fault in the service", "The fault has been logged."),
}
"""What HTTP itself can refuse: code, title and the detail when there is none better."""


def catalogue() -> list[dict[str, object]]:
    """Every problem a client can meet, for the documentation; sorted by status and code."""
    rows: list[dict[str, object]] = [
        {"code": kind.code, "status": status, "title": title, "meaning": (kind.__doc__ or "")}
        for kind, (status, title) in KINDS.items()
    ]
    rows += [
        {"code": code, "status": status, "title": title, "meaning": detail}
        for status, (code, title, detail) in TRANSPORT.items()
    ]
    return sorted(rows, key=lambda row: (row["status"], row["code"]))


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem+json reply; `facts` never replace a standard member."""
    body: dict[str, Any] = {
        "type": f"/docs#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    for name, value in (facts or {}).items():
        body.setdefault(name, plain(value))
    return Response(
        encode.dump(body),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def plain(value: object) -> object:
    """A fact as JSON can carry it: containers kept, NaN and other objects as text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def row_error(error: errors.HasuError) -> dict[str, object]:
    """The error of one row of a matrix: the same code, detail and facts as a problem."""
    body: dict[str, object] = {"code": error.code, "detail": error.detail}
    for name, value in error.facts.items():
        body.setdefault(name, plain(value))
    return body


def install(app: FastAPI) -> None:
    """Give every error of `app`, whoever raises it, the one shape."""
    app.add_exception_handler(errors.HasuError, _domain)
    app.add_exception_handler(HTTPException, _transport)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_middleware(LastResort)


def of(error: errors.HasuError) -> Response:
    """The reply for a domain error; re-raises one that no request should be able to cause."""
    for kind in type(error).__mro__:
        if kind in KINDS:
            status, title = KINDS[kind]
            headers = {"Retry-After": "1"} if status == 503 else None
            return problem(status, error.code, title, error.detail, error.facts, headers)
    raise error


async def _domain(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.HasuError)
    return of(error)


async def _transport(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    phrase = HTTPStatus(status).phrase
    code, title, detail = TRANSPORT.get(status, (f"http_{status}", phrase, phrase))
    if error.detail != phrase:  # written by us, not filled in by the framework
        detail = str(error.detail)
    headers = dict(error.headers or {})
    if status == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    return problem(status, code, title, detail, headers=headers)


async def _validation(_: Request, error: Exception) -> Response:
    # The framework's own report repeats the input, which may be personal; only the place and
    # the rule are passed on.
    assert isinstance(error, RequestValidationError)
    places = [
        {"field": ".".join(str(part) for part in item["loc"][1:]), "rule": item["type"]}
        for item in error.errors()
    ]
    return of(errors.InvalidRequest("A field is missing or malformed.", errors=places))


def _allowed(request: Request) -> list[str]:
    """All methods of a path: the framework names those of its first route only."""
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


class LastResort:
    """Turn an unforeseen exception into a 500 that tells the client nothing but a reference.

    The log gets the reference, the exception's class and where it was raised, but not its
    text, which can hold coordinates. That is also why it may not travel on to the server, which
    would log it whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; reply with a reference when it fails before its first byte."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            log.debug("the client left before its request was read")
        except Exception as error:
            if scope["type"] != "http":
                raise
            reference = str(uuid4())
            frames = "".join(traceback.format_tb(error.__traceback__))
            log.error("fault %s: %s\n%s", reference, type(error).__name__, frames.rstrip())
            if not started:
                code, title, detail = TRANSPORT[500]
                reply = problem(500, code, title, detail, {"reference": reference})
                await reply(scope, receive, send)
