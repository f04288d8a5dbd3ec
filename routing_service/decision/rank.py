"""From times to a decision. Pure: the same numbers always give the same answer."""

from __future__ import annotations

from collections.abc import Sequence

from routing_service.decision.model import Decision, Ranked, Snap, Status, Unit
from routing_service.units import INF_MS, km_from_cm, minutes_from_ms


def rank(
    units: Sequence[Unit],
    statuses: Sequence[Status],
    times_ms: Sequence[int],
    lengths_cm: Sequence[int],
    *,
    near_tie_ms: int,
    snap: Snap,
    flags: tuple[str, ...] = (),
    spread: Sequence[int] | None = None,
) -> Decision:
    """Rank all units by time and choose the destination.

    Units stand in the order of their times, equal times in the order given (that of their ODS
    codes), whatever their status: the pure nearest is always visible. The destination is the
    first open unit that can be reached.

    Parameters
    ----------
    units, statuses
        The units, in the order of their ODS codes, and whether each takes patients.
    times_ms, lengths_cm
        Time and length to each unit, ``INF_MS`` where there is no route.
    near_tie_ms
        Below this margin between the destination and the next eligible unit it is a near tie.
    snap
        Where on the network the times were taken from; handed through.
    flags
        Doubts that are known already; those of the ranking are added behind them.
    spread
        Three numbers for each unit, one unit after another: the 10 % and the 90 % point of its time
        in tenths of a minute, and in thousandths its probability of being nearest, whatever the
        statuses; None without an error model. Those of units without a route are not read.

    Returns
    -------
    Decision
    """
    order = sorted(range(len(units)), key=times_ms.__getitem__)
    nearest_ms = times_ms[order[0]]
    near_ms = nearest_ms + near_tie_ms
    rows: list[Ranked] = []
    eligible: list[int] = []
    for u in order:
        ms, status, unit = times_ms[u], statuses[u], units[u]
        place = len(rows) + 1
        if ms >= INF_MS:
            rows.append(
                Ranked(place, unit.ods_code, unit.name, None, None, status, False, ("no_route",))
            )
            continue
        p10 = p90 = p_nearest = None
        if spread is not None:
            p10, p90 = spread[3 * u] / 10, spread[3 * u + 1] / 10
            p_nearest = spread[3 * u + 2] / 1000
        is_open = status == "open"
        if is_open:
            eligible.append(place - 1)
        word = "nearest" if place == 1 else "near_tie" if ms < near_ms else "further"
        rows.append(
            Ranked(
                place,
                unit.ods_code,
                unit.name,
                minutes_from_ms(ms),
                km_from_cm(lengths_cm[u]),
                status,
                is_open,
                (word,) if is_open else (word, status),
                p10,
                p90,
                p_nearest,
            )
        )
    best_ms = [times_ms[order[place]] for place in eligible[:2]]
    margin_ms = best_ms[1] - best_ms[0] if len(best_ms) > 1 else None
    near_tie = margin_ms is not None and margin_ms < near_tie_ms
    reachable = nearest_ms < INF_MS
    if near_tie:
        flags = (*flags, "near_tie")
    if times_ms[order[-1]] >= INF_MS:
        flags = (*flags, "unit_unreachable" if reachable else "no_route")
    if not eligible:
        flags = (*flags, "no_eligible_unit")
    return Decision(
        tuple(rows),
        rows[eligible[0]] if eligible else None,
        rows[0].ods_code if reachable else None,
        None if margin_ms is None else minutes_from_ms(margin_ms),
        near_tie,
        flags,
        snap,
    )
