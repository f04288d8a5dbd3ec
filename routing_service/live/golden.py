"""Golden incidents: places with a known answer, which a network must give before it serves."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routing_service.decision.model import Location, Ranked
from routing_service.errors import HasuError, InvalidGolden
from routing_service.live.snapshot import Snapshot

_TEXTS: Final = ("name", "lsoa", "why")
_REQUIRED: Final = ("name", "lat", "lon", "units", "why")
_KNOWN: Final = (*_REQUIRED, "lsoa")
_BOUNDS: Final = {"lat": (-90.0, 90.0), "lon": (-180.0, 180.0), "tie_minutes": (0.0, 60.0)}


@dataclass(frozen=True, slots=True)
class GoldenIncident:
    """A place, the units that may be nearest to it, and why.

    One unit: it must be the nearest. Several: a near tie. `lsoa` names the area whose reference
    times the expectation rests on; empty where it rests on the map alone.
    """

    name: str
    lat: float
    lon: float
    units: tuple[str, ...]
    why: str
    lsoa: str = ""


@dataclass(frozen=True, slots=True)
class Golden:
    """A file of golden incidents; the best two units of a near tie lie within `tie_minutes`."""

    incidents: tuple[GoldenIncident, ...]
    tie_minutes: float


@dataclass(frozen=True, slots=True)
class Miss:
    """An incident that a network answers wrongly: what was expected, what it says, the fault."""

    incident: GoldenIncident
    found: str
    fault: str


# --- the check -----------------------------------------------------------------------------
def check_golden(snapshot: Snapshot, golden: Golden) -> tuple[Miss, ...]:
    """Ask a network for every golden incident, and return those that it answers wrongly.

    What counts is the nearest unit whatever its status: the network is on trial, not the day.

    Parameters
    ----------
    snapshot
        The network.
    golden
        The incidents.

    Returns
    -------
    tuple of Miss
        In the order of the file; empty if the network passes.

    Raises
    ------
    InvalidGolden
        If an incident names a unit that the network does not have: nothing can be said then.
    """
    known = {unit.ods_code for unit in snapshot.units}
    for incident in golden.incidents:
        for code in incident.units:
            if code not in known:
                raise InvalidGolden(
                    f"{incident.name} expects {code}, which is no unit of this network; its units"
                    f" are {', '.join(sorted(known))}.",
                    ods_code=code,
                )
    answers = ((i, _answer(snapshot, i, golden.tie_minutes)) for i in golden.incidents)
    return tuple(Miss(incident, *answer) for incident, answer in answers if answer[1])


def _answer(snapshot: Snapshot, incident: GoldenIncident, tie_minutes: float) -> tuple[str, str]:
    """What the network says, in words, and what is wrong with it; empty if nothing is."""
    try:
        ranking = snapshot.decide(Location(incident.lat, incident.lon)).ranking
    except HasuError as error:
        return "", f"unreachable: {error.detail}"
    reached = [(row, row.minutes) for row in ranking if row.minutes is not None]
    found = ", ".join(f"{row.ods_code} {minutes:.1f}" for row, minutes in reached[:3])
    return found, _fault(reached, incident.units, tie_minutes)


def _fault(
    reached: Sequence[tuple[Ranked, float]], expected: tuple[str, ...], tie_minutes: float
) -> str:
    minutes_of = {row.ods_code: minutes for row, minutes in reached}
    lost = [code for code in expected if code not in minutes_of]
    if lost:
        return f"no route to {', '.join(lost)}"
    nearest = reached[0][0].ods_code
    if nearest not in expected:
        return f"{nearest} is nearest"
    best = sorted(minutes_of[code] for code in expected)
    if len(best) > 1 and best[1] - best[0] >= tie_minutes:
        return f"{nearest} is nearest by {best[1] - best[0]:.1f} minutes, not a near tie"
    return ""


# --- the file ------------------------------------------------------------------------------
def read_golden(path: Path) -> Golden:
    """Read a TOML file of golden incidents.

    Parameters
    ----------
    path
        ``tie_minutes``, and ``[[incident]]`` tables with ``name``, ``lat``, ``lon`` (WGS84
        degrees), ``units`` (ODS codes; several for a near tie), ``why`` and optional ``lsoa``.

    Raises
    ------
    InvalidGolden
        The file cannot be read, is empty, or an incident is incomplete, malformed or given twice.
        The message names the file and the incident.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidGolden(f"{path.name} cannot be read as TOML: {error}.") from error
    tables = document.pop("incident", [])
    tie_minutes = _number(document, "tie_minutes", path.name)
    document.pop("tie_minutes")
    if document:
        raise InvalidGolden(f"{path.name}: unknown {', '.join(sorted(document))}.")
    if not isinstance(tables, list) or not tables:
        raise InvalidGolden(f"{path.name} has no incidents; write one [[incident]] for each.")
    incidents = tuple(
        _incident(table, f"{path.name}, incident {number}")
        for number, table in enumerate(tables, start=1)
    )
    names = [incident.name for incident in incidents]
    for name in names:
        if names.count(name) > 1:
            raise InvalidGolden(f"{path.name}: {name} is given twice.")
    return Golden(incidents, tie_minutes)


def _incident(table: object, where: str) -> GoldenIncident:
    if not isinstance(table, Mapping):
        raise InvalidGolden(f"{where} is not a table; write [[incident]].")
    missing = [name for name in _REQUIRED if name not in table]
    unknown = sorted(name for name in table if name not in _KNOWN)
    if missing:
        raise InvalidGolden(f"{where} lacks {', '.join(missing)}.")
    if unknown:
        raise InvalidGolden(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(_KNOWN)}.")
    for name in _TEXTS:
        text = table.get(name, "-")
        if not isinstance(text, str) or not text.strip():
            raise InvalidGolden(f"{where}: {name} must be text.")
    lat, lon = (_number(table, name, where) for name in ("lat", "lon"))
    return GoldenIncident(
        name=table["name"],
        lat=lat,
        lon=lon,
        units=_units(table["units"], where),
        why=table["why"].strip(),
        lsoa=table.get("lsoa", ""),
    )


def _units(codes: object, where: str) -> tuple[str, ...]:
    texts = isinstance(codes, list) and all(isinstance(code, str) and code for code in codes)
    if not texts or not codes:
        raise InvalidGolden(f"{where}: units must be a list of one or more ODS codes.")
    assert isinstance(codes, list)
    if len(set(codes)) < len(codes):
        raise InvalidGolden(f"{where}: units names one twice.")
    return tuple(codes)


def _number(table: Mapping[str, object], name: str, where: str) -> float:
    """A number within its bounds; NaN is within none."""
    value, (low, high) = table.get(name), _BOUNDS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidGolden(f"{where}: {name} must be a number from {low:g} to {high:g}.")
    return float(value)
