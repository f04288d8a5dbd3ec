"""`Closure`: a stretch of road that is shut or slower for a time, as it was reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Point = tuple[float, float]
"""Longitude and latitude in degrees, the order of GeoJSON."""


@dataclass(frozen=True, slots=True)
class Way:
    """Every stretch of one OpenStreetMap way."""

    way: int


@dataclass(frozen=True, slots=True)
class Disc:
    """Every road within `radius_m` of a point."""

    lat: float
    lon: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class Line:
    """The roads along a line."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Polygon:
    """Every road inside an outline, without its holes."""

    rings: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True, slots=True)
class Road:
    """The road of that name inside an outline."""

    name: str
    rings: tuple[tuple[Point, ...], ...]


Where = Way | Disc | Line | Polygon | Road


@dataclass(frozen=True, slots=True)
class Closure:
    """A closure: what, why, by whom, where and when. Neither delay given: fully shut."""

    id: str
    reason: str
    author: str
    source: str
    where: Where
    direction_deg: float | None = None
    delay_factor: float | None = None
    delay_minutes: float | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """The closure as JSON values, times in UTC."""
        return {
            "id": self.id,
            "reason": self.reason,
            "author": self.author,
            "source": self.source,
            **_where_to_json(self.where),
            "direction_deg": self.direction_deg,
            "delay_factor": self.delay_factor,
            "delay_minutes": self.delay_minutes,
            "starts_at": self.starts_at and self.starts_at.astimezone(UTC).isoformat(),
            "expires_at": self.expires_at and self.expires_at.astimezone(UTC).isoformat(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Closure:
        """Read what `to_json` gave."""
        start, expiry = values.get("starts_at"), values.get("expires_at")
        return cls(
            id=str(values["id"]),
            reason=str(values["reason"]),
            author=str(values["author"]),
            source=str(values["source"]),
            where=_where_from_json(values),
            direction_deg=values.get("direction_deg"),
            delay_factor=values.get("delay_factor"),
            delay_minutes=values.get("delay_minutes"),
            starts_at=None if start is None else datetime.fromisoformat(start),
            expires_at=None if expiry is None else datetime.fromisoformat(expiry),
        )


def _where_to_json(where: Where) -> dict[str, Any]:
    if isinstance(where, Way):
        return {"way": where.way}
    if isinstance(where, Disc):
        return {"point": {"lat": where.lat, "lon": where.lon}, "radius_m": where.radius_m}
    if isinstance(where, Line):
        return {"line": {"type": "LineString", "coordinates": [list(p) for p in where.points]}}
    rings = [[list(point) for point in ring] for ring in where.rings]
    polygon = {"polygon": {"type": "Polygon", "coordinates": rings}}
    return polygon if isinstance(where, Polygon) else {"road": where.name, **polygon}


def _where_from_json(values: Mapping[str, Any]) -> Where:
    forms: dict[str, Callable[[], Where]] = {
        "way": lambda: Way(values["way"]),
        "point": lambda: Disc(values["point"]["lat"], values["point"]["lon"], values["radius_m"]),
        "line": lambda: Line(_points(values["line"]["coordinates"])),
        "road": lambda: Road(values["road"], _rings(values)),
        "polygon": lambda: Polygon(_rings(values)),
    }
    return next(make for name, make in forms.items() if name in values)()


def _points(coordinates: Any) -> tuple[Point, ...]:
    return tuple((lon, lat) for lon, lat in coordinates)


def _rings(values: Mapping[str, Any]) -> tuple[tuple[Point, ...], ...]:
    return tuple(_points(ring) for ring in values["polygon"]["coordinates"])
