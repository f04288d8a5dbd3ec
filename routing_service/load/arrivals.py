"""When requests are due: a schedule fixed before the first is sent."""

from __future__ import annotations

from typing import Literal

import numpy as np

from routing_service.units import LongArray

NS_PER_S = 1_000_000_000

Arrivals = Literal["poisson", "constant"]


def schedule(rate_per_s: float, duration_s: float, arrivals: Arrivals, seed: int) -> LongArray:
    """Draw the moments at which requests are due.

    Callers ring independently of one another and of how the service is doing, so they come as a
    Poisson process: several at once now and then, which is what a queue suffers from. Constant
    spacing shows the service itself, without that chance.

    Parameters
    ----------
    rate_per_s
        Mean requests per second; 0 gives none.
    duration_s
        Length of the schedule, seconds.
    arrivals
        ``"poisson"`` or ``"constant"``.
    seed
        The same seed gives the same schedule.

    Returns
    -------
    int64[n]
        Nanoseconds from the start, rising, below the duration.

    Examples
    --------
    >>> schedule(4.0, 1.0, "constant", 1).tolist()
    [0, 250000000, 500000000, 750000000]
    """
    count = round(rate_per_s * duration_s)
    if arrivals == "constant":
        return (np.arange(count) * (duration_s * NS_PER_S / max(count, 1))).astype(np.int64)
    # Given their number, the moments of a Poisson process are uniform and independent; a fixed
    # number makes runs of one rate comparable.
    moments = np.random.default_rng(seed).uniform(0.0, duration_s * NS_PER_S, count)
    return np.sort(moments.astype(np.int64))
