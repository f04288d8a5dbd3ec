"""Which unit is nearest over the disc in which an incident may lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from routing_service.decision.model import Disc, Location, Unit
from routing_service.units import INF_MS, FloatArray, IntArray

SAMPLES: Final = 64
METRES_PER_DEGREE: Final = 111_200.0

Times = Callable[[FloatArray, FloatArray], tuple[IntArray, IntArray, FloatArray]]


def ask_disc(location: Location, units: Sequence[Unit], nearest_here: int, times: Times) -> Disc:
    """Ask at points spread evenly over the disc of a location's accuracy.

    Sunflower (Fibonacci) spiral: equal areas, no two points on one line.

    Parameters
    ----------
    location
        Middle of the disc, with its radius.
    units
        In the order of their ODS codes.
    nearest_here
        Index of the unit that is nearest where the incident is said to be.
    times
        As `Snapshot.times`.
    """
    radius_m = float(location.accuracy_m or 0.0)
    n = np.arange(SAMPLES)
    angle = n * (math.pi * (3.0 - math.sqrt(5.0)))
    r_deg = radius_m * np.sqrt((n + 0.5) / SAMPLES) / METRES_PER_DEGREE
    lat = location.lat + r_deg * np.cos(angle)
    lon = location.lon + r_deg * np.sin(angle) / math.cos(math.radians(location.lat))
    ms, _, _ = times(lon, lat)
    reached = ms.min(axis=1) < INF_MS
    counts = np.bincount(ms[reached].argmin(axis=1), minlength=len(units))
    order = sorted(
        (u for u in range(len(units)) if counts[u]),
        key=lambda u: (-counts[u], units[u].ods_code),
    )
    return Disc(
        accuracy_m=radius_m,
        other_nearest=any(u != nearest_here for u in order),
        shares={units[u].ods_code: round(float(counts[u]) / SAMPLES, 3) for u in order},
        unroutable=round(1.0 - float(reached.sum()) / SAMPLES, 3),
    )
