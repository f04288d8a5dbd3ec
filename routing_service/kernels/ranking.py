"""From times to a ranking and a destination: the rule of the service, on numbers.

All units stand in the order of their times, equal times in the order of their ODS codes, whatever
their status: the pure nearest is always visible. The destination is the first that is open, can be
reached and is not left out by the policy of the area. A unit that diverts is passed over, unless
the next open unit would cost more than the divert's guard: then it stays, and that is a doubt.
"""

from __future__ import annotations

from routing_service.answer import (
    ALLOWED,
    BITS,
    CLOSE,
    CM,
    DESTINATION,
    DIVERT,
    DIVERT_EXCEEDS_GUARD,
    DIVERT_NOT_TAKEN,
    ELIGIBLE,
    GUARD_MS,
    MARGIN_MS,
    MS,
    NEAR_TIE,
    NEAREST,
    NO_ELIGIBLE_UNIT,
    NO_ROUTE,
    NOT_IN_POLICY,
    OPEN,
    ORDER,
    POLICY_DIFFERS,
    REASONS,
    SITE_POINT,
    SITE_POINT_DOOR,
    STATUS,
    TIMES,
    UNIT_UNREACHABLE,
    UNREACHED,
)
from routing_service.kernels.jit import inner_kernel
from routing_service.units import INF_MS, NONE, IntArray


@inner_kernel
def sort_units(ms: IntArray, order: IntArray) -> None:
    """Units by time, equal times in the order given: insertion, since there are few."""
    for place in range(ms.shape[0]):
        u = place
        while place > 0 and ms[order[place - 1]] > ms[u]:
            order[place] = order[place - 1]
            place -= 1  # noqa: PLW2901
        order[place] = u


@inner_kernel
def choose(ms: IntArray, order: IntArray, standing: IntArray) -> tuple[int, int]:
    """The destination and its doubts as bits; -1 for none.

    Parameters
    ----------
    ms, order
        ``int32[units]``: times, and the units by time.
    standing
        ``int32[units, 4]``, see `answer`.
    """
    first_open = NONE
    for u in order:
        if ms[u] < INF_MS and standing[u, ALLOWED] and standing[u, STATUS] == OPEN:
            first_open = u
            break
    for u in order:
        if ms[u] >= INF_MS or u == first_open:
            break
        if standing[u, ALLOWED] and standing[u, STATUS] == DIVERT:
            extra_ms = INF_MS if first_open < 0 else ms[first_open] - ms[u]
            if extra_ms > standing[u, GUARD_MS]:
                return u, DIVERT_EXCEEDS_GUARD
    return first_open, 0


@inner_kernel
def rank_units(standing: IntArray, near_tie_ms: int, answer: IntArray) -> None:
    """Rank the units of an answer and choose its destination.

    Parameters
    ----------
    standing
        ``int32[units, 4]``, see `answer`.
    near_tie_ms
        Below this margin between the destination and the next eligible unit it is a near tie.
    answer
        ``int32[columns]``: times are read; the order, reasons, destination and margin are written
        and the bits of the doubts added.
    """
    units = standing.shape[0]
    ms = answer[TIMES + MS * units : TIMES + CM * units]
    order = answer[TIMES + ORDER * units : TIMES + REASONS * units]
    reasons = answer[TIMES + REASONS * units : TIMES + (REASONS + 1) * units]
    sort_units(ms, order)
    destination, bits = choose(ms, order, standing)
    nearest_ms = ms[order[0]]
    next_ms = INF_MS
    ahead = True  # of the destination
    for place in range(units):
        u = order[place]
        if ms[u] >= INF_MS:
            reasons[u] = UNREACHED
            continue
        why = NEAREST if place == 0 else (CLOSE if ms[u] < nearest_ms + near_tie_ms else 0)
        if u == destination:
            ahead = False
            why |= ELIGIBLE if standing[u, STATUS] == OPEN else ELIGIBLE | DIVERT_NOT_TAKEN
        elif not standing[u, ALLOWED]:
            why |= NOT_IN_POLICY
            if ahead and standing[u, STATUS] == OPEN:
                bits |= POLICY_DIFFERS
        elif standing[u, STATUS] == OPEN:
            why |= ELIGIBLE
            next_ms = min(next_ms, ms[u])
        reasons[u] = why
    margin_ms = INF_MS
    if destination >= 0:
        if next_ms < INF_MS:
            margin_ms = next_ms - ms[destination]
        if margin_ms < near_tie_ms:
            bits |= NEAR_TIE
        if standing[destination, SITE_POINT]:
            bits |= SITE_POINT_DOOR
    else:
        bits |= NO_ELIGIBLE_UNIT
    if ms[order[units - 1]] >= INF_MS:
        bits |= UNIT_UNREACHABLE if nearest_ms < INF_MS else NO_ROUTE
    answer[BITS] |= bits
    answer[DESTINATION] = destination
    answer[MARGIN_MS] = margin_ms
