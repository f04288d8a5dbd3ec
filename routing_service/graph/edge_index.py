"""Finding edges by where they are, by their way or by their road, for a whole network.

Snapping has a grid of its own, of the connected core alone; what asks here wants every edge: those
outside the core, both directions of a road, and the copies that turn restrictions made.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from routing_service.graph.snapping import build_grid
from routing_service.graph.split import ranges
from routing_service.units import IntArray, LongArray

if TYPE_CHECKING:
    from routing_service.graph.road_graph import RoadGraph

Box = tuple[float, float, float, float]
"""West, south, east, north in position units."""


class EdgeIndex:
    """Look-up tables over the edges of a network, made once (0.2 s for half a million edges)."""

    def __init__(self, graph: RoadGraph) -> None:
        self._graph = graph
        self._by_way = np.argsort(graph.edge_way, kind="stable").astype(np.int32)
        self._ways = graph.edge_way[self._by_way]
        # Edges that share a road, copies included, share their first segment.
        self._by_segment = np.argsort(graph.edge_segment, kind="stable").astype(np.int32)
        self._first_segments = graph.edge_segment[self._by_segment]
        every = np.arange(len(graph.segments), dtype=np.int32)
        self._grid, self._cell_first, self._cell_segments = build_grid(graph.segments, every)
        self._labels = _labels_by_word(graph)

    def of_way(self, way: int) -> IntArray:
        """Edges of a way, ascending."""
        first, last = np.searchsorted(self._ways, [way, way + 1])
        return np.sort(self._by_way[first:last])

    def of_segments(self, segments: IntArray) -> tuple[IntArray, IntArray]:
        """Edges that run along some segments.

        Parameters
        ----------
        segments
            ``int32[n]``.

        Returns
        -------
        tuple
            ``int32[k]`` each: a position in `segments` and an edge that runs along it, for all
            pairs, in the order of the positions.
        """
        ends = np.searchsorted(self._first_segments, segments, side="right")
        owner = self._first_segments[np.maximum(ends, 1) - 1]
        starts = np.searchsorted(self._first_segments, owner)
        position = np.repeat(np.arange(len(segments), dtype=np.int32), ends - starts)
        edges = self._by_segment[ranges(starts, ends - starts)]
        at = segments[position] - self._graph.edge_segment[edges]
        own = at < self._graph.edge_segments[edges]
        return position[own], edges[own]

    def segments_in(self, box: Box) -> IntArray:
        """Segments whose cells meet a box, ascending: all that reach into it, and some more."""
        west, south, cell_lon, cell_lat, columns, rows = self._grid.tolist()
        c0, c1 = (_clip((x - west) // cell_lon, columns) for x in (box[0], box[2]))
        r0, r1 = (_clip((y - south) // cell_lat, rows) for y in (box[1], box[3]))
        starts = np.arange(r0, r1 + 1, dtype=np.int64) * columns
        # The cells of a row stand side by side, so a row of the box is one range of entries.
        first = self._cell_first[starts + c0].astype(np.int64)
        last = self._cell_first[starts + c1 + 1].astype(np.int64)
        return np.unique(self._cell_segments[ranges(first, last - first)])

    def labels_of(self, road: str) -> LongArray:
        """Indices of the labels that carry a road number or name, whatever its case and blanks."""
        return np.array(self._labels.get(plain_name(road), ()), dtype=np.int64)


def _clip(cell: float, cells: int) -> int:
    return int(min(max(cell, 0), cells - 1))


def _labels_by_word(graph: RoadGraph) -> dict[str, list[int]]:
    """Labels by each of their numbers (``A61;A628`` has two) and by their name."""
    labels: dict[str, list[int]] = defaultdict(list)
    for index, (ref, name) in enumerate(graph.labels()):
        for word in {plain_name(part) for part in (*ref.split(";"), name)} - {""}:
            labels[word].append(index)
    return dict(labels)


def plain_name(road: str) -> str:
    """A road's number or name without regard to case and blanks.

    Examples
    --------
    >>> plain_name(" a 61"), plain_name("Church  Lane")
    ('a61', 'churchlane')
    """
    return "".join(road.split()).casefold()
