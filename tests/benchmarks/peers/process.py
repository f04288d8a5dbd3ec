"""The lead's end of a worker: start it, ask it, end it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.benchmarks.harness import ROOT
from tests.benchmarks.peers.peer import Closure, Scene


class PeerMissing(Exception):
    """An engine that is not installed or does not run, and why."""


class Worker:
    """A process with one engine in it."""

    def __init__(self, python: Path, module: str, engine: str, scene: Scene) -> None:
        scene.folder.mkdir(parents=True)
        self._log = scene.folder / "log.txt"
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [str(python), "-m", "tests.benchmarks.peers.worker", module, engine],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),  # a pipe that nobody empties would block it
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._send(json.dumps(scene.as_json()))

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has said why on its other end

    def ask(self, do: str, **request: object) -> Any:
        """One request and its answer.

        Raises
        ------
        PeerMissing
            If the engine is not installed, or fails.
        """
        assert self._process.stdout is not None
        self._send(json.dumps({"do": do, **request}))
        line = self._process.stdout.readline()
        if not line:
            words = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise PeerMissing(words[-1] if words else "it ended without a word")
        answer = json.loads(line)
        if isinstance(answer, dict) and "missing" in answer:
            raise PeerMissing(answer["missing"])
        return answer

    def close_road(self, closure: Closure, place: Sequence[float]) -> float:
        """Seconds to take a closure and to give the first answer under it."""
        self.ask("get_ready_to_close")
        taken: float = self.ask("close", nodes=closure.nodes, points=closure.points, place=place)
        return taken

    def answers(self, places: Sequence[Sequence[float]]) -> list[list[float]]:
        """Seconds from each place to each unit."""
        times: list[list[float]] = self.ask("answers", places=places)
        return times

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
