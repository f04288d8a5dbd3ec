"""What comes into force is sampled once, and a wrong tree does not go unnoticed."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from routing_service.live.closure import Way
from routing_service.live.events import ClosureOpened
from routing_service.live.proof import Prover
from routing_service.live.view import View
from tests import api_scene
from tests.live_events import NOON, closure, numbered


def test_each_state_of_the_network_is_proved_once(caplog: pytest.LogCaptureFixture) -> None:
    prover = Prover()
    quiet = View.of(api_scene.snapshot(), NOON)
    assert [prover.prove(quiet), prover.prove(quiet)] == ["held", None]
    shut = quiet.after(numbered([ClosureOpened(closure("mill", where=Way(2)))]), NOON)
    assert shut.snapshot.graph is not quiet.snapshot.graph
    assert [prover.prove(shut), prover.prove(shut)] == ["held", None]
    # As if the repair had left the labels as they were.
    unrepaired = replace(shut.snapshot.graph, tree_ms=quiet.snapshot.graph.tree_ms)
    wrong = replace(shut, snapshot=replace(shut.snapshot, graph=unrepaired))
    with caplog.at_level(logging.ERROR):
        assert prover.prove(wrong) == "broken"
    assert "labels of state 1 are wrong" in caplog.text
