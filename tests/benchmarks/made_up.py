"""Units for maps that have none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from routing_service.graph.sources.raw import RawNetwork
from routing_service.units import E7

MAIN_ROADS = ("primary", "secondary", "tertiary")
Point = tuple[float, float]
"""Longitude and latitude in degrees."""


def make_units(raw: RawNetwork) -> tuple[Point, ...]:
    """Four units on main roads, each nearest to where a fifth of all nodes lies on either side."""
    main = np.array([tags.get("highway") in MAIN_ROADS for tags in raw.tagsets])
    nodes = raw.way_nodes[np.repeat(main[raw.way_tagset], np.diff(raw.way_first))]
    everywhere = np.column_stack([raw.node_lon_e7, raw.node_lat_e7]) / E7
    units = []
    for x, y in ((0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)):
        wish = np.quantile(everywhere[:, 0], x), np.quantile(everywhere[:, 1], y)
        lon, lat = everywhere[nodes[np.hypot(*(everywhere[nodes] - wish).T).argmin()]]
        units.append((float(lon), float(lat)))
    return tuple(units)


def units_file(units: Sequence[Point]) -> str:
    """The text of a units file; codes count from ``U000``, so that their order is that given."""
    tables = [
        f'[[unit]]\nods_code = "U{k:03}"\nname = "Unit {k}"\nlat = {lat}\nlon = {lon}\n'
        for k, (lon, lat) in enumerate(units)
    ]
    return "\n".join(tables)
