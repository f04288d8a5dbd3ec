"""From times to a decision. Pure: the same numbers always give the same answer."""

from __future__ import annotations

from collections.abc import Sequence

from routing_service.decision.model import Decision, Disc, Ranked, Snap, Status, Unit
from routing_service.units import INF_MS, km_from_cm, minutes_from_ms


def rank(
    units: Sequence[Unit],
    statuses: Sequence[Status],
    times_ms: Sequence[int],
    lengths_cm: Sequence[int],
    *,
    near_tie_ms: int,
    snap: Snap,
    flags: Sequence[str] = (),
    disc: Disc | None = None,
) -> Decision:
    """Rank all units by time and choose the destination.

    Units stand in the order of their times, equal times in the order of their ODS codes, whatever
    their status: the pure nearest is always visible. The destination is the first open unit that
    can be reached.

    Parameters
    ----------
    units, statuses
        The units and whether each takes patients.
    times_ms, lengths_cm
        Time and length to each unit, ``INF_MS`` where there is no route.
    near_tie_ms
        Below this margin between the destination and the next eligible unit it is a near tie.
    snap
        Where on the network the times were taken from; handed through.
    flags
        Doubts that are known already; those of the ranking are added behind them.
    disc
        What holds over the disc in which the incident may lie; handed through.

    Returns
    -------
    Decision
    """
    order = sorted(range(len(units)), key=lambda u: (times_ms[u], units[u].ods_code))
    rows: list[Ranked] = []
    eligible: list[int] = []
    reachable = 0
    for place, u in enumerate(order, start=1):
        unit, ms = units[u], times_ms[u]
        reached = ms < INF_MS
        reachable += reached
        takes = reached and statuses[u] == "open"
        if takes:
            eligible.append(place - 1)
        rows.append(
            Ranked(
                place,
                unit.ods_code,
                unit.name,
                minutes_from_ms(ms) if reached else None,
                km_from_cm(lengths_cm[u]) if reached else None,
                statuses[u],
                takes,
                _reasons(place, ms, statuses[u], times_ms[order[0]], near_tie_ms),
            )
        )
    margin_ms = None
    if len(eligible) > 1:
        margin_ms = times_ms[order[eligible[1]]] - times_ms[order[eligible[0]]]
    near_tie = margin_ms is not None and margin_ms < near_tie_ms
    found = list(flags)
    if near_tie:
        found.append("near_tie")
    if reachable < len(units):
        found.append("unit_unreachable" if reachable else "no_route")
    if not eligible:
        found.append("no_eligible_unit")
    return Decision(
        tuple(rows),
        rows[eligible[0]] if eligible else None,
        rows[0].ods_code if reachable else None,
        None if margin_ms is None else minutes_from_ms(margin_ms),
        near_tie,
        tuple(found),
        snap,
        disc,
    )


def _reasons(
    place: int, ms: int, status: Status, nearest_ms: int, near_tie_ms: int
) -> tuple[str, ...]:
    """Why a unit stands where it does, in words that a program can compare."""
    if ms >= INF_MS:
        return ("no_route",)
    word = "nearest" if place == 1 else "near_tie" if ms - nearest_ms < near_tie_ms else "further"
    return (word,) if status == "open" else (word, status)
