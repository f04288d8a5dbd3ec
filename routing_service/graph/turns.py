"""The turn table: which edge may follow which, and what the turn costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routing_service.graph.split import Pieces, ranges
from routing_service.kernels.metric import each_metres_per_e7
from routing_service.units import BoolArray, FloatArray, IntArray, LongArray

if TYPE_CHECKING:
    from routing_service.graph.profile import Profile


# With fewer roads a node is a bend, a change of name or an end, not a junction.
JUNCTION_ARMS = 3


@dataclass(frozen=True)
class Edges:
    """Directed edges before their turns are known; arrays as in `RoadGraph`.

    `from_node`, `to_node` are node indices of the raw network; `piece` the piece each came from.
    """

    piece: IntArray
    reversed: BoolArray
    from_node: IntArray
    to_node: IntArray
    way: LongArray
    twin: IntArray
    leave_deg: FloatArray
    arrive_deg: FloatArray


@dataclass(frozen=True)
class Turns:
    """A turn table in CSR order by source edge, with the angle of each turn.

    `of` is the source edge, `to` the target, `angle_deg` positive to the right, `ms` the cost.
    """

    of: IntArray
    to: IntArray
    angle_deg: FloatArray
    ms: IntArray

    def where(self, keep: BoolArray) -> Turns:
        """The turns that `keep` marks."""
        if keep.all():
            return self
        return Turns(self.of[keep], self.to[keep], self.angle_deg[keep], self.ms[keep])


def bearings(pieces: Pieces) -> tuple[FloatArray, FloatArray]:
    """Compass bearings in degrees of each piece's first and last segment, in its direction."""
    xy = pieces.segment_xy
    kx, ky = each_metres_per_e7(xy[:, 1].astype(np.float64))
    bearing = np.degrees(
        np.arctan2(
            (xy[:, 2].astype(np.float64) - xy[:, 0]) * kx,
            (xy[:, 3].astype(np.float64) - xy[:, 1]) * ky,
        )
    )
    return bearing[pieces.segment_first[:-1]], bearing[pieces.segment_first[1:] - 1]


def all_turns(edges: Edges, pieces: Pieces, n_nodes: int, profile: Profile) -> Turns:
    """Every turn that the roads allow before restrictions and the U-turn rule are applied.

    A turn back into the twin edge is still in; `without_u_turns` decides on it once it is known
    what else is left.
    """
    out_order = np.argsort(edges.from_node, kind="stable")
    out_count = np.bincount(edges.from_node, minlength=n_nodes)
    out_first = np.concatenate([[0], np.cumsum(out_count)])
    counts = out_count[edges.to_node]
    of = np.repeat(np.arange(len(edges.to_node), dtype=np.int32), counts)
    to = out_order[ranges(out_first[edges.to_node], counts)].astype(np.int32)

    penalty = np.zeros(n_nodes, dtype=np.int32)
    signals = np.zeros(n_nodes, dtype=np.bool_)
    passable = np.ones(n_nodes, dtype=np.bool_)
    for i, use in pieces.nodes.items():
        penalty[i], signals[i], passable[i] = use.penalty_ms, use.signals, use.passable
    keep = passable[edges.to_node[of]] | (edges.twin[of] == to)
    of, to = of[keep], to[keep]
    at = edges.to_node[of]
    angle = (edges.leave_deg[to] - edges.arrive_deg[of] + 180.0) % 360.0 - 180.0
    junction = _junctions(pieces, n_nodes)
    ms = profile.turn.cost_ms(angle, junction[at], signals[at])
    return Turns(of, to, angle, (ms + penalty[at]).astype(np.int32))


def _junctions(pieces: Pieces, n_nodes: int) -> BoolArray:
    """Nodes where turning costs: of three arms or more, one of them a road.

    Where only links of a mesh meet, the corners are the mesh's and not the streets'. Without their
    costs calibrated times of districts that were held out have 1 to 3 % less error.
    """
    ends = (pieces.start_node, pieces.end_node)
    arms = sum(np.bincount(end, minlength=n_nodes) for end in ends)
    roads = sum(np.bincount(end[pieces.is_road], minlength=n_nodes) for end in ends)
    return np.asarray((arms >= JUNCTION_ARMS) & (roads > 0))


def without_u_turns(turns: Turns, edges: Edges, profile: Profile) -> Turns:
    """Apply the U-turn rule: turning round is for dead ends, unless the profile says everywhere.

    A dead end is where restrictions and barriers leave no other way out.
    """
    u_turn = edges.twin[turns.of] == turns.to
    others = np.bincount(turns.of[~u_turn], minlength=len(edges.to_node))
    allowed = (profile.turn.u_turns == "everywhere") | (others[turns.of] == 0)
    ms = np.where(u_turn, profile.turn.u_turn_ms, turns.ms).astype(np.int32)
    return Turns(turns.of, turns.to, turns.angle_deg, ms).where(~u_turn | allowed)
