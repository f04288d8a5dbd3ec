"""The routes of the day's state: closures, statuses of units, versions.

What changes the state is answered when the event is durable and this process answers by it.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from routing_service.api import (
    current,
    document,
    encode,
    fields,
    guard,
    ids,
    state_encode,
    state_schemas,
)
from routing_service.api.replies import GeoJson, reply
from routing_service.errors import (
    ClosureConflict,
    InvalidClosure,
    InvalidRequest,
    NoStore,
    UnknownClosure,
    UnknownUnit,
)
from routing_service.live.closure import Closure
from routing_service.live.events import ClosureOpened, ClosureRevoked, UnitStatusSet
from routing_service.live.view import Placed, View

if TYPE_CHECKING:
    from routing_service.live.follower import Follower

MAX_CLOSURE_BYTES = 1_048_576
MAX_STATUS_BYTES = 16_384
OPEN_ACCESS = "anybody (no keys)"
"""Who is recorded where neither a key nor the request says who."""

Shape = TypeVar("Shape", bound=BaseModel)
CLOSURE_EXAMPLES = {
    "flood": {
        "value": {
            "point": {"lat": 53.5526, "lon": -1.4797},
            "radius_m": 100,
            "reason": "flood",
            "author": "control room",
            "expires_at": "2026-11-22T18:00:00Z",
        }
    },
    "slow": {
        "value": {
            "road": "A61",
            "polygon": {
                "type": "Polygon",
                "coordinates": [[[-1.5, 53.5], [-1.4, 53.5], [-1.4, 53.6], [-1.5, 53.5]]],
            },
            "delay_factor": 1.5,
            "reason": "roadworks",
            "author": "control room",
        }
    },
}
STATUS_EXAMPLES = {
    "divert": {
        "value": {
            "status": "divert",
            "reason": "scanner down",
            "author": "site manager",
            "expires_at": "2026-11-22T14:00:00Z",
            "max_extra_minutes": 20,
        }
    }
}

router = APIRouter()


# --- closures -----------------------------------------------------------------------------
@router.get(
    "/v1/closures",
    summary="Closures in force or to come",
    responses=document.replies(state_schemas.ClosuresOut, "malformed", "keyless", "not_ready"),
)
async def get_closures(request: Request) -> Response:
    """Closures that were neither revoked nor have ended, with the roads that they hit."""
    fields.refuse_unknown(fields.from_query(request), ())
    return reply(await run_in_threadpool(state_encode.closures, current.view(request)))


@router.post(
    "/v1/closures",
    status_code=201,
    summary="Close or slow a road",
    openapi_extra=document.request_body(state_schemas.ClosureBody, CLOSURE_EXAMPLES),
    responses=document.replies(
        state_schemas.ClosureOpenedOut,
        *("malformed", "keyless", "not_yours", "contradicts", "large", "not_json"),
        *("unanswerable", "not_ready"),
        success=201,
    ),
)
async def post_closure(request: Request) -> Response:
    """One closure. Sent again with the same `id` and content it is not opened a second time."""
    given = await fields.from_body(request, MAX_CLOSURE_BYTES)
    following, who = _writer(request), _who(request)
    return reply(await run_in_threadpool(_open, following, given, who), 201)


@router.delete(
    "/v1/closures/{closure_id:path}",
    summary="Revoke a closure",
    openapi_extra={"parameters": [document.CLOSURE_ID, document.AUTHOR]},
    responses=document.replies(
        state_schemas.StateChangedOut,
        *("malformed", "keyless", "not_yours", "unknown", "not_ready"),
    ),
)
async def delete_closure(request: Request) -> Response:
    """One closure ends; all others stay."""
    given = fields.from_query(request)
    fields.refuse_unknown(given, ("author",))
    following = _writer(request)
    who = _who(request) or str(given.get("author") or OPEN_ACCESS)
    closure_id = request.path_params["closure_id"]
    return reply(await run_in_threadpool(_revoke, following, closure_id, who))


@router.get(
    "/map/closures.json",
    summary="The closed roads, for drawing",
    response_class=GeoJson,
    responses=document.replies(
        state_schemas.ClosureMapOut, "keyless", "not_ready", media_type=GeoJson.media_type
    ),
)
async def get_closure_map(request: Request) -> Response:
    """The roads of each closure as lines."""
    body = await run_in_threadpool(state_encode.closure_map, current.view(request))
    return GeoJson(encode.dump(body), headers={"Cache-Control": "no-store"})


# --- units --------------------------------------------------------------------------------
@router.get(
    "/v1/units",
    summary="The units and their status",
    responses=document.replies(state_schemas.UnitsOut, "malformed", "keyless", "not_ready"),
)
async def get_units(request: Request) -> Response:
    """All units with their doors and present status."""
    fields.refuse_unknown(fields.from_query(request), ())
    return reply(state_encode.units(current.view(request)))


@router.put(
    "/v1/units/{ods_code}/status",
    summary="Open, divert or close a unit",
    openapi_extra={
        "parameters": [document.ODS_CODE],
        **document.request_body(state_schemas.StatusBody, STATUS_EXAMPLES),
    },
    responses=document.replies(
        state_schemas.StateChangedOut,
        *("malformed", "keyless", "not_yours", "unknown", "large", "not_json", "not_ready"),
    ),
)
async def put_status(request: Request) -> Response:
    """The unit's status, or that of one `capability`; the newest that is in force holds."""
    given = await fields.from_body(request, MAX_STATUS_BYTES)
    following, who = _writer(request), _who(request)
    status = _read_status(given, request.path_params["ods_code"], current.view(request), who)
    event = await run_in_threadpool(following.append, status, who or status.author)
    return reply({"state_version": event.version})


# --- versions -----------------------------------------------------------------------------
@router.get(
    "/v1/state",
    summary="Which graph and state answer now",
    openapi_extra={"parameters": [document.MIN_STATE_VERSION]},
    responses=document.replies(state_schemas.StateOut, "malformed", "keyless", "not_ready"),
)
async def get_state(request: Request) -> Response:
    """Versions, sizes, ages, licence and attribution."""
    given = fields.from_query(request)
    fields.refuse_unknown(given, (current.FIELD,))
    snapshot = await current.snapshot(request, given)
    following = current.follower(request)
    view = following.view if following else View.of(snapshot, ids.now())
    service_s = time.monotonic() - request.app.state.started_s
    state_s = following.age_s if following and following.has_store else None
    return reply(state_encode.state(view, service_s, state_s))


# --- off the event loop -------------------------------------------------------------------
def _open(following: Follower, given: dict[str, object], who: str | None) -> dict[str, Any]:
    closure = _read_closure(given, who)
    # Refuses one that hits nothing, before it is on record.
    placed = Placed.on(following.view.base.graph, closure)
    known = following.newest().closures.get(closure.id)
    if known is None:
        version = following.append(ClosureOpened(closure), who or closure.author).version
    elif known == closure:
        version = following.view.state.version
    else:
        raise ClosureConflict(
            "A closure with this id is in force and says something else: revoke it first, or "
            "give this one another id.",
            id=closure.id,
        )
    return state_encode.opened(placed, version)


def _revoke(following: Follower, closure_id: str, who: str) -> dict[str, Any]:
    if closure_id not in following.newest().closures:
        raise UnknownClosure("No closure has this id; GET /v1/closures lists those that are known.")
    return {"state_version": following.append(ClosureRevoked(closure_id), who).version}


# --- reading ------------------------------------------------------------------------------
def _read_closure(given: dict[str, object], who: str | None) -> Closure:
    filled = {
        **given,
        "id": given.get("id") or ids.time_ordered_id(),
        "author": given.get("author") or who,
        "source": given.get("source") or "api",
    }
    closure = Closure.from_json(filled)
    if closure.expires_at is not None and closure.expires_at <= ids.now():
        raise InvalidClosure("expires_at has passed already.", field="expires_at")
    return closure


def _read_status(
    given: dict[str, object], ods_code: str, view: View, who: str | None
) -> UnitStatusSet:
    known = {unit.ods_code: unit for unit in view.base.units}
    if ods_code not in known:
        raise UnknownUnit(f"No such unit here. Units: {', '.join(known)}.", known=list(known))
    body = _shaped(state_schemas.StatusBody, given)
    author = body.author or who
    if author is None:
        raise InvalidRequest("author is missing: say who authorised it.", field="author")
    capability = body.capability and body.capability.lower()
    offered = [name.lower() for name in known[ods_code].capabilities]
    if capability and capability not in offered:
        raise InvalidRequest(
            f"{ods_code} has no such capability; it has {', '.join(offered) or 'none'}.",
            field="capability",
        )
    _check_span(body.starts_at, body.expires_at)
    return UnitStatusSet(
        ods_code=ods_code,
        status=body.status,
        reason=body.reason,
        author=author,
        starts_at=body.starts_at,
        expires_at=body.expires_at,
        max_extra_minutes=body.max_extra_minutes,
        capability=capability,
    )


def _check_span(starts_at: datetime | None, expires_at: datetime | None) -> None:
    if expires_at is None:
        return
    if expires_at <= ids.now():
        raise InvalidRequest("expires_at has passed already.", field="expires_at")
    if starts_at is not None and expires_at <= starts_at:
        raise InvalidRequest("expires_at must be after starts_at.", field="expires_at")


def _shaped(shape: type[Shape], given: dict[str, object]) -> Shape:
    """A body as its documented shape; the error names fields and rules, never values."""
    try:
        # As JSON, which is stricter than Python's values: no number for a date, no text for one.
        return shape.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        if field not in shape.model_fields:
            fields.refuse_unknown([field], list(shape.model_fields))
        raise InvalidRequest(f"{field}: {first['msg']}.", field=field) from None


def _writer(request: Request) -> Follower:
    following = current.follower(request)
    if following is None or not following.has_store:
        raise NoStore(
            "This service keeps no state: start it with HASU_STORE, such as sqlite:///hasu.db."
        )
    return following


def _who(request: Request) -> str | None:
    """Name of the key that the request came with."""
    name: str | None = request.scope.get(guard.WHO)
    return name
