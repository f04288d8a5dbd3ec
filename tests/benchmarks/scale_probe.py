"""What a graph file costs the process that serves it, as JSON: ``… scale_probe FILE``.

A process of its own for each file, so that memory and start are those of that file alone.
"""

from __future__ import annotations

import json
import sys
import time

# Counts from here: the interpreter is the same for every file.
STARTED = time.perf_counter()

from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from routing_service.decision.model import Location  # noqa: E402
from routing_service.errors import ClosureHitsNothing  # noqa: E402
from routing_service.graph.road_graph import RoadGraph  # noqa: E402
from routing_service.graph.trees import grow_trees  # noqa: E402
from routing_service.live.closure import Closure, Disc  # noqa: E402
from routing_service.live.effect import effect_of  # noqa: E402
from routing_service.live.overlay import overlaid  # noqa: E402
from routing_service.live.snapshot import Snapshot  # noqa: E402
from routing_service.units import E7, FloatArray  # noqa: E402
from routing_service.wiring.opening import open_snapshot  # noqa: E402
from routing_service.wiring.warming import warm_snapshot  # noqa: E402
from tests.benchmarks.harness import SEED, median, seconds  # noqa: E402

INCIDENTS = 20_000
CLOSURES = 12
PASSES = 5


def main() -> None:
    """Measure one file."""
    path = Path(sys.argv[1])
    opened = time.perf_counter()
    snapshot = open_snapshot(path)
    open_s = time.perf_counter() - opened
    warm_snapshot(snapshot)
    start_s = time.perf_counter() - STARTED
    rng = np.random.default_rng(SEED)
    lon, lat = _incidents(snapshot.graph, rng)
    decision_us = _decisions(snapshot, lon, lat)
    figures = {
        "open_s": open_s,
        "start_s": start_s,
        # Of the pass that was disturbed least: the sizes are compared across processes.
        "decision_p50_us": min(float(np.percentile(turn, 50)) for turn in decision_us),
        "decision_p99_us": min(float(np.percentile(turn, 99)) for turn in decision_us),
        "batch_us": 1e6 / INCIDENTS * min(_batch(snapshot, lon, lat) for _ in range(PASSES)),
        **_memory_mb(),
        "closure_s": _closures(snapshot, lon, lat),
        "trees_s": min(seconds(lambda: grow_trees(snapshot.graph)) for _ in range(2)),
        "nodes": len(snapshot.graph.node_ids),
        "edges": snapshot.graph.n_edges,
        "turns": len(snapshot.graph.turn_to),
        "units": len(snapshot.units),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _incidents(graph: RoadGraph, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Places all over the map, in no order: each is as far from the last as it can be."""
    at = graph.edge_to[rng.choice(np.flatnonzero(graph.edge_core), INCIDENTS)]
    lon = graph.node_lon_e7[at] / E7 + rng.normal(0.0, 3e-4, INCIDENTS)
    lat = graph.node_lat_e7[at] / E7 + rng.normal(0.0, 2e-4, INCIDENTS)
    return lon, lat


def _decisions(snapshot: Snapshot, lon: FloatArray, lat: FloatArray) -> list[list[float]]:
    """Microseconds of decisions one by one, a list for each pass; the first does not count."""
    places = [Location(*place) for place in zip(lat.tolist(), lon.tolist(), strict=True)]
    passes = []
    for _ in range(PASSES + 1):
        spent = []
        for place in places:
            started = time.perf_counter_ns()
            snapshot.decide(place)
            spent.append((time.perf_counter_ns() - started) / 1000.0)
        passes.append(spent)
    return passes[1:]


def _batch(snapshot: Snapshot, lon: FloatArray, lat: FloatArray) -> float:
    return seconds(lambda: snapshot.times(lon, lat))


def _closures(snapshot: Snapshot, lon: FloatArray, lat: FloatArray) -> float:
    """Median seconds from a closure, of some in random places, to the network under it."""
    spent = []
    for x, y in zip(lon.tolist(), lat.tolist(), strict=True):
        closure = Closure("c", "benchmark", "benchmark", "benchmark", Disc(y, x, 30.0))
        try:
            effect_of(snapshot.graph, closure)  # is there a road at all
        except ClosureHitsNothing:
            continue
        spent.append(seconds(lambda: overlaid(snapshot.graph, [closure])))  # noqa: B023
        if len(spent) == CLOSURES:
            break
    return median(spent)


def _memory_mb() -> dict[str, float]:
    """Resident memory: what is this process's own, and what is the mapped file, shared by all."""
    status = Path("/proc/self/status").read_text(encoding="ascii")

    def of(name: str) -> float:
        return int(status.partition(f"{name}:")[2].split()[0]) / 1024

    return {"own_mb": of("RssAnon"), "mapped_mb": of("RssFile")}


if __name__ == "__main__":
    main()
