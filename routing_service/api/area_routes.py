"""The routes of areas: isochrones and catchments, kept until the network or the state changes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from routing_service.api import area_schemas, current, document, encode, fields, ids
from routing_service.api.replies import GeoJson
from routing_service.errors import InvalidRequest

if TYPE_CHECKING:
    from routing_service.api.heavy import HeavyLane
    from routing_service.live.snapshot import Snapshot

MOST_KEPT = 32
"""Areas of one unit are 0.1 MB; those of a state that has passed are pushed out."""

router = APIRouter()


@router.get(
    "/v1/isochrones",
    summary="From where a unit is reached within so many minutes",
    openapi_extra={
        "parameters": [
            document.UNIT_PARAMETER,
            document.MINUTES_PARAMETER,
            document.MIN_STATE_VERSION,
        ]
    },
    response_class=GeoJson,
    responses=document.replies(
        area_schemas.AreasOut,
        *("malformed", "keyless", "unknown", "not_installed", "not_ready"),
        media_type=GeoJson.media_type,
    ),
)
async def get_isochrones(request: Request) -> Response:
    """Bands of minutes around one unit as GeoJSON, with closures; holes are off any road."""
    given = fields.from_query(request)
    fields.refuse_unknown(given, ("unit", "minutes", current.FIELD))
    unit = str(given.get("unit") or "")
    if not unit:
        raise InvalidRequest("unit is missing: give the ODS code of a unit.", field="unit")
    minutes = _minutes(given.get("minutes"))

    def draw(snapshot: Snapshot) -> dict[str, Any]:
        from routing_service.areas.features import isochrones

        return isochrones(snapshot, unit, minutes)

    return await _areas(request, given, ("isochrones", unit, *minutes), draw)


@router.get(
    "/v1/catchments",
    summary="Which unit is nearest where",
    openapi_extra={"parameters": [document.MIN_STATE_VERSION]},
    response_class=GeoJson,
    responses=document.replies(
        area_schemas.AreasOut,
        *("malformed", "keyless", "not_installed", "not_ready"),
        media_type=GeoJson.media_type,
    ),
)
async def get_catchments(request: Request) -> Response:
    """Where each open unit is nearest, the belts of near ties apart, as GeoJSON."""
    given = fields.from_query(request)
    fields.refuse_unknown(given, (current.FIELD,))

    def draw(snapshot: Snapshot) -> dict[str, Any]:
        from routing_service.areas.features import catchment_areas

        return catchment_areas(snapshot)

    return await _areas(request, given, ("catchments",), draw)


async def _areas(
    request: Request,
    given: dict[str, object],
    asked: tuple[object, ...],
    draw: Callable[[Snapshot], dict[str, Any]],
) -> Response:
    """The areas, or word that those which the client has are still right."""
    snapshot = (await current.snapshot(request, given)).at(ids.now())
    key = (snapshot.graph_id, snapshot.state_version, snapshot.speed_set_name, *asked)
    tag = f'"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}  # may be kept, must be asked about
    if tag in [known.strip() for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    kept: OrderedDict[tuple[object, ...], bytes] = request.app.state.areas
    body = kept.get(key)
    if body is None:
        heavy: HeavyLane = request.app.state.heavy
        body = await heavy.run(lambda: encode.dump(draw(snapshot)))
        kept[key] = body
        while len(kept) > MOST_KEPT:
            kept.popitem(last=False)
    return GeoJson(body, headers=headers)


def _minutes(given: object) -> tuple[float, ...]:
    texts = str(given or "").split(",")
    try:
        return tuple(sorted({float(text) for text in texts}))
    except ValueError:
        raise InvalidRequest(
            "minutes must be numbers with commas between: 15,30,45", field="minutes"
        ) from None
