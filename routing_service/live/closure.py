"""`Closure`: a road that is shut or slow, where, from when to when, and on whose word.

What a closure does to times is defined here once. Each closure gives every edge that it hits a
time of its own: none if it shuts the road, else the edge's time multiplied by `delay_factor`, plus
the edge's share of `delay_minutes`. Of several closures on one edge the one that costs most counts
(shut is longest of all): two reports of the same flood are then one flood, and their order cannot
matter. `delay_minutes` is what passing the whole stretch costs, so an edge has the share of it that
its length is of the stretch, see `hit.stretch_cm`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from routing_service.errors import InvalidClosure
from routing_service.location.forms import EXTRAS, parse_location
from routing_service.location.nhs_number import refuse_nhs_numbers

Point = tuple[float, float]
"""Longitude and latitude in degrees, as in GeoJSON."""

Ring = tuple[Point, ...]

MAX_RADIUS_M: Final = 20_000.0
MAX_FACTOR: Final = 100.0
MAX_MINUTES: Final = 1_440.0
MAX_POINTS: Final = 10_000
MAX_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Way:
    """All of one OpenStreetMap way; on a surrogate network, the network's own number."""

    way: int


@dataclass(frozen=True, slots=True)
class Disc:
    """What comes within `radius_m` of a point (degrees)."""

    lat: float
    lon: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class Line:
    """The roads along a line; not those that it crosses."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Polygon:
    """What reaches into an area: its outline first, then its holes, all closed."""

    rings: tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """The road of a number or name (``A61``, ``Church Lane``) where it reaches into an area."""

    name: str
    rings: tuple[Ring, ...]


Where = Way | Disc | Line | Polygon | Road


@dataclass(frozen=True, slots=True)
class Closure:
    """A closure as it was ordered; nothing in it depends on a network.

    Parameters
    ----------
    id
        Its name for good.
    reason, author, source
        Why, on whose word, and by which system (``api``, ``street_manager``…).
    where
        What it hits.
    direction_deg
        Only edges that run within 60 degrees of this bearing are hit; None for all.
    delay_factor, delay_minutes
        How much longer it takes, at least 1 and at least 0; neither means shut.
    starts_at, expires_at
        In force from the one until just before the other; None for always. In UTC.

    Raises
    ------
    InvalidClosure
        If a time has no time zone or it expires before it starts.
    """

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

    def __post_init__(self) -> None:
        for name in ("starts_at", "expires_at"):
            moment = getattr(self, name)
            if moment is None:
                continue
            if moment.tzinfo is None:
                raise InvalidClosure(f"{name} needs a time zone", field=name)
            object.__setattr__(self, name, moment.astimezone(UTC))
        if self.starts_at and self.expires_at and self.expires_at <= self.starts_at:
            raise InvalidClosure("expires_at must be after starts_at", field="expires_at")

    @property
    def shuts(self) -> bool:
        """Whether nothing may pass at all."""
        return self.delay_factor is None and self.delay_minutes is None

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back; fields that are None are left out."""
        optional = {
            "direction_deg": self.direction_deg,
            "delay_factor": self.delay_factor,
            "delay_minutes": self.delay_minutes,
            "starts_at": moment_text(self.starts_at),
            "expires_at": moment_text(self.expires_at),
        }
        return {
            "id": self.id,
            "reason": self.reason,
            "author": self.author,
            "source": self.source,
            **_where_json(self.where),
            **{name: value for name, value in optional.items() if value is not None},
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Closure:
        """Read a closure; a field that is None counts as absent.

        Parameters
        ----------
        fields
            ``id``, ``reason``, ``author``, ``source``; one of ``way``, ``point`` and ``radius_m``,
            ``line`` (GeoJSON LineString), ``polygon`` (GeoJSON Polygon), ``road`` and ``polygon``;
            any of the optional ones of `Closure`.

        Raises
        ------
        InvalidClosure
            Naming the field that is missing, unknown or unusable.
        InvalidLocation, SwappedCoordinates, UnknownPostcode
            If ``point`` is none, see `location.forms`.
        LooksLikePatientData
            If a text holds what looks like an NHS number.

        Examples
        --------
        >>> fields = {"id": "c1", "reason": "flood", "author": "J. Bloggs", "source": "api"}
        >>> Closure.from_json({**fields, "way": 4711, "delay_factor": 2}).where
        Way(way=4711)
        """
        given = {name: value for name, value in fields.items() if value is not None}
        unknown = sorted(str(name)[:40] for name in given if name not in FIELDS)
        if unknown:
            raise InvalidClosure(
                f"Unknown field {', '.join(unknown)}; a closure has {', '.join(FIELDS)}.",
                unknown=unknown,
            )
        return cls(
            id=_text(given, "id"),
            reason=_text(given, "reason"),
            author=_text(given, "author"),
            source=_text(given, "source"),
            where=_where(given),
            direction_deg=_number(given, "direction_deg", 0.0, 360.0),
            delay_factor=_number(given, "delay_factor", 1.0, MAX_FACTOR),
            delay_minutes=_number(given, "delay_minutes", 0.0, MAX_MINUTES),
            starts_at=_moment(given, "starts_at"),
            expires_at=_moment(given, "expires_at"),
        )

    @classmethod
    def from_record(cls, fields: Mapping[str, Any]) -> Closure:
        """Read what `to_json` wrote and a store has kept.

        Nothing is judged again: what was taken once by the rules of its day must be read for ever,
        and a store of a year is read in seconds.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is no such record.
        """
        start, expiry = fields.get("starts_at"), fields.get("expires_at")
        return cls(
            id=fields["id"],
            reason=fields["reason"],
            author=fields["author"],
            source=fields["source"],
            where=_where_of_record(fields),
            direction_deg=fields.get("direction_deg"),
            delay_factor=fields.get("delay_factor"),
            delay_minutes=fields.get("delay_minutes"),
            starts_at=None if start is None else datetime.fromisoformat(start),
            expires_at=None if expiry is None else datetime.fromisoformat(expiry),
        )


WHERE_FIELDS: Final = ("way", "point", "radius_m", "line", "road", "polygon")
FIELDS: Final = (
    *("id", "reason", "author", "source", *WHERE_FIELDS),
    *("direction_deg", "delay_factor", "delay_minutes", "starts_at", "expires_at"),
)


def _where(given: Mapping[str, Any]) -> Where:
    """Read the one form of place that is given."""
    match tuple(name for name in WHERE_FIELDS if name in given):
        case ("way",):
            return Way(_whole(given, "way"))
        case ("point", "radius_m"):
            return _disc(given)
        case ("line",):
            return Line(_points(_coordinates(given, "line", "LineString"), "line", 2))
        case ("polygon",):
            return Polygon(_rings(given))
        case ("road", "polygon"):
            return Road(_text(given, "road"), _rings(given))
        case named:
            raise InvalidClosure(
                "Say where: give exactly one of way; point and radius_m; line; polygon; road and"
                " polygon (a road needs the area in which it is closed).",
                given=list(named),
            )


def _disc(given: Mapping[str, Any]) -> Disc:
    point = given["point"]
    if not isinstance(point, Mapping) or any(name in point for name in EXTRAS):
        raise InvalidClosure('point must be a location such as {"lat": …, "lon": …}', field="point")
    place = parse_location(point)
    radius_m = _number(given, "radius_m", 0.0, MAX_RADIUS_M)
    return Disc(place.lat, place.lon, radius_m or 0.0)


def _rings(given: Mapping[str, Any]) -> tuple[Ring, ...]:
    rings = _coordinates(given, "polygon", "Polygon")
    result = tuple(_points(ring, "polygon", 4) for ring in rings)
    if not result or any(ring[0] != ring[-1] for ring in result):
        raise InvalidClosure(
            "each ring of polygon must end at the point where it began", field="polygon"
        )
    return result


def _coordinates(given: Mapping[str, Any], name: str, kind: str) -> Sequence[Any]:
    shape = given[name]
    if isinstance(shape, Mapping) and shape.get("type") == kind:
        coordinates = shape.get("coordinates")
        if isinstance(coordinates, list | tuple):
            return coordinates
    raise InvalidClosure(
        f'{name} must be a GeoJSON {kind}: {{"type": "{kind}", "coordinates": […]}}', field=name
    )


def _points(values: Any, name: str, least: int) -> tuple[Point, ...]:
    if not isinstance(values, list | tuple) or not least <= len(values) <= MAX_POINTS:
        raise InvalidClosure(
            f"{name} needs {least} to {MAX_POINTS} points [longitude, latitude]", field=name
        )
    return tuple(_point(value, name) for value in values)


def _point(value: Any, name: str) -> Point:
    # A third number is a height, which GeoJSON allows.
    if isinstance(value, list | tuple) and len(value) in (2, 3):
        lon, lat = value[0], value[1]
        if _finite(lon) and _finite(lat) and abs(lon) <= 180.0 and abs(lat) <= 90.0:
            return float(lon), float(lat)
    raise InvalidClosure(f"a point of {name} is not [longitude, latitude] in degrees", field=name)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(given: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    if name not in given:
        return None
    value = given[name]
    if not _finite(value) or not low <= value <= high:
        raise InvalidClosure(f"{name} must be a number from {low:g} to {high:g}", field=name)
    return float(value)


def _whole(given: Mapping[str, Any], name: str) -> int:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise InvalidClosure(f"{name} must be a whole number", field=name)
    return value


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise InvalidClosure(f"{name} must be text of 1 to {MAX_TEXT} characters", field=name)
    if not value.isprintable():
        raise InvalidClosure(f"{name} must be one line without control characters", field=name)
    if name != "id":  # those of other systems are what they are
        refuse_nhs_numbers(value, name)
    return value.strip()


def _moment(given: Mapping[str, Any], name: str) -> datetime | None:
    if name not in given:
        return None
    try:
        moment = datetime.fromisoformat(given[name])
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidClosure(
            f"{name} must be a date and time with its offset, as in 2026-11-22T08:30:00Z",
            field=name,
        )
    return moment


def moment_text(moment: datetime | None) -> str | None:
    """Write a moment in UTC as events and closures hold it, to the microsecond."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _where_json(where: Where) -> dict[str, Any]:
    match where:
        case Way(way):
            return {"way": way}
        case Disc(lat, lon, radius_m):
            return {"point": {"lat": lat, "lon": lon}, "radius_m": radius_m}
        case Line(points):
            return {"line": {"type": "LineString", "coordinates": [list(p) for p in points]}}
        case Polygon(rings):
            return {"polygon": _polygon_json(rings)}
        case Road(name, rings):
            return {"road": name, "polygon": _polygon_json(rings)}


def _polygon_json(rings: tuple[Ring, ...]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(p) for p in ring] for ring in rings]}


def _where_of_record(fields: Mapping[str, Any]) -> Where:
    match fields:
        case {"way": way}:
            return Way(way)
        case {"point": {"lat": lat, "lon": lon}, "radius_m": radius_m}:
            return Disc(lat, lon, radius_m)
        case {"line": {"coordinates": points}}:
            return Line(_ring_of_record(points))
        case {"polygon": {"coordinates": rings}}:
            outline = tuple(_ring_of_record(ring) for ring in rings)
            return Road(fields["road"], outline) if "road" in fields else Polygon(outline)
    raise ValueError("a closure without a place")


def _ring_of_record(points: Sequence[Sequence[float]]) -> Ring:
    return tuple((lon, lat) for lon, lat in points)
