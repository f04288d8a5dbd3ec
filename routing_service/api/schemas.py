"""The shapes of requests and replies, for the documentation and for the contract tests.

Replies are not run through these models when they are sent (see `encode`); the tests hold the
two together. Every model forbids extra fields, so a field that is sent and not described fails.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from routing_service.decision import words
from routing_service.decision.model import Door, Quality, Status

Minutes = Annotated[float, Field(ge=0, description="Minutes of driving, to a tenth")]
Lat = Annotated[float, Field(ge=-90, le=90, description="WGS84 latitude, degrees")]
Lon = Annotated[float, Field(ge=-180, le=180, description="WGS84 longitude, degrees")]
Share = Annotated[float, Field(ge=0, le=1)]
OdsCode = Annotated[str, Field(description="ODS site code", examples=["RXF05"])]
Position = Annotated[tuple[float, float], Field(description="Longitude, latitude")]


class Shape(BaseModel):
    """What every shape is: a field that is not described fails."""

    model_config = ConfigDict(extra="forbid")


# --- requests -----------------------------------------------------------------------------
class Place(Shape):
    """Where the incident is, in exactly one of four forms."""

    lat: float | None = Field(None, description="WGS84 latitude, with `lon`", examples=[53.5526])
    lon: float | None = Field(None, description="WGS84 longitude, with `lat`", examples=[-1.4797])
    easting: float | None = Field(None, description="OS easting in metres, with `northing`")
    northing: float | None = Field(None, description="OS northing in metres, with `easting`")
    grid_ref: str | None = Field(None, description="OS grid reference, as SE 344 061")
    postcode: str | None = Field(None, description="A full postcode; looked up offline")
    accuracy_m: float | None = Field(None, description="Radius in which the incident may lie")
    heading_deg: float | None = Field(
        None, description="Direction of travel, clockwise from north: picks the carriageway"
    )
    at: str | None = Field(
        None, description="When, ISO 8601 with offset: picks the speeds; now if absent"
    )
    capability: str | None = Field(
        None,
        description="What the patient needs of a unit; any stroke unit if absent",
        examples=["ivt"],
    )


MinStateVersion = Annotated[
    int | None, Field(ge=0, description="Answer from this state or a newer one, else 503")
]


class LocationBody(Place):
    """Where the incident is, in exactly one of four forms, and how new the state must be."""

    min_state_version: MinStateVersion = None


class MatrixBody(Shape):
    """Many locations, answered in order."""

    locations: list[Place]
    min_state_version: MinStateVersion = None


# --- parts of replies ---------------------------------------------------------------------
class SnapOut(Shape):
    """The point of the network that stands for the incident."""

    lat: Lat
    lon: Lon
    distance_m: Annotated[float, Field(ge=0, description="From the incident to the road")]
    road: Annotated[str, Field(description="Number or name of the road; may be empty")]
    quality: Quality


class IncidentOut(Shape):
    """Where the incident was said to be."""

    lat: Lat
    lon: Lon
    snap: SnapOut
    source: Annotated[
        Literal["lat_lon", "easting_northing", "grid_ref", "postcode"],
        Field(description="The form in which the location was given"),
    ]


class DestinationOut(Shape):
    """The first eligible unit."""

    ods_code: OdsCode
    name: str
    minutes: Minutes


class RankedOut(Shape):
    """One unit. `minutes` and `km` are null where the network has no route to it."""

    rank: Annotated[int, Field(ge=1)]
    ods_code: OdsCode
    name: str
    minutes: Minutes | None
    p10_minutes: Annotated[
        Minutes | None,
        Field(description="One journey in ten is quicker; null while uncalibrated or no route"),
    ]
    p90_minutes: Annotated[
        Minutes | None,
        Field(description="One journey in ten is slower; null while uncalibrated or no route"),
    ]
    km: Annotated[float, Field(ge=0)] | None
    p_nearest: Annotated[
        Share | None,
        Field(
            description="Probability of being nearest of all units that can be reached, whatever "
            "their status; null while uncalibrated or no route"
        ),
    ]
    status: Status
    eligible: bool
    reasons: list[str]
    door: Annotated[Door, Field(description="Whether the ambulance door itself was surveyed")]


class DiscOut(Shape):
    """Which unit is nearest over the disc of `accuracy_m` in which the incident may lie."""

    accuracy_m: float
    other_nearest: bool
    shares: Annotated[dict[str, Share], Field(description="Share of the disc by ODS code")]
    unroutable: Annotated[Share, Field(description="Share too far from any road")]


SpeedSet = Annotated[str, Field(description="The speeds in force at `at`", examples=["default"])]


class _Findings(Shape):
    speed_set: SpeedSet
    incident: IncidentOut
    destination: Annotated[
        DestinationOut | None, Field(description="Null, with the reason in `flags`, if none")
    ]
    nearest_ods_code: Annotated[str | None, Field(description="Nearest whatever its status")]
    margin_minutes: Annotated[
        float | None, Field(description="How much nearer the destination is than the next unit")
    ]
    near_tie: bool
    ranking: list[RankedOut]
    flags: list[str]
    explanation: Annotated[
        dict[str, str],
        Field(description="Each flag in a sentence; `not_nearest`: why not the nearest unit"),
    ]


class Provenance(Shape):
    """What an answer was computed from."""

    graph_id: Annotated[str, Field(description="Hash of the content of the graph file")]
    network: Annotated[
        Literal["osm", "surrogate"], Field(description="`surrogate`: approximate, not for use")
    ]
    state_version: Annotated[int, Field(ge=0, description="Version of closures and diverts")]
    profile: Annotated[str, Field(examples=["blue_light"])]
    calibration: Annotated[str, Field(description="`uncalibrated` or an id")]
    policy: Annotated[str, Field(description="`none` or the id of the policy file")]
    state_age_seconds: float | None = Field(
        None, ge=0, description="Only while the store cannot be reached: since it was last heard"
    )


class _Computed(Provenance):
    computed_at: Annotated[
        str,
        Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="UTC, to the second"),
    ]


# --- replies ------------------------------------------------------------------------------
class DecisionOut(_Computed, _Findings):
    """All units in order, the destination and every doubt about it."""

    decision_id: Annotated[str, Field(description="UUID; later ids sort after earlier ones")]
    disc: DiscOut | None = Field(None, description="Only where `accuracy_m` was given")
    decision_support: str


class LineString(Shape):
    """A GeoJSON line."""

    type: Literal["LineString"]
    coordinates: list[Position]


class StepOut(Shape):
    """A stretch along one road."""

    road: str
    minutes: Minutes
    km: float


class RouteUnitOut(Shape):
    """The unit a route leads to."""

    ods_code: OdsCode
    name: str
    door: Door


class RouteOut(_Computed):
    """The path that the minutes were taken from."""

    speed_set: SpeedSet
    incident: IncidentOut
    unit: RouteUnitOut
    minutes: Minutes
    km: float
    line: LineString
    steps: list[StepOut]
    exemptions: Annotated[list[str], Field(description="Rules of the road it does not keep")]
    flags: list[str]
    decision_support: str


class MatrixFinding(_Findings):
    """One location's answer: the same numbers as a decision."""

    disc: DiscOut | None = Field(None, description="Only where `accuracy_m` was given")


class RowError(BaseModel):
    """Why one location has no answer; may carry further facts, as a problem does."""

    model_config = ConfigDict(extra="allow")

    code: str
    detail: str


class MatrixError(Shape):
    """One location that has no answer."""

    error: RowError


class MatrixOut(_Computed):
    """One result per location, in order."""

    decision_id: str
    results: list[MatrixFinding | MatrixError]
    decision_support: str


class RecordOut(Shape):
    """What the audit trail says of a decision."""

    decision_id: str
    segment: Annotated[str, Field(description="The file that it stands in")]
    record: Annotated[
        dict[str, Any],
        Field(description="Request, packed numbers of the answer, time and hash, as written"),
    ]
    context: Annotated[
        dict[str, Any],
        Field(description="Graph, state, limits, policy and software that decided"),
    ]
    answers: Annotated[
        list[list[int] | None],
        Field(description="The raw numbers of each answer; null for a location in error"),
    ]


class HealthOut(Shape):
    """The process runs."""

    status: Literal["ok"]


class ReadyOut(Shape):
    """A graph is loaded and decisions can be asked for."""

    status: Literal["ready"]
    graph_id: str
    state_version: int


class MainRoadProperties(Shape):
    """What a main road is called."""

    ref: str
    # `class` is a word of Python.
    class_: Annotated[str, Field(alias="class", description="OSM highway value")]


class MainRoadFeature(Shape):
    """A stretch of a main road."""

    type: Literal["Feature"]
    properties: MainRoadProperties
    geometry: LineString


class MainRoadsOut(Shape):
    """The main roads as GeoJSON, for drawing only."""

    type: Literal["FeatureCollection"]
    features: list[MainRoadFeature]


class Problem(BaseModel):
    """Every error (RFC 9457); may carry further facts such as `distance_m`."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="Where this kind of problem is described")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What is wrong and what to do about it")]
    code: Annotated[str, Field(description="Stable; clients may rely on it")]


ALL: tuple[type[BaseModel], ...] = (
    LocationBody,
    MatrixBody,
    DecisionOut,
    RouteOut,
    MatrixOut,
    RecordOut,
    HealthOut,
    ReadyOut,
    MainRoadsOut,
    Problem,
)
"""What the routes name; the models these are made of follow from them."""

DECISION_EXAMPLE: dict[str, Any] = {
    "decision_id": "019b7f3a-5c1e-7b42-9d0e-3f6a8c2b1d75",
    "graph_id": "9f3c2b7a51d04c1e",
    "network": "osm",
    "state_version": 12,
    "profile": "blue_light",
    "calibration": "uncalibrated",
    "policy": "none",
    "computed_at": "2026-11-22T10:15:00Z",
    "speed_set": "default",
    "incident": {
        "lat": 53.55,
        "lon": -1.48,
        "snap": {
            "lat": 53.5502,
            "lon": -1.4801,
            "distance_m": 23.2,
            "road": "A61",
            "quality": "good",
        },
        "source": "lat_lon",
    },
    "destination": {"ods_code": "RXF05", "name": "Pinderfields Hospital", "minutes": 18.3},
    "nearest_ods_code": "RXF05",
    "margin_minutes": 1.2,
    "near_tie": True,
    "ranking": [
        {
            "rank": rank,
            "ods_code": ods_code,
            "name": name,
            "minutes": minutes,
            "p10_minutes": None,
            "p90_minutes": None,
            "km": km,
            "p_nearest": None,
            "status": "open",
            "eligible": True,
            "reasons": [reason],
            "door": "site_point",
        }
        for rank, ods_code, name, minutes, km, reason in (
            (1, "RXF05", "Pinderfields Hospital", 18.3, 17.2, "nearest"),
            (2, "RHQHH", "Royal Hallamshire Hospital", 19.5, 20.8, "near_tie"),
        )
    ],
    "flags": ["uncalibrated", "near_tie", "site_point_door"],
    "explanation": {
        flag: words.FLAGS[flag] for flag in ("uncalibrated", "near_tie", "site_point_door")
    },
    "decision_support": "A clinician decides.",
}
"""Made up, to show the shape; no network gave it."""

PROBLEM_EXAMPLE: dict[str, Any] = {
    "type": "/docs#too_far_from_road",
    "title": "Too far from any road",
    "status": 422,
    "detail": "The nearest road that reaches the units is 2412 m away, beyond the limit of 2000 m.",
    "code": "too_far_from_road",
    "distance_m": 2412.0,
}

EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    DecisionOut: DECISION_EXAMPLE,
    Problem: PROBLEM_EXAMPLE,
}
