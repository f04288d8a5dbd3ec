"""How wrong a time may be: a lognormal error with a part that all units of an incident share.

log T(true) = log T(ours) + s + e, with s ~ N(0, sigma_scene²) one draw for the whole incident and
e ~ N(0, sigma_unit²) one for each unit, independent. Both are fitted on held-out trips and come
with the calibration; without one there is no error model, and then nothing is said of probability.

A single time strays by both parts together; which unit is nearest depends on the own parts alone
(see `kernels.probability`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routing_service.errors import GraphFileCorrupt

Z90 = 1.2815515655446004
"""90 % point of the standard normal distribution; the 10 % point is its negative."""


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Standard deviations of the log of a time: shared by an incident's units, and each one's."""

    sigma_scene: float
    sigma_unit: float

    @classmethod
    def read(cls, values: Mapping[str, Any] | None) -> ErrorModel | None:
        """Read the model of a manifest; None where there is none: an uncalibrated network.

        Raises
        ------
        GraphFileCorrupt
            If a figure is missing or cannot be a standard deviation. Zero is refused for a unit's
            own error: it would call the nearest unit certain.

        Examples
        --------
        >>> ErrorModel.read({"sigma_scene": 0.12, "sigma_unit": 0.05})
        ErrorModel(sigma_scene=0.12, sigma_unit=0.05)
        """
        if not values:
            return None
        model = cls(_number(values, "sigma_scene"), _number(values, "sigma_unit"))
        if not (0.0 <= model.sigma_scene < 2.0 and 0.0 < model.sigma_unit < 2.0):
            raise GraphFileCorrupt(
                f"the error model of the graph cannot be used: {model}; calibrate again"
            )
        return model

    @property
    def sigma(self) -> float:
        """Standard deviation of the log of one time."""
        return math.hypot(self.sigma_scene, self.sigma_unit)

    @property
    def low(self) -> float:
        """Factor on a time for the time that one in ten journeys beats."""
        return math.exp(-Z90 * self.sigma)

    @property
    def high(self) -> float:
        """Factor on a time for the time that one in ten journeys exceeds."""
        return math.exp(Z90 * self.sigma)


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GraphFileCorrupt(f"the error model of the graph lacks {name}; calibrate again")
    return float(value)
