"""The units file: which hospitals are destinations, and where their doors are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from routing_service.decision.model import Door, Unit
from routing_service.degrees import look_exchanged
from routing_service.errors import InvalidUnits
from routing_service.graph.weekly import Hours

_ODS_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,16}", re.ASCII)
_DOORS: Final = ("surveyed", "site_point")
_REQUIRED: Final = ("ods_code", "name", "lat", "lon")
_TEXTS: Final = ("ods_code", "name", "door", "trust", "postcode", "hours")
_KNOWN: Final = (*_TEXTS, "lat", "lon", "capabilities")


def read_units(path: Path) -> tuple[Unit, ...]:
    """Read the ``[[unit]]`` tables of a TOML file.

    Parameters
    ----------
    path
        Tables with ``ods_code``, ``name``, ``lat``, ``lon`` (WGS84 degrees of the door or its
        fallback), optional ``door`` (``"surveyed"`` or ``"site_point"``, the default), ``trust``,
        ``postcode``, ``capabilities`` (a list of text) and ``hours`` (see `weekly.Hours`).

    Returns
    -------
    tuple of Unit
        Sorted by ODS code: the order in the file cannot matter.

    Raises
    ------
    InvalidUnits
        The file cannot be read, has no units, or a unit is incomplete, malformed or given twice.
        The message names the file and the unit.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidUnits(f"{path.name} cannot be read as TOML: {error}.") from error
    tables = document.pop("unit", [])
    if document:
        raise InvalidUnits(f"{path.name}: unknown {', '.join(sorted(document))}; use [[unit]].")
    if not isinstance(tables, list) or not tables:
        raise InvalidUnits(f"{path.name} names no units; write one [[unit]] table for each.")
    units = [
        read_unit(table, f"{path.name}, unit {number}")
        for number, table in enumerate(tables, start=1)
    ]
    codes = [unit.ods_code for unit in units]
    for code in codes:
        if codes.count(code) > 1:
            raise InvalidUnits(f"{path.name}: {code} is given twice.", ods_code=code)
    return tuple(sorted(units, key=lambda unit: unit.ods_code))


def read_unit(table: object, where: str) -> Unit:
    """Read one table of `read_units`; `where` is what an error names."""
    if not isinstance(table, dict):
        raise InvalidUnits(f"{where} is not a table; write [[unit]].")
    _check_names(table, where)
    door = table.get("door", "site_point")
    if door not in _DOORS:
        raise InvalidUnits(f"{where}: door must be one of {', '.join(_DOORS)}.")
    if not _ODS_CODE.fullmatch(table["ods_code"]):
        raise InvalidUnits(f"{where}: ods_code must be 1 to 16 letters and digits.")
    if not table["name"].strip():
        raise InvalidUnits(f"{where}: name is empty.")
    lat, lon = _position(table, where)
    return Unit(
        ods_code=table["ods_code"],
        name=table["name"],
        lat=lat,
        lon=lon,
        door=cast(Door, door),
        trust=table.get("trust", ""),
        postcode=table.get("postcode", ""),
        capabilities=_capabilities(table, where),
        hours=_hours(table, where),
    )


def _check_names(table: Mapping[str, object], where: str) -> None:
    missing = [name for name in _REQUIRED if name not in table]
    unknown = sorted(name for name in table if name not in _KNOWN)
    if missing:
        raise InvalidUnits(f"{where} lacks {', '.join(missing)}.")
    if unknown:
        raise InvalidUnits(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(_KNOWN)}.")
    for name in _TEXTS:
        if not isinstance(table.get(name, ""), str):
            raise InvalidUnits(f"{where}: {name} must be text.")


def _position(table: Mapping[str, object], where: str) -> tuple[float, float]:
    values = []
    for name, bound in (("lat", 90.0), ("lon", 180.0)):
        value = table[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidUnits(f"{where}: {name} must be a number.")
        if not abs(value) <= bound:
            raise InvalidUnits(f"{where}: {name}={value} is outside -{bound:g} to {bound:g}.")
        values.append(float(value))
    lat, lon = values
    if look_exchanged(lat, lon):
        raise InvalidUnits(f"{where}: lat={lat} and lon={lon} look exchanged.")
    return lat, lon


def _capabilities(table: Mapping[str, object], where: str) -> tuple[str, ...]:
    found = table.get("capabilities", [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise InvalidUnits(f"{where}: capabilities must be a list of text.")
    return tuple(found)


def _hours(table: Mapping[str, object], where: str) -> str:
    text = str(table.get("hours", ""))
    try:
        return text if Hours.read(text).periods else ""
    except ValueError as error:
        raise InvalidUnits(f"{where}: {error}.") from error
