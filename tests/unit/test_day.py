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
    assert worker.put("SOUTH", **DIVERT, max_extra_minutes=limit).status_code == 200
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


def test_a_need_narrows_the_units_to_those_that_have_it(worker: Worker) -> None:
    # Only SOUTH has a capability at all.
    decision = worker.decide(53.55, capability="MT")
    assert decision["nearest_ods_code"] == "NORTH"
    assert decision["destination"]["ods_code"] == "SOUTH"
    assert "capability_differs" in decision["flags"]
    assert "policy_differs" not in decision["flags"]
    assert "lacks_capability" in row(decision, "NORTH")["reasons"]
    why = "North General is the quickest to reach, but does not have the capability"
    assert decision["explanation"]["not_nearest"].startswith(why)
    assert "capability_differs" not in worker.decide(53.47, capability="mt")["flags"]


def test_the_status_of_a_capability_counts_for_who_needs_it(worker: Worker) -> None:
    worker.put("SOUTH", status="closed", reason="no team", author="Officer", capability="mt")
    assert worker.decide()["destination"]["ods_code"] == "SOUTH"
    assert worker.decide(capability="ivt")["destination"]["ods_code"] == "SOUTH"
    needed = worker.decide(capability="mt")
    assert needed["destination"] is None
    assert row(needed, "SOUTH")["status"] == "closed"
    # A unit that is closed as a whole is closed for every need.
    worker.put("SOUTH", status="open", reason="team is back", author="Officer", capability="mt")
    assert worker.decide(capability="mt")["destination"]["ods_code"] == "SOUTH"
    worker.put("SOUTH", **{**DIVERT, "status": "closed"})
    assert worker.decide(capability="mt")["destination"] is None


def test_policy_and_need_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(SOUTHERN)
    base = replace(api_scene.snapshot(), state_version=0)
    policy = read_policy(tmp_path / "policy.toml", base.units)
    with working(tmp_path / "live.db", Clock(), replace(base, policy=policy)) as worker:
        decision = worker.decide(53.47, capability="mt")
        # SOUTH has it, but the policy leaves it out; NORTH is in the policy, but lacks it.
        assert decision["destination"] is None
        assert "not_in_policy" in row(decision, "SOUTH")["reasons"]
        assert "lacks_capability" in row(decision, "NORTH")["reasons"]
        assert {"policy_differs", "capability_differs"} <= set(decision["flags"])


@pytest.mark.parametrize("name", ["surgery", "", "m\nt", "x" * 40])
def test_a_need_that_nobody_meets_is_refused(worker: Worker, name: str) -> None:
    reply = worker.api.get("/v1/conveyance", params={"lat": 53.47, "lon": -1.5, "capability": name})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    assert reply.json()["field"] == "capability"
    locations = [{"lat": 53.47, "lon": -1.5, "capability": "surgery"}]
    rows = worker.api.post("/v1/matrix", json={"locations": locations}).json()["results"]
    assert rows[0]["error"]["code"] == "invalid_request"
