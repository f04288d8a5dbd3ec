"""Building the grid over segments that snapping reads."""

from __future__ import annotations

import math

import numpy as np

from routing_service.kernels.metric import each_metres_per_e7
from routing_service.kernels.snap import fill_grid
from routing_service.units import IntArray, LongArray

# Cells of 150 m hold a handful of street segments each; a sparse region gets larger ones, so that
# the table of cells stays of the size of the table of segments. An answer of a batch takes, with
# cells of 107, 150, 220 and 350 m in a city of 86,000 edges, 0.58, 0.61, 0.82 and 1.04 us; of 75,
# 100, 150 and 250 m on the default network 0.75, 0.73, 0.73 and 0.78, whose table has 1.6 million
# cells at 75 m and 0.4 at 150.
CELL_M = 150.0
CELLS_PER_SEGMENT = 2.0


def build_grid(segments: IntArray, which: IntArray) -> tuple[LongArray, IntArray, IntArray]:
    """Register the segments `which` in a grid.

    Parameters
    ----------
    segments
        ``int32[n, 8]``, see `kernels.snap`.
    which
        ``int32[k]``, indices of the segments to register, ascending, at least one.

    Returns
    -------
    tuple
        `grid`, `cell_first` and `cell_segments`, see `kernels.snap`.
    """
    lon = segments[which][:, [0, 2]].astype(np.int64)
    lat = segments[which][:, [1, 3]].astype(np.int64)
    west, south = int(lon.min()), int(lat.min())
    width, height = int(lon.max()) - west + 1, int(lat.max()) - south + 1
    (kx,), (ky,) = each_metres_per_e7(np.array([south + height / 2]))
    cell_m = max(CELL_M, math.sqrt(width * kx * height * ky / (CELLS_PER_SEGMENT * len(which))))
    cell_lon, cell_lat = math.ceil(cell_m / kx), math.ceil(cell_m / ky)
    columns, rows = width // cell_lon + 1, height // cell_lat + 1
    grid = np.array([west, south, cell_lon, cell_lat, columns, rows], dtype=np.int64)

    first = np.zeros(columns * rows + 2, dtype=np.int32)
    entries = fill_grid(segments, which, grid, first, np.zeros(0, dtype=np.int32))
    np.cumsum(first, out=first)
    cell_segments = np.zeros(entries, dtype=np.int32)
    fill_grid(segments, which, grid, first, cell_segments)
    return grid, first[:-1].copy(), cell_segments
