"""Isochrones: from where one unit is reached within so many minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from routing_service.areas.contours import less, within
from routing_service.areas.lattice import Lattice
from routing_service.errors import InvalidRequest
from routing_service.units import INF_MS, MS_PER_MINUTE

if TYPE_CHECKING:
    from routing_service.decision.model import Unit

MOST_BANDS = 12
MOST_MINUTES = 600.0


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """From where `unit` is reached in more than `low_minutes` and at most `high_minutes`."""

    unit: Unit
    low_minutes: float
    high_minutes: float
    area: Any


def bands(lattice: Lattice, units: Sequence[Unit], u: int, minutes: Sequence[float]) -> list[Band]:
    """The bands of unit `u`, nearest first; together they cover all within the last limit.

    Parameters
    ----------
    lattice
        Times of the map.
    units
        In the order of the lattice.
    u
        The unit.
    minutes
        Limits, in any order.

    Raises
    ------
    InvalidRequest
        If a limit is not above 0 and at most `MOST_MINUTES`, or there are none or too many.
    """
    limits = sorted(set(minutes))
    if not 1 <= len(limits) <= MOST_BANDS:
        raise InvalidRequest(f"minutes must be 1 to {MOST_BANDS} limits", field="minutes")
    if not (limits[0] > 0.0 and limits[-1] <= MOST_MINUTES):
        raise InvalidRequest(
            f"each of minutes must be above 0 and at most {MOST_MINUTES:g}", field="minutes"
        )
    ms = lattice.ms[:, :, u]
    field = np.where(ms < INF_MS, ms / MS_PER_MINUTE, np.nan)
    found, inner = [], None
    for low, high in pairwise((0.0, *limits)):
        whole = within(lattice, field, high)
        area = whole if inner is None else less(whole, inner)
        found.append(Band(units[u], low, high, area))
        inner = whole
    return found
