"""All engines in turns, in one run: set-up, single questions, batches, a closure, HTTP."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tests.benchmarks.harness import ROOT, warm_kernels
from tests.benchmarks.peers.figures import Figures
from tests.benchmarks.peers.over_http import measure_rates
from tests.benchmarks.peers.peer import Scene
from tests.benchmarks.peers.process import PeerMissing, Worker
from tests.benchmarks.peers.scene import Questions, make_questions

CHECKED = 200
"""Incidents for which all times are compared; some engines need half a second for one."""

SET_UPS = 5
LONG_S = 60.0
"""An engine that takes longer to its first answer is set up once."""

TURNS = 5
BUDGET_S = 1.0
"""Seconds per engine and turn of single questions; half of it for batches."""

INTERPRETER = Path(os.environ.get("PEERS_PYTHON", ROOT / ".venv-peers" / "bin" / "python"))

OURS = "ours"
ENGINES = {
    OURS: ("ours", "Ours"),
    "OSRM, CH": ("osrm", "OsrmCh"),
    "OSRM, MLD": ("osrm", "OsrmMld"),
    "Valhalla": ("valhalla", "Valhalla"),
    "RoutingKit, CCH": ("routingkit", "Cch"),
    "SciPy": ("scipy", "Scipy"),
    "rustworkx": ("rustworkx", "Rustworkx"),
    "igraph": ("igraph", "Igraph"),
    "pandana": ("pandana", "Pandana"),
    "networkx": ("networkx", "Networkx"),
}
"""Name in the tables: module and class."""


class Comparison:
    """The engines on one map: their figures by name, and why those that are missing are."""

    def __init__(self, pbf: Path, name: str) -> None:
        self.map = name
        self.questions: Questions = make_questions(pbf)
        self.figures: dict[str, Figures] = {}
        self.missing: dict[str, str] = {}
        self.workers: dict[str, Worker] = {}
        self._checked = self.questions.incidents[:CHECKED]
        self._pbf = pbf

    def run(self) -> Comparison:
        """Measure all of them."""
        warm_kernels()
        with tempfile.TemporaryDirectory() as folder, ExitStack() as alive:
            for turn in range(SET_UPS):
                for name in ENGINES:
                    if name not in self.missing and name not in self.workers:
                        self._set_up(name, Path(folder) / f"{ENGINES[name][1]}{turn}", turn, alive)
            self._ask()
            measure_rates(self.workers, self.figures, self.questions.incidents)
            self._close()
        return self

    def _set_up(self, name: str, folder: Path, turn: int, alive: ExitStack) -> None:
        """Start an engine and wait for its first answer; only one of each stays."""
        python = Path(sys.executable) if name == OURS else INTERPRETER
        scene = Scene(self._pbf, self.questions.units, folder)
        try:
            started = time.perf_counter()
            worker = Worker(python, *ENGINES[name], scene)
            with ExitStack() as ended:
                ended.enter_context(worker)
                worker.ask("set_up")
                worker.answers(self.questions.incidents[:1])
                figures = self.figures.setdefault(name, Figures())
                took_s = time.perf_counter() - started
                figures.first_answer_s.append(took_s)
                if turn == SET_UPS - 1 or took_s > LONG_S:
                    figures.times_s = np.array(worker.answers(self._checked))
                    self.workers[name] = worker
                    alive.push(ended.pop_all())
        except (PeerMissing, FileNotFoundError) as error:
            self.missing[name] = str(error)
            self.figures.pop(name, None)

    def _ask(self) -> None:
        for _ in range(TURNS):
            for name, worker in self.workers.items():
                figures, places = self.figures[name], self.questions.incidents
                figures.single_us.append(worker.ask("ask", places=places, budget_s=BUDGET_S))
                batch_us = worker.ask("ask_many", places=places, budget_s=BUDGET_S / 2)
                figures.batch_us += [] if batch_us is None else [batch_us]

    def _close(self) -> None:
        places = self.questions.incidents
        for name, worker in self.workers.items():
            figures = self.figures[name]
            figures.memory_mb = worker.ask("memory")
            figures.closure_s = worker.close_road(self.questions.closure, places[0])
            figures.closed_times_s = np.array(worker.answers(self._checked))
            figures.closed_us = worker.ask("ask", places=places, budget_s=BUDGET_S)
