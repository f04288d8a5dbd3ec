"""The shapes of the replies about areas."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from routing_service.api.schemas import Shape


class MultiPolygon(Shape):
    """GeoJSON polygons with holes."""

    type: Literal["MultiPolygon"]
    coordinates: list[list[list[tuple[float, float]]]]


class AreaProperties(Shape):
    """Which unit an area belongs to, and what it means."""

    ods_code: str
    name: str
    from_minutes: Annotated[float | None, Field(description="Isochrones: more than")] = None
    to_minutes: Annotated[float | None, Field(description="Isochrones: at most")] = None
    near_tie: Annotated[
        bool | None, Field(description="Catchments: nearest, but by less than the threshold")
    ] = None
    square_km: float


class AreaFeature(Shape):
    """One area."""

    type: Literal["Feature"]
    properties: AreaProperties
    geometry: MultiPolygon


class AreasOut(Shape):
    """Areas as GeoJSON, with the network and state that they hold for."""

    type: Literal["FeatureCollection"]
    graph_id: str
    network: Literal["osm", "surrogate"]
    state_version: int
    profile: str
    calibration: str
    speed_set: str
    spacing_m: Annotated[float, Field(description="Between the points that were asked")]
    attribution: Any
    features: list[AreaFeature]


ALL: tuple[type[BaseModel], ...] = (AreasOut,)
"""What the routes name; the models these are made of follow from them."""
