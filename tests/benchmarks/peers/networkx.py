"""networkx: `single_source_dijkstra_path_length`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import networkx

from tests.benchmarks.harness import ROOT
from tests.benchmarks.peers.library import Library
from tests.benchmarks.peers.peer import Server
from tests.benchmarks.peers.street_map import StreetMap


class Networkx(Library):
    """networkx: `single_source_dijkstra_path_length`."""

    def build(self, streets: StreetMap) -> None:
        self._graph = networkx.DiGraph()
        columns = streets.edge_from.tolist(), streets.edge_to.tolist(), streets.edge_s.tolist()
        self._graph.add_weighted_edges_from(zip(*columns, strict=True))

    def ask(self, lon: float, lat: float) -> list[float]:
        source = self.streets.nearest(lon, lat)
        seconds = networkx.single_source_dijkstra_path_length(self._graph, source)
        return [seconds.get(unit, float("inf")) for unit in self.units]

    def remove(self, edges: Sequence[int]) -> None:
        streets = self.streets
        self._graph.remove_edges_from(
            [(int(streets.edge_from[e]), int(streets.edge_to[e])) for e in edges]
        )

    def server(self, port: int) -> Server:
        command = [sys.executable, "-m", "uvicorn", "--factory", "--workers", "2"]
        command += ["--port", str(port), "--log-level", "error", "--no-access-log"]
        command += ["tests.benchmarks.peers.plain_service:make_app"]
        scene = json.dumps(self.scene.as_json())
        return Server(
            command,
            {"table": "/times?lon={lon}&lat={lat}"},
            {"PYTHONPATH": str(ROOT), "BENCHMARK_SCENE": scene},
            connections=4,
        )
