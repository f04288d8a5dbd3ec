"""A table of travel times that somebody keeps: CSV or Parquet, a row per journey."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Final

import numpy as np

from routing_service.calibration.checks import impossible
from routing_service.calibration.observations import Observations
from routing_service.decision.model import Location, Unit
from routing_service.errors import HasuError, InvalidObservations, MissingExtra
from routing_service.location.forms import FORMS, parse_location

Row = Mapping[str, object]

PLACES: Final = (*(name for names in FORMS.values() for name in names), "lsoa")
UNITS: Final = ("unit", "to")
OTHERS: Final = ("minutes", "place", "district", "weight", "period")
COLUMNS: Final = (*PLACES, *UNITS, *OTHERS)

TOLERATED: Final = 0.02
"""Share of the rows that may be unusable: records have slips of the pen. They are left out and
told one by one; with more, the table is not what we take it for."""


@dataclass(frozen=True, slots=True)
class _Journey:
    place: str
    district: str
    location: Location
    unit: int
    minutes: float
    weight: float
    period: str


def read_table(path: Path, units: Sequence[Unit]) -> Observations:
    """Read observed times.

    Parameters
    ----------
    path
        CSV (UTF-8, with a heading) or Parquet. Where from: ``lat`` and ``lon``, ``easting`` and
        ``northing``, ``grid_ref``, ``postcode`` or ``lsoa`` (name or code of 2011). Where to:
        ``unit`` (or ``to``), an ODS code or postcode of `units`. ``minutes``. Optional:
        ``place`` (rows of one name stay together when data is split; default the location),
        ``district``, ``weight``, ``period``.
    units
        The known destinations.

    Returns
    -------
    Observations
        Sorted by place, unit and time; all rows scored. `rejected` says which rows were left out
        and why.

    Raises
    ------
    InvalidObservations
        The file cannot be read, a column is missing or unknown, or more than 2 % of the rows
        are unusable.
    MissingExtra
        Parquet without pyarrow, or areas without the package that knows them.
    """
    try:
        content = path.read_bytes()
        rows = _parquet(content) if path.suffix.lower() == ".parquet" else _csv(content)
    except (OSError, ValueError, csv.Error) as error:
        raise InvalidObservations(f"{path.name} cannot be read: {error}") from error
    _check_columns(rows, path.name)
    areas = _areas(rows)
    number = {name: u for u, unit in enumerate(units) for name in _names(unit)}
    journeys: list[_Journey] = []
    rejected: list[str] = []
    for line, row in enumerate(rows, start=2):
        try:
            journeys.append(_journey(row, number, areas))
        except (HasuError, ValueError) as error:
            rejected.append(f"row {line}: {getattr(error, 'detail', error)}")
    _check_rejected(rejected, len(rows), path.name)
    journeys.sort(key=lambda j: (j.place, j.unit, j.period, j.minutes))
    observations = _columns(journeys, tuple(units), hashlib.sha256(content).hexdigest())
    return _possible(observations, rejected, path.name)


def _csv(content: bytes) -> list[dict[str, object]]:
    text = content.decode("utf-8-sig")
    rows = list(csv.DictReader(StringIO(text, newline=""), strict=True))
    return [{key: value for key, value in row.items() if value not in (None, "")} for row in rows]


def _parquet(content: bytes) -> list[dict[str, object]]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra(
            "Parquet needs the package pyarrow, which is not installed; "
            "run: python -m pip install pyarrow, or save the table as CSV",
            package="pyarrow",
        ) from None
    rows = parquet.read_table(BytesIO(content)).to_pylist()
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def _check_columns(rows: Sequence[Row], name: str) -> None:
    if not rows:
        raise InvalidObservations(f"{name} holds no rows")
    found = {str(column) for row in rows for column in row}
    unknown = sorted(found - set(COLUMNS))
    if unknown:
        raise InvalidObservations(
            f"{name}: unknown column {', '.join(unknown)}; known are {', '.join(COLUMNS)}"
        )
    for needed, of in (("minutes", ("minutes",)), ("unit", UNITS), ("lat and lon", PLACES)):
        if not found & set(of):
            raise InvalidObservations(
                f"{name} lacks {needed}: a row says where from ({', '.join(PLACES)}), which unit, "
                "and how many minutes"
            )


def _areas(rows: Sequence[Row]) -> Mapping[str, tuple[str, float, float]]:
    """Name and centre of the areas that rows name; read only if there are any."""
    if not any("lsoa" in row for row in rows):
        return {}
    from routing_service.location.small_areas import area_centres

    return area_centres()


def _names(unit: Unit) -> Iterable[str]:
    yield unit.ods_code.upper()
    if unit.postcode:
        yield unit.postcode.replace(" ", "").upper()


def _journey(
    row: Row, number: Mapping[str, int], areas: Mapping[str, tuple[str, float, float]]
) -> _Journey:
    to = str(row.get("unit", row.get("to", "")))
    unit = number.get(to.replace(" ", "").upper())
    if unit is None:
        raise ValueError(f"unknown unit {to!r}")
    district = str(row.get("district", ""))
    if "lsoa" in row:
        asked = str(row["lsoa"]).strip()
        if asked not in areas:
            raise ValueError(f"unknown area {asked!r}")
        name, lon, lat = areas[asked]
        location = Location(lat, lon, source="lsoa")
        district = district or name.rpartition(" ")[0]
    else:
        location = parse_location({key: row[key] for key in PLACES if key in row})
        name = f"{location.lat:.5f},{location.lon:.5f}"
    return _Journey(
        str(row.get("place", name)),
        district,
        location,
        unit,
        _positive(row.get("minutes"), "minutes"),
        _positive(row.get("weight", 1.0), "weight"),
        str(row.get("period", "")),
    )


def _positive(value: object, name: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not 0.0 < number < math.inf:
        raise ValueError(f"{name} must be a number above 0, not {str(value)[:20]!r}")
    return number


def _check_rejected(rejected: Sequence[str], rows: int, name: str) -> None:
    if len(rejected) > TOLERATED * rows:
        raise InvalidObservations(
            f"{name}: {len(rejected)} of {rows} rows are unusable; " + "; ".join(rejected[:3]),
            rejected=len(rejected),
        )


def _columns(
    journeys: Sequence[_Journey], units: tuple[Unit, ...], data_sha256: str
) -> Observations:
    return Observations(
        place=tuple(journey.place for journey in journeys),
        district=tuple(journey.district for journey in journeys),
        lon=np.array([journey.location.lon for journey in journeys]),
        lat=np.array([journey.location.lat for journey in journeys]),
        unit=np.array([journey.unit for journey in journeys], dtype=np.int32),
        units=units,
        minutes=np.array([journey.minutes for journey in journeys]),
        weight=np.array([journey.weight for journey in journeys]),
        period=tuple(journey.period for journey in journeys),
        scored=np.ones(len(journeys), dtype=np.bool_),
        data_sha256=data_sha256,
    )


def _possible(observations: Observations, rejected: list[str], name: str) -> Observations:
    """Leave out what no vehicle could do, if that is little."""
    bad = impossible(observations)
    rejected += [
        f"{observations.place[i]} to {observations.units[observations.unit[i]].ods_code}: "
        f"{observations.minutes[i]:g} minutes are impossible"
        for i in np.flatnonzero(bad)
    ]
    _check_rejected(rejected, len(observations) + len(rejected) - int(bad.sum()), name)
    return observations.where(~bad).with_rejected(tuple(rejected))
