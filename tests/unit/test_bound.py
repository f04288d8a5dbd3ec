"""A bound look-up answers as the one that is given its network anew at every call."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from routing_service.kernels.bound import BoundLookup
from routing_service.kernels.lookup import TIMES, look_up
from routing_service.kernels.probability import doubts
from routing_service.live.snapshot import Snapshot
from routing_service.units import E7
from tests import api_scene


def test_the_same_answer_wherever_one_asks() -> None:
    net = Snapshot(api_scene.graph(), "g")._net
    bound = BoundLookup(net)
    rng = np.random.default_rng(20261122)
    for lon, lat in zip(rng.uniform(-1.6, -1.4, 200), rng.uniform(53.3, 53.7, 200), strict=True):
        for heading in ((0.0, 0.0), (0.6, 0.8), (-1.0, 0.0)):
            wanted = np.full(TIMES + 4, -9, np.int32)
            answer = wanted.copy()
            look_up(lon * E7, lat * E7, *heading, net, wanted)
            bound(lon * E7, lat * E7, *heading, answer)
            assert answer.tolist() == wanted.tolist()


def test_it_keeps_its_network_alive() -> None:
    net = Snapshot(api_scene.graph(), "g")._net
    arrays: list[Any] = [array.copy() for array in net]
    copy = type(net)(*arrays)
    del arrays
    bound = BoundLookup(copy)
    wanted, answer = np.zeros(TIMES + 4, np.int32), np.zeros(TIMES + 4, np.int32)
    look_up(-1.5 * E7, 53.47 * E7, 0.0, 0.0, net, wanted)
    del copy
    gc.collect()
    filler = [np.full(1 << 16, 7, np.int32) for _ in range(64)]  # would overwrite what was freed
    bound(-1.5 * E7, 53.47 * E7, 0.0, 0.0, answer)
    assert len(filler) == 64
    assert answer.tolist() == wanted.tolist()


def test_with_an_error_model_the_doubts_follow() -> None:
    net = Snapshot(api_scene.graph(), "g")._net
    bound = BoundLookup(net, (0.8, 1.25, 0.1))
    answer = np.full(bound.columns, -9, np.int32)
    bound(-1.5 * E7, 53.51 * E7, 0.0, 0.0, answer)
    known = TIMES + 4
    wanted = np.full(6, -9, np.int32)
    doubts(answer[:known], 0.8, 1.25, 0.1, wanted)
    assert answer[known:].tolist() == wanted.tolist()
    # 53.51 is 10.0 km from NORTH and 12.2 km from SOUTH: NORTH is likelier, neither is certain.
    assert 500 < answer[known + 2] < 1000
    assert abs(int(answer[known + 2] + answer[known + 5]) - 1000) <= 1
