"""Catchments: which unit that takes patients is nearest where, and where the call is close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from routing_service.areas.contours import less, within
from routing_service.areas.lattice import Lattice
from routing_service.units import INF_MS, MS_PER_MINUTE

if TYPE_CHECKING:
    from routing_service.decision.model import Status, Unit
    from routing_service.units import FloatArray

NO_OTHER_MINUTES = 1e6
"""The lead of the only unit that can be reached."""


@dataclass(frozen=True, slots=True, eq=False)
class Catchment:
    """Where `unit` is nearest; in the belt of a near tie, or clear of it."""

    unit: Unit
    near_tie: bool
    area: Any


def catchments(
    lattice: Lattice, units: Sequence[Unit], statuses: Sequence[Status], near_tie_minutes: float
) -> list[Catchment]:
    """Two areas for each open unit: where it leads by the threshold or more, and by less.

    Parameters
    ----------
    lattice
        Times of the map.
    units, statuses
        In the order of the lattice; only open units have a catchment.
    near_tie_minutes
        Below this lead over the next open unit it is a near tie.
    """
    is_open = [u for u, status in enumerate(statuses) if status == "open"]
    found = []
    for u in is_open:
        behind = -_lead_minutes(lattice, u, [v for v in is_open if v != u])
        whole, clear = within(lattice, behind, 0.0), within(lattice, behind, -near_tie_minutes)
        found.append(Catchment(units[u], False, clear))
        found.append(Catchment(units[u], True, less(whole, clear)))
    return found


def _lead_minutes(lattice: Lattice, u: int, others: list[int]) -> FloatArray:
    """What the quickest of the others takes longer; NaN where none of all can be reached."""
    own = lattice.ms[:, :, u].astype(np.float64)
    own[own >= INF_MS] = np.nan
    if not others:
        return np.where(np.isnan(own), np.nan, NO_OTHER_MINUTES)
    other = lattice.ms[:, :, others].min(axis=2).astype(np.float64)
    other[other >= INF_MS] = np.nan
    lead: FloatArray = (other - own) / MS_PER_MINUTE
    lead[np.isnan(other) & ~np.isnan(own)] = NO_OTHER_MINUTES
    lead[np.isnan(own) & ~np.isnan(other)] = -NO_OTHER_MINUTES
    return lead
