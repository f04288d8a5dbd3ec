"""Which edges a closure hits, and how to tell people.

An edge is hit as a whole when a part of it is: who cannot pass a part cannot pass. Both directions
of a road are hit alike, and so are the copies of an edge that turn restrictions made and edges
outside the connected core; with `Closure.direction_deg`, only edges whose hit part leads within 60
degrees of it. A roundabout leads everywhere, so it is always hit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from routing_service.errors import ClosureHitsNothing, InvalidClosure
from routing_service.graph.edge_index import Box
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.split import ranges
from routing_service.kernels.metric import each_metres_per_e7, metres_per_e7
from routing_service.kernels.snap import HEADING_COSINE, snap_points
from routing_service.live.closure import Closure, Disc, Line, Point, Polygon, Ring, Road, Way, Where
from routing_service.units import CM_PER_M, E7, BoolArray, FloatArray, IntArray

LINE_REACH_M: Final = 15.0
"""How far from a line a road may lie that the line is drawn along: half a wide dual carriageway."""

LINE_COSINE: Final = float(np.cos(np.radians(30.0)))
"""A road runs along a line where it leads within 30 degrees of it, and crosses it elsewhere."""

LINE_ENOUGH_M: Final = 100.0
"""So much along a line is enough for any edge; less is, if it is half the edge or half the line."""

Pairs = tuple[IntArray, IntArray]
"""Edges and segments of theirs that are hit, ``int32[n]`` each."""

Shapes = npt.NDArray[Any]
"""Shapely geometries, ``object[n]``."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What a closure hits, for people: names of the roads, number of edges, metres of road.

    Copies count neither as edges nor as metres; both directions of a road are two edges and one
    length.
    """

    roads: tuple[str, ...]
    edges: int
    metres: float


def find_edges(graph: RoadGraph, closure: Closure) -> IntArray:
    """Edges that a closure hits, ascending, copies included.

    Parameters
    ----------
    graph
        The network.
    closure
        What to look for; its times do not matter here.

    Returns
    -------
    IntArray
        ``int32[k]``, at least one.

    Raises
    ------
    ClosureHitsNothing
        If there is no such edge; says what is there instead.
    InvalidClosure
        If its polygon crosses itself.
    """
    edges, segments = _pairs(graph, closure.where)
    if len(edges) == 0:
        raise ClosureHitsNothing(_why_nothing(graph, closure.where))
    if closure.direction_deg is not None:
        edges = _leading(graph, edges, segments, closure.direction_deg)
        if len(edges) == 0:
            raise ClosureHitsNothing(
                "There are roads, but none leads within 60 degrees of"
                f" {closure.direction_deg:g} degrees (0 is north, 90 east): correct direction_deg"
                " or leave it out."
            )
    return np.unique(edges)


def describe(graph: RoadGraph, edges: IntArray) -> Hit:
    """Tell people what some edges are.

    Examples
    --------
    ``Hit(roads=("A61 Wakefield Road",), edges=12, metres=840.5)``
    """
    own = edges[graph.edge_base[edges] == edges]
    twins = graph.edge_twin[own]
    once = own[(twins > own) | ~np.isin(twins, own)]
    names = graph.road_names
    return Hit(
        roads=tuple(sorted({names[label] for label in np.unique(graph.edge_label[edges])})),
        edges=len(own),
        metres=int(graph.edge_cm[once].sum(dtype=np.int64)) / CM_PER_M,
    )


def _pairs(graph: RoadGraph, where: Where) -> Pairs:
    match where:
        case Way(way):
            return _all_segments(graph, graph.edge_index.of_way(way))
        case Disc():
            return _within(graph, where)
        case Line():
            return _along(graph, where)
        case Polygon(rings):
            return _inside(graph, rings)
        case Road(name, rings):
            edges, segments = _inside(graph, rings)
            named = np.isin(graph.edge_label[edges], graph.edge_index.labels_of(name))
            return edges[named], segments[named]


def _all_segments(graph: RoadGraph, edges: IntArray) -> Pairs:
    counts = graph.edge_segments[edges]
    segments = ranges(graph.edge_segment[edges], counts).astype(np.int32)
    return np.repeat(edges, counts), segments


def _within(graph: RoadGraph, disc: Disc) -> Pairs:
    """Edges that come within the radius of a point."""
    import shapely

    plane = _Plane([(disc.lon, disc.lat)])
    segments = graph.edge_index.segments_in(plane.box(disc.radius_m))
    away_m = shapely.distance(plane.lines(graph, segments), shapely.Point(0.0, 0.0))
    return _edges_of(graph, segments[away_m <= disc.radius_m])


def _inside(graph: RoadGraph, rings: tuple[Ring, ...]) -> Pairs:
    """Edges that reach into a polygon, whose sides are straight in degrees as in GeoJSON."""
    import shapely

    area = shapely.Polygon(rings[0], rings[1:])
    if not area.is_valid:
        raise InvalidClosure(
            f"the polygon is no area: {shapely.is_valid_reason(area)}; draw its outline without"
            " crossings",
            field="polygon",
        )
    shapely.prepare(area)
    west, south, east, north = (bound * E7 for bound in area.bounds)
    segments = graph.edge_index.segments_in((west, south, east, north))
    lines = shapely.linestrings(graph.segments[segments, :4].reshape(-1, 2, 2) / E7)
    return _edges_of(graph, segments[shapely.intersects(area, lines)])


def _along(graph: RoadGraph, line: Line) -> Pairs:
    """Edges that a line is drawn along: near it, in its direction or against it, and long enough.

    Where a road leaves the line at a junction, its first metres are near the line too. So an edge
    must follow the line for half its length or half the line's, or `LINE_ENOUGH_M`.
    """
    import shapely

    plane = _Plane(line.points)
    drawn = shapely.LineString(plane.metres(np.array(line.points) * E7))
    segments = graph.edge_index.segments_in(plane.box(LINE_REACH_M))
    corridor = drawn.buffer(LINE_REACH_M, cap_style="flat")
    near = shapely.intersection(plane.lines(graph, segments), corridor)
    near_m = shapely.length(near)
    ends = [shapely.get_point(_longest(near), end) for end in (0, -1)]
    on_line = [np.nan_to_num(shapely.line_locate_point(drawn, end)) for end in ends]
    followed_m = np.abs(on_line[1] - on_line[0])
    followed_m[followed_m < LINE_COSINE * near_m] = 0.0
    position, edges = graph.edge_index.of_segments(segments)
    found, owner = np.unique(edges, return_inverse=True)
    sums_m = np.bincount(owner, followed_m[position], minlength=len(found))
    half_m = np.minimum(graph.edge_cm[found] / CM_PER_M, drawn.length) / 2.0
    enough = sums_m >= np.minimum(half_m, LINE_ENOUGH_M)
    hit = enough[owner] & (followed_m[position] > 0.0)
    return edges[hit], segments[position[hit]]


def _longest(shapes: Shapes) -> Shapes:
    """Lines as they are; of what a bent corridor cuts into several, the longest part."""
    import shapely

    parts, owner = shapely.get_parts(shapes, return_index=True)
    result = np.full(len(shapes), None, dtype=object)
    order = np.argsort(shapely.length(parts), kind="stable")
    result[owner[order]] = parts[order]
    return result


def _edges_of(graph: RoadGraph, segments: IntArray) -> Pairs:
    position, edges = graph.edge_index.of_segments(segments)
    return edges, segments[position]


def _leading(
    graph: RoadGraph, edges: IntArray, segments: IntArray, direction_deg: float
) -> IntArray:
    """Those of the edges whose hit part, from its start to its end, leads in a direction."""
    rows = graph.segments[segments].astype(np.float64)
    sign = np.where(graph.edge_reversed[edges] != 0, -1.0, 1.0)
    found, owner, counts = np.unique(edges, return_inverse=True, return_counts=True)
    # Summed in whole position units, so that a loop leads exactly nowhere.
    kx, ky = each_metres_per_e7(np.bincount(owner, rows[:, 1]) / counts)
    dx = np.bincount(owner, sign * (rows[:, 2] - rows[:, 0])) * kx
    dy = np.bincount(owner, sign * (rows[:, 3] - rows[:, 1])) * ky
    angle = np.radians(direction_deg)
    along = dx * np.sin(angle) + dy * np.cos(angle)
    leads: BoolArray = along >= HEADING_COSINE * np.hypot(dx, dy)
    return np.asarray(found[leads], dtype=np.int32)


class _Plane:
    """Metres east and north of the middle of some points (degrees), by the project's metric."""

    def __init__(self, points: tuple[Point, ...] | list[Point]) -> None:
        self._points = np.array(points) * E7
        self._middle = (self._points.min(axis=0) + self._points.max(axis=0)) / 2.0
        self._scale = np.array(metres_per_e7(float(self._middle[1])))

    def metres(self, e7: FloatArray) -> FloatArray:
        return np.asarray((e7 - self._middle) * self._scale)

    def lines(self, graph: RoadGraph, segments: IntArray) -> Shapes:
        import shapely

        ends = graph.segments[segments, :4].reshape(-1, 2, 2).astype(np.float64)
        return np.asarray(shapely.linestrings(self.metres(ends)))

    def box(self, around_m: float) -> Box:
        """Everything within so many metres of the points, in position units."""
        low = self._points.min(axis=0) - around_m / self._scale
        high = self._points.max(axis=0) + around_m / self._scale
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _why_nothing(graph: RoadGraph, where: Where) -> str:
    match where:
        case Way(way):
            surrogate = graph.manifest["network"] == "surrogate"
            return f"No way {way} in this network" + (
                ": it is a surrogate, whose ways are not OpenStreetMap's. Give a point and"
                " radius_m, a line, a polygon or a road."
                if surrogate
                else ", or its profile may not use it: give its OpenStreetMap id."
            )
        case Road(name, rings):
            if len(graph.edge_index.labels_of(name)) == 0:
                return f"No road is called {name!r} in this network: give its number or name."
            return f"{name} does not reach into the polygon; {_nearest(graph, rings[0])}."
        case Disc(lat, lon, radius_m):
            reach = f"within {radius_m:g} m of the point"
            return f"There is no road {reach}; {_nearest(graph, ((lon, lat),))}."
        case Line(points):
            return (
                f"No road runs along the line, within {LINE_REACH_M:g} m of it;"
                f" {_nearest(graph, points)}. What a line crosses is not hit: use a polygon."
            )
        case Polygon(rings):
            return f"No road reaches into the polygon; {_nearest(graph, rings[0])}."


def _nearest(graph: RoadGraph, points: tuple[Point, ...]) -> str:
    """How far the roads are from some points, in words."""
    lon, lat = (np.array(points) * E7).T
    found, along = np.zeros(len(points), dtype=np.int32), np.zeros(len(points))
    away_m = np.zeros(len(points))
    grid = (graph.grid, graph.cell_first, graph.cell_segments)
    snap_points(np.rint(lon), np.rint(lat), *grid, graph.segments, found, along, away_m)
    nearest = int(away_m.argmin())
    row = graph.segments[found[nearest]]
    name = graph.road_name(int(row[4] if row[4] >= 0 else row[5]))
    return f"the nearest is {name}, {away_m[nearest]:.0f} m away"
