"""A real `hasu serve` in a process of its own, on the network of `tests.api_scene`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from routing_service.graph.graph_file import write_graph_file
from routing_service.graph.road_graph import RoadGraph
from tests import api_scene

REPOSITORY = Path(__file__).parents[1]
READY = re.compile(r"Ready: (http://\S+?)/? ")
PATIENCE_SECONDS = 120  # a cold numba cache compiles every kernel first


class Server:
    """The running process, its address and all that it has printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.url = ""
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(PATIENCE_SECONDS) or not self.url:
            process.kill()
            raise AssertionError(f"the server did not start:\n{self.output}")
        # A proxy that the environment names is not for this machine.
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := READY.search(line):
                self.url = found[1]
                self._ready.set()
        self._ready.set()

    @property
    def output(self) -> str:
        """What it has printed, on either stream."""
        return "".join(self.lines)

    def stop(self) -> int:
        """Ask it to end, as a supervisor does, and give its exit code."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return code


@contextmanager
def serving(
    folder: Path, *options: str, make: Callable[[], RoadGraph] = api_scene.graph
) -> Iterator[Server]:
    """Serve a network, the small one if none is named, on a free port until the block ends."""
    graph = make()
    write_graph_file(folder / "scene.graph", graph.manifest, graph.sections())
    command = [sys.executable, "-m", "routing_service.cli", "serve", "--port", "0", *options]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HASU_")}
    if "--audit-dir" not in options:
        command += ["--audit-dir", str(folder / "audit")]
    process = subprocess.Popen(
        [*command, "--graph", str(folder / "scene.graph")],
        cwd=REPOSITORY,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        server = Server(process)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
