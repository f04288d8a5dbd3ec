"""Units → doors: where on the network each unit's ambulances stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing_service.decision.model import Unit
from routing_service.errors import InvalidUnits
from routing_service.kernels.snap import snap_points
from routing_service.units import E7, INF_MS, NONE, IntArray, LongArray

# A hospital's postcode point lies in its grounds; its entrance road is never this far away.
DOOR_LIMIT_M = 500.0


@dataclass(frozen=True)
class Doors:
    """Doors of all units.

    Attributes
    ----------
    table
        ``int32[units, k, 5]`` as in `kernels.lookup.Labelled`, the last two columns still open.
    distance_m
        How far each unit's given point lies from its door.
    """

    table: IntArray
    distance_m: tuple[float, ...]


def place_doors(
    units: Sequence[Unit],
    grid: tuple[LongArray, IntArray, IntArray],
    segments: IntArray,
    edges: tuple[IntArray, IntArray, IntArray],
) -> Doors:
    """Put each unit on the nearest segment of the connected core.

    Parameters
    ----------
    units
        The units.
    grid, segments
        Where to look, see `kernels.snap`.
    edges
        ``edge_ms``, ``edge_cm`` and ``edge_base`` of `RoadGraph`: a copy of an edge passes the
        door as well.

    Raises
    ------
    InvalidUnits
        If a unit is further than `DOOR_LIMIT_M` from every road from which one can drive both to
        and from the rest of the network, or if there is no unit or one is named twice.
    """
    codes = [unit.ods_code for unit in units]
    if not codes or len(set(codes)) < len(codes):
        raise InvalidUnits("the units file must name at least one unit, each ODS code once")
    found = np.zeros(len(units), dtype=np.int32)
    along = np.zeros(len(units))
    distance = np.zeros(len(units))
    lon = np.array([unit.lon * E7 for unit in units])
    lat = np.array([unit.lat * E7 for unit in units])
    snap_points(lon, lat, *grid, segments, found, along, distance)
    rows: list[list[tuple[int, int, int]]] = []
    for u, unit in enumerate(units):
        if distance[u] > DOOR_LIMIT_M:
            raise InvalidUnits(
                f"{unit.ods_code} {unit.name}: the nearest road that leads both to and from it is"
                f" {distance[u]:.0f} m away (limit {DOOR_LIMIT_M:.0f} m): correct its lat and lon"
                " in the units file, or build from a map that covers it",
                ods_code=unit.ods_code,
                distance_m=round(float(distance[u]), 1),
            )
        rows.append(_passing(segments[found[u]], float(along[u]), *edges))
    table = np.full((len(units), max(map(len, rows)), 5), INF_MS, dtype=np.int32)
    table[:, :, 0] = NONE
    for u, passing in enumerate(rows):
        table[u, : len(passing), :3] = passing
    return Doors(table, tuple(round(float(d), 1) for d in distance))


def _passing(
    segment: IntArray, along: float, edge_ms: IntArray, edge_cm: IntArray, edge_base: IntArray
) -> list[tuple[int, int, int]]:
    """Edges that pass the point `along` a segment, with ms and cm from their starts to it."""
    at_cm = int(segment[6]) + int(along * segment[7])
    directions = [(int(segment[4]), at_cm)] if segment[4] >= 0 else []
    if segment[5] >= 0:
        directions.append((int(segment[5]), int(edge_cm[segment[5]]) - at_cm))
    passing = []
    for base, at in directions:
        length = int(edge_cm[base])
        cm = min(max(at, 0), length)
        ms = int(edge_ms[base]) * cm // length
        passing += [(int(e), ms, cm) for e in np.flatnonzero(edge_base == base)]
    return passing


def at_speeds(doors: IntArray, edge_ms: IntArray, edge_cm: IntArray, start_ms: int = 0) -> IntArray:
    """The same doors on edges that take other times.

    `start_ms` is what every call takes whatever the way; it is added at the door, where all ways
    end.
    """
    result = doors.copy()
    used = doors[:, :, 0] >= 0
    e = doors[:, :, 0][used]
    ms = edge_ms[e].astype(np.int64) * doors[:, :, 2][used] // edge_cm[e] + start_ms
    result[:, :, 1][used] = ms.astype(np.int32)
    return result


def seeds_of(doors: IntArray, unit: int) -> IntArray:
    """Seeds of a unit's tree, ``int32[k, 3]``: edges that pass its door, ms and cm to it."""
    rows = doors[unit]
    seeds: IntArray = np.ascontiguousarray(rows[rows[:, 0] >= 0, :3])
    seeds.setflags(write=False)
    return seeds
