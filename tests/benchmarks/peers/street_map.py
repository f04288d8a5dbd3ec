"""The map as the graph libraries take it: junctions, edges with seconds, no turns.

Ways are read and understood as our own `car` profile does, so that what is left between the
times are turns, doors and snapping. Junctions that cannot reach all others are left out, and of
parallel edges the quickest stays.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from routing_service.graph.profile import Profile
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.sources.raw import RawNetwork
from routing_service.units import E7, BoolArray, FloatArray, LongArray
from tests.benchmarks.peers.peer import Closure

METRES_PER_DEGREE = 111_200.0


class StreetMap:
    """Nodes, edges and the way back from OSM node ids to edges."""

    lon: FloatArray
    lat: FloatArray
    edge_from: LongArray
    edge_to: LongArray
    edge_s: FloatArray

    def __init__(self, pbf: Path) -> None:
        raw = read_pbf([pbf])
        profile = Profile.load("car")
        uses = [profile.way(tags) for tags in raw.tagsets]
        kph = np.array([[use.forward_kph, use.backward_kph] for use in uses])
        way = np.repeat(np.arange(len(raw.way_ids)), np.diff(raw.way_first))
        driven = kph[raw.way_tagset[way]].max(axis=1) > 0
        way, node = way[driven], raw.way_nodes[driven]
        blocked = _blocked(raw, profile)
        piece, starts, ends = _pieces(way, node, blocked)
        self._steps = raw.node_ids[node[:-1]], raw.node_ids[node[1:]], piece
        metres = np.zeros(len(starts))
        real = piece >= 0
        np.add.at(metres, piece[real], _lengths_m(raw, node)[real])
        first, last = _ends(node, starts, ends, blocked, len(raw.node_ids))
        speed = kph[raw.way_tagset[way[starts]]] / 3.6
        self._connect(raw, first, last, metres, speed)
        self._tree = KDTree(self._plane(self.lon, self.lat))

    def _connect(
        self,
        raw: RawNetwork,
        first: LongArray,
        last: LongArray,
        metres: FloatArray,
        speed: FloatArray,
    ) -> None:
        forward, backward = np.flatnonzero(speed[:, 0] > 0), np.flatnonzero(speed[:, 1] > 0)
        edge_from = np.concatenate([first[forward], last[backward]])
        edge_to = np.concatenate([last[forward], first[backward]])
        piece = np.concatenate([forward, backward])
        seconds = np.concatenate([metres[forward], metres[backward]]) / np.concatenate(
            [speed[forward, 0], speed[backward, 1]]
        )
        order = np.lexsort((seconds, edge_to, edge_from))
        new = np.ones(len(order), dtype=np.bool_)
        pair = np.stack([edge_from[order], edge_to[order]])
        new[1:] = (pair[:, 1:] != pair[:, :-1]).any(axis=0)
        kept = order[new & (pair[0] != pair[1])]
        kept = kept[_in_core(edge_from[kept], edge_to[kept])]
        nodes, ends = np.unique(
            np.concatenate([edge_from[kept], edge_to[kept]]), return_inverse=True
        )
        ends = ends.astype(np.int64)
        self.edge_from, self.edge_to = ends[: len(kept)], ends[len(kept) :]
        self.edge_s = np.maximum(seconds[kept], 0.001)
        self._edge_piece = piece[kept]
        # A copy of a blocked node, at the end of a road that leads nowhere else, lies off the map.
        real = np.minimum(nodes, len(raw.node_ids))
        self.lon = np.append(raw.node_lon_e7, 0)[real] / E7
        self.lat = np.append(raw.node_lat_e7, 0)[real] / E7

    @property
    def n_nodes(self) -> int:
        """Number of junctions."""
        return len(self.lon)

    def nearest(self, lon: float, lat: float) -> int:
        """The junction nearest to a point."""
        return int(self._tree.query((lon * self._shrink, lat))[1])

    def _plane(self, lon: FloatArray, lat: FloatArray) -> FloatArray:
        self._shrink = float(np.cos(np.radians(lat.mean())))
        return np.column_stack([lon * self._shrink, lat])

    def edges_of(self, closure: Closure) -> list[int]:
        """Edges that run over a closed stretch."""
        a, b, piece = self._steps
        pairs = np.array(closure.pairs)
        hit = np.zeros(len(piece), dtype=np.bool_)
        for one, other in pairs:
            hit |= (a == one) & (b == other) & (piece >= 0)
        return [int(e) for e in np.flatnonzero(np.isin(self._edge_piece, piece[hit]))]


def _blocked(raw: RawNetwork, profile: Profile) -> BoolArray:
    blocked = np.zeros(len(raw.node_ids), dtype=np.bool_)
    for i, tags in raw.node_tags.items():
        blocked[i] = not profile.node(tags).passable
    return blocked


def _pieces(
    way: LongArray, node: LongArray, blocked: BoolArray
) -> tuple[LongArray, LongArray, LongArray]:
    """Piece of each step from one vertex to the next (-1 between ways); where pieces start, end."""
    inside = way[1:] == way[:-1]
    cut = (np.bincount(node, minlength=len(blocked)) > 1)[node] | blocked[node]
    cut[:1] = cut[-1:] = True
    cut[1:][~inside] = True
    cut[:-1][~inside] = True
    starts = np.flatnonzero(cut[:-1] & inside)
    cuts = np.flatnonzero(cut)
    ends = cuts[np.searchsorted(cuts, starts + 1)]
    piece = np.cumsum(cut[:-1] & inside) - 1
    return np.where(inside, piece, -1), starts, ends


def _ends(
    node: LongArray, starts: LongArray, ends: LongArray, blocked: BoolArray, n_nodes: int
) -> tuple[LongArray, LongArray]:
    """Nodes of the pieces' ends; at a blocked node each piece ends in a node of its own."""
    first, last = node[starts].astype(np.int64), node[ends].astype(np.int64)
    alone = n_nodes + np.arange(2 * len(starts)).reshape(2, -1)
    return np.where(blocked[first], alone[0], first), np.where(blocked[last], alone[1], last)


def _lengths_m(raw: RawNetwork, node: LongArray) -> FloatArray:
    lon, lat = raw.node_lon_e7[node] / E7, raw.node_lat_e7[node] / E7
    shrink = np.cos(np.radians((lat[1:] + lat[:-1]) / 2.0))
    lengths: FloatArray = METRES_PER_DEGREE * np.hypot(np.diff(lon) * shrink, np.diff(lat))
    return lengths


def _in_core(edge_from: LongArray, edge_to: LongArray) -> BoolArray:
    n = int(max(edge_from.max(), edge_to.max())) + 1
    matrix = csr_array((np.ones(len(edge_from)), (edge_from, edge_to)), shape=(n, n))
    _, component = connected_components(matrix, connection="strong")
    core = np.argmax(np.bincount(component))
    kept: BoolArray = (component[edge_from] == core) & (component[edge_to] == core)
    return kept
