"""What is set during the day, as decisions see it: guards of diverts, and the policy of an area."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routing_service.live.policy import read_policy
from tests import api_scene
from tests.live_scene import Clock, Worker, working

# At 53.47 it is 5.8 minutes to SOUTH and 10.8 to NORTH: a divert of SOUTH costs 5.0.
DIVERT = {"status": "divert", "reason": "full", "author": "Officer"}
SOUTHERN = """
[[area]]
name = "south"
eligible = ["NORTH"]
reason = "agreed"
source = "minutes of a meeting"
polygon = [[[-1.6, 53.3], [-1.4, 53.3], [-1.4, 53.48], [-1.6, 53.48], [-1.6, 53.3]]]
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with working(tmp_path / "live.db") as running:
        yield running


def row(decision: dict[str, Any], ods_code: str) -> dict[str, Any]:
    return next(each for each in decision["ranking"] if each["ods_code"] == ods_code)


@pytest.mark.parametrize(("limit", "taken"), [(6, True), (4, False), (None, True)])
def test_a_divert_is_taken_up_to_its_guard(
    worker: Worker, limit: float | None, taken: bool
) -> None:
    worker.put("SOUTH", **DIVERT, max_extra_minutes=limit)
    decision = worker.decide()
    assert decision["destination"]["ods_code"] == ("NORTH" if taken else "SOUTH")
    assert ("divert_exceeds_guard" in decision["flags"]) is not taken
    south = row(decision, "SOUTH")
    assert south["status"] == "divert"
    assert ("divert_not_taken" in south["reasons"]) is not taken
    if taken:
        said = "South Royal is the quickest to reach, but diverts patients."
        assert decision["explanation"]["not_nearest"] == said
    else:
        assert "not_nearest" not in decision["explanation"]


def test_the_guard_ends_with_the_divert(worker: Worker) -> None:
    worker.put("SOUTH", **DIVERT, max_extra_minutes=4)
    worker.put("SOUTH", **{**DIVERT, "status": "closed"})
    assert worker.decide()["destination"]["ods_code"] == "NORTH"


def test_policy_and_pure_nearest_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(SOUTHERN)
    base = replace(api_scene.snapshot(), state_version=0)
    policy = read_policy(tmp_path / "policy.toml", base.units)
    with working(tmp_path / "live.db", Clock(), replace(base, policy=policy)) as worker:
        inside = worker.decide(53.47)
        assert inside["policy"] == policy.id
        assert inside["destination"]["ods_code"] == "NORTH"
        assert inside["nearest_ods_code"] == "SOUTH"
        assert "policy_differs" in inside["flags"]
        assert "not_in_policy" in row(inside, "SOUTH")["reasons"]
        assert inside["explanation"]["not_nearest"].endswith(
            "left out by the policy for this area."
        )
        outside = worker.decide(53.49)
        assert outside["destination"]["ods_code"] == "SOUTH"
        assert "policy_differs" not in outside["flags"]
        # A divert of the only eligible unit leaves none.
        worker.put("NORTH", **DIVERT)
        assert worker.decide(53.47)["destination"] is None
