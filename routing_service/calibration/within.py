"""Observations that a map covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from routing_service.calibration.observations import Observations
from routing_service.units import E7, BoolArray, FloatArray

if TYPE_CHECKING:
    from routing_service.graph.sources.raw import RawNetwork


def within_map(observations: Observations, raw: RawNetwork) -> Observations:
    """The rows whose place and unit both lie in the bounding box of the map's nodes."""

    def inside(lon: FloatArray, lat: FloatArray) -> BoolArray:
        x, y = lon * E7, lat * E7
        east_west = (x >= raw.node_lon_e7.min()) & (x <= raw.node_lon_e7.max())
        return np.asarray(east_west & (y >= raw.node_lat_e7.min()) & (y <= raw.node_lat_e7.max()))

    units = observations.units
    units_inside = inside(np.array([u.lon for u in units]), np.array([u.lat for u in units]))
    keep = inside(observations.lon, observations.lat) & units_inside[observations.unit]
    return observations.where(np.asarray(keep))
