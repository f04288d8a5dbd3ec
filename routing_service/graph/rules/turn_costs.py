"""What a turn costs, for driving on the left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast

import numpy as np

from routing_service.graph.rules.toml_table import Table
from routing_service.units import BoolArray, FloatArray, IntArray

UTurns = Literal["dead_end", "everywhere"]
_U_TURNS: Final = ("dead_end", "everywhere")


@dataclass(frozen=True, slots=True)
class TurnCosts:
    """``[turns]`` of a profile.

    Attributes
    ----------
    angles_deg
        Points of the cost curve, rising from -180 to 180; negative is to the left, 0 straight
        on, positive to the right (clockwise), which on the left side of the road means to wait
        for and cross the oncoming traffic.
    seconds
        Cost at each of `angles_deg`; between them it is interpolated.
    signal_ms
        Mean delay at a set of traffic signals.
    u_turn_ms
        Cost of turning round.
    u_turns
        ``"dead_end"``: only where it is the only way out. ``"everywhere"``: wherever one edge
        meets its own twin.
    """

    angles_deg: tuple[float, ...]
    seconds: tuple[float, ...]
    signal_ms: int
    u_turn_ms: int
    u_turns: UTurns

    @classmethod
    def from_table(cls, table: Table) -> TurnCosts:
        """Read ``[turns]``."""
        angles = table.numbers("angles_deg")
        seconds = table.numbers("seconds")
        if angles[0] != -180.0 or angles[-1] != 180.0 or np.diff(angles).min() <= 0:
            raise table.fail("angles_deg", "must rise strictly from -180 to 180")
        if len(seconds) != len(angles) or min(seconds) < 0:
            raise table.fail("seconds", "must hold one number from 0 up for each of angles_deg")
        costs = cls(
            angles,
            seconds,
            round(table.number("signal_s") * 1000),
            round(table.number("u_turn_s") * 1000),
            cast(UTurns, table.text("u_turns", _U_TURNS)),
        )
        table.finish()
        return costs

    def cost_ms(
        self, angle_deg: FloatArray, at_junction: BoolArray, signals: BoolArray
    ) -> IntArray:
        """Cost of many turns at once.

        Signals cost their delay wherever they stand: of the 203 in the extract of Newport 195
        are mapped at the stop line, before the junction, where the road itself only goes on.

        Parameters
        ----------
        angle_deg
            ``float64[t]``, change of heading in degrees, -180..180, positive to the right.
        at_junction
            ``bool[t]``; where false the road merely bends, which is free.
        signals
            ``bool[t]``; true where traffic signals stand at the turn.

        Returns
        -------
        IntArray
            ``int32[t]``, milliseconds, 0 or more.
        """
        turning_ms = np.interp(angle_deg, self.angles_deg, self.seconds) * 1000.0
        total_ms = np.where(at_junction, np.rint(turning_ms), 0.0)
        return (total_ms + np.where(signals, self.signal_ms, 0)).astype(np.int32)
