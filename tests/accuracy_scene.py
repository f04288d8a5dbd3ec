"""A small reference for tests of validation: a grid of places, three units, two districts."""

from __future__ import annotations

import numpy as np

from routing_service.calibration.observations import Observations
from routing_service.decision.model import Unit
from routing_service.units import FloatArray

UNITS = (
    Unit("A", "North General", 53.60, -1.50),
    Unit("B", "South Royal", 53.40, -1.50),
    Unit("C", "East Infirmary", 53.50, -1.20),
)
SIDE = 8
"""Places lie on a square grid of this many to a side, from 53.41 and -1.50 by 0.02 degrees."""


def reference(noise_minutes: float = 0.0, seed: int = 1) -> Observations:
    """Times by straight distance, 4 minutes and 1 a kilometre, with noise of this SD.

    The western half is district West, the other East; the last unit serves fits alone.
    """
    row, column, unit = (
        part.ravel() for part in np.meshgrid(range(SIDE), range(SIDE), range(3), indexing="ij")
    )
    lat, lon = 53.41 + 0.02 * row, -1.50 + 0.02 * column
    noise = np.random.default_rng(seed).normal(0.0, noise_minutes, len(lat))
    return Observations(
        place=tuple(f"P{r}{c}" for r, c in zip(row, column, strict=True)),
        district=tuple("West" if c < SIDE // 2 else "East" for c in column),
        lon=lon,
        lat=lat,
        unit=unit.astype(np.int32),
        units=UNITS,
        minutes=4.0 + straight_km(lon, lat, unit) + noise,
        weight=1.0 + row,
        period=("",) * len(lat),
        scored=unit < 2,
        data_sha256="0" * 64,
    )


def straight_km(lon: FloatArray, lat: FloatArray, unit: np.ndarray) -> FloatArray:
    """Kilometres on a sphere that is flat enough here."""
    unit_lat = np.array([u.lat for u in UNITS])[unit]
    unit_lon = np.array([u.lon for u in UNITS])[unit]
    east = (lon - unit_lon) * 111.32 * np.cos(np.radians(53.5))
    return np.asarray(np.hypot(east, (lat - unit_lat) * 111.32))
