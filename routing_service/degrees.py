"""What a pair of degrees can be: a place on the globe, one in Great Britain, or an exchanged pair.

Every function takes single figures and arrays alike.
"""

from __future__ import annotations

from typing import Any, overload

from routing_service.units import BoolArray, FloatArray

SOUTH, NORTH, WEST, EAST = 49.0, 61.0, -9.0, 3.0
"""A box around Great Britain, WGS84 degrees."""


@overload
def on_globe(lat: float, lon: float) -> bool: ...
@overload
def on_globe(lat: FloatArray, lon: FloatArray) -> BoolArray: ...
def on_globe(lat: Any, lon: Any) -> Any:
    """Whether such a latitude and such a longitude exist; nothing that is NaN does."""
    return (abs(lat) <= 90.0) & (abs(lon) <= 180.0)


@overload
def in_great_britain(lat: float, lon: float) -> bool: ...
@overload
def in_great_britain(lat: FloatArray, lon: FloatArray) -> BoolArray: ...
def in_great_britain(lat: Any, lon: Any) -> Any:
    """Whether the place is in the box around Great Britain."""
    return (lat >= SOUTH) & (lat <= NORTH) & (lon >= WEST) & (lon <= EAST)


@overload
def look_exchanged(lat: float, lon: float) -> bool: ...
@overload
def look_exchanged(lat: FloatArray, lon: FloatArray) -> BoolArray: ...
def look_exchanged(lat: Any, lon: Any) -> Any:
    """Whether it would be in Great Britain the other way round, and so cannot be meant as it is.

    Examples
    --------
    >>> look_exchanged(-1.4797, 53.5526), look_exchanged(53.5526, -1.4797)
    (True, False)
    """
    return in_great_britain(lon, lat)
