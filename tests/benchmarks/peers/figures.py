"""What is measured of one engine on one map."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from routing_service.units import FloatArray
from tests.benchmarks.harness import median


def _none() -> FloatArray:
    return np.empty((0, 0))


@dataclass
class Figures:
    """Times in the unit of their names, one entry per turn; answers ``[incidents, units]``.

    `first_answer_s` counts from the start of the process, with imports; `closure_s` until the
    first answer under the closure; `rates` are requests per second by kind of request.
    """

    first_answer_s: list[float] = field(default_factory=list)
    single_us: list[list[float]] = field(default_factory=list)
    batch_us: list[float] = field(default_factory=list)
    times_s: FloatArray = field(default_factory=_none)
    closure_s: float = 0.0
    closed_times_s: FloatArray = field(default_factory=_none)
    closed_us: list[float] = field(default_factory=list)
    memory_mb: dict[str, float] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)

    @property
    def turns_p50_us(self) -> list[float]:
        """Each turn's median."""
        return [float(np.percentile(turn, 50)) for turn in self.single_us]

    @property
    def p50_us(self) -> float:
        """Median over the turns of each turn's median."""
        return median(self.turns_p50_us)

    @property
    def p99_us(self) -> float:
        """Median over the turns of each turn's 99th percentile."""
        return median([float(np.percentile(turn, 99)) for turn in self.single_us])

    @property
    def calls_per_s(self) -> float:
        """Single questions one after another on one core, by the mean of all of them."""
        return 1e6 / float(np.mean(np.concatenate(self.single_us)))
