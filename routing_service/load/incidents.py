"""Where the incidents of a test happen: where people live, or as a file says."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, radians
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from routing_service.errors import HasuError, InvalidRequest
from routing_service.load.wire import Target, exchange
from routing_service.location import bng
from routing_service.location.forms import FIELDS, parse_location
from routing_service.location.postcodes import data_folder, read_area
from routing_service.progress import Progress
from routing_service.units import METRES_PER_DEGREE, FloatArray

PATH = "/v1/conveyance"
POOL = 5_000
"""Different incidents in a test: enough that no cache of the processor holds them all."""

MATRIX_ROWS = 1_000
Point = tuple[float, float]
"""Latitude and longitude, degrees."""

REACH_M = 250_000
"""No postcode area is wider, so one whose first postcode is further off has none in the box."""


@dataclass(frozen=True, slots=True)
class Incidents:
    """What is asked: paths with their queries, in order, and points where roads can be closed."""

    paths: tuple[str, ...]
    points: tuple[Point, ...]
    source: str


def by_population(target: Target, seed: int, progress: Progress | None = None) -> Incidents:
    """Draw postcodes from the box that the service covers, and keep those that it has answers for.

    Unit postcodes have about fifteen addresses each, so drawing them evenly draws people.

    Parameters
    ----------
    target
        The service; its `/v1/state` says which box, its `/v1/matrix` which postcodes.
    seed
        The same seed draws the same incidents.

    Raises
    ------
    InvalidRequest
        The service will not say, or answers for none of them.
    MissingExtra
        The postcodes are not installed.
    """
    status, state = exchange(target, "GET", "/v1/state")
    if status != 200:
        raise InvalidRequest(f"GET /v1/state gave status {status}: {_told(state)}")
    lat_deg, lon_deg = _postcodes_within(state["bbox"], progress)
    drawn = np.random.default_rng(seed).permutation(len(lat_deg))[:POOL]
    drawn_points = [(round(float(lat_deg[k]), 6), round(float(lon_deg[k]), 6)) for k in drawn]
    answered = list(_answered(target, drawn_points, progress))
    if not answered:
        raise InvalidRequest(
            "the service has an answer for no postcode of its box; name --incidents FILE"
        )
    paths = tuple(f"{PATH}?lat={lat:.6f}&lon={lon:.6f}" for (lat, lon), _ in answered)
    return Incidents(paths, tuple(on_road for _, on_road in answered), f"{len(paths):,} postcodes")


def from_file(path: Path) -> Incidents:
    """Read incidents from a CSV file whose columns are forms of a location.

    Raises
    ------
    InvalidRequest
        It cannot be read, has other columns, or a row is no location; with the line's number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeError, csv.Error) as error:
        raise InvalidRequest(f"{path.name} cannot be read: {error}") from None
    paths, points = [], []
    for line, row in enumerate(rows, start=2):
        given = {name: value for name, value in row.items() if name in FIELDS and value}
        try:
            place = parse_location(dict(given))
        except HasuError as error:
            raise InvalidRequest(f"{path.name}, line {line}: {error.detail}") from None
        paths.append(f"{PATH}?{urlencode(given)}")
        points.append((place.lat, place.lon))
    if not paths:
        raise InvalidRequest(f"{path.name} has no rows; its columns are of {', '.join(FIELDS)}")
    return Incidents(tuple(paths), tuple(points), f"{path.name}, {len(paths):,} rows")


def _postcodes_within(
    bbox: Sequence[float], progress: Progress | None
) -> tuple[FloatArray, FloatArray]:
    """Latitudes and longitudes of all postcodes in a box of west, south, east, north."""
    west, south, east, north = bbox
    names = [file.name.removesuffix(".csv.gz") for file in data_folder().glob("*.csv.gz")]
    found_lat, found_lon = [], []
    for number, name in enumerate(sorted(names)):
        if progress is not None:
            progress("postcodes", number / len(names))
        area = read_area(name.upper())
        first = bng.to_wgs84(area.eastings_m[:1], area.northings_m[:1])
        if _metres_outside(float(first[0][0]), float(first[1][0]), bbox) > REACH_M:
            continue
        lats, lons = bng.to_wgs84(area.eastings_m, area.northings_m)
        inside = (south <= lats) & (lats <= north) & (west <= lons) & (lons <= east)
        found_lat.append(lats[inside])
        found_lon.append(lons[inside])
    none = np.empty(0)
    return np.concatenate([none, *found_lat]), np.concatenate([none, *found_lon])


def _metres_outside(lat: float, lon: float, bbox: Sequence[float]) -> float:
    """How far a point is from a box, roughly."""
    west, south, east, north = bbox
    d_lat = max(south - lat, lat - north, 0.0)
    d_lon = max(west - lon, lon - east, 0.0) * cos(radians(lat))
    return METRES_PER_DEGREE * hypot(d_lat, d_lon)


def _answered(
    target: Target, points: Sequence[Point], progress: Progress | None
) -> Iterator[tuple[Point, Point]]:
    """Each point that the service has an answer for, and where on a road it stands for that."""
    for start in range(0, len(points), MATRIX_ROWS):
        if progress is not None:
            progress("answers", start / len(points))
        part = points[start : start + MATRIX_ROWS]
        body = {"locations": [{"lat": lat, "lon": lon} for lat, lon in part]}
        status, reply = exchange(target, "POST", "/v1/matrix", body)
        if status != 200:
            raise InvalidRequest(f"POST /v1/matrix gave status {status}: {_told(reply)}")
        for point, row in zip(part, reply["results"], strict=True):
            if "error" not in row:
                snap = row["incident"]["snap"]
                yield point, (snap["lat"], snap["lon"])


def _told(reply: object) -> str:
    return str(reply.get("detail", "no reason")) if isinstance(reply, dict) else "no reason"
