"""The console script `hasu`: finds the command, runs it, turns errors into exit codes."""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
from collections.abc import Sequence

from routing_service import __version__
from routing_service.commands import (
    build,
    calibrate,
    decide,
    feed,
    info,
    keys,
    load,
    plan,
    replay,
    serve,
    state,
    validate,
    verify,
    warm,
)
from routing_service.commands.command import FAILED, USAGE, Command, add_commands
from routing_service.errors import HasuError, InvalidLocation, InvalidRequest, InvalidSettings

COMMANDS: tuple[Command, ...] = (
    build.COMMAND,
    calibrate.COMMAND,
    validate.COMMAND,
    info.COMMAND,
    verify.COMMAND,
    serve.COMMAND,
    load.COMMAND,
    decide.COMMAND,
    state.COMMAND,
    feed.COMMAND,
    keys.COMMAND,
    replay.COMMAND,
    plan.COMMAND,
    warm.COMMAND,
)
USAGE_ERRORS = (InvalidSettings, InvalidRequest, InvalidLocation)
LATE = 200_000
"""New objects until Python looks for garbage among them. Modules alone are 70,000, and to find
none among those took a twentieth of the time from a map to the first answer."""

INTERRUPTED = 130
"""What shells report for a program that Ctrl-C ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 when it did what was asked, 1 when it failed, 2 when the call itself was wrong.
    """
    gc.set_threshold(LATE)
    args = make_parser().parse_args(shield(sys.argv[1:] if argv is None else argv))
    command: Command = args.command
    try:
        return command.run(args)
    except HasuError as error:
        print(f"hasu: error [{error.code}]: {error.detail}", file=sys.stderr)
        return USAGE if isinstance(error, USAGE_ERRORS) else FAILED
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        print(f"hasu: error [io]: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; tests hold it against the README."""
    parser = argparse.ArgumentParser(
        prog="hasu",
        description="Which hyper-acute stroke unit is quickest to reach, by road.",
        epilog="Example:\n  hasu decide 53.5526,-1.4797",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hasu {__version__}")
    add_commands(parser, COMMANDS)
    return parser


def shield(argv: Sequence[str]) -> list[str]:
    """Keep argparse from reading a western longitude as an option.

    All of Britain's boxes start with a minus sign: ``--bbox -1.9,53.2,-0.9,53.8``. A word with a
    blank in it is never an option, and whoever reads it strips it.
    """
    return [f" {word}" if re.match(r"-[\d.]+\s*,", word) else word for word in argv]


if __name__ == "__main__":
    sys.exit(main())
