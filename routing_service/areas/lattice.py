"""Times of a whole map: the look-up of an incident, asked at the points of a lattice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routing_service.answer import BITS, TIMES, TOO_FAR
from routing_service.errors import InvalidRequest
from routing_service.kernels.metric import metres_per_e7
from routing_service.units import E7

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot
    from routing_service.units import BoolArray, FloatArray, IntArray

SPACING_M = 250.0
"""A cell of the lattice; the default region has 150,000 points of it, a quarter of a second."""

MOST_POINTS = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Times at points that stand `spacing_m` apart, row by row from the south-west.

    Attributes
    ----------
    lon, lat
        ``float64[columns]`` and ``float64[rows]``, degrees.
    ms
        ``int32[rows, columns, units]``: exact at each point, as of an incident there; ``INF_MS``
        where there is no route.
    unanswered
        ``bool[rows, columns]``: too far from any road for an answer.
    spacing_m
        Between the points.
    """

    lon: FloatArray
    lat: FloatArray
    ms: IntArray
    unanswered: BoolArray
    spacing_m: float


def sample(snapshot: Snapshot, spacing_m: float = SPACING_M) -> Lattice:
    """Ask a snapshot at the points of a lattice over its map and a cell beyond.

    Raises
    ------
    InvalidRequest
        If the lattice would have more than `MOST_POINTS` points.
    """
    west, south, east, north = snapshot.bbox
    kx, ky = metres_per_e7((south + north) / 2.0 * E7)
    step_lon, step_lat = spacing_m / kx / E7, spacing_m / ky / E7
    columns = math.ceil((east - west) / step_lon) + 3
    rows = math.ceil((north - south) / step_lat) + 3
    if columns * rows > MOST_POINTS:
        raise InvalidRequest(
            f"{columns * rows:,} points are more than {MOST_POINTS:,}: take a spacing above"
            f" {spacing_m * math.sqrt(columns * rows / MOST_POINTS):.0f} m"
        )
    lon = west + np.arange(-1.0, columns - 1) * step_lon
    lat = south + np.arange(-1.0, rows - 1) * step_lat
    units = len(snapshot.units)
    answers = snapshot.answers(np.tile(lon, rows), np.repeat(lat, columns))
    ms = np.ascontiguousarray(answers[:, TIMES : TIMES + units])
    too_far = (answers[:, BITS] & TOO_FAR) != 0
    return Lattice(lon, lat, ms.reshape(rows, columns, units), too_far.reshape(rows, -1), spacing_m)
