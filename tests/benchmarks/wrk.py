"""Load from `wrk`, a client in C: beside servers in C++, one in Python would be what is measured.

It takes 13 us of a core for a request and its reply. It is a package of Debian and of Homebrew;
where it is not installed our own client takes its place, and the results say so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SCRIPT = Path(__file__).with_suffix(".lua")
LOST_SHARE = 0.01
"""Replies that may be lost as their server closes the connection: osrm-routed does after 512."""


TIMEOUT_S = 30
"""Some servers take seconds."""


def installed() -> bool:
    """Whether it can be used."""
    return shutil.which("wrk") is not None


def peak(url: str, paths: Sequence[str], connections: int, seconds: float) -> float:
    """Good replies per second to the paths at a server (``http://host:port``), in a closed loop.

    Raises
    ------
    RuntimeError
        If any reply was not good, or more were lost than `LOST_SHARE`.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        command = ["wrk", "--threads", "1", "--connections", str(connections)]
        command += ["--timeout", f"{TIMEOUT_S}s"]
        command += ["--duration", f"{round(seconds)}s", "--script", str(SCRIPT)]
        told = subprocess.run(
            [*command, url, "--", file.name], check=True, capture_output=True, text=True
        ).stdout
    counted = re.search(r"^counted (.*)$", told, re.MULTILINE)
    if counted is None:
        raise RuntimeError(f"wrk did not finish: {told}")
    replies, micros, refused, unconnected, lost, late = map(int, counted[1].split())
    if refused or unconnected or late or lost > LOST_SHARE * replies:
        raise RuntimeError(
            f"{url}: of {replies} replies {refused} refused and {late} late, {lost} lost, "
            f"{unconnected} not connected"
        )
    return replies / (micros / 1e6)
