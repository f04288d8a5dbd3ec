"""From a point to its times: snap, then read one label per unit. No search."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from routing_service.kernels.jit import kernel
from routing_service.kernels.snap import BACKWARD, FORWARD, nearest_segment
from routing_service.units import INF_MS, FloatArray, IntArray, LongArray


class Labelled(NamedTuple):
    """The arrays that a look-up reads: a network with one tree per unit.

    Attributes
    ----------
    grid, cell_first, cell_segments, segments
        The grid over segments, see `kernels.snap`.
    edge_ms, edge_cm, edge_label
        ``int32[edges]``.
    tree_ms, tree_cm
        ``int32[units, edges]``, the labels.
    doors
        ``int32[units, k, 5]``: the edges that pass a unit's door (-1: none), ms and cm from the
        edge's start to the door, and ms and cm from the edge's end to the door, which is the way
        for an incident beyond the door on that same edge.
    """

    grid: LongArray
    cell_first: IntArray
    cell_segments: IntArray
    segments: IntArray
    edge_ms: IntArray
    edge_cm: IntArray
    edge_label: IntArray
    tree_ms: IntArray
    tree_cm: IntArray
    doors: IntArray


@kernel
def label_at(net: Labelled, unit: int, e: int, at_cm: int) -> tuple[int, int]:
    """Time and length to `unit` from the point `at_cm` along edge `e`; ``INF_MS`` twice if none."""
    edge_ms = int(net.edge_ms[e])
    edge_cm = int(net.edge_cm[e])
    if edge_ms >= INF_MS or net.tree_ms[unit, e] >= INF_MS:
        return INF_MS, INF_MS
    at_ms = edge_ms * at_cm // edge_cm
    for k in range(net.doors.shape[1]):
        if net.doors[unit, k, 0] == e and at_cm > net.doors[unit, k, 2]:
            if net.doors[unit, k, 3] >= INF_MS:
                return INF_MS, INF_MS
            return edge_ms - at_ms + net.doors[unit, k, 3], edge_cm - at_cm + net.doors[unit, k, 4]
    return max(int(net.tree_ms[unit, e]) - at_ms, 0), max(int(net.tree_cm[unit, e]) - at_cm, 0)


@kernel
def along_edge(net: Labelled, s: int, along_cm: int, direction: int) -> tuple[int, int]:
    """Directed edge of segment `s` in `direction`, and the cm from its start to the point.

    `along_cm` is where on the segment the point lies, from the segment's own start.
    """
    at_cm = int(net.segments[s, 6]) + along_cm
    if direction == FORWARD:
        e = int(net.segments[s, 4])
        return e, min(at_cm, int(net.edge_cm[e]))
    e = int(net.segments[s, 5])
    return e, max(int(net.edge_cm[e]) - at_cm, 0)


@kernel
def read_labels(
    net: Labelled, s: int, along_cm: int, mask: int, out_ms: IntArray, out_cm: IntArray
) -> None:
    """Best label of each unit over the directions in `mask`, into ``int32[units]`` buffers."""
    out_ms[:] = INF_MS
    out_cm[:] = INF_MS
    for direction in (FORWARD, BACKWARD):
        if mask & direction:
            e, at_cm = along_edge(net, s, along_cm, direction)
            for u in range(out_ms.shape[0]):
                ms, cm = label_at(net, u, e, at_cm)
                if ms < out_ms[u] or (ms == out_ms[u] and cm < out_cm[u]):
                    out_ms[u] = ms
                    out_cm[u] = cm


# Columns of an answer: what was found, then one time and one length per unit.
SEGMENT, ALONG_CM, MASK, DISTANCE_CM, LON_E7, LAT_E7, LABEL, TIMES = range(8)


@kernel
def look_up(
    lon_e7: float,
    lat_e7: float,
    heading_x: float,
    heading_y: float,
    net: Labelled,
    answer: IntArray,
) -> None:
    """Snap one point and read its times.

    Everything goes into one buffer: boxing one array costs the caller less than boxing a tuple.

    Parameters
    ----------
    lon_e7, lat_e7, heading_x, heading_y
        As for `snap.nearest_segment`; the position is rounded to a whole unit, so that it is the
        same however it was computed.
    net
        The network and its trees.
    answer
        ``int32[TIMES + 2 * units]``, written: segment (-1: none, and then only the distance
        holds), cm along it, direction mask, distance in cm (at most ``INF_MS``), closest point,
        label of its road, times in ms, lengths in cm.
    """
    s, along, distance_m, mask = nearest_segment(
        np.rint(lon_e7),
        np.rint(lat_e7),
        heading_x,
        heading_y,
        net.grid,
        net.cell_first,
        net.cell_segments,
        net.segments,
    )
    answer[SEGMENT] = s
    answer[ALONG_CM] = 0
    answer[MASK] = mask
    answer[DISTANCE_CM] = int(min(distance_m * 100.0 + 0.5, float(INF_MS)))
    if s < 0:
        return
    row = net.segments[s]
    along_cm = int(along * row[7])
    answer[ALONG_CM] = along_cm
    answer[LON_E7] = row[0] + int(np.rint(along * (float(row[2]) - float(row[0]))))
    answer[LAT_E7] = row[1] + int(np.rint(along * (float(row[3]) - float(row[1]))))
    answer[LABEL] = net.edge_label[row[4] if row[4] >= 0 else row[5]]
    units = (answer.shape[0] - TIMES) // 2
    read_labels(net, s, along_cm, mask, answer[TIMES : TIMES + units], answer[TIMES + units :])


@kernel
def look_up_many(lon_e7: FloatArray, lat_e7: FloatArray, net: Labelled, answers: IntArray) -> None:
    """Snap many points and read their times: the same numbers as `look_up`, one by one.

    Parameters
    ----------
    lon_e7, lat_e7
        ``float64[n]``, position units.
    net
        The network and its trees.
    answers
        ``int32[n, TIMES + 2 * units]``, written, a row per point as in `look_up`.
    """
    for i in range(lon_e7.shape[0]):
        look_up(lon_e7[i], lat_e7[i], 0.0, 0.0, net, answers[i])
