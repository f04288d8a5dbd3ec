"""A calibration as the builder needs it: how much longer each road takes than its profile says.

The factor on an edge's time is ``exp(kind + all[cell] + group[cell])``: a number for its kind of
road (class and setting, everywhere), and two smooth fields over the map, one for all roads and one
for roads of its group. Fields are kept in cells; a place outside takes the nearest cell's number.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from routing_service.errors import InvalidCalibration
from routing_service.graph.calibration_text import toml_text
from routing_service.graph.doors import at_speeds
from routing_service.graph.rules.flags import ROAD_CLASSES
from routing_service.units import E7, BoolArray, ByteArray, FloatArray, IntArray

if TYPE_CHECKING:
    from routing_service.graph.profile import Profile
    from routing_service.graph.road_graph import RoadGraph
    from routing_service.graph.sources.raw import RawNetwork

TIERS: Final = ("motorway", "trunk", "primary", "secondary", "tertiary", "local")
"""Classes of road that have a factor of their own; a slip road counts as its road."""

KINDS: Final = tuple(f"{tier} {setting}" for tier in TIERS for setting in ("rural", "urban"))
GROUPS: Final = ("motorway", "main", "local")
_GROUP_OF_TIER: Final = {
    **dict.fromkeys(("trunk", "primary", "secondary"), "main"),
    "motorway": "motorway",
    "tertiary": "local",
    "local": "local",
}

FIELDS: Final = ("all", *GROUPS)
FORMAT: Final = 1
STEP: Final = 1000.0
"""Logarithms are kept in thousandths: 0.1 % of a time."""

LIMIT: Final = 1.6
"""A road takes at most five times as long or as short as its profile says."""

_TIER_OF_CLASS: Final = [name.removesuffix("_link") for name in ROAD_CLASSES]
_KIND_OF_CLASS: Final = np.array(
    [2 * TIERS.index(name if name in TIERS else "local") for name in _TIER_OF_CLASS]
)
_GROUP_OF_KIND: Final = np.array(
    [GROUPS.index(_GROUP_OF_TIER[kind.split()[0]]) for kind in KINDS], dtype=np.int32
)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Cells over the map, in rows from south to north; cell ``row * columns + column``."""

    west_deg: float
    south_deg: float
    cell_lon_deg: float
    cell_lat_deg: float
    columns: int
    rows: int

    def cells(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """Cell of each position, the nearest one for those outside."""
        column = np.floor((lon - self.west_deg) / self.cell_lon_deg)
        row = np.floor((lat - self.south_deg) / self.cell_lat_deg)
        column = np.clip(column, 0, self.columns - 1).astype(np.int32)
        row = np.clip(row, 0, self.rows - 1).astype(np.int32)
        return np.asarray(row * self.columns + column, dtype=np.int32)


@dataclass(frozen=True)
class Calibration:
    """Time factors by kind of road and place, with what is known of their worth.

    Attributes
    ----------
    network, profile, profile_sha256
        What it was fitted for.
    lattice
        Cells of the fields.
    kinds
        ``int32[kinds]``, logarithm of the factor of each of `KINDS`, thousandths.
    fields
        ``int32[fields, cells]``, the same for each of `FIELDS`.
    start_ms
        Added to every time: setting off, stopping and what else does not depend on the way.
    data
        What it was fitted to: ``name``, ``sha256``, ``observations``, ``places``, ``units``.
    summary
        How well the times agreed ``before`` and ``after``: ``n``, ``bias_minutes``,
        ``mae_minutes``, ``sd_minutes``, in all, by district and by class.
    error_model
        Figures of the error of a calibrated time, as fitted in a validation; may be empty.
    """

    network: str
    profile: str
    profile_sha256: str
    lattice: Lattice
    kinds: IntArray
    fields: IntArray
    start_ms: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    error_model: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Hash of the content: the same id means the same factors and figures."""
        return hashlib.sha256(toml_text(self._document()).encode()).hexdigest()[:12]

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a calibration file.

        Raises
        ------
        InvalidCalibration
            The file is missing, malformed, of another format, or was changed by hand.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidCalibration(f"{path.name} cannot be read as TOML: {error}") from error
        if document.pop("format", None) != FORMAT:
            raise InvalidCalibration(
                f"{path.name} is no calibration of format {FORMAT}: make it with `hasu calibrate`"
            )
        try:
            stated = document.pop("id")
            calibration = _from_document(document)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InvalidCalibration(
                f"{path.name} lacks or has a malformed {error}: make it with `hasu calibrate`"
            ) from error
        if calibration.id != stated:
            raise InvalidCalibration(
                f"{path.name} was changed after it was made (it says {stated}, its content is "
                f"{calibration.id}): make it again with `hasu calibrate`"
            )
        return calibration

    def save(self, path: Path) -> None:
        """Write the calibration; the same calibration is the same bytes."""
        head = (
            "# Written by `hasu calibrate`; `hasu build` reads it. Times are multiplied by\n"
            "# exp(kind + all + group), all in thousandths; rows of a field run from south to\n"
            "# north, cells from west to east. See graphs/README.md.\n\n"
        )
        document = {"format": FORMAT, "id": self.id, **self._document()}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + toml_text(document), encoding="utf-8", newline="\n")

    def factors(
        self, road_class: ByteArray, urban: BoolArray, lon: FloatArray, lat: FloatArray
    ) -> FloatArray:
        """Factor on the time of each edge, ``float64[e]``.

        Parameters
        ----------
        road_class, urban, lon, lat
            Of each edge: index into `ROAD_CLASSES`, setting, and midpoint in degrees.
        """
        kind = kinds_of(road_class, urban)
        return self.factors_of(kind, self.lattice.cells(lon, lat))

    def factors_of(self, kind: IntArray, cell: IntArray) -> FloatArray:
        """Factor of each pair of kind and cell."""
        group = 1 + _GROUP_OF_KIND[kind]
        log = self.kinds[kind] + self.fields[0, cell] + self.fields[group, cell]
        return factor_of_log(log / STEP)

    def as_manifest(self) -> dict[str, Any]:
        """What a graph file says of the calibration that it was built with."""
        return {
            "calibration": self.id,
            "calibration_data": dict(self.data),
            "start_ms": self.start_ms,
            "error_model": dict(self.error_model),
        }

    def _document(self) -> dict[str, Any]:
        shape = (len(FIELDS), self.lattice.rows, self.lattice.columns)
        rows = self.fields.reshape(shape).tolist()
        return {
            "network": self.network,
            "profile": self.profile,
            "profile_sha256": self.profile_sha256,
            "start_ms": self.start_ms,
            "data": dict(self.data),
            "summary": dict(self.summary),
            "error_model": dict(self.error_model),
            "kinds": dict(zip(KINDS, self.kinds.tolist(), strict=True)),
            "lattice": {name: getattr(self.lattice, name) for name in Lattice.__slots__},
            "fields": dict(zip(FIELDS, rows, strict=True)),
        }


def _from_document(document: Mapping[str, Any]) -> Calibration:
    lattice = Lattice(**document["lattice"])
    shape = (len(FIELDS), lattice.rows, lattice.columns)
    fields = np.array([document["fields"][name] for name in FIELDS], dtype=np.int32)
    if fields.shape != shape:
        raise ValueError("field: it does not fit the lattice")
    return Calibration(
        network=str(document["network"]),
        profile=str(document["profile"]),
        profile_sha256=str(document["profile_sha256"]),
        lattice=lattice,
        kinds=np.array([document["kinds"][name] for name in KINDS], dtype=np.int32),
        fields=fields.reshape(len(FIELDS), -1),
        start_ms=int(document["start_ms"]),
        data=document["data"],
        summary=document["summary"],
        error_model=document["error_model"],
    )


def factor_of_log(log: FloatArray) -> FloatArray:
    """Factor on a time from its logarithm, within what `LIMIT` allows."""
    # Rounded first: a sum of thousandths must not depend on the order of its terms.
    return np.asarray(np.exp(np.clip(np.rint(log * STEP) / STEP, -LIMIT, LIMIT)))


def kinds_of(road_class: ByteArray, urban: BoolArray) -> IntArray:
    """Index into `KINDS` of each edge."""
    return np.asarray(_KIND_OF_CLASS[road_class] + urban, dtype=np.int32)


def group_of_kinds() -> IntArray:
    """``int32[kinds]``: index into `GROUPS` of each kind."""
    return _GROUP_OF_KIND


@dataclass(frozen=True)
class Traits:
    """What decides an edge's factor: `kind`, and `lon`, `lat` of its midpoint; each ``[edges]``."""

    kind: IntArray
    lon: FloatArray
    lat: FloatArray


def edge_traits(graph: RoadGraph, raw: RawNetwork, profile: Profile) -> Traits:
    """Traits of every edge of a network that was built from `raw`.

    The midpoint is that between the two ends: fields are smooth over kilometres.
    """
    urban_tags = np.array([profile.urban(tags) for tags in raw.tagsets], dtype=np.bool_)
    way = np.searchsorted(raw.way_ids, graph.edge_way)
    ends = (graph.edge_from, graph.edge_to)
    lon = sum(graph.node_lon_e7[end].astype(np.float64) for end in ends) / (2 * E7)
    lat = sum(graph.node_lat_e7[end].astype(np.float64) for end in ends) / (2 * E7)
    kind = kinds_of(graph.edge_class, urban_tags[raw.way_tagset[way]])
    return Traits(kind, np.asarray(lon), np.asarray(lat))


def calibrated(
    graph: RoadGraph, raw: RawNetwork, profile: Profile, calibration: Calibration
) -> RoadGraph:
    """The network with the edge times and doors of a calibration; its trees are to be grown.

    Raises
    ------
    InvalidCalibration
        If it was fitted for another kind of network or another profile.
    """
    reason = misfit(calibration, raw.network, profile)
    if reason:
        raise InvalidCalibration(f"calibration {calibration.id} {reason}")
    traits = edge_traits(graph, raw, profile)
    cell = calibration.lattice.cells(traits.lon, traits.lat)
    edge_ms = scaled_ms(graph.edge_ms, calibration.factors_of(traits.kind, cell))
    return at_times(graph, edge_ms, calibration.start_ms)


def misfit(calibration: Calibration, network: str, profile: Profile) -> str:
    """Why a calibration does not belong to a network and a profile; empty if it does."""
    for what, theirs, ours in (
        ("network", calibration.network, network),
        ("profile", calibration.profile, profile.name),
    ):
        if theirs != ours:
            return f"was fitted for the {what} {theirs!r}, this one is {ours!r}"
    if calibration.profile_sha256 != profile.sha256:
        return f"was fitted before the profile {profile.name!r} changed: run `hasu calibrate` again"
    return ""


def scaled_ms(edge_ms: IntArray, factor: FloatArray) -> IntArray:
    """Edge times multiplied, whole milliseconds above zero."""
    return np.maximum(np.rint(edge_ms * factor), 1).astype(np.int32)


def at_times(graph: RoadGraph, edge_ms: IntArray, start_ms: int = 0) -> RoadGraph:
    """The network with other edge times and its doors moved with them; trees are to be grown."""
    doors = at_speeds(graph.doors, edge_ms, graph.edge_cm, start_ms)
    return replace(graph, edge_ms=edge_ms, doors=doors)
