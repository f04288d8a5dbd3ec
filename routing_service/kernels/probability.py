"""How likely each unit is the nearest, given that every time may be wrong.

The error of a time is a shifted lognormal: log (T(true) + c) = log (T(ours) + c) + s + e, where s
is shared by all units of an incident (how the crew drives, the weather, the hour), e is each
unit's own, and the shift c lets an error be less than proportional to the time. The shared part
moves all units alike and so cannot change which of them is nearest: only the own parts count,
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

from routing_service.answer import CM, MS, P10, P90, SHARE, TIMES
from routing_service.kernels.jit import inner_kernel, kernel
from routing_service.units import INF_MS, FloatArray, IntArray

REACH = 6.0
"""A unit this many sigma behind the nearest has less than 1 in 90,000, and is left out."""

STEP, NODES = 2.0 / 3.0, 15
"""Nodes from -4.67 to 4.67: at most 2e-7 off a fine quadrature for 3 or 4 units, 5e-6 for 8 and
2e-4 for 120 at almost equal times, whose share is 8e-3 each."""

PER_CELL = 128
FIRST_Z = -NODES // 2 * STEP - REACH - 1.0
LAST_Z = NODES // 2 * STEP + 1.0


def _tabulate() -> FloatArray:
    """Of z from `FIRST_Z` on in steps of 1 / `PER_CELL`: Phi(-z), and phi(z) / Phi(-z).

    Between two rows a straight line is within 2e-6. Computing both anew at every node would take
    1.2 us for three units, three times the rest of an answer.
    """
    z = FIRST_Z + np.arange(int((LAST_Z - FIRST_Z) * PER_CELL) + 2) / PER_CELL
    later = np.array([0.5 * math.erfc(x / math.sqrt(2.0)) for x in z])
    return np.stack([later, np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) / later], axis=1)


TABLE = _tabulate()

# The error model as the kernels take it, float64[4]: factors on a shifted time for its 10 % and
# 90 % points, standard deviation of a unit's own error (0: there is no model), shift in ms.
LOW, HIGH, SIGMA_UNIT, SHIFT_MS = range(4)

NEAR, GAP, HAZARD, SHARES, SCRATCH = range(5)
"""Rows of the scratch, ``float64[SCRATCH, units]``: allocated by the caller, once."""


@inner_kernel
def nearest_probabilities(
    ms: IntArray, sigma_unit: float, shift_ms: float, scratch: FloatArray
) -> None:
    """Probability of each unit of being the nearest that can be reached.

    Parameters
    ----------
    ms
        ``int32[units]``, times; ``INF_MS`` where there is no route, which has probability 0.
    sigma_unit, shift_ms
        Standard deviation of each unit's own error, positive, on the scale of the log of a time
        that is longer by the shift.
    scratch
        ``float64[SCRATCH, units]``; the probabilities are written to its row ``SHARES`` and sum to
        1 unless no unit can be reached. O(units) time.
    """
    units = ms.shape[0]
    near, gap, hazard, shares = scratch[NEAR], scratch[GAP], scratch[HAZARD], scratch[SHARES]
    shares[:] = 0.0
    least_ms = ms[0]
    for u in range(1, units):
        least_ms = min(least_ms, ms[u])
    if least_ms >= INF_MS:
        return
    n = 0
    # At a door: a whole millisecond, since log 0 is no number.
    least = max(least_ms, 1) + shift_ms
    last = min(least * math.exp(REACH * sigma_unit) - shift_ms, INF_MS - 1.0)
    for u in range(units):
        if ms[u] <= last or ms[u] == least_ms:
            near[n] = u
            gap[n] = math.log((max(ms[u], 1) + shift_ms) / least) / sigma_unit
            n += 1
    if n <= 2:
        shares[int(near[0])] = 1.0
        if n == 2:
            behind = 0.5 * math.erfc(0.5 * abs(gap[1] - gap[0]))
            first = 0 if gap[0] <= gap[1] else 1
            shares[int(near[first])] = 1.0 - behind
            shares[int(near[1 - first])] = behind
        return
    total = 0.0
    for k in range(NODES):
        x = (k - NODES // 2) * STEP
        beyond = 1.0  # the probability that every unit's time is beyond x
        for i in range(n):
            at = (x - gap[i] - FIRST_Z) * PER_CELL
            row = int(at)
            part = at - row
            hazard[i] = TABLE[row, 1] + part * (TABLE[row + 1, 1] - TABLE[row, 1])
            beyond *= TABLE[row, 0] + part * (TABLE[row + 1, 0] - TABLE[row, 0])
        for i in range(n):
            share = hazard[i] * beyond
            shares[int(near[i])] += share
            total += share
    for i in range(n):
        shares[int(near[i])] /= total


@kernel
def nearest_probabilities_many(
    ms: IntArray, sigma_unit: float, shift_ms: float, scratch: FloatArray, out: FloatArray
) -> None:
    """The same for many incidents: ``int32[n, units]`` into ``float64[n, units]``, row by row."""
    for i in range(ms.shape[0]):
        nearest_probabilities(ms[i], sigma_unit, shift_ms, scratch)
        for u in range(out.shape[1]):
            out[i, u] = scratch[SHARES, u]


@inner_kernel
def doubt_times(model: FloatArray, answer: IntArray, scratch: FloatArray) -> None:
    """What people are shown of the error of an answer's times, rounded as they are shown it.

    Rounding here costs a tenth of what it costs in the interpreter; minutes are rounded as by
    `units.minutes_from_ms`.

    Parameters
    ----------
    model
        ``float64[4]``, see the module; without one zeros are written.
    answer
        ``int32[columns]``, see `answer`: the times are read, the last three blocks written; 0
        without a route.
    scratch
        ``float64[SCRATCH, units]``.
    """
    units = scratch.shape[1]
    answer[TIMES + P10 * units :] = 0
    if model[SIGMA_UNIT] == 0.0:
        return
    ms = answer[TIMES + MS * units : TIMES + CM * units]
    shift_ms = model[SHIFT_MS]
    nearest_probabilities(ms, model[SIGMA_UNIT], shift_ms, scratch)
    for u in range(units):
        if ms[u] < INF_MS:
            low_ms = max(model[LOW] * (ms[u] + shift_ms) - shift_ms, 0.0)
            high_ms = min(model[HIGH] * (ms[u] + shift_ms) - shift_ms, INF_MS)
            # Cut off rather than `//`, which keeps Python's rule for signs and costs more.
            answer[TIMES + P10 * units + u] = int((low_ms + 3_000.0) / 6_000.0)
            answer[TIMES + P90 * units + u] = int((high_ms + 3_000.0) / 6_000.0)
        answer[TIMES + SHARE * units + u] = int(scratch[SHARES, u] * 1_000.0 + 0.5)
