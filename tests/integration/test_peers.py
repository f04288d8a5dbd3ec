"""The comparison with other engines asks all of them the same, and names those that are missing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.peers.peer import Scene
from tests.benchmarks.peers.process import PeerMissing, Worker
from tests.benchmarks.peers.scene import Questions, make_questions
from tests.benchmarks.peers.street_map import StreetMap

NEWPORT = Path(__file__).parents[3] / "shared" / "data" / "newport.osm.pbf"


@pytest.fixture(scope="module")
def questions() -> Questions:
    if not NEWPORT.exists():
        pytest.skip(f"the extract is not at {NEWPORT}")
    return make_questions(NEWPORT)


def test_an_engine_that_is_not_installed_is_named(tmp_path: Path) -> None:
    scene = Scene(NEWPORT, ((0.0, 0.0),), tmp_path / "none")
    with (
        Worker(Path(sys.executable), "no_such_engine", "Engine", scene) as worker,
        pytest.raises(PeerMissing, match="no_such_engine"),
    ):
        worker.ask("set_up")


def test_graph_library_and_ours_choose_alike(questions: Questions, tmp_path: Path) -> None:
    """SciPy over junctions without turns, beside our times where turns cost nothing.

    What is left between them is the way from the incident's road to its junction, seconds.
    """
    scene = Scene(NEWPORT, questions.units, tmp_path / "scipy")
    places = questions.incidents[:100]
    ours_s = questions.without_turns_s[:100]
    with Worker(Path(sys.executable), "scipy", "Scipy", scene) as worker:
        worker.ask("set_up")
        theirs_s = np.array(worker.answers(places))
        worker.close_road(questions.closure, places[0])
        closed_s = np.array(worker.answers(places))
    two = np.sort(ours_s, axis=1)[:, :2]
    clear = two[:, 1] - two[:, 0] > 60.0
    assert clear.sum() > 20
    assert (theirs_s.argmin(axis=1) == ours_s.argmin(axis=1))[clear].mean() > 0.97
    assert 0.9 < np.median(theirs_s / ours_s) < 1.1
    assert (closed_s >= theirs_s).all()
    assert (closed_s > theirs_s + 1.0).any()  # the closure lies on a road that is used


def test_street_map_shuts_both_directions_of_a_closure(questions: Questions) -> None:
    streets = StreetMap(NEWPORT)
    edges = streets.edges_of(questions.closure)
    ends = {(int(streets.edge_from[e]), int(streets.edge_to[e])) for e in edges}
    assert ends
    assert all((b, a) in ends for a, b in ends)
