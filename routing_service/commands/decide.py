"""`hasu decide`: the decision for one location, as a table or as the service's JSON."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_json, add_settings, read_settings

if TYPE_CHECKING:
    from routing_service.decision.decision import Decision
    from routing_service.decision.model import Location, Ranked
    from routing_service.live.snapshot import Snapshot


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "location",
        nargs="+",
        metavar="LOCATION",
        help="53.55,-1.48 or easting,northing or a grid reference or a postcode.",
    )
    parser.add_argument("--accuracy-m", metavar="M", help="Radius in which the incident may lie.")
    parser.add_argument(
        "--heading-deg", metavar="DEG", help="Direction of travel on the road, 0 north, 90 east."
    )
    parser.add_argument(
        "--at", metavar="TIME", help="When, with its offset: 2026-11-22T08:30:00Z; default now."
    )
    parser.add_argument("--capability", metavar="NAME", help="What the patient needs: ivt, mt.")
    add_settings(
        parser, "graph", "store", "snap_limit_m", "poor_snap_m", "near_tie_minutes", "policy"
    )
    add_json(parser)


def _run(args: Namespace) -> int:
    from routing_service.api import encode, ids
    from routing_service.wiring.service import read_view

    settings = read_settings(args)
    location = _read_location(args)
    now = ids.now()
    snapshot = read_view(settings, lambda: now).snapshot.at(location.at or now)
    decision = snapshot.decide(location)
    if args.json:
        made = ids.time_ordered_id(), ids.utc_text(now)
        terminal.print_json(encode.decision(decision, location, snapshot, *made))
    else:
        print(_report(decision, location, snapshot))
    return OK


def _read_location(args: Namespace) -> Location:
    from dataclasses import replace

    from routing_service.location.forms import parse_free_text, parse_location

    place = parse_free_text(" ".join(args.location))
    names = ("accuracy_m", "heading_deg", "at", "capability")
    extras = {name: getattr(args, name) for name in names}
    if not any(extras.values()):
        return place
    # Read again with the extras, so that they are held to the same rules as over HTTP.
    whole = parse_location({"lat": place.lat, "lon": place.lon, **extras})
    accuracy_m = max((m for m in (place.accuracy_m, whole.accuracy_m) if m), default=None)
    return replace(whole, source=place.source, accuracy_m=accuracy_m)


def _report(decision: Decision, location: Location, snapshot: Snapshot) -> str:
    snap = decision.snap
    return "\n".join(
        [
            f"{location.lat:.5f}, {location.lon:.5f}: {snap.distance_m:.0f} m from "
            f"{snap.road or 'a road without a name'} ({snap.quality} snap)",
            "",
            _table(decision.ranking, calibrated=snapshot.error_model is not None),
            "",
            _conclusion(decision),
            f"flags: {', '.join(decision.flags) or 'none'}",
            f"{snapshot.network} network {snapshot.graph_id[:12]}, profile {snapshot.profile}, "
            f"{snapshot.speed_set_name} speeds, state {snapshot.state_version}. "
            "A clinician decides.",
        ]
    )


def _table(ranking: tuple[Ranked, ...], *, calibrated: bool) -> str:
    """All units; with an error model also the band of each time and who may be the nearest."""
    rows = [["", "unit", "minutes", "10-90 %", "km", "p nearest", "status", ""]]
    rows += [_row(ranked) for ranked in ranking]
    if not calibrated:
        rows = [[*row[:3], row[4], *row[6:]] for row in rows]
    return terminal.table(rows, right=(0, 2, 3, 4, 5) if calibrated else (0, 2, 3))


def _row(ranked: Ranked) -> list[str]:
    p10, p90, p = ranked.p10_minutes, ranked.p90_minutes, ranked.p_nearest
    return [
        str(ranked.rank),
        f"{ranked.name} ({ranked.ods_code})",
        "no route" if ranked.minutes is None else f"{ranked.minutes:.1f}",
        "" if p10 is None else f"{p10:.1f} to {p90:.1f}",
        "" if ranked.km is None else f"{ranked.km:.1f}",
        "" if p is None else _chance(p),
        ranked.status,
        ", ".join(ranked.reasons),
    ]


def _conclusion(decision: Decision) -> str:
    first = decision.destination
    if first is None:
        return "No unit is eligible."
    text = f"To {first.name}, {first.minutes:.1f} minutes"
    if decision.margin_minutes is not None:
        text += f"; margin {decision.margin_minutes:.1f} minutes"
    if first.p_nearest is not None:
        text += f"; nearest with probability {_chance(first.p_nearest)}"
    return text + (": a near tie." if decision.near_tie else ".")


def _chance(p: float) -> str:
    """Two decimals, and never a certainty."""
    return "over 0.99" if p > 0.99 else "under 0.01" if p < 0.01 else f"{p:.2f}"


COMMAND = Command(
    name="decide",
    summary="Rank the units for one incident.",
    example="hasu decide 53.5526,-1.4797\n  hasu decide S70 1AA --json",
    add_options=_options,
    run=_run,
)
