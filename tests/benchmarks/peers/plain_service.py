"""The service that one writes in an afternoon: FastAPI in front of networkx."""

from __future__ import annotations

import json
import os

from fastapi import FastAPI

from tests.benchmarks.peers.networkx import Networkx
from tests.benchmarks.peers.peer import Scene


def make_app() -> FastAPI:
    """The application, with the map read anew in each worker."""
    engine = Networkx(Scene.from_json(json.loads(os.environ["BENCHMARK_SCENE"])))
    engine.set_up()
    app = FastAPI()

    @app.get("/times")
    def times(lon: float, lat: float) -> dict[str, list[float]]:
        return {"seconds": engine.ask(lon, lat)}

    return app
