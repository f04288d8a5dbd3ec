"""A user's CSV with a name and a location in each row, small enough to be read at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routing_service.errors import HasuError, InvalidPopulation
from routing_service.location.forms import FORMS, parse_location
from routing_service.planner.area_tables import header_of, read_csv

if TYPE_CHECKING:
    from routing_service.planner.population import Source
    from routing_service.units import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """The rows, sorted by id: `others` are further columns, row by row."""

    ids: tuple[str, ...]
    lon: FloatArray
    lat: FloatArray
    others: tuple[tuple[str, ...], ...]
    source: Source


def read_located(path: Path, columns: Sequence[str], what: str) -> Located:
    """Read ``id``, a location in one of the usual forms, and further columns.

    Raises
    ------
    InvalidPopulation
        If the file cannot be read, has no rows or lacks a column, an id occurs twice, or a row does
        not say where it is.
    """
    header = header_of(path)
    form = next((names for names in FORMS.values() if set(names) <= set(header)), None)
    if form is None:
        known = ", or ".join(" and ".join(names) for names in FORMS.values())
        raise InvalidPopulation(f"{path.name} does not say where: give {known}")
    rows, source = read_csv(path, ("id", *form, *columns), what)
    rows.sort()
    ids = tuple(row[0] for row in rows)
    if not all(ids) or len(set(ids)) < len(ids) or not ids:
        raise InvalidPopulation(f"{path.name} needs rows, and an id of its own in each")
    found = [_locate(path.name, row, form) for row in rows]
    lon, lat = (np.array([place[k] for place in found]) for k in (0, 1))
    others = tuple(row[1 + len(form) :] for row in rows)
    return Located(ids, lon, lat, others, source)


def _locate(name: str, row: tuple[str, ...], form: Sequence[str]) -> tuple[float, float]:
    try:
        place = parse_location(dict(zip(form, row[1:], strict=False)))
    except HasuError as error:
        raise InvalidPopulation(f"{name}, id {row[0]}: {error.detail}") from error
    return place.lon, place.lat
