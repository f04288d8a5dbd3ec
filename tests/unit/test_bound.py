"""A bound network answers as the one that is given anew at every call, in every thread."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from routing_service.answer import BITS, columns, pack, unpack
from routing_service.decision.standing import Standing
from routing_service.kernels.answering import Rules, answer_one
from routing_service.kernels.bound import BoundNetwork, Plainly
from routing_service.kernels.lookup import Labelled
from routing_service.kernels.probability import SCRATCH
from routing_service.live.snapshot import Snapshot
from routing_service.units import E7
from tests import api_scene

HEADINGS = ((0.0, 0.0), (0.6, 0.8), (-1.0, 0.0))


def scene() -> Snapshot:
    return Snapshot(api_scene.calibrated_graph(), "g", statuses=("divert", "open"))


def unbound(shown: Snapshot, lon: float, lat: float, heading: tuple[float, float]) -> list[int]:
    answer = np.full(columns(2), -9, np.int32)
    net, rules, standing = shown._net, shown._rules, shown.standing.table
    scratch = np.empty((SCRATCH, 2))
    answer_one(lon * E7, lat * E7, *heading, net, rules, standing, answer, scratch)
    return list(answer.tolist())


def places(n: int) -> list[tuple[float, float, tuple[float, float]]]:
    rng = np.random.default_rng(20261122)
    return [
        (lon, lat, HEADINGS[i % 3])
        for i, (lon, lat) in enumerate(
            zip(rng.uniform(-1.6, -1.4, n), rng.uniform(53.3, 53.7, n), strict=True)
        )
    ]


def test_the_same_answer_wherever_one_asks() -> None:
    shown = scene()
    bound, standing = BoundNetwork(shown._net, shown._rules), shown.standing
    for lon, lat, heading in places(200):
        bits, packed = bound(lon * E7, lat * E7, *heading, standing.table, standing.table_at)
        assert list(unpack(packed)) == unbound(shown, lon, lat, heading)
        assert bits == unpack(packed)[BITS]


def test_a_position_alone_is_answered_on_the_callers_desk() -> None:
    shown = scene()
    bound, standing = BoundNetwork(shown._net, shown._rules), shown.standing
    plainly = Plainly(bound, standing.table, standing.table_at)

    def check() -> bool:
        for lon, lat, _ in places(200):
            bits, expected = plainly.ask(lon * E7, lat * E7), unbound(shown, lon, lat, (0.0, 0.0))
            assert bits == expected[BITS]
            assert plainly.numbers.tobytes() == pack(expected)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all([check(), *pool.map(lambda _: check(), range(4))])


def test_it_keeps_its_network_alive() -> None:
    shown = scene()
    copies: Any = [array.copy() for array in (*shown._net, *shown._rules)]
    bound = BoundNetwork(Labelled(*copies[:6]), Rules(*copies[6:]))
    del copies
    gc.collect()
    filler = [np.full(1 << 16, 7, np.int32) for _ in range(64)]  # would overwrite what was freed
    standing = Standing(shown.units, ("divert", "open"))
    _, packed = bound(-1.5 * E7, 53.47 * E7, 0.0, 0.0, standing.table, standing.table_at)
    assert len(filler) == 64
    assert list(unpack(packed)) == unbound(shown, -1.5, 53.47, (0.0, 0.0))


def test_threads_do_not_share_their_buffers() -> None:
    shown = scene()
    bound, standing = BoundNetwork(shown._net, shown._rules), shown.standing
    asked = places(60)
    wanted = [unbound(shown, *place) for place in asked]

    def ask(i: int) -> bool:
        lon, lat, heading = asked[i % 60]
        _, packed = bound(lon * E7, lat * E7, *heading, standing.table, standing.table_at)
        return list(unpack(packed)) == wanted[i % 60]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(2_000)))
