"""OSRM through osrm-bindings: contraction hierarchies and multi-level Dijkstra."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import osrm

from tests.benchmarks.peers.peer import Closure, Peer, Point, Server

HOME = Path(osrm.__file__).parent
SPEEDS = "closed.csv"


class _Osrm(Peer):
    algorithm: ClassVar[str]
    prepare: ClassVar[Sequence[Sequence[str]]]
    """Programs from the extracted map to one that can be asked; the last one takes closures."""

    def set_up(self) -> None:
        # It writes beside its input.
        shutil.copy(self.scene.pbf, self.scene.folder / "map.osm.pbf")
        self._run("osrm-extract", "-p", str(HOME / "share/profiles/car.lua"), "map.osm.pbf")
        for program in self.prepare:
            self._run(*program, "map.osrm")
        self._load()

    def _load(self) -> None:
        path = str(self.scene.folder / "map.osrm")
        self._engine = osrm.OSRM(
            algorithm=self.algorithm, storage_config=path, use_shared_memory=False
        )

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(HOME / "bin" / program), "--verbosity", "ERROR", *arguments]
        subprocess.run(command, cwd=self.scene.folder, check=True, stdout=subprocess.DEVNULL)

    def ask(self, lon: float, lat: float) -> list[float | None]:
        return self._table([(lon, lat)])[0]

    def ask_many(self, places: Sequence[Point]) -> list[list[float | None]]:
        return self._table(places)

    def _table(self, places: Sequence[Point]) -> list[list[float | None]]:
        n, units = len(places), len(self.scene.units)
        # Hints are for asking again from the same places; without them it is quicker.
        parameters = osrm.TableParameters(
            coordinates=[*places, *self.scene.units],
            sources=list(range(n)),
            destinations=list(range(n, n + units)),
            annotations=["duration"],
            generate_hints=False,
        )
        durations = self._engine.Table(parameters)["durations"]
        return [[durations[i][u] for u in range(units)] for i in range(n)]

    def seconds_of(self, answer: Any) -> list[float]:
        return [float("inf") if seconds is None else float(seconds) for seconds in answer]

    def close(self, closure: Closure) -> None:
        lines = [f"{a},{b},0\n" for a, b in closure.pairs]
        (self.scene.folder / SPEEDS).write_text("".join(lines), encoding="utf-8")
        self._run(*self.prepare[-1], "--segment-speed-file", SPEEDS, "map.osrm")
        self._load()

    def server(self, port: int) -> Server:
        command = [str(HOME / "bin" / "osrm-routed"), "--algorithm", self.algorithm]
        command += ["--ip", "127.0.0.1", "--port", str(port), "--threads", "2"]
        command += ["--verbosity", "ERROR", str(self.scene.folder / "map.osrm")]
        places = ";".join(f"{lon},{lat}" for lon, lat in self.scene.units)
        numbers = ";".join(str(u + 1) for u in range(len(self.scene.units)))
        table = f"/table/v1/driving/{{lon}},{{lat}};{places}?sources=0&destinations={numbers}"
        return Server(
            command,
            {
                # As its documentation has it, and stripped to what it takes to compare times.
                "table": table,
                "bare table": table + "&generate_hints=false&skip_waypoints=true",
                "nearest": "/nearest/v1/driving/{lon},{lat}?generate_hints=false",
            },
        )


class OsrmCh(_Osrm):
    """OSRM with contraction hierarchies."""

    algorithm = "CH"
    prepare = (("osrm-contract",),)


class OsrmMld(_Osrm):
    """OSRM with multi-level Dijkstra."""

    algorithm = "MLD"
    prepare = (("osrm-partition",), ("osrm-customize",))
