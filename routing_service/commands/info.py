"""`hasu info`: what is in a graph file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_graph_argument, add_json, open_graph


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
    sections = told.pop("sections")
    print(terminal.facts({**told, "sections": len(sections)}))
    return OK


COMMAND = Command(
    name="info",
    summary="Say what is in a graph file: sources, counts, what was dropped and why, units.",
    example="hasu info graphs/south_yorkshire.graph",
    add_options=_options,
    run=_run,
)
