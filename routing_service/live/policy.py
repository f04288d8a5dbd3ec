"""Policy: which units the incidents of an area may be taken to, as data with its source.

A pathway may leave a unit out for an area although it is near. The file says so by polygon; the
decision then names the policy's unit and shows the pure nearest beside it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.decision.model import Unit
from routing_service.errors import InvalidPolicy

if TYPE_CHECKING:
    from shapely import Geometry

FIELDS = ("name", "eligible", "reason", "source")
OUTLINES = ("polygon", "geojson")


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """One area: its outline (degrees, longitude first), its units, and why."""

    name: str
    outline: Geometry
    eligible: tuple[bool, ...]
    reason: str
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """The areas of a file, in its order: where several hold, the first decides.

    `id` changes with anything that could change an answer.
    """

    areas: tuple[Area, ...]
    id: str

    def area(self, lon: float, lat: float) -> Area | None:
        """The area that a point lies in, its edge included; None outside all."""
        from shapely import intersects_xy

        for area in self.areas:
            if intersects_xy(area.outline, lon, lat):
                return area
        return None

    def allowed(self, lon: float, lat: float) -> tuple[bool, ...] | None:
        """One for each unit, in the order of their ODS codes; None where all are allowed."""
        area = self.area(lon, lat)
        return None if area is None else area.eligible


def read_policy(path: Path, units: Sequence[Unit]) -> Policy:
    """Read a policy file for a network with these units.

    Parameters
    ----------
    path
        TOML with ``[[area]]`` tables: ``name``, ``eligible`` (ODS codes), ``reason``, ``source``,
        and the outline as ``polygon`` (rings of longitude and latitude, the first the outer one)
        or ``geojson`` (a file beside this one with one polygon or multipolygon).
    units
        In the order of their ODS codes.

    Raises
    ------
    InvalidPolicy
        Naming the file and the area, and what is wrong with it.
    """
    try:
        content = path.read_bytes()
        document = tomllib.loads(content.decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidPolicy(f"{path} cannot be read as TOML: {error}") from error
    tables = document.pop("area", [])
    if document or not isinstance(tables, list) or not tables:
        raise InvalidPolicy(f"{path}: needs [[area]] tables and nothing else")
    areas = tuple(
        _area(table, units, path.parent, f"{path}, area {n}")
        for n, table in enumerate(tables, start=1)
    )
    names = [area.name for area in areas]
    for name in names:
        if names.count(name) > 1:
            raise InvalidPolicy(f"{path}: two areas are named {name!r}")
    digest = hashlib.sha256(content)
    for area in areas:
        digest.update(area.outline.wkb)
    return Policy(areas, digest.hexdigest()[:12])


def _area(table: object, units: Sequence[Unit], folder: Path, where: str) -> Area:
    if not isinstance(table, dict):
        raise InvalidPolicy(f"{where} is not a table; write [[area]]")
    unknown = sorted(set(table) - {*FIELDS, *OUTLINES})
    missing = [name for name in FIELDS if not table.get(name)]
    if unknown or missing:
        what = f"unknown {unknown[0]!r}" if unknown else f"lacks {', '.join(missing)}"
        raise InvalidPolicy(f"{where}: {what}; an area has {', '.join((*FIELDS, *OUTLINES))}")
    for name in ("name", "reason", "source"):
        if not isinstance(table[name], str):
            raise InvalidPolicy(f"{where}: {name} must be text")
    return Area(
        table["name"],
        _outline(table, folder, where),
        _eligible(table["eligible"], units, where),
        table["reason"],
        table["source"],
    )


def _eligible(codes: object, units: Sequence[Unit], where: str) -> tuple[bool, ...]:
    known = [unit.ods_code for unit in units]
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise InvalidPolicy(f"{where}: eligible must be a list of ODS codes")
    for code in codes:
        if code not in known:
            raise InvalidPolicy(
                f"{where}: no unit {code!r} in this network; known are {', '.join(known)}"
            )
    return tuple(code in codes for code in known)


def _outline(table: Mapping[str, Any], folder: Path, where: str) -> Geometry:
    from shapely import GEOSException, prepare
    from shapely.geometry import shape

    if ("polygon" in table) == ("geojson" in table):
        raise InvalidPolicy(f"{where}: needs either polygon or geojson")
    try:
        given = {"type": "Polygon", "coordinates": table.get("polygon")}
        if "geojson" in table:
            given = json.loads((folder / table["geojson"]).read_text(encoding="utf-8"))
            given = given.get("geometry", given)
        outline = shape(given)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, GEOSException) as error:
        raise InvalidPolicy(f"{where}: its outline cannot be read: {error}") from error
    if outline.geom_type not in ("Polygon", "MultiPolygon") or outline.is_empty:
        raise InvalidPolicy(f"{where}: its outline is no polygon but a {outline.geom_type}")
    if not outline.is_valid:
        raise InvalidPolicy(f"{where}: its outline crosses itself")
    west, south, east, north = outline.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidPolicy(f"{where}: its outline is not in degrees, longitude first")
    if west > 40 and north < 10:
        raise InvalidPolicy(f"{where}: longitude and latitude look exchanged")
    prepare(outline)
    return outline
