"""`hasu warm`: compile the kernels once, so that the service starts at once."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from routing_service.commands import terminal
from routing_service.commands.command import OK, Command, add_json


def _options(parser: ArgumentParser) -> None:
    add_json(parser)


def _run(args: Namespace) -> int:
    from routing_service.wiring.warming import warm_kernels

    seconds = round(warm_kernels(), 1)
    if args.json:
        terminal.print_json({"seconds": seconds})
    else:
        print(f"Kernels are compiled and cached ({seconds:.1f} s).")
    return OK


COMMAND = Command(
    name="warm",
    summary="Compile the kernels into numba's cache, from where later starts take them.",
    example="NUMBA_CACHE_DIR=/var/cache/hasu hasu warm",
    add_options=_options,
    run=_run,
)
