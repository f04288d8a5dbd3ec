"""`hasu keys`: make a key that requests may carry, or list those of a file."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from routing_service.commands import terminal
from routing_service.commands.command import (
    OK,
    Command,
    add_json,
    add_settings,
    read_settings,
)
from routing_service.errors import InvalidKeys, InvalidRequest, InvalidSettings

if TYPE_CHECKING:
    from routing_service.api.keys import Key


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=("new", "list"), help="Make a key, or list all.")
    parser.add_argument("--name", help="Whose key it is; recorded with every event it makes.")
    parser.add_argument(
        "--role", choices=("dispatch", "controller"), help="dispatch asks, controller also changes."
    )
    add_settings(parser, "api_keys_file")
    add_json(parser)


def _run(args: Namespace) -> int:
    path = read_settings(args).api_keys_file
    if path is None:
        raise InvalidSettings("name the file of keys with --api-keys-file or HASU_API_KEYS_FILE")
    return _list(args, path) if args.action == "list" else _new(args, path)


def _new(args: Namespace, path: Path) -> int:
    from routing_service.api.keys import new_key, read_keys

    if not args.name or not args.role:
        raise InvalidRequest("a new key needs --name and --role")
    if path.exists() and any(key.name == args.name for key in read_keys(path)):
        raise InvalidKeys(f"{path} has a key named {args.name!r}: remove it or choose another name")
    given, key = new_key(args.name, args.role)
    _append(path, key)
    if args.json:
        terminal.print_json({"name": key.name, "role": key.role, "key": given, "file": str(path)})
    else:
        print(f"{given}\n")
        print(f"This is the key of {key.name} ({key.role}). It is shown once and kept nowhere;")
        print(f"{path} holds only what proves it. Send it as 'Authorization: Bearer KEY'.")
    return OK


def _append(path: Path, key: Key) -> None:
    """Write the file anew beside itself and exchange it, so that no reader sees half a table."""
    before = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n" if path.exists() else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(before + key.as_toml())
    fresh.replace(path)


def _list(args: Namespace, path: Path) -> int:
    from routing_service.api.keys import read_keys

    keys = [{"name": key.name, "role": key.role} for key in read_keys(path)]
    if args.json:
        terminal.print_json({"keys": keys})
    else:
        print(terminal.table([["name", "role"], *([row["name"], row["role"]] for row in keys)]))
    return OK


COMMAND = Command(
    name="keys",
    summary="Make or list the keys that requests need.",
    example="hasu keys new --api-keys-file keys.toml --name 'control room' --role controller",
    add_options=_options,
    run=_run,
)
