"""What every command is made of, and the options that several share."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from routing_service.config import SETTINGS, Settings

if TYPE_CHECKING:
    from routing_service.graph.graph_file import GraphFile

OK, FAILED, USAGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its words, its options and what it does.

    `run` returns the exit code; errors that a user can cause are raised as `HasuError`.
    """

    name: str
    summary: str
    example: str
    add_options: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def add_commands(parser: ArgumentParser, commands: Sequence[Command]) -> None:
    """Let a parser go on with one of several commands, whose options come after its name."""
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        sub = subparsers.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            epilog=f"Example:\n  {command.example}",
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        sub.set_defaults(command=command)
        command.add_options(sub)


def group(name: str, summary: str, commands: Sequence[Command]) -> Command:
    """A command that only holds others: its example is the first of theirs."""

    def run(_: Namespace) -> int:
        raise AssertionError("one of its commands runs")

    return Command(
        name, summary, commands[0].example, lambda parser: add_commands(parser, commands), run
    )


def add_settings(parser: ArgumentParser, *names: str) -> None:
    """Give a command options for settings; without one the environment or the default holds."""
    for setting in SETTINGS:
        if setting.name in names:
            parser.add_argument(
                "--" + setting.name.replace("_", "-"),
                metavar="FILE" if setting.unit == "path" else setting.unit.upper(),
                help=f"{setting.help} {setting.variable}; default {setting.default}",
            )


def add_json(parser: ArgumentParser) -> None:
    """Give a command the option to print its result for programs."""
    parser.add_argument("--json", action="store_true", help="Print the result as JSON.")


def read_settings(args: Namespace) -> Settings:
    """Settings from the options of this call, then the environment, then the defaults."""
    given = {setting.name: getattr(args, setting.name, None) for setting in SETTINGS}
    return Settings.from_env(os.environ, **given)


def open_graph(args: Namespace) -> GraphFile:
    """Open the graph file that the settings name, with structural checks only."""
    from routing_service.graph.graph_file import open_graph_file

    return open_graph_file(read_settings(args).graph)


def add_graph_argument(parser: ArgumentParser) -> None:
    """Let a command take the graph file as its argument."""
    parser.add_argument(
        "graph", nargs="?", type=Path, metavar="GRAPH", help="Graph file; default HASU_GRAPH."
    )
