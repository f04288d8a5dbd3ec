"""Every kernel compiled, or taken from the cache, before somebody waits for it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from routing_service.decision.model import Location, Unit
from routing_service.errors import HasuError
from routing_service.kernels import question, respond
from routing_service.kernels.base64 import base64
from routing_service.live.snapshot import Snapshot


def warm_snapshot(snapshot: Snapshot) -> None:
    """Take every path that a request can take, from each unit's own door."""
    question.reading()
    respond.responding()
    base64(np.zeros(1, dtype=np.uint8))
    for unit in snapshot.units[:1]:
        here = Location(unit.lat, unit.lon, accuracy_m=50.0, heading_deg=0.0)
        snapshot.decide(here)
        snapshot.decide(Location(unit.lat, unit.lon))
        for other in snapshot.units:
            try:
                snapshot.route(here, other.ods_code)
            except HasuError:
                continue


def warm_kernels() -> float:
    """Compile every kernel into the cache, on a network of one crossroads; seconds it took."""
    from routing_service.graph.build import build_graph
    from routing_service.graph.profile import Profile
    from routing_service.graph.sources.pbf_blocks import SMALLEST_BLOCK, read_block
    from routing_service.graph.sources.raw import RawNetwork
    from routing_service.live.overlay import prepare
    from routing_service.wiring.building import DEFAULT_PROFILE

    started = time.perf_counter()
    read_block(SMALLEST_BLOCK)
    e7 = np.array([0, -10_000, 10_000, 0, 0], dtype=np.int32)
    raw = RawNetwork(
        network="osm",
        node_ids=np.arange(1, 6, dtype=np.int64),
        node_lon_e7=e7 - 14_800_000,
        node_lat_e7=np.roll(e7, 2) + 535_500_000,
        node_tags={},
        way_ids=np.arange(1, 5, dtype=np.int64),
        way_first=np.arange(0, 10, 2, dtype=np.int32),
        way_nodes=np.array([0, 1, 0, 2, 0, 3, 0, 4], dtype=np.int32),
        way_tagset=np.zeros(4, dtype=np.int32),
        tagsets=({"highway": "primary"},),
        way_label=np.zeros(4, dtype=np.int32),
        labels=(("A61", "Wakefield Road"),),
        restrictions=(),
        sources=(),
    )
    units = (Unit("A", "a", 53.5501, -1.48), Unit("B", "b", 53.5499, -1.48))
    graph = build_graph(raw, Profile.load(DEFAULT_PROFILE), units)
    # An error model, so that the probabilities are compiled too.
    known = {**graph.manifest, "error_model": {"sigma_scene": 0.1, "sigma_unit": 0.1}}
    warm_snapshot(Snapshot(replace(graph, manifest=known), "warm"))
    prepare(graph)
    return time.perf_counter() - started
