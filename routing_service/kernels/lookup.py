"""From a point to its times: snap, then read one label per unit. No search."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from routing_service.answer import (
    ALONG_CM,
    CM,
    DISTANCE_CM,
    LABEL,
    LAT_E7,
    LON_E7,
    MASK,
    MS,
    ORDER,
    SEGMENT,
    TIMES,
)
from routing_service.kernels.jit import inner_kernel, kernel
from routing_service.kernels.snap import BACKWARD, FORWARD, nearest_segment
from routing_service.kernels.yielding import PASSED, give_way
from routing_service.units import INF_MS, FloatArray, IntArray, LongArray

# Columns of a row of `Labelled.labels`; from E_TREES on ms and cm of each unit in turn.
E_MS, E_CM, E_LABEL, E_DOOR, E_TREES = range(5)


class Labelled(NamedTuple):
    """The arrays that a look-up reads: a network with one tree per unit.

    Attributes
    ----------
    grid, cell_first, cell_segments, segments
        The grid over segments, see `kernels.snap`.
    labels
        ``int32[edges, 4 + 2 * units]``, all that is asked of an edge side by side: its ms and cm,
        the label of its road, 1 if it passes a door, then the ms and cm of its label to each unit.
        The two directions of a road follow one another, so for four units an incident touches two
        cache lines; apart they would be sixteen, and cost as much as the snap.
    doors
        ``int32[units, k, 5]``: the edges that pass a unit's door (-1: none), ms and cm from the
        edge's start to the door, and ms and cm from the edge's end to the door, which is the way
        for an incident beyond the door on that same edge.
    """

    grid: LongArray
    cell_first: IntArray
    cell_segments: IntArray
    segments: IntArray
    labels: IntArray
    doors: IntArray


def label_table(
    edge_ms: IntArray,
    edge_cm: IntArray,
    edge_label: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
    doors: IntArray,
) -> IntArray:
    """`Labelled.labels` of a network: ``int32[edges]`` and ``int32[units, edges]`` side by side."""
    labels = np.empty((len(edge_ms), E_TREES + 2 * len(tree_ms)), dtype=np.int32)
    _fill_labels(edge_ms, edge_cm, edge_label, tree_ms, tree_cm, labels)
    passed = doors[:, :, 0]
    labels[passed[passed >= 0], E_DOOR] = 1
    return labels


@kernel
def _fill_labels(
    edge_ms: IntArray,
    edge_cm: IntArray,
    edge_label: IntArray,
    tree_ms: IntArray,
    tree_cm: IntArray,
    labels: IntArray,
) -> None:
    for e in range(labels.shape[0]):
        if e % PASSED == 0:
            give_way()
        labels[e, E_MS] = edge_ms[e]
        labels[e, E_CM] = edge_cm[e]
        labels[e, E_LABEL] = edge_label[e]
        labels[e, E_DOOR] = 0
        for u in range(tree_ms.shape[0]):
            labels[e, E_TREES + 2 * u] = tree_ms[u, e]
            labels[e, E_TREES + 2 * u + 1] = tree_cm[u, e]


@kernel
def relabel(
    labels: IntArray, unit: int, edges: IntArray, tree_ms: IntArray, tree_cm: IntArray
) -> None:
    """Write the labels of some edges to one unit anew in a table that `label_table` made.

    Parameters
    ----------
    labels
        ``int32[edges, 4 + 2 * units]``, written.
    unit
        Index of the unit.
    edges
        ``int32[k]``: which rows.
    tree_ms, tree_cm
        ``int32[edges]``: the unit's tree as it is now.
    """
    for i in range(edges.shape[0]):
        if i % PASSED == 0:
            give_way()
        e = edges[i]
        labels[e, E_TREES + 2 * unit] = tree_ms[e]
        labels[e, E_TREES + 2 * unit + 1] = tree_cm[e]


@inner_kernel
def _label(net: Labelled, unit: int, e: int, at_ms: int, at_cm: int) -> tuple[int, int]:
    tree_ms = int(net.labels[e, E_TREES + 2 * unit])
    if tree_ms >= INF_MS:
        return INF_MS, INF_MS
    if net.labels[e, E_DOOR]:
        for k in range(net.doors.shape[1]):
            if net.doors[unit, k, 0] == e and at_cm > net.doors[unit, k, 2]:
                on_ms = int(net.doors[unit, k, 3])
                if on_ms >= INF_MS:
                    return INF_MS, INF_MS
                on_cm = int(net.doors[unit, k, 4])
                return net.labels[e, E_MS] - at_ms + on_ms, net.labels[e, E_CM] - at_cm + on_cm
    tree_cm = int(net.labels[e, E_TREES + 2 * unit + 1])
    return max(tree_ms - at_ms, 0), max(tree_cm - at_cm, 0)


@kernel
def label_at(net: Labelled, unit: int, e: int, at_cm: int) -> tuple[int, int]:
    """Time and length to `unit` from the point `at_cm` along edge `e`; ``INF_MS`` twice if none."""
    edge_ms = int(net.labels[e, E_MS])
    if edge_ms >= INF_MS:
        return INF_MS, INF_MS
    return _label(net, unit, e, edge_ms * at_cm // int(net.labels[e, E_CM]), at_cm)


@inner_kernel
def along_edge(net: Labelled, s: int, along_cm: int, direction: int) -> tuple[int, int]:
    """Directed edge of segment `s` in `direction`, and the cm from its start to the point.

    `along_cm` is where on the segment the point lies, from the segment's own start.
    """
    at_cm = int(net.segments[s, 6]) + along_cm
    if direction == FORWARD:
        e = int(net.segments[s, 4])
        return e, min(at_cm, int(net.labels[e, E_CM]))
    e = int(net.segments[s, 5])
    return e, max(int(net.labels[e, E_CM]) - at_cm, 0)


@inner_kernel
def read_labels(
    net: Labelled, s: int, along_cm: int, mask: int, out_ms: IntArray, out_cm: IntArray
) -> None:
    """Best label of each unit over the directions in `mask`, into ``int32[units]`` buffers."""
    out_ms[:] = INF_MS
    out_cm[:] = INF_MS
    for direction in (FORWARD, BACKWARD):
        if mask & direction:
            e, at_cm = along_edge(net, s, along_cm, direction)
            edge_ms = int(net.labels[e, E_MS])
            if edge_ms >= INF_MS:
                continue
            # Once for all units: a division costs as much as the rest of a label.
            at_ms = edge_ms * at_cm // int(net.labels[e, E_CM])
            for u in range(out_ms.shape[0]):
                ms, cm = _label(net, u, e, at_ms, at_cm)
                if ms < out_ms[u] or (ms == out_ms[u] and cm < out_cm[u]):
                    out_ms[u] = ms
                    out_cm[u] = cm


@inner_kernel
def look_up(
    lon_e7: float,
    lat_e7: float,
    heading_x: float,
    heading_y: float,
    net: Labelled,
    answer: IntArray,
) -> None:
    """Snap one point and read its times.

    Parameters
    ----------
    lon_e7, lat_e7, heading_x, heading_y
        As for `snap.nearest_segment`; the position is rounded to a whole unit, so that it is the
        same however it was computed.
    net
        The network and its trees.
    answer
        ``int32[columns]``, see `answer`: what concerns the incident up to its road, times and
        lengths are written. Without a segment there are no times.
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
    units = net.doors.shape[0]
    answer[SEGMENT] = s
    answer[MASK] = mask
    answer[DISTANCE_CM] = int(min(distance_m * 100.0 + 0.5, float(INF_MS)))
    if s < 0:
        answer[ALONG_CM : LABEL + 1] = 0
        answer[DISTANCE_CM] = INF_MS
        answer[TIMES : TIMES + ORDER * units] = INF_MS
        return
    row = net.segments[s]
    along_cm = int(along * row[7])
    answer[ALONG_CM] = along_cm
    answer[LON_E7] = row[0] + int(np.rint(along * (float(row[2]) - float(row[0]))))
    answer[LAT_E7] = row[1] + int(np.rint(along * (float(row[3]) - float(row[1]))))
    answer[LABEL] = net.labels[row[4] if row[4] >= 0 else row[5], E_LABEL]
    read_labels(
        net,
        s,
        along_cm,
        mask,
        answer[TIMES + MS * units : TIMES + CM * units],
        answer[TIMES + CM * units : TIMES + ORDER * units],
    )


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
        ``int32[n, columns]``, written, a row per point as in `look_up`.
    """
    for i in range(lon_e7.shape[0]):
        look_up(lon_e7[i], lat_e7[i], 0.0, 0.0, net, answers[i])
