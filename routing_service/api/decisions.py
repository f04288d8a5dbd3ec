"""The route to past decisions: what the audit trail says of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from routing_service.api import document, fields, schemas
from routing_service.api.replies import reply
from routing_service.errors import NoAudit, UnknownDecision
from routing_service.observe.find import Found, find_decision

if TYPE_CHECKING:
    from routing_service.live.recorder import Recorder

FLUSH_PATIENCE_S = 2.0

router = APIRouter()


@router.get(
    "/v1/decisions/{decision_id}",
    summary="The audit record of a decision",
    openapi_extra={"parameters": [document.DECISION_ID]},
    responses=document.replies(
        schemas.RecordOut, "malformed", "keyless", "unrecorded", "not_ready"
    ),
)
async def get_decision(request: Request) -> Response:
    """What was asked, what it was decided under, and the raw numbers of the answer."""
    fields.refuse_unknown(fields.from_query(request), ())
    recorder: Recorder | None = request.app.state.recorder
    if recorder is None:
        raise NoAudit("This service keeps no audit trail: start it with HASU_AUDIT=relaxed.")
    decision_id = request.path_params["decision_id"]
    found = await run_in_threadpool(_find, recorder, decision_id)
    if found is None:
        raise UnknownDecision(
            "No decision of that id is on the audit trail here, or no longer; decisions of "
            "another worker are there after a moment."
        )
    return reply(
        {
            "decision_id": decision_id,
            "segment": found.segment,
            "record": found.record,
            "context": found.context,
            "answers": found.answers,
        }
    )


def _find(recorder: Recorder, decision_id: str) -> Found | None:
    recorder.audit.flush(FLUSH_PATIENCE_S)
    return find_decision(recorder.folder, decision_id)
