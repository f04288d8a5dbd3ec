"""The shapes of closures and statuses, for the documentation, the tests, and to check bodies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from routing_service.api.schemas import Lat, Lon, OdsCode, Provenance, Shape
from routing_service.decision.model import Door, Status
from routing_service.live.closure import MAX_FACTOR, MAX_MINUTES, MAX_RADIUS_M, MAX_TEXT

Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    Field(pattern=r"^[^\x00-\x1f\x7f]*$"),
]
Version = Annotated[int, Field(ge=0, description="State in which this is in effect")]
Moment = Annotated[str, Field(description="UTC, ISO 8601")]


# --- requests -----------------------------------------------------------------------------
class PointBody(Shape):
    """A point, or any other form of a location."""

    lat: float
    lon: float


class ClosureBody(Shape):
    """A closure: where in exactly one way, why, how much and how long."""

    id: Words | None = Field(None, description="Yours, so that sending twice is once; else ours")
    way: int | None = Field(None, description="OpenStreetMap way")
    point: PointBody | None = Field(None, description="With `radius_m`: roads within it")
    radius_m: float | None = Field(None, ge=0, le=MAX_RADIUS_M)
    line: dict[str, Any] | None = Field(None, description="GeoJSON LineString along the road")
    polygon: dict[str, Any] | None = Field(None, description="GeoJSON Polygon: roads within it")
    road: Words | None = Field(None, description="Number or name, with `polygon`", examples=["A61"])
    direction_deg: float | None = Field(
        None, ge=0, le=360, description="Only the direction of traffic that leads this way"
    )
    delay_factor: float | None = Field(None, ge=1, le=MAX_FACTOR, description="Times as long")
    delay_minutes: float | None = Field(
        None, ge=0, le=MAX_MINUTES, description="Longer by this; with neither delay it is shut"
    )
    reason: Words
    author: Words | None = Field(None, description="On whose word; the key's name if absent")
    source: Words | None = Field(None, description="The system it comes from; `api` if absent")
    starts_at: AwareDatetime | None = Field(None, description="Now if absent")
    expires_at: AwareDatetime | None = Field(None, description="Until revoked if absent")


class StatusBody(Shape):
    """How a unit, or one capability of it, stands from now or `starts_at` on."""

    status: Status
    reason: Words
    author: Words | None = Field(None, description="Who authorised it; the key's name if absent")
    starts_at: AwareDatetime | None = Field(None, description="Now if absent")
    expires_at: AwareDatetime | None = Field(None, description="Until changed if absent")
    max_extra_minutes: float | None = Field(
        None,
        ge=0,
        le=MAX_MINUTES,
        allow_inf_nan=False,
        description="A divert that costs more than this is not taken but flagged",
    )
    capability: Words | None = Field(
        None, description="Only for patients who need this", examples=["mt"]
    )


# --- replies ------------------------------------------------------------------------------
class ClosureOpenedOut(Shape):
    """The closure is on record, and this process answers with it."""

    id: str
    state_version: Version
    roads: Annotated[list[str], Field(description="Names of the roads that it hits")]
    edges: Annotated[int, Field(ge=1, description="Directed pieces of road")]
    metres: Annotated[float, Field(ge=0, description="Length of road, both directions as one")]


class StateChangedOut(Shape):
    """The change is on record, and this process answers with it."""

    state_version: Version


class ClosureOut(BaseModel):
    """A closure that was neither revoked nor has ended; `way`, `point`… as it was given."""

    id: str
    reason: str
    author: str
    source: str
    in_force: Annotated[bool, Field(description="False while it is still to come")]
    shuts: Annotated[bool, Field(description="False if it only delays")]
    recorded_at: Moment
    recorded_by: Annotated[str, Field(description="Name of the key, or the author without keys")]
    roads: list[str]
    edges: Annotated[int, Field(ge=0, description="0: it hits nothing on this network")]
    metres: Annotated[float, Field(ge=0)]


class ClosuresOut(Shape):
    """All closures in force or to come, in the order in which they were opened."""

    graph_id: str
    state_version: Version
    closures: list[ClosureOut]


class SetOut(Shape):
    """What was set for a unit or one of its capabilities."""

    status: Status
    reason: str
    author: str
    since: Moment
    until: Moment | None
    max_extra_minutes: float | None
    recorded_by: str


class UnitOut(Shape):
    """A hospital site with a hyper-acute stroke unit."""

    ods_code: OdsCode
    name: str
    lat: Lat
    lon: Lon
    door: Door
    trust: str
    postcode: str
    capabilities: list[str]
    hours: Annotated[str, Field(description="Empty: always")]
    status: Status
    reason: Annotated[str, Field(description="Of the status; may be empty while open")]
    author: Annotated[str | None, Field(description="Who set the status, if anybody did")]
    since: Moment | None
    until: Annotated[Moment | None, Field(description="When the status ends of itself")]
    max_extra_minutes: float | None
    by_capability: Annotated[dict[str, SetOut], Field(description="Set for one capability only")]


class UnitsOut(Shape):
    """All units, in the order of the units file."""

    graph_id: str
    state_version: int
    units: list[UnitOut]


class AgesOut(Shape):
    """How old what the service answers from is."""

    service_seconds: Annotated[float, Field(ge=0, description="Since this process started")]
    state_seconds: Annotated[
        float | None, Field(ge=0, description="Since the store was last heard; null without one")
    ]


class ClosureCounts(Shape):
    """How many closures there are."""

    in_force: Annotated[int, Field(ge=0)]
    to_come: Annotated[int, Field(ge=0)]
    not_placed: Annotated[int, Field(ge=0, description="In force, but they hit nothing here")]


class StateOut(Provenance):
    """Which graph and which state answer now."""

    bbox: Annotated[
        tuple[float, float, float, float], Field(description="West, south, east, north")
    ]
    counts: Annotated[dict[str, int], Field(description="Sizes of the network")]
    statuses: Annotated[dict[str, int], Field(description="Number of units by status")]
    closures: ClosureCounts
    next_change: Annotated[
        Moment | None, Field(description="When a closure or a status starts or ends of itself")
    ]
    ages: AgesOut
    licence: Annotated[list[str], Field(description="SPDX identifiers of the map data")]
    attribution: Annotated[list[str], Field(description="To be shown with every map")]
    decision_support: str


class MultiLine(Shape):
    """GeoJSON lines."""

    type: Literal["MultiLineString"]
    coordinates: list[list[tuple[float, float]]]


class ClosureProperties(Shape):
    """What a drawn closure is called."""

    id: str
    reason: str
    author: str
    shuts: bool
    in_force: bool
    expires_at: Moment | None
    roads: list[str]


class ClosureFeature(Shape):
    """The roads of one closure."""

    type: Literal["Feature"]
    properties: ClosureProperties
    geometry: MultiLine


class ClosureMapOut(Shape):
    """Closures as GeoJSON, for drawing."""

    type: Literal["FeatureCollection"]
    features: list[ClosureFeature]


ALL: tuple[type[BaseModel], ...] = (
    ClosureBody,
    StatusBody,
    ClosureOpenedOut,
    StateChangedOut,
    ClosuresOut,
    UnitsOut,
    StateOut,
    ClosureMapOut,
)
"""What the routes name; the models these are made of follow from them."""
