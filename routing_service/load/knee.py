"""The knee: the highest rate that holds the budget, found by doubling and halving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FINE = 1.05
"""The search ends when the next rate to try is within this factor of one that is known."""

FIRST_PER_S = 250.0
HIGHEST_PER_S = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Step:
    """One rate that was tried: what the run showed, and what it missed of the budget."""

    rate_per_s: float
    figures: dict[str, object]
    misses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Knee:
    """The highest rate that held, 0 if none did, and every step of the search."""

    rate_per_s: float
    steps: tuple[Step, ...]


def find_knee(
    attempt: Callable[[float], Step], first_per_s: float = FIRST_PER_S, fine: float = FINE
) -> Knee:
    """Search for the knee.

    Rates double until one misses, then the gap is halved on a logarithmic scale. A miss is tried a
    second time: one disturbance of the machine would otherwise decide all that follows.

    Parameters
    ----------
    attempt
        Makes one run at a rate, in requests a second.
    first_per_s
        Where to begin.
    fine
        How near to each other the highest rate that held and the lowest that did not must be.
    """
    steps: list[Step] = []

    def holds(rate_per_s: float) -> bool:
        for _ in range(2):
            steps.append(attempt(rate_per_s))
            if not steps[-1].misses or steps[-1].figures.get("interrupted"):
                break
        return not steps[-1].misses

    def stopped() -> bool:
        return bool(steps and steps[-1].figures.get("interrupted"))

    low, high = 0.0, first_per_s
    while high <= HIGHEST_PER_S and not stopped() and holds(high):
        low, high = high, 2.0 * high
    while low == 0.0 and high > 1.0 and not stopped():
        high /= 2.0
        if holds(high):
            low, high = high, 2.0 * high
    while low > 0.0 and high / low > fine and not stopped():
        middle = round((low * high) ** 0.5, 1)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return Knee(low, tuple(steps))
