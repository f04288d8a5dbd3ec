"""`hasu replay`: derive past decisions again, bit for bit, and find what was changed since."""

from __future__ import annotations

import gc
import time
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.commands import terminal
from routing_service.commands.command import (
    FAILED,
    OK,
    Command,
    add_json,
    add_settings,
    read_settings,
)

if TYPE_CHECKING:
    from routing_service.config import Settings
    from routing_service.live.events import Event
    from routing_service.live.replay import Replayed
    from routing_service.observe.check import Trail


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "trail",
        nargs="*",
        type=Path,
        metavar="AUDIT",
        help="Folder of an audit trail, or segments of it; default HASU_AUDIT_DIR.",
    )
    parser.add_argument(
        "--head",
        metavar="HASH",
        help="A hash noted earlier, which the trail must still hold: then nothing before it was "
        "cut off or written anew.",
    )
    add_settings(parser, "graph", "store", "policy")
    add_json(parser)


def _run(args: Namespace) -> int:
    from routing_service.live.replay import Replay
    from routing_service.observe.check import Trail, find_chains, read_trail
    from routing_service.wiring.service import open_engine

    settings = read_settings(args)
    chains = find_chains(args.trail or [settings.audit_dir])
    base = open_engine(settings).snapshot
    events = _events(settings)
    trail = Trail(wanted=args.head)
    gc.freeze()  # the network stays: the collector need not walk it again and again
    since_s = time.perf_counter()
    replayed = Replay(base, events, trail).run(read_trail(chains, trail))
    seconds = time.perf_counter() - since_s
    holds = not trail.breaks and replayed.agreed == replayed.decisions
    holds &= args.head is None or trail.found
    if args.json:
        terminal.print_json({"holds": holds, **_as_json(trail, replayed, seconds)})
    else:
        print(_told(trail, replayed, seconds, args.head))
    return OK if holds else FAILED


def _events(settings: Settings) -> list[Event]:
    """All events of the settings' store; none without one."""
    from routing_service.live.store import open_store

    if not settings.store:
        return []
    store = open_store(settings.store)
    try:
        return store.read(0)
    finally:
        store.close()


def _as_json(trail: Trail, replayed: Replayed, seconds: float) -> dict[str, Any]:
    return {
        "records": trail.records,
        "decisions": replayed.decisions,
        "agreed": replayed.agreed,
        "differing": dict(replayed.differing),
        "differences": [{**asdict(each), "path": str(each.path)} for each in replayed.differences],
        "breaks": [{**asdict(each), "path": str(each.path)} for each in trail.breaks],
        "torn": {str(path): size for path, size in trail.torn.items()},
        "open": trail.open,
        "lost": trail.lost,
        "heads": trail.heads,
        "seconds": round(seconds, 3),
    }


def _told(trail: Trail, replayed: Replayed, seconds: float, head: str | None) -> str:
    rate = replayed.decisions / seconds if seconds else 0.0
    lines = [
        f"{replayed.agreed:,} of {replayed.decisions:,} decisions agree bit for bit "
        f"({trail.records:,} records, {seconds:.1f} s, {rate:,.0f} decisions/s).",
        *(
            f"{each.path.name}, line {each.line}: {each.kind}: {each.detail}"
            for each in trail.breaks
        ),
    ]
    for each in replayed.differences:
        where = f"{each.path.name}, line {each.line}"
        lines.append(f"{where}: decision {each.decision_id}: {each.cause}: {each.detail}")
    untold = sum(replayed.differing.values()) - len(replayed.differences)
    if untold:
        lines.append(f"and {untold:,} more decisions that differ")
    lines += [
        f"{path.name}: the last line is torn ({size} bytes): its process was killed while writing"
        for path, size in trail.torn.items()
    ]
    lines += [
        f"{name} has no closing record: it is written still, or was cut off" for name in trail.open
    ]
    if trail.lost:
        lines.append(f"The trail itself says that {trail.lost:,} decisions were not recorded.")
    if head is not None and not trail.found:
        lines.append(f"The hash {head} is not on the trail: records were cut off or written anew.")
    lines += [f"head of {name}: {last}" for name, last in trail.heads.items()]
    return "\n".join(lines)


COMMAND = Command(
    name="replay",
    summary="Derive past decisions again from graph, events and requests, and check the trail.",
    example="hasu replay audit/ --graph graphs/real.graph --store sqlite:///live.db",
    add_options=_options,
    run=_run,
)
