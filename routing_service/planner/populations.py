"""Populations from packages and files: small areas, postcodes, or a user's own points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.errors import InvalidPopulation
from routing_service.location import small_areas
from routing_service.location.postcodes import all_areas
from routing_service.location.postcodes import files_sha256 as postcodes_sha256
from routing_service.location.small_areas import Places, SmallAreas
from routing_service.planner import area_tables
from routing_service.planner.located_csv import read_located
from routing_service.planner.population import Grouping, Population, Source, by_label, whole_parts
from routing_service.units import NONE

if TYPE_CHECKING:
    from routing_service.planner.study import PopulationRequest
    from routing_service.units import BoolArray, FloatArray, IntArray

Box = tuple[float, float, float, float]
ADMISSIONS: Final = "stroke admissions a year (2017 to 2019)"


def read_population(request: PopulationRequest, bbox: Box) -> Population:
    """Read the population that a study asks for, as far as a map covers it.

    Parameters
    ----------
    request
        Points, weights, groups.
    bbox
        Of the network: west, south, east, north, degrees.

    Raises
    ------
    InvalidPopulation
        If nobody is left, a district is unknown, or a file does not fit; see `area_tables`.
    MissingExtra
        A package of data is not installed.
    """
    west, south, east, north = bbox
    outline = [(south, west), (north, west), (north, east), (south, east)]
    areas = small_areas.read_small_areas(outline)
    if request.points == "lsoa":
        population = _of_areas(areas, outline)
    elif request.points == "postcodes":
        population = _of_postcodes(areas, outline)
    else:
        population = _of_file(Path(request.points), request.weight, areas)
    population = _in_districts(population, request.districts)
    return _with_groups(population, request, areas)


# --- sets of places ----------------------------------------------------------------------------
def _of_areas(areas: SmallAreas, outline: small_areas.Outline) -> Population:
    places = small_areas.read_places(outline, all_areas())
    first, lon, lat, centre = small_areas.sample_points(areas, places)
    weight = _admissions(areas)
    return Population(
        what="small areas (LSOA, 2011)",
        weight_what=ADMISSIONS,
        ids=areas.codes,
        lon=centre[:, 0].copy(),
        lat=centre[:, 1].copy(),
        parts=whole_parts(weight),
        area=np.arange(len(areas.names), dtype=np.int32),
        areas=areas.names,
        area_codes=areas.codes,
        first=first,
        point_lon=lon,
        point_lat=lat,
        sources=(_area_source(), _postcode_source()),
        notes=(
            f"An area is as far as the mean over {small_areas.POINTS_PER_AREA} of its postcodes.",
        ),
    )


def _of_postcodes(areas: SmallAreas, outline: small_areas.Outline) -> Population:
    places = small_areas.read_places(outline, all_areas())
    area = small_areas.area_of_places(areas, places)
    inside = np.flatnonzero(area != NONE)
    order = inside[np.argsort(np.array(places.codes)[inside], kind="stable")]
    codes = [f"{places.codes[i][:-3]} {places.codes[i][-3:]}" for i in order.tolist()]
    area = area[order]
    per_area = np.bincount(area, minlength=len(areas.names))
    empty = int((per_area == 0).sum())
    notes = ["Each postcode has an equal share of the admissions of its small area."]
    if empty:
        notes.append(f"{empty} small areas have no postcode and are left out.")
    population = _points("postcodes", codes, places.lon[order], places.lat[order], area, areas)
    return replace(
        population,
        weight_what=ADMISSIONS,
        parts=whole_parts((_admissions(areas) / np.maximum(per_area, 1))[area]),
        sources=(_area_source(), _postcode_source()),
        notes=tuple(notes),
    )


def _of_file(path: Path, weight: str | None, areas: SmallAreas) -> Population:
    """A CSV with ``id``, a location in one of the usual forms, and perhaps a weight."""
    rows = read_located(path, (weight,) if weight else (), "points")
    ids, lon, lat = rows.ids, rows.lon, rows.lat
    area = small_areas.area_of_places(areas, Places(ids, lon, lat))
    population = _points("points", ids, lon, lat, area, areas)
    weights = np.ones(len(ids))
    if weight:
        weights = np.array([_weight(path.name, *row) for row in zip(ids, rows.others, strict=True)])
    return replace(
        population,
        weight_what=weight or "points, each counted once",
        parts=whole_parts(weights),
        sources=(rows.source, _area_source()),
    )


def _points(
    what: str,
    ids: Sequence[str],
    lon: FloatArray,
    lat: FloatArray,
    area: IntArray,
    areas: SmallAreas,
) -> Population:
    return Population(
        what=what,
        weight_what="",
        ids=tuple(ids),
        lon=lon,
        lat=lat,
        parts=np.ones(len(ids), dtype=np.int64),
        area=area,
        areas=areas.names,
        area_codes=areas.codes,
        first=np.arange(len(ids) + 1, dtype=np.int32),
        point_lon=lon,
        point_lat=lat,
    )


def _weight(name: str, row_id: str, cells: tuple[str, ...]) -> float:
    try:
        return float(cells[0])
    except ValueError as error:
        raise InvalidPopulation(f"{name}, id {row_id}: {cells[0]!r} is no weight") from error


# --- districts and groups ----------------------------------------------------------------------
def _in_districts(population: Population, districts: Sequence[str]) -> Population:
    names = [small_areas.district_of(name) for name in population.areas]
    strange = sorted(set(districts) - set(names))
    if strange:
        raise InvalidPopulation(
            f"no small area of the network is in a district called {strange[0]!r}; districts:"
            f" {', '.join(sorted(set(names)))}"
        )
    if not districts:
        return population
    wanted = np.array([*(name in districts for name in names), False])
    return where(population, wanted[population.area])


def where(population: Population, keep: BoolArray) -> Population:
    """The places that are marked; its groupings must not have been made yet."""
    rows = np.flatnonzero(keep)
    if not population.parts[rows].any():
        raise InvalidPopulation("nobody is left of the population on this network")
    count = np.diff(population.first)[rows]
    first = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum(count, out=first[1:])
    of_point = np.arange(first[-1]) + np.repeat(population.first[rows] - first[:-1], count)
    return replace(
        population,
        ids=tuple(population.ids[row] for row in rows.tolist()),
        lon=population.lon[rows],
        lat=population.lat[rows],
        parts=population.parts[rows],
        area=population.area[rows],
        first=first,
        point_lon=population.point_lon[of_point],
        point_lat=population.point_lat[of_point],
    )


def _with_groups(
    population: Population, request: PopulationRequest, areas: SmallAreas
) -> Population:
    """The population with every grouping that its areas and the user's tables give."""
    services = small_areas.services_by_area()
    # The last entry is that of places outside all areas, whose number is -1.
    district = [*(small_areas.district_of(name) for name in areas.names), ""]
    service = [*(services.get(name, "") for name in areas.names), ""]
    at = population.area.tolist()
    groupings: list[Grouping] = [
        by_label("district", [district[a] for a in at]),
        by_label("ambulance service", [service[a] for a in at], "areas of 2022"),
    ]
    sources = list(population.sources)
    for name, table in (
        ("deprivation", request.deprivation),
        ("urban or rural", request.urban_rural),
        ("age", request.age),
    ):
        if table is None:
            continue
        values = area_tables.read_area_values(table, areas.codes, areas.known_codes, name)
        sources += [source for source in values.sources if source not in sources]
        if name == "deprivation":
            grouping = area_tables.deprivation(values, population.area, areas.codes)
        elif name == "age":
            columns = table.columns
            grouping = area_tables.people(name, columns, values, population.area, areas.codes)
        else:
            grouping = area_tables.words(name, values, population.area, areas.codes)
        groupings.append(grouping)
    return replace(population, groupings=tuple(groupings), sources=tuple(sources))


def _admissions(areas: SmallAreas) -> FloatArray:
    admissions = small_areas.admissions_by_area()
    return np.array([admissions.get(name, 0.0) for name in areas.names])


def _area_source() -> Source:
    names = (
        small_areas.AREAS_FILE,
        small_areas.ADMISSIONS_FILE,
        small_areas.AMBULANCE_FILE,
        small_areas.SERVICES_FILE,
    )
    what = "small areas, admissions, ambulance services"
    return Source(small_areas.PACKAGE, small_areas.files_sha256(names), what)


def _postcode_source() -> Source:
    return Source("Code-Point Open", postcodes_sha256(all_areas()), "postcodes")
