"""`hasu info`: what is in a graph file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_graph_argument, add_json, open_graph

CODE_BOOKS = ("road_classes", "flags", "exemptions")


def _options(parser: ArgumentParser) -> None:
    add_graph_argument(parser)
    add_json(parser)


def _run(args: Namespace) -> int:
    graph = open_graph(args)
    told = {
        "path": str(graph.path),
        "graph_id": graph.graph_id,
        "bytes": graph.path.stat().st_size,
        **graph.manifest,
    }
    if args.json:
        terminal.print_json(told)
        return OK
    print(terminal.facts(_for_people(told)))
    return OK


def _for_people(told: dict[str, Any]) -> dict[str, Any]:
    """Leave out the code books, and of each source the attribution that stands above it."""
    kept = {name: value for name, value in told.items() if name not in CODE_BOOKS}
    kept["sources"] = [
        {key: value for key, value in source.items() if key != "attribution"}
        for source in told["sources"]
    ]
    return {**kept, "sections": len(told["sections"])}


COMMAND = Command(
    name="info",
    summary="Say what is in a graph file: sources, counts, what was dropped and why, units.",
    example="hasu info graphs/south_yorkshire.graph",
    add_options=_options,
    run=_run,
)
