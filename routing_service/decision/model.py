"""The values that a decision takes and gives; no behaviour, no imports from other layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Door = Literal["surveyed", "site_point"]
Status = Literal["open", "divert", "closed"]
Quality = Literal["good", "poor"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A hospital site with a hyper-acute stroke unit.

    `lat`, `lon` are the ambulance door when `door` is ``"surveyed"``, else the site's postcode
    or map point (``"site_point"``). `hours` say when it takes patients, empty for always.
    """

    ods_code: str
    name: str
    lat: float
    lon: float
    door: Door = "site_point"
    trust: str = ""
    postcode: str = ""
    capabilities: tuple[str, ...] = ()
    hours: str = ""


@dataclass(slots=True, unsafe_hash=True)  # frozen, it would take as long to make as to answer
class Location:
    """Where an incident is: WGS84 degrees, however the caller wrote it.

    `source` says which form was used: ``"lat_lon"``, ``"easting_northing"``, ``"grid_ref"`` or
    ``"postcode"``. `at` is the moment that chooses the speeds, with a time zone; None means now.
    `capability` is what the patient needs of a unit, in small letters; None is any stroke unit.
    """

    lat: float
    lon: float
    accuracy_m: float | None = None
    heading_deg: float | None = None
    source: str = "lat_lon"
    at: datetime | None = None
    capability: str | None = None

    @property
    def plain(self) -> bool:
        """Whether it is nothing but a position."""
        return (
            self.accuracy_m is None
            and self.heading_deg is None
            and self.capability is None
            and self.source != "postcode"
        )


@dataclass(slots=True)
class Snap:
    """The point of the road network that stands for an incident."""

    lat: float
    lon: float
    distance_m: float
    road: str
    quality: Quality


@dataclass(slots=True)
class Ranked:
    """One unit's row in a decision. `minutes` and `km` are None where there is no route."""

    rank: int
    ods_code: str
    name: str
    minutes: float | None
    km: float | None
    status: Status
    eligible: bool
    reasons: tuple[str, ...]
    p10_minutes: float | None = None
    p90_minutes: float | None = None
    p_nearest: float | None = None


@dataclass(slots=True)
class Disc:
    """Which unit is nearest, over the disc in which the incident may lie.

    `shares` maps ODS codes to the share of sampled points of the disc for which that unit is
    nearest, largest first; `unroutable` is the share further from any road than the limit.
    """

    accuracy_m: float
    other_nearest: bool
    shares: dict[str, float]
    unroutable: float


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a route along one road."""

    road: str
    minutes: float
    km: float


@dataclass(frozen=True, slots=True)
class Route:
    """The path that the times were taken from, as (lon, lat) points from incident to door."""

    unit: Unit
    minutes: float
    km: float
    points: tuple[tuple[float, float], ...]
    steps: tuple[Step, ...]
    exemptions: tuple[str, ...]
    snap: Snap
    flags: tuple[str, ...] = field(default=())


class Policy(Protocol):
    """Which units the incidents of an area may be taken to; another answer has another `id`."""

    @property
    def id(self) -> str:
        """Changes with anything that could change an answer."""

    def allowed(self, lon: float, lat: float) -> tuple[bool, ...] | None:
        """One for each unit, in the order of their ODS codes; None where all are allowed."""
