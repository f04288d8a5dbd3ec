"""`hasu state`: what is closed and which unit is diverted, from a running service or its store."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.commands import terminal
from routing_service.commands.command import (
    OK,
    Command,
    add_json,
    add_settings,
    read_settings,
)
from routing_service.errors import InvalidSettings, NoService

if TYPE_CHECKING:
    from routing_service.config import Settings

PATIENCE_S = 10.0
Row = Mapping[str, Any]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=("closures", "units"), help="What to list.")
    parser.add_argument(
        "--url", help="A running service; without it the store is read, or else the service here."
    )
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="Holds the key to send, where one is needed."
    )
    add_settings(parser, "store", "graph", "host", "port")
    add_json(parser)


def _run(args: Namespace) -> int:
    settings = read_settings(args)
    if args.url or not settings.store:
        url = args.url or f"http://{settings.host}:{settings.port}"
        body = _ask(f"{url.rstrip('/')}/v1/{args.what}", args.key_file)
    else:
        body = _read(settings, args.what)
    if args.json:
        terminal.print_json(body)
    else:
        print(_closures(body) if args.what == "closures" else _units(body))
    return OK


def _ask(url: str, key_file: Path | None) -> dict[str, Any]:
    """The reply of a running service."""
    if not url.startswith(("http://", "https://")):
        raise InvalidSettings(f"{url} is not an address; write http://127.0.0.1:8000")
    headers = {}
    if key_file is not None:
        headers["Authorization"] = f"Bearer {key_file.read_text(encoding='utf-8').strip()}"
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
            return dict(json.loads(reply.read()))
    except urllib.error.HTTPError as error:
        raise NoService(f"{url} answers {error.code}: {_detail(error)}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NoService(
            f"nothing that is a routing service answers at {url} ({reason}): start one with "
            "`hasu serve`, or name its store with --store"
        ) from error


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["detail"])
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)


def _read(settings: Settings, what: str) -> dict[str, Any]:
    """The same as a service would reply, from the store."""
    from routing_service.api import ids, state_encode
    from routing_service.wiring.service import read_view

    view = read_view(settings, ids.now)
    return state_encode.closures(view) if what == "closures" else state_encode.units(view)


def _closures(body: Row) -> str:
    rows = [["id", "effect", "roads", "metres", "until", "reason", "author"]]
    for each in body["closures"]:
        rows.append(
            [
                each["id"],
                _effect(each),
                ", ".join(each["roads"]) or "nothing here",
                f"{each['metres']:,.0f}",
                each.get("expires_at") or "revoked",
                each["reason"],
                each["author"],
            ]
        )
    listed = terminal.table(rows, right=[3]) if len(rows) > 1 else "No closures."
    return f"{listed}\nstate {body['state_version']}"


def _effect(closure: Row) -> str:
    parts = []
    if closure["shuts"]:
        parts.append("shut")
    if closure.get("delay_factor") is not None:
        parts.append(f"{closure['delay_factor']:g} times")
    if closure.get("delay_minutes") is not None:
        parts.append(f"+{closure['delay_minutes']:g} min")
    if not closure["in_force"]:
        parts.append(f"from {closure['starts_at']}")
    return ", ".join(parts)


def _units(body: Row) -> str:
    rows = [["unit", "name", "status", "until", "reason", "author"]]
    for unit in body["units"]:
        rows.append(_unit_row(unit["ods_code"], unit["name"], unit))
        for capability, own in unit["by_capability"].items():
            rows.append(_unit_row("", f"  {capability} only", own))
    return f"{terminal.table(rows)}\nstate {body['state_version']}"


def _unit_row(code: str, name: str, set_: Row) -> list[str]:
    return [code, name, set_["status"], set_["until"] or "", set_["reason"], set_["author"] or ""]


COMMAND = Command(
    name="state",
    summary="List closures, or units and their status.",
    example="hasu state closures --url http://127.0.0.1:8000",
    add_options=_options,
    run=_run,
)
