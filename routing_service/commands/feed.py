"""`hasu feed`: take messages about roads into the store as closures."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from routing_service.commands import terminal
from routing_service.commands.command import (
    FAILED,
    OK,
    Command,
    add_json,
    add_settings,
    read_settings,
)
from routing_service.errors import InvalidSettings

if TYPE_CHECKING:
    from routing_service.live.feeds.intake import Report

SET_ASIDE: Final = Path("set_aside")
TOLD: Final = {
    "opened": "opened",
    "changed": "changed",
    "revoked": "revoked",
    "known": "known already",
    "outdated": "older than what is known",
    "elsewhere": "on no road of this network",
    "broken": "broken",
}


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "messages",
        nargs="+",
        type=Path,
        metavar="MESSAGE",
        help="File of Street Manager (JSON) or DATEX II (XML, JSON), or a folder of them.",
    )
    parser.add_argument(
        "--set-aside",
        type=Path,
        default=SET_ASIDE,
        metavar="FOLDER",
        help=f"Where broken messages are copied to, with their reasons; default {SET_ASIDE}.",
    )
    add_settings(parser, "store", "graph")
    add_json(parser)


def _run(args: Namespace) -> int:
    from routing_service.live.feeds.intake import Intake, find_messages
    from routing_service.live.store import open_store
    from routing_service.wiring.opening import open_snapshot

    settings = read_settings(args)
    if not settings.store:
        raise InvalidSettings("Closures need a store: give --store or HASU_STORE.", setting="store")
    messages = find_messages(args.messages)
    graph = open_snapshot(settings.graph).graph
    store = open_store(settings.store)
    try:
        intake = Intake(store, graph, lambda: datetime.now(UTC))
        for path in messages:
            intake.take(path, args.set_aside)
    finally:
        store.close()
    report = intake.report
    if args.json:
        terminal.print_json({"messages": len(messages), **_as_json(report)})
    else:
        print(_told(report, len(messages), args.set_aside))
    return FAILED if report.broken else OK


def _as_json(report: Report) -> dict[str, Any]:
    broken = [{"file": name, **asdict(each)} for name, each in report.broken]
    return {**asdict(report), "broken": broken}


def _told(report: Report, messages: int, set_aside: Path) -> str:
    counts = {words: len(getattr(report, name)) for name, words in TOLD.items()}
    lines = [terminal.facts({"messages": messages, **counts})]
    lines += [f"{name}: {each.reference}: {each.reason}" for name, each in report.broken]
    if report.broken:
        lines.append(f"Broken messages were copied to {set_aside}.")
    return "\n".join(lines)


COMMAND = Command(
    name="feed",
    summary="Take messages of Street Manager or DATEX II into the store as closures.",
    example="hasu feed messages/ --store sqlite:///state.db",
    add_options=_options,
    run=_run,
)
