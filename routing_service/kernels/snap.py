"""Snapping: the nearest segment of the connected core, by a grid over segments.

A segment is one row of ``int32``: ``x1 y1 x2 y2 forward backward start_cm length_cm`` (positions
in degrees x 10**7, the directed edges that travel it from 1 to 2 and from 2 to 1 or -1, where it
starts along the forward direction, its length). Eight numbers are half a cache line, so a candidate
costs one memory access.

The grid is an ``int64[6]``: ``lon0 lat0 cell_lon cell_lat columns rows`` in position units; the
segments that touch cell ``row * columns + column`` stand in
``cell_segments[cell_first[cell]:cell_first[cell + 1]]``.
"""

from __future__ import annotations

import numpy as np

from routing_service.kernels.jit import inner_kernel, kernel
from routing_service.kernels.metric import metres_per_e7
from routing_service.units import FloatArray, IntArray, LongArray

FORWARD = 1
BACKWARD = 2
# A driver's reported course strays from the road's by this much and no more: 60 degrees.
HEADING_COSINE = 0.5


@inner_kernel
def project(
    lon_e7: float, lat_e7: float, kx: float, ky: float, segments: IntArray, s: int
) -> tuple[float, float]:
    """Squared distance in m2 to segment `s` and the fraction along it of the closest point."""
    ax = (segments[s, 0] - lon_e7) * kx
    ay = (segments[s, 1] - lat_e7) * ky
    bx = (segments[s, 2] - lon_e7) * kx - ax
    by = (segments[s, 3] - lat_e7) * ky - ay
    length2 = bx * bx + by * by
    t = 0.0
    if length2 > 0.0:
        t = -(ax * bx + ay * by) / length2
        t = min(max(t, 0.0), 1.0)
    dx = ax + t * bx
    dy = ay + t * by
    return dx * dx + dy * dy, t


@inner_kernel
def directions(
    segments: IntArray, s: int, kx: float, ky: float, heading_x: float, heading_y: float
) -> int:
    """Directions in which segment `s` may be travelled with that heading, a bit mask.

    `heading_x`, `heading_y` are the east and north parts of the unit heading; both 0 mean that
    none was given, and then every direction that exists is allowed.
    """
    mask = 0
    if segments[s, 4] >= 0:
        mask |= FORWARD
    if segments[s, 5] >= 0:
        mask |= BACKWARD
    if heading_x == 0.0 and heading_y == 0.0:
        return mask
    dx = (segments[s, 2] - segments[s, 0]) * kx
    dy = (segments[s, 3] - segments[s, 1]) * ky
    along = dx * heading_x + dy * heading_y
    enough = HEADING_COSINE * np.sqrt(dx * dx + dy * dy)
    if along < enough:
        mask &= BACKWARD
    if -along < enough:
        mask &= FORWARD
    return mask


@inner_kernel
def nearest_segment(
    lon_e7: float,
    lat_e7: float,
    heading_x: float,
    heading_y: float,
    grid: LongArray,
    cell_first: IntArray,
    cell_segments: IntArray,
    segments: IntArray,
) -> tuple[int, float, float, int]:
    """Find the nearest segment that may be travelled, by rings of cells around the point.

    Parameters
    ----------
    lon_e7, lat_e7
        The point, in position units.
    heading_x, heading_y
        East and north parts of the unit heading, both 0 for none.
    grid, cell_first, cell_segments, segments
        The grid and its segments, see the module.

    Returns
    -------
    tuple
        Segment (-1 if none may be travelled), fraction along it, distance in m, direction mask.
        Among equally near segments the first wins, so the answer does not depend on the grid.

    Notes
    -----
    Does not allocate. A cell is looked at only if its near side is no further than the best
    candidate so far, and the search stops at the first ring that is further altogether: of the
    nine cells around a point by a street, most are never read.
    """
    kx, ky = metres_per_e7(lat_e7)
    columns = grid[4]
    rows = grid[5]
    cell_x = grid[2] * kx
    cell_y = grid[3] * ky
    # Metres from the grid's corner; a point off the grid starts from the cell at the rim.
    x = (lon_e7 - grid[0]) * kx
    y = (lat_e7 - grid[1]) * ky
    column = min(max(int((lon_e7 - grid[0]) // grid[2]), 0), columns - 1)
    row = min(max(int((lat_e7 - grid[1]) // grid[3]), 0), rows - 1)
    best = -1
    best_d2 = np.inf
    best_t = 0.0
    best_mask = 0
    ring = 0
    while True:
        for r in range(max(row - ring, 0), min(row + ring, rows - 1) + 1):
            dy = beside(y, r * cell_y, cell_y)
            if dy * dy > best_d2:
                continue
            # Whole rows at the rim's top and bottom, else only its two ends.
            step = 1 if ring == 0 or abs(r - row) == ring else 2 * ring
            for c in range(column - ring, column + ring + 1, step):
                if c < 0 or c >= columns:
                    continue
                dx = beside(x, c * cell_x, cell_x)
                if dx * dx + dy * dy > best_d2:
                    continue
                cell = r * columns + c
                for i in range(cell_first[cell], cell_first[cell + 1]):
                    s = cell_segments[i]
                    d2, t = project(lon_e7, lat_e7, kx, ky, segments, s)
                    if d2 < best_d2 or (d2 == best_d2 and s < best):
                        mask = directions(segments, s, kx, ky, heading_x, heading_y)
                        if mask != 0:
                            best = s
                            best_d2 = d2
                            best_t = t
                            best_mask = mask
        # Everything unseen lies beyond the nearest side that still has cells behind it.
        reach = np.inf
        if column - ring > 0:
            reach = min(reach, x - (column - ring) * cell_x)
        if column + ring < columns - 1:
            reach = min(reach, (column + ring + 1) * cell_x - x)
        if row - ring > 0:
            reach = min(reach, y - (row - ring) * cell_y)
        if row + ring < rows - 1:
            reach = min(reach, (row + ring + 1) * cell_y - y)
        if reach == np.inf or (reach > 0.0 and best_d2 < reach * reach):
            return best, best_t, np.sqrt(best_d2), best_mask
        ring += 1


@inner_kernel
def beside(at: float, low: float, width: float) -> float:
    """Distance on one axis from a point to the interval of `width` that starts at `low`."""
    return max(low - at, at - low - width, 0.0)


@kernel
def _touches(
    segments: IntArray, s: int, west: int, south: int, cell_lon: int, cell_lat: int
) -> bool:
    """Whether segment `s` meets a closed cell: by the axis across it (the box is given)."""
    dx = float(segments[s, 2]) - float(segments[s, 0])
    dy = float(segments[s, 3]) - float(segments[s, 1])
    # Signed areas of the cell's corners against the line: all on one side means no contact.
    ax = float(west) - float(segments[s, 0])
    ay = float(south) - float(segments[s, 1])
    corner = dx * ay - dy * ax
    low = corner + min(0.0, dx * cell_lat) + min(0.0, -dy * cell_lon)
    high = corner + max(0.0, dx * cell_lat) + max(0.0, -dy * cell_lon)
    return low <= 0.0 <= high


@kernel
def fill_grid(
    segments: IntArray,
    which: IntArray,
    grid: LongArray,
    cell_first: IntArray,
    cell_segments: IntArray,
) -> int:
    """Register segments in the cells they touch; called twice, to count and to fill.

    Parameters
    ----------
    segments
        ``int32[n, 8]``, see the module.
    which
        ``int32[k]``, the segments to register, ascending.
    grid
        ``int64[6]``, see the module.
    cell_first
        ``int32[cells + 2]``. First call (with an empty `cell_segments`): zero on entry, counts
        at ``[cell + 2]`` on return. Second call: after a cumulative sum, ``[cell + 1]`` is where
        the cell's next entry goes; on return the first ``cells + 1`` numbers are the CSR.
    cell_segments
        ``int32[entries]``, written in the second call.

    Returns
    -------
    int
        Number of entries.
    """
    columns = grid[4]
    entries = 0
    for i in range(which.shape[0]):
        s = which[i]
        c0 = (min(segments[s, 0], segments[s, 2]) - grid[0]) // grid[2]
        c1 = (max(segments[s, 0], segments[s, 2]) - grid[0]) // grid[2]
        r0 = (min(segments[s, 1], segments[s, 3]) - grid[1]) // grid[3]
        r1 = (max(segments[s, 1], segments[s, 3]) - grid[1]) // grid[3]
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                if not _touches(
                    segments, s, grid[0] + c * grid[2], grid[1] + r * grid[3], grid[2], grid[3]
                ):
                    continue
                cell = r * columns + c
                if cell_segments.shape[0] == 0:
                    cell_first[cell + 2] += 1
                else:
                    cell_segments[cell_first[cell + 1]] = s
                    cell_first[cell + 1] += 1
                entries += 1
    return entries


@kernel
def snap_points(
    lon_e7: FloatArray,
    lat_e7: FloatArray,
    grid: LongArray,
    cell_first: IntArray,
    cell_segments: IntArray,
    segments: IntArray,
    found: IntArray,
    along: FloatArray,
    distance_m: FloatArray,
) -> None:
    """Snap many points without a heading into `found`, `along`, `distance_m` (caller's, [n])."""
    for i in range(lon_e7.shape[0]):
        found[i], along[i], distance_m[i], _ = nearest_segment(
            lon_e7[i], lat_e7[i], 0.0, 0.0, grid, cell_first, cell_segments, segments
        )
