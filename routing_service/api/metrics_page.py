"""What is counted, as Prometheus asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

if TYPE_CHECKING:
    from routing_service.observe.service_metrics import ServiceMetrics

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def get_metrics(request: Request) -> Response:
    """The numbers of all workers together; open, since none says anything of an incident."""
    metrics: ServiceMetrics = request.app.state.metrics
    return Response(metrics.all.render(), headers={"Content-Type": MEDIA_TYPE})
