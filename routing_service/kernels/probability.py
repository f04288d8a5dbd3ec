"""How likely each unit is the nearest, given that every time may be wrong.

The error of a time is lognormal: log T(true) = log T(ours) + s + e, where s is shared by all units
of an incident (how the crew drives, the weather, the hour) and e is each unit's own. The shared
part moves all units alike and so cannot change which of them is nearest: only the own parts count,
independent normals of one standard deviation sigma_unit. The nearest unit is then the least of
independent normals with different means, a probit choice (Thurstone's case V).

Counted in sigma_unit and from the least time, unit u lies at gap g[u] >= 0, and

    P(u) = integral over x of  phi(x - g[u]) * product over v != u of Phi(g[v] - x)

For two units that is Phi(g / sqrt 2). For more it is summed by the trapezoidal rule, which on a
smooth integrand that dies away at both ends converges faster than any power of the step
(Trefethen and Weideman 2014, SIAM Review 56:385); all units share the factors of one node.
"""

from __future__ import annotations

import math

import numpy as np

from routing_service.kernels.jit import kernel
from routing_service.kernels.lookup import TIMES
from routing_service.units import INF_MS, FloatArray, IntArray

REACH = 6.0
"""A unit this many sigma behind the nearest has less than 1 in 90,000, and is left out."""

STEP, NODES = 2.0 / 3.0, 15
"""Nodes from -4.67 to 4.67: at most 2e-7 off a fine quadrature for 3 or 4 units, 5e-6 for 8 and
2e-4 for 120 at almost equal times, whose share is 8e-3 each."""

PER_SQRT_2, PER_SQRT_2PI = 1.0 / math.sqrt(2.0), 1.0 / math.sqrt(2.0 * math.pi)


@kernel
def nearest_probabilities(ms: IntArray, sigma_unit: float, out: FloatArray) -> None:
    """Probability of each unit of being the nearest that can be reached.

    Parameters
    ----------
    ms
        ``int32[units]``, times; ``INF_MS`` where there is no route, which has probability 0.
    sigma_unit
        Standard deviation of each unit's own error, on the scale of log time; positive.
    out
        ``float64[units]``, written; sums to 1 unless no unit can be reached. O(units) time.
    """
    units = ms.shape[0]
    out[:] = 0.0
    least_ms = ms.min()
    if least_ms >= INF_MS:
        return
    near = np.empty(units, np.int64)
    gap = np.empty(units)
    n = 0
    # At a door: a whole millisecond, since log 0 is no number.
    least = float(max(least_ms, 1))
    last = min(least * math.exp(REACH * sigma_unit), INF_MS - 1.0)
    for u in range(units):
        if ms[u] <= last:
            near[n] = u
            gap[n] = math.log(max(ms[u], 1) / least) / sigma_unit
            n += 1
    if n <= 2:
        out[near[0]] = 1.0
        if n == 2:
            behind = 0.5 * math.erfc(0.5 * abs(gap[1] - gap[0]))
            first = 0 if gap[0] <= gap[1] else 1
            out[near[first]] = 1.0 - behind
            out[near[1 - first]] = behind
        return
    hazard = np.empty(n)
    total = 0.0
    for k in range(NODES):
        x = (k - NODES // 2) * STEP
        beyond = 1.0  # the probability that every unit's time is beyond x
        for i in range(n):
            z = x - gap[i]
            later = 0.5 * math.erfc(z * PER_SQRT_2)
            hazard[i] = PER_SQRT_2PI * math.exp(-0.5 * z * z) / later
            beyond *= later
        for i in range(n):
            share = hazard[i] * beyond
            out[near[i]] += share
            total += share
    for i in range(n):
        out[near[i]] /= total


@kernel
def nearest_probabilities_many(ms: IntArray, sigma_unit: float, out: FloatArray) -> None:
    """The same for many incidents: ``int32[n, units]`` into ``float64[n, units]``, row by row."""
    for i in range(ms.shape[0]):
        nearest_probabilities(ms[i], sigma_unit, out[i])


@kernel
def doubts(answer: IntArray, low: float, high: float, sigma_unit: float, out: IntArray) -> None:
    """What people are shown of the error of an answer, rounded as they are shown it.

    Rounding here costs a tenth of what it costs in the interpreter; minutes are rounded as by
    `units.minutes_from_ms`.

    Parameters
    ----------
    answer
        ``int32[TIMES + 2 * units]`` of `lookup.look_up`.
    low, high
        Factors on a time for its 10 % and 90 % points.
    sigma_unit
        As in `nearest_probabilities`.
    out
        ``int32[3 * units]``, written, three numbers a unit: the 10 % and 90 % points in tenths of
        a minute, and the probability of being the nearest in thousandths. 0 without a route.
    """
    units = out.shape[0] // 3
    ms = answer[TIMES : TIMES + units]
    shares = np.empty(units)
    nearest_probabilities(ms, sigma_unit, shares)
    for u in range(units):
        out[3 * u] = 0
        out[3 * u + 1] = 0
        if ms[u] < INF_MS:
            out[3 * u] = int((ms[u] * low + 3_000.0) // 6_000.0)
            out[3 * u + 1] = int((ms[u] * high + 3_000.0) // 6_000.0)
        out[3 * u + 2] = int(shares[u] * 1_000.0 + 0.5)
