"""Fit speed factors to observed times by travel-time tomography along the tree paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing_service.calibration.observations import Observations
from routing_service.graph.calibration import Calibration
from routing_service.graph.profile import Profile
from routing_service.units import BoolArray

if TYPE_CHECKING:
    from routing_service.graph.sources.raw import RawNetwork

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Knobs of the fit; the defaults were chosen by cross-validation inside the training part."""

    iterations: int = 12
    cell_m: float = 3000.0


def fit(
    raw: RawNetwork,
    profile: Profile,
    observations: Observations,
    train: BoolArray,
    options: FitOptions = FitOptions(),
    progress: Progress | None = None,
) -> Calibration:
    """Fit speed factors to the rows that `train` marks."""
    raise NotImplementedError
