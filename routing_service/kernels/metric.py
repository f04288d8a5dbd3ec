"""Metres per position unit, so that short distances are plain Pythagoras."""

from __future__ import annotations

import numpy as np

from routing_service.kernels.jit import kernel
from routing_service.units import FloatArray

# WGS84: equatorial radius over 10**7 units per degree, and first eccentricity squared.
_EQUATOR_M_PER_E7 = 6_378_137.0 * np.pi / 180.0 / 1e7
_E2 = 6.694379990141e-3


@kernel
def metres_per_e7(lat_e7: float) -> tuple[float, float]:
    """Lengths of one position unit along the parallel and along the meridian.

    Exact radii of curvature of the WGS84 ellipsoid: at 53.5 degrees a sphere would be wrong by
    0.3 %, more than the rounding of the answer.

    Parameters
    ----------
    lat_e7
        Latitude in degrees x 10**7.

    Returns
    -------
    tuple
        Metres per unit of longitude and of latitude.
    """
    phi = lat_e7 * (np.pi / 180.0 / 1e7)
    sin = np.sin(phi)
    w2 = 1.0 - _E2 * sin * sin
    east = _EQUATOR_M_PER_E7 * np.cos(phi) / np.sqrt(w2)
    north = _EQUATOR_M_PER_E7 * (1.0 - _E2) / (w2 * np.sqrt(w2))
    return east, north


def each_metres_per_e7(lat_e7: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same for many latitudes: ``float64[n]`` each, to the last bit as one by one."""
    east, north = np.empty_like(lat_e7), np.empty_like(lat_e7)
    _fill_metres_per_e7(lat_e7, east, north)
    return east, north


@kernel
def _fill_metres_per_e7(lat_e7: FloatArray, east: FloatArray, north: FloatArray) -> None:
    for i in range(lat_e7.shape[0]):
        east[i], north[i] = metres_per_e7(lat_e7[i])
