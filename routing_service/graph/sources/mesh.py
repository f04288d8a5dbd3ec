"""A mesh over points: the Gabriel graph, which stands for the local streets of the surrogate.

Two points are linked when the circle that has them as its diameter holds no other point. Such a
graph is connected, has no crossing links and about two links per point, as streets have. Against
the whole Delaunay triangulation it has a third fewer links and fits reference drive times as well.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from routing_service.units import BoolArray, FloatArray, LongArray

MAX_LINK_M: Final = 2_500.0
"""A longer link would jump a moor or a river. Of the region's 236,000 links 162 are longer, 70 of
them in the Peak and the longest 10.7 km across Bleaklow and Howden Moors; at 1.5 km it would be
1,587, and most of those join neighbouring villages of the plain. See `without_jumps`."""

URBAN_PER_KM2: Final = 25.0
"""Postcodes per square kilometre from which a place is a town. Of 6,106 collision sites in South
and West Yorkshire, this rule puts 92.6 % into the setting that the police record gives (10 per
km2: 91.9 %, 40 per km2: 90.0 %)."""

_CELL_M: Final = 250


def gabriel_links(xy_cm: LongArray) -> LongArray:
    """Link points whose diameter circle is empty, its rim included.

    Parameters
    ----------
    xy_cm
        ``int64[n, 2]``, distinct points of a plane in centimetres. Whole numbers make the
        test exact, so that the result does not depend on how ties are triangulated.

    Returns
    -------
    LongArray
        ``int64[m, 2]``, indices of the linked points, the lower first, sorted.
    """
    corners = _delaunay_triangles(xy_cm)
    ends = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    apex = np.concatenate([corners[:, 2], corners[:, 0], corners[:, 1]])
    # The apex is outside the circle if and only if it sees the link under less than 90 degrees.
    to_a, to_b = xy_cm[ends[:, 0]] - xy_cm[apex], xy_cm[ends[:, 1]] - xy_cm[apex]
    outside = np.sum(to_a * to_b, axis=1) > 0
    ends.sort(axis=1)
    codes, link_of = np.unique(ends[:, 0] * len(xy_cm) + ends[:, 1], return_inverse=True)
    empty = np.ones(len(codes), dtype=np.bool_)
    empty[link_of[~outside]] = False
    return np.stack(np.divmod(codes[empty], len(xy_cm)), axis=1)


def without_jumps(
    links: LongArray, lengths_m: FloatArray, others: LongArray, count: int
) -> BoolArray:
    """Leave out implausibly long links, but cut nothing off.

    Of the links longer than `MAX_LINK_M`, those are kept, shortest first, that join parts which
    the short links and `others` leave apart: a farm at the end of its valley stays reachable.

    Parameters
    ----------
    links, lengths_m
        ``int64[m, 2]`` and ``float64[m]``.
    others
        ``int64[k, 2]``, links that exist anyway (main roads).
    count
        Number of points.

    Returns
    -------
    BoolArray
        ``bool[m]``, which links to keep.
    """
    kept = lengths_m <= MAX_LINK_M
    parts = components(np.concatenate([links[kept], others]), count)
    long = np.flatnonzero(~kept)
    for index in long[np.lexsort((long, lengths_m[long]))]:
        a, b = parts[links[index, 0]], parts[links[index, 1]]
        if a != b:
            parts[parts == max(a, b)] = min(a, b)
            kept[index] = True
    return kept


def components(links: LongArray, count: int) -> LongArray:
    """Lowest point index of the connected part of each point, ``int64[count]``."""
    parts = np.arange(count)
    while True:
        a, b = parts[links[:, 0]], parts[links[:, 1]]
        if np.array_equal(a, b):
            return parts
        # Hang the higher root below the lower, then shorten all chains to their root.
        np.minimum.at(parts, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(parts, parts[parts]):
            parts = parts[parts]


def is_urban(xy_m: FloatArray, postcodes_m: FloatArray) -> BoolArray:
    """Whether each point lies in a town, by the postcodes within about 375 m.

    Postcodes are counted in cells of 250 m; a point's density is that of its cell and the eight
    around it, a square of 750 m.

    Parameters
    ----------
    xy_m, postcodes_m
        ``float64[n, 2]`` and ``float64[p, 2]``, eastings and northings.

    Returns
    -------
    BoolArray
        ``bool[n]``, whether the density is at least `URBAN_PER_KM2`.
    """
    origin = np.minimum(xy_m.min(axis=0), postcodes_m.min(axis=0)) // _CELL_M - 1
    cells = (xy_m // _CELL_M - origin).astype(np.int64)
    filled = (postcodes_m // _CELL_M - origin).astype(np.int64)
    size = np.maximum(cells.max(axis=0), filled.max(axis=0)) + 2
    counts = np.zeros(size, dtype=np.int64)
    np.add.at(counts, (filled[:, 0], filled[:, 1]), 1)
    around = sum(
        counts[cells[:, 0] + east, cells[:, 1] + north]
        for east in (-1, 0, 1)
        for north in (-1, 0, 1)
    )
    return np.asarray(around >= URBAN_PER_KM2 * (3 * _CELL_M / 1000) ** 2)


def _delaunay_triangles(xy_cm: LongArray) -> npt.NDArray[np.int64]:
    """Corner indices of the triangles, ``int64[t, 3]``."""
    import shapely

    collection = shapely.delaunay_triangles(shapely.multipoints(xy_cm.astype(np.float64)))
    rings = shapely.get_coordinates(collection).reshape(-1, 4, 2)[:, :3]
    # Corners come back as coordinates; they are found again by their place in sorted order.
    order = np.lexsort((xy_cm[:, 1], xy_cm[:, 0]))
    span = int(np.ptp(xy_cm[:, 1])) + 1
    low = xy_cm.min(axis=0)
    keys = ((xy_cm[order] - low) * (span, 1)).sum(axis=1)
    wanted = ((rings.astype(np.int64) - low) * (span, 1)).sum(axis=2)
    return np.asarray(order[np.searchsorted(keys, wanted)])
