"""Valhalla through pyvalhalla: tiles, time-distance matrix."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import valhalla

from tests.benchmarks.peers.peer import Closure, Peer, Point

PROGRAMS = Path(valhalla.__file__).parent / "bin"


class Valhalla(Peer):
    """Valhalla's `sources_to_targets`, costing ``auto``."""

    def set_up(self) -> None:
        tiles, config = self.scene.folder / "tiles", self.scene.folder / "valhalla.json"
        tiles.mkdir()
        settings = valhalla.get_config(tile_dir=str(tiles), tile_extract="")
        config.write_text(json.dumps(settings), encoding="utf-8")
        build = [str(PROGRAMS / "valhalla_build_tiles"), "-c", str(config), str(self.scene.pbf)]
        subprocess.run(build, check=True, capture_output=True)
        self._actor = valhalla.Actor(str(config))
        self._units = [{"lon": lon, "lat": lat} for lon, lat in self.scene.units]
        self._excluded: list[dict[str, float]] = []

    def ask(self, lon: float, lat: float) -> list[float | None]:
        durations: list[float | None] = self.ask_many([(lon, lat)])[0]
        return durations

    def ask_many(self, places: Sequence[Point]) -> Any:
        question = {
            "sources": [{"lon": lon, "lat": lat} for lon, lat in places],
            "targets": self._units,
            "costing": "auto",
            "verbose": False,
        }
        if self._excluded:
            question["exclude_locations"] = self._excluded
        return self._actor.matrix(question)["sources_to_targets"]["durations"]

    def seconds_of(self, answer: Any) -> list[float]:
        return [float("inf") if seconds is None else float(seconds) for seconds in answer]

    def close(self, closure: Closure) -> None:
        """It has no closures of its own: each request must name what to exclude."""
        self._excluded = [{"lon": lon, "lat": lat} for lon, lat in closure.points]
