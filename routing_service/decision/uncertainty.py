"""How wrong a time may be: a shifted lognormal error, in part shared by an incident's units.

log (T(true) + c) = log (T(ours) + c) + s + e, with s ~ N(0, sigma_scene²) one draw for the whole
incident and e ~ N(0, sigma_unit²) one for each unit, independent. With c = 0 errors are in
proportion to the time; the larger the shift c, the less they grow with it. All three are fitted
on held-out trips and come with the calibration; without one there is no error model, and then
nothing is said of probability.

A single time strays by both parts together; which unit is nearest depends on the own parts alone
(see `kernels.probability`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routing_service.errors import GraphFileCorrupt
from routing_service.units import MS_PER_MINUTE

Z90 = 1.2815515655446004
"""90 % point of the standard normal distribution; the 10 % point is its negative."""


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Spread of the error of a time.

    Attributes
    ----------
    sigma_scene, sigma_unit
        Standard deviations of the log of a shifted time: shared by an incident's units, and each
        one's own.
    shift_minutes
        What is added to a time before the log is taken.
    """

    sigma_scene: float
    sigma_unit: float
    shift_minutes: float = 0.0

    @classmethod
    def read(cls, values: Mapping[str, Any] | None) -> ErrorModel | None:
        """Read the model of a manifest; None where there is none: an uncalibrated network.

        Raises
        ------
        GraphFileCorrupt
            If a figure is missing or impossible. Zero is refused for a unit's own error: it would
            call the nearest unit certain.

        Examples
        --------
        >>> ErrorModel.read({"sigma_scene": 0.12, "sigma_unit": 0.05, "shift_minutes": 4.0})
        ErrorModel(sigma_scene=0.12, sigma_unit=0.05, shift_minutes=4.0)
        """
        if not values:
            return None
        values = {"shift_minutes": 0.0, **values}  # calibrations of before there was a shift
        model = cls(*(_number(values, name) for name in cls.__slots__))
        sound = 0.0 <= model.sigma_scene < 2.0 and 0.0 < model.sigma_unit < 2.0
        if not (sound and 0.0 <= model.shift_minutes <= 1_000.0):
            raise GraphFileCorrupt(
                f"the error model of the graph cannot be used: {model}; calibrate again"
            )
        return model

    @property
    def sigma(self) -> float:
        """Standard deviation of the log of one shifted time."""
        return math.hypot(self.sigma_scene, self.sigma_unit)

    @property
    def low(self) -> float:
        """Factor on a shifted time for the shifted time that one in ten journeys beats."""
        return math.exp(-Z90 * self.sigma)

    @property
    def high(self) -> float:
        """Factor on a shifted time for the shifted time that one in ten journeys exceeds."""
        return math.exp(Z90 * self.sigma)

    @property
    def shift_ms(self) -> float:
        """The shift in the unit of the kernels."""
        return self.shift_minutes * MS_PER_MINUTE


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GraphFileCorrupt(f"the error model of the graph lacks {name}; calibrate again")
    return float(value)
