"""What people and programs are shown of a network with an error model, which is made up here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from routing_service.api import schemas
from routing_service.cli import main
from routing_service.graph.graph_file import write_graph_file
from routing_service.live.snapshot import Snapshot
from tests import api_scene

# 10.02 km at 50 mph to NORTH and 12.24 km to SOUTH: 7.47 and 9.13 minutes. With parts that add up
# to 0.2, exp(1.2816 x 0.2) = 1.292; Phi(log(12.24 / 10.02) / (0.12 sqrt 2)) = Phi(1.18) = 0.881.
PLACE = {"lat": 53.51, "lon": -1.5}


def client() -> api_scene.Client:
    return api_scene.client(Snapshot(api_scene.calibrated_graph(), api_scene.GRAPH_ID))


def spreads(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("ods_code", "minutes", "p10_minutes", "p90_minutes", "p_nearest")
    return [tuple(row[name] for name in names) for row in rows]


def test_a_decision_says_how_wrong_it_may_be() -> None:
    body = client().get("/v1/conveyance", params=PLACE).json()
    schemas.DecisionOut.model_validate(body)
    assert "uncalibrated" not in body["flags"]
    north, south = spreads(body["ranking"])
    assert north[:4] == ("NORTH", 7.5, 5.8, 9.7)
    assert south[:4] == ("SOUTH", 9.1, 7.1, 11.8)
    assert north[4] == pytest.approx(0.881, abs=0.002)
    assert north[4] + south[4] == pytest.approx(1.0, abs=0.0011)


def test_a_row_of_a_matrix_has_the_same_figures() -> None:
    alone = client().get("/v1/conveyance", params=PLACE).json()
    (row,) = client().post("/v1/matrix", json={"locations": [PLACE]}).json()["results"]
    assert row["ranking"] == alone["ranking"]


def test_the_table_has_two_more_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "calibrated.graph"
    graph = api_scene.calibrated_graph()
    write_graph_file(path, graph.manifest, graph.sections())
    assert main(["decide", "--graph", str(path), "53.51,-1.5"]) == 0
    told = capsys.readouterr().out
    rows = [line.split() for line in told.splitlines()[2:4]]
    assert rows[0] == ["unit", "minutes", "10-90", "%", "km", "p", "nearest", "status"]
    assert rows[1][4:10] == ["7.5", "5.8", "to", "9.7", "10.0", "0.88"]
    assert "nearest with probability 0.88: a near tie." in told
    assert main(["decide", "--graph", str(path), "53.43,-1.5"]) == 0
    assert "nearest with probability over 0.99." in capsys.readouterr().out
