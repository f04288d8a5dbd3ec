"""`hasu verify`: every byte of a graph file as written, every tree shortest."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from routing_service.commands import terminal
from routing_service.commands.command import (
    OK,
    Command,
    add_graph_argument,
    add_json,
    read_settings,
)


def _options(parser: ArgumentParser) -> None:
    add_graph_argument(parser)
    add_json(parser)


def _run(args: Namespace) -> int:
    from routing_service.wiring import verify_network

    path = read_settings(args).graph
    report = {"path": str(path), "verified": True, **asdict(verify_network(path))}
    if args.json:
        terminal.print_json(report)
    else:
        print(terminal.facts(report))
    return OK


COMMAND = Command(
    name="verify",
    summary="Check every byte of a graph file against its checksum, and every tree for being "
    "shortest.",
    example="hasu verify graphs/south_yorkshire.graph",
    add_options=_options,
    run=_run,
)
