"""The routes of the service: read the fields, ask the snapshot, encode.

Each request takes the snapshot once, so that a swap in its middle cannot mix two versions in
one reply.
"""

from __future__ import annotations

from datetime import datetime
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from routing_service.api import current, document, encode, fields, ids, problems, recording, schemas
from routing_service.api.replies import reply
from routing_service.errors import (
    HasuError,
    InvalidLocation,
    InvalidRequest,
    NotReady,
    UnknownUnit,
)
from routing_service.location import forms

if TYPE_CHECKING:
    from routing_service.api.heavy import HeavyLane
    from routing_service.decision.model import Location
    from routing_service.live.recorder import Row
    from routing_service.live.snapshot import Snapshot

MAX_LOCATION_BYTES = 16_384
MAX_MATRIX_BYTES = 4_194_304
MAX_MATRIX_LOCATIONS = 10_000

router = APIRouter()


@router.get(
    "/v1/conveyance",
    summary="The unit for an incident",
    openapi_extra=document.location_parameters(document.MIN_STATE_VERSION),
    responses=document.replies(
        schemas.DecisionOut,
        "malformed",
        "keyless",
        "unknown",
        "unanswerable",
        "not_installed",
        "not_ready",
    ),
)
async def get_conveyance(request: Request) -> Response:
    """All units ranked for an incident, the destination, its margin and every doubt about it."""
    return await _decide(request, fields.from_query(request))


@router.post(
    "/v1/conveyance",
    summary="The unit for an incident",
    openapi_extra=document.request_body(schemas.LocationBody, document.LOCATION_EXAMPLES),
    responses=document.replies(
        schemas.DecisionOut,
        *("malformed", "keyless", "unknown", "large", "not_json", "unanswerable"),
        *("not_installed", "not_ready"),
    ),
)
async def post_conveyance(request: Request) -> Response:
    """The same as GET; keeps the location out of addresses and so out of proxies' logs."""
    return await _decide(request, await fields.from_body(request, MAX_LOCATION_BYTES))


@router.get(
    "/v1/route",
    summary="The path to one unit",
    openapi_extra=document.location_parameters(document.UNIT_PARAMETER, document.MIN_STATE_VERSION),
    responses=document.replies(
        schemas.RouteOut,
        "malformed",
        "keyless",
        "unknown",
        "unanswerable",
        "not_installed",
        "not_ready",
    ),
)
async def get_route(request: Request) -> Response:
    """The path from an incident to one unit: line, roads, minutes, km and exemptions."""
    given = fields.from_query(request)
    snapshot = await current.snapshot(request, given)
    fields.refuse_unknown(given, ("unit", *forms.FIELDS))
    ods_code = _known_unit(snapshot, given.pop("unit", None))
    location = await _location(given)
    now = ids.now()
    snapshot = snapshot.at(location.at or now)
    found = await run_in_threadpool(snapshot.route, location, ods_code)
    return reply(encode.route(found, location, snapshot, ids.utc_text(now)))


@router.post(
    "/v1/matrix",
    summary="Many incidents",
    openapi_extra=document.request_body(
        schemas.MatrixBody,
        {
            "two": {
                "value": {"locations": [{"lat": 53.5526, "lon": -1.4797}, {"postcode": "S70 1AA"}]}
            }
        },
    ),
    responses=document.replies(
        schemas.MatrixOut, "malformed", "keyless", "large", "not_json", "not_ready"
    ),
)
async def post_matrix(request: Request) -> Response:
    """The same numbers for many locations; a location without an answer does not stop the rest."""
    given = await fields.from_body(request, MAX_MATRIX_BYTES)
    snapshot = await current.snapshot(request, given)
    fields.refuse_unknown(given, ("locations",))
    locations = given.get("locations")
    if not isinstance(locations, list):
        raise InvalidRequest("locations must be a list of locations.", field="locations")
    if len(locations) > MAX_MATRIX_LOCATIONS:
        raise HTTPException(413, f"At most {MAX_MATRIX_LOCATIONS} locations in one request.")
    # Off the event loop, which goes on answering single decisions meanwhile.
    heavy: HeavyLane = request.app.state.heavy
    return await heavy.run(_matrix, request, snapshot, locations)


@router.get(
    "/healthz", summary="Is the process alive", responses=document.replies(schemas.HealthOut)
)
async def get_health() -> Response:
    """Answers whenever the process can."""
    return reply({"status": "ok"})


@router.get(
    "/readyz",
    summary="Can decisions be asked for",
    responses=document.replies(schemas.ReadyOut, "not_ready"),
)
async def get_ready(request: Request) -> Response:
    """200 once a graph is loaded and the state is known and fresh, 503 else."""
    snapshot = current.engine(request).snapshot
    following = current.follower(request)
    if following is not None and not following.ready:
        raise NotReady(
            f"The store was last heard {following.age_s:.0f} s ago: answers may be stale.",
            age_s=round(following.age_s, 1),
        )
    return reply(
        {
            "status": "ready",
            "graph_id": snapshot.graph_id,
            "state_version": snapshot.state_version,
        }
    )


async def _location(given: dict[str, object]) -> Location:
    # The first look-up in a postcode area reads a file of up to 34,000 lines: not on the loop.
    if "postcode" in given:
        return await run_in_threadpool(forms.parse_location, given)
    return forms.parse_location(given)


async def _decide(request: Request, given: dict[str, object]) -> Response:
    since_ns = perf_counter_ns()
    snapshot = await current.snapshot(request, given)
    location = await _location(given)
    now = ids.now()
    snapshot = snapshot.at(location.at or now)
    found = snapshot.decide(location)
    decision_id, computed_at = ids.time_ordered_id(), ids.utc_text(now)
    row = (snapshot, location, found)
    await recording.record_decision(request, row, decision_id, now, since_ns)
    return reply(encode.decision(found, location, snapshot, decision_id, computed_at))


def _matrix(request: Request, snapshot: Snapshot, locations: list[object]) -> Response:
    since_ns = perf_counter_ns()
    now = ids.now()
    decision_id = ids.time_ordered_id()
    rows = [_row(snapshot, given, now) for given in locations]
    kept = [each.code if isinstance(each, HasuError) else each for each in rows]
    recording.record_matrix(request, snapshot, kept, decision_id, now, since_ns)
    return reply(
        {
            "decision_id": decision_id,
            **encode.provenance(snapshot, ids.utc_text(now)),
            "results": [_result(each) for each in rows],
            "decision_support": encode.DECISION_SUPPORT,
        }
    )


def _row(snapshot: Snapshot, given: object, now: datetime) -> Row | HasuError:
    try:
        if not isinstance(given, dict):
            raise InvalidLocation("A location must be a JSON object.")
        location = forms.parse_location(given)
        snapshot = snapshot.at(location.at or now)
        return snapshot, location, snapshot.decide(location)
    except HasuError as error:
        return error


def _result(row: Row | HasuError) -> dict[str, Any]:
    if isinstance(row, HasuError):
        return {"error": problems.row_error(row)}
    snapshot, location, found = row
    return encode.findings(found, location, snapshot)


def _known_unit(snapshot: Snapshot, ods_code: object) -> str:
    """The code if a unit has it. The error does not repeat what was given: it may be anything."""
    known = [unit.ods_code for unit in snapshot.units]
    if not ods_code:
        raise InvalidRequest("unit is missing: give the ODS code of a unit.", field="unit")
    if ods_code not in known:
        raise UnknownUnit(f"No such unit here. Units: {', '.join(known)}.", known=known)
    return str(ods_code)
