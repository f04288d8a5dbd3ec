"""How answers are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from routing_service.api import encode


class GeoJson(Response):
    """A reply that maps can draw."""

    media_type = "application/geo+json"


def reply(body: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON reply that nobody may keep: the next state may answer differently."""
    return Response(
        encode.dump(body),
        status,
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )
