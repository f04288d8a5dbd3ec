"""Where a field on a lattice stays within a value, as clean polygons."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from routing_service.errors import MissingExtra
from routing_service.kernels.metric import metres_per_e7
from routing_service.units import E7

if TYPE_CHECKING:
    from routing_service.areas.lattice import Lattice
    from routing_service.units import FloatArray

PRECISION_DEG = 1e-5
"""Corners stand on a grid of a metre."""

SMALLEST_CELLS = 8.0
"""Pieces and holes below this many cells of the lattice are its noise, above all along motorways,
whose nearest points are minutes from the streets beside them: they go."""


def within(lattice: Lattice, field: FloatArray, high: float) -> Any:
    """The area where ``field <= high``.

    Linear between the points of the lattice (contourpy), without what could not be answered. Small
    pieces are dropped and small holes filled, so that the difference of two such areas is as clean
    as they are, and what one loses its neighbour gains.

    Parameters
    ----------
    lattice
        Where the field is known.
    field
        ``float64[rows, columns]``; NaN where it is not.
    high
        The bound.

    Returns
    -------
    shapely.MultiPolygon
        Valid, in degrees, possibly empty; the same for the same input.

    Raises
    ------
    MissingExtra
        If contourpy is not installed.
    """
    try:
        from contourpy import FillType, contour_generator
    except ImportError:
        raise MissingExtra(
            "areas need the package contourpy, which is not installed; "
            "run: python -m pip install contourpy"
        ) from None
    known = np.ma.masked_array(field, np.isnan(field) | lattice.unanswered)
    generator = contour_generator(lattice.lon, lattice.lat, known, fill_type=FillType.OuterOffset)
    polygons = []
    for points, offsets in zip(*generator.filled(-np.inf, high), strict=True):
        outer, *holes = (points[a:b] for a, b in pairwise(offsets))
        polygons.append(shapely.Polygon(outer, holes))
    whole = shapely.set_precision(shapely.MultiPolygon(polygons), PRECISION_DEG)
    return _without_noise(whole, _square_degrees(lattice))


def less(area: Any, inner: Any) -> Any:
    """The part of an area that is outside another, in the form of `within`."""
    left = shapely.difference(area, inner, grid_size=PRECISION_DEG)
    polygons = [part for part in shapely.get_parts(left) if part.geom_type == "Polygon"]
    return shapely.normalize(shapely.MultiPolygon(polygons))


def square_km(area: Any) -> float:
    """Size of an area in degrees, by the metres at its middle."""
    if area.is_empty:
        return 0.0
    kx, ky = metres_per_e7(float(shapely.centroid(area).y) * E7)
    return float(shapely.area(area) * kx * ky * E7 * E7 / 1e6)


def _square_degrees(lattice: Lattice) -> float:
    """Size of the smallest piece that is kept."""
    cell = (lattice.lon[1] - lattice.lon[0]) * (lattice.lat[1] - lattice.lat[0])
    return SMALLEST_CELLS * float(cell)


def _without_noise(area: Any, smallest: float) -> Any:
    kept = []
    for polygon in shapely.get_parts(area):
        if polygon.geom_type != "Polygon" or polygon.area < smallest:
            continue
        holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area >= smallest]
        kept.append(shapely.Polygon(polygon.exterior, holes))
    return shapely.normalize(shapely.MultiPolygon(kept))
