"""Our own engine, asked like any other: a build as `hasu build` does it, then whole decisions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from routing_service.decision.model import Location
from routing_service.live.snapshot import Snapshot
from routing_service.wiring.building import BuildRequest, build_network
from routing_service.wiring.opening import open_snapshot
from tests.benchmarks.made_up import units_file
from tests.benchmarks.peers.peer import Closure, Peer, Point, Server


class Ours(Peer):
    """This project, with the profile `car` so that it is closest to the others."""

    def set_up(self) -> None:
        units, self._file = self.scene.folder / "units.toml", self.scene.folder / "map.graph"
        units.write_text(units_file(self.scene.units), encoding="utf-8")
        build_network(BuildRequest(units, self._file, profile="car", pbf=(self.scene.pbf,)))
        self._snapshot = open_snapshot(self._file)

    def ask(self, lon: float, lat: float) -> Any:
        return self._snapshot.decide(Location(lat, lon))

    def seconds_of(self, answer: Any) -> list[float]:
        rows = sorted(answer.ranking, key=lambda row: row.ods_code)
        return [float("inf") if row.minutes is None else 60.0 * row.minutes for row in rows]

    def ask_many(self, places: Sequence[Point]) -> Any:
        points = np.array(places)
        return self._snapshot.times(points[:, 0], points[:, 1])

    def get_ready_to_close(self) -> None:
        """Load the compiled kernels that the first closure of a process would load."""
        lon, lat = self.scene.units[0]
        self._under(lon, lat).decide(Location(lat, lon))

    def close(self, closure: Closure) -> None:
        self._snapshot = self._under(*closure.points[len(closure.points) // 2])

    def _under(self, lon: float, lat: float) -> Snapshot:
        """The snapshot with the road at a point closed."""
        from routing_service.live.closure import Closure as Closed
        from routing_service.live.closure import Disc
        from routing_service.live.overlay import overlaid

        ordered = Closed("c", "benchmark", "benchmark", "benchmark", Disc(lat, lon, 2.0))
        graph = overlaid(self._snapshot.graph, [ordered])
        return Snapshot(graph, self._snapshot.graph_id, state_version=1)

    def server(self, port: int) -> Server:
        command = [sys.executable, "-m", "routing_service.cli", "serve", "--workers", "2"]
        command += ["--graph", str(self._file), "--port", str(port)]
        return Server(command, {"decision": "/v1/conveyance?lat={lat}&lon={lon}"})
