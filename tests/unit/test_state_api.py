"""Closures and statuses over HTTP: what is accepted, what it does, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from routing_service.api import state_schemas
from routing_service.api.guard import Guard
from routing_service.api.keys import KeyRing, new_key
from routing_service.live.closure import FIELDS
from tests import api_scene
from tests.api_scene import Client
from tests.live_scene import FLOOD, MIDDLE, Clock, Worker, working

RING = [[-1.51, 53.41], [-1.49, 53.41], [-1.49, 53.49], [-1.51, 53.49], [-1.51, 53.41]]
SOUTHERN = {"type": "Polygon", "coordinates": [RING]}
"""Around the A61 south of Mill Lane, which begins at 53.5."""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with working(tmp_path / "live.db") as running:
        yield running


def opened(worker: Worker, **fields: Any) -> dict[str, Any]:
    reply = worker.api.post("/v1/closures", json=fields)
    assert reply.status_code == 201, reply.text
    state_schemas.ClosureOpenedOut.model_validate_json(reply.content)
    return dict(reply.json())


def problem(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


# --- closures ------------------------------------------------------------------------------
def test_a_closure_is_in_effect_when_it_is_answered(worker: Worker) -> None:
    before = worker.minutes("NORTH")
    answer = opened(worker, **FLOOD)
    # Half of the A61, from Mill Lane to NORTH: 0.1 degrees are 11.1 km, both directions 2 edges.
    assert (answer["roads"], answer["edges"], answer["state_version"]) == (["A61"], 2, 1)
    assert answer["metres"] == pytest.approx(11_130, abs=20)
    decision = worker.decide()
    assert decision["state_version"] == 1
    assert worker.minutes("NORTH") is None
    assert "unit_unreachable" in decision["flags"]
    revoked = worker.api.send("DELETE", f"/v1/closures/{answer['id']}")
    assert (revoked.status_code, revoked.json()) == (200, {"state_version": 2})
    assert worker.minutes("NORTH") == before


def test_every_question_honours_a_closure_alike(worker: Worker) -> None:
    opened(worker, **FLOOD)
    api, here = worker.api, {"lat": 53.47, "lon": -1.5}
    assert problem(api.get("/v1/route", params={**here, "unit": "NORTH"})) == (422, "no_route")
    row = api.post("/v1/matrix", json={"locations": [here]}).json()["results"][0]
    assert row["ranking"] == worker.decide()["ranking"]


def test_each_form_of_a_closure_and_each_delay(worker: Worker) -> None:
    free = worker.minutes("SOUTH", 53.47) or 0.0
    line = {"type": "LineString", "coordinates": [[-1.5, 53.42], [-1.5, 53.48]]}
    for where in (
        {"way": 1, "direction_deg": 180},
        {"point": {"lat": 53.45, "lon": -1.5}, "radius_m": 5},
        {"line": line},
        {"polygon": SOUTHERN},
        {"road": "A61", "polygon": SOUTHERN},
    ):
        answer = opened(worker, **where, reason="works", author="me", delay_factor=2)
        slow = worker.minutes("SOUTH", 53.47)
        # The whole A61 to the south takes twice as long; tenths of a minute are rounded.
        assert slow == pytest.approx(2 * free, abs=0.11), where
        worker.api.send("DELETE", f"/v1/closures/{answer['id']}")
        assert worker.minutes("SOUTH", 53.47) == free
    opened(worker, polygon=SOUTHERN, reason="queue", author="me", delay_minutes=10)
    assert worker.minutes("SOUTH", 53.5) == pytest.approx(
        (worker.minutes("SOUTH", 53.47) or 0) * 10 / 7, abs=0.2
    )


def test_closures_are_listed_until_they_are_revoked_or_end(worker: Worker) -> None:
    one = opened(worker, **FLOOD, id="one", expires_at="2027-11-22T12:00:00Z")
    two = opened(worker, **FLOOD, id="two", starts_at="2027-11-22T12:00:00+01:00")
    listed = worker.api.get("/v1/closures")
    state_schemas.ClosuresOut.model_validate_json(listed.content)
    body = listed.json()
    assert body["state_version"] == 2
    assert [each["id"] for each in body["closures"]] == [one["id"], two["id"]]
    assert [each["in_force"] for each in body["closures"]] == [True, False]
    first = body["closures"][0]
    assert (first["point"], first["radius_m"]) == (MIDDLE["point"], 10.0)
    assert (first["recorded_by"], first["expires_at"]) == ("control room", "2027-11-22T12:00:00Z")
    assert body["closures"][1]["starts_at"] == "2027-11-22T11:00:00Z"
    counts = worker.api.get("/v1/state").json()["closures"]
    assert counts == {"in_force": 1, "to_come": 1, "not_placed": 0}
    drawn = worker.api.get("/map/closures.json")
    state_schemas.ClosureMapOut.model_validate_json(drawn.content)
    (road,) = drawn.json()["features"][0]["geometry"]["coordinates"]
    assert [road[0], road[-1]] == [[-1.5, 53.5], [-1.5, 53.6]]


def test_sent_twice_it_is_once(worker: Worker) -> None:
    body = {**FLOOD, "id": "works/7"}
    first = opened(worker, **body)
    assert opened(worker, **body) == first
    assert worker.api.get("/v1/state").json()["state_version"] == 1
    other = worker.api.post("/v1/closures", json={**body, "delay_factor": 2})
    assert problem(other) == (409, "closure_conflict")
    assert worker.minutes("NORTH") is None
    assert worker.api.send("DELETE", "/v1/closures/works%2F7").status_code == 200
    assert problem(worker.api.send("DELETE", "/v1/closures/works%2F7")) == (404, "unknown_closure")


CLOSURES: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "nothing": ({}, (400, "invalid_closure")),
    "no reason": ({**MIDDLE, "author": "me"}, (400, "invalid_closure")),
    "nobody's": ({**MIDDLE, "reason": "flood"}, (400, "invalid_closure")),
    "nowhere": ({"reason": "flood", "author": "me"}, (400, "invalid_closure")),
    "in two ways": ({**FLOOD, "way": 1}, (400, "invalid_closure")),
    "a misspelt field": ({**FLOOD, "delay": 2}, (400, "invalid_closure")),
    "faster": ({**FLOOD, "delay_factor": 0.5}, (400, "invalid_closure")),
    "over already": ({**FLOOD, "expires_at": "2020-01-01T00:00:00Z"}, (400, "invalid_closure")),
    "without a zone": ({**FLOOD, "expires_at": "2027-01-01T00:00:00"}, (400, "invalid_closure")),
    "no road": ({**FLOOD, "radius_m": 1, "point": {"lat": 53.5, "lon": -1.49}}, (201, "")),
    "far away": (
        {**FLOOD, "point": {"lat": 53.5, "lon": -1.3}},
        (422, "closure_hits_nothing"),
    ),
    "a way of elsewhere": (
        {"way": 99, "reason": "flood", "author": "me"},
        (422, "closure_hits_nothing"),
    ),
    "about a patient": ({**FLOOD, "reason": "943 476 5919"}, (422, "looks_like_nhs_number")),
}


@pytest.mark.parametrize(("body", "expected"), CLOSURES.values(), ids=CLOSURES.keys())
def test_what_is_no_closure_is_refused_and_not_on_record(
    worker: Worker, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    reply = worker.api.post("/v1/closures", json=body)
    assert (reply.status_code, reply.json().get("code", "")) == expected
    version = 1 if expected[0] == 201 else 0
    assert worker.api.get("/v1/state").json()["state_version"] == version
    if expected[1] == "closure_hits_nothing":
        assert "nearest" in reply.json()["detail"] or "No way" in reply.json()["detail"]


# --- units ---------------------------------------------------------------------------------
def test_a_divert_is_in_effect_and_says_on_whose_word(worker: Worker) -> None:
    until = "2027-11-22T14:00:00Z"
    reply = worker.put("SOUTH", status="divert", reason="full", author="Officer", expires_at=until)
    assert (reply.status_code, reply.json()) == (200, {"state_version": 1})
    decision = worker.decide()
    assert decision["destination"]["ods_code"] == "NORTH"
    assert decision["nearest_ods_code"] == "SOUTH"
    reply = worker.api.get("/v1/units")
    state_schemas.UnitsOut.model_validate_json(reply.content)
    north, south = reply.json()["units"]
    assert (north["status"], north["author"], north["since"]) == ("open", None, None)
    assert (south["status"], south["reason"], south["author"]) == ("divert", "full", "Officer")
    assert (south["since"], south["until"]) == ("2026-11-22T10:00:00Z", until)
    worker.put("SOUTH", status="open", reason="over", author="Officer")
    assert worker.decide()["destination"]["ods_code"] == "SOUTH"


def test_the_status_of_one_capability_leaves_the_unit_open(worker: Worker) -> None:
    worker.put("SOUTH", status="closed", reason="no team", author="Officer", capability="MT")
    assert worker.decide()["destination"]["ods_code"] == "SOUTH"
    south = worker.api.get("/v1/units").json()["units"][1]
    assert south["status"] == "open"
    assert south["by_capability"]["mt"]["status"] == "closed"


STATUSES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no reason": {"status": "open", "author": "me"},
    "nobody's": {"status": "open", "reason": "over"},
    "no such status": {"status": "full", "reason": "x", "author": "me"},
    "a number": {"status": "open", "reason": 7, "author": "me"},
    "blank": {"status": "open", "reason": "  ", "author": "me"},
    "several lines": {"status": "open", "reason": "a\nb", "author": "me"},
    "a misspelt field": {"status": "open", "reason": "x", "author": "me", "until": None},
    "a date as a number": {"status": "open", "reason": "x", "author": "me", "expires_at": 5},
    "a date without a zone": {
        **{"status": "open", "reason": "x", "author": "me"},
        "expires_at": "2027-01-01T00:00:00",
    },
    "over already": {
        **{"status": "open", "reason": "x", "author": "me"},
        "expires_at": "2020-01-01T00:00:00Z",
    },
    "an end before its start": {
        **{"status": "open", "reason": "x", "author": "me"},
        **{"starts_at": "2028-01-01T00:00:00Z", "expires_at": "2027-01-01T00:00:00Z"},
    },
    "a negative guard": {
        **{"status": "divert", "reason": "x", "author": "me", "max_extra_minutes": -1},
    },
    "a guard as text": {
        **{"status": "divert", "reason": "x", "author": "me", "max_extra_minutes": "5"},
    },
    "no such capability": {
        **{"status": "closed", "reason": "x", "author": "me", "capability": "surgery"},
    },
}


@pytest.mark.parametrize("body", STATUSES.values(), ids=STATUSES.keys())
def test_what_is_no_status_is_refused_and_not_on_record(
    worker: Worker, body: dict[str, Any]
) -> None:
    assert problem(worker.put("SOUTH", **body)) == (400, "invalid_request")
    assert worker.api.get("/v1/state").json()["state_version"] == 0


def test_a_unit_of_elsewhere_is_unknown(worker: Worker) -> None:
    reply = worker.put("EAST", status="open", reason="x", author="me")
    assert problem(reply) == (404, "unknown_unit")
    assert reply.json()["known"] == ["NORTH", "SOUTH"]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = {
    "/v1/closures": list(state_schemas.ClosureBody.model_fields),
    "/v1/units/SOUTH/status": list(state_schemas.StatusBody.model_fields),
}


@pytest.mark.parametrize(("path", "names"), NAMES.items(), ids=["closure", "status"])
def test_no_body_is_a_fault(path: str, names: list[str], tmp_path: Path) -> None:
    method = "POST" if path == "/v1/closures" else "PUT"
    with working(tmp_path / "live.db") as worker:

        @settings(max_examples=150)
        @given(st.dictionaries(st.sampled_from(names), json_values, max_size=6))
        def send(fields: dict[str, Any]) -> None:
            good = {"status": "open", "reason": "x", "author": "me"}
            base = FLOOD if method == "POST" else good
            for body in (fields, {**base, **fields}):
                reply = worker.api.send(method, path, content=_dump(body), headers=JSON)
                assert reply.status_code < 500, reply.text

        send()


JSON = {"Content-Type": "application/json"}


def _dump(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=True).encode()


# --- versions ------------------------------------------------------------------------------
def test_a_reply_is_at_least_as_new_as_was_asked(worker: Worker) -> None:
    version = opened(worker, **FLOOD)["state_version"]
    assert worker.decide(min_state_version=version)["state_version"] == version
    here = {"lat": 53.47, "lon": -1.5, "min_state_version": version}
    assert worker.api.post("/v1/conveyance", json=here).status_code == 200
    locations = {"locations": [{"lat": 53.47, "lon": -1.5}], "min_state_version": version}
    assert worker.api.post("/v1/matrix", json=locations).json()["state_version"] == version
    newer = worker.api.get("/v1/state", params={"min_state_version": version + 1})
    assert problem(newer) == (503, "state_behind")
    assert newer.headers["retry-after"] == "1"
    assert newer.json()["state_version"] == version


def test_it_waits_for_a_state_that_is_on_its_way(tmp_path: Path) -> None:
    with working(tmp_path / "live.db") as one, working(tmp_path / "live.db") as other:
        for version in range(1, 6):
            assert opened(one, **FLOOD)["state_version"] == version
            assert other.decide(min_state_version=version)["state_version"] == version


# --- who -----------------------------------------------------------------------------------
def test_events_name_the_key_not_what_the_body_says(tmp_path: Path) -> None:
    given_, key = new_key("control room 2", "controller")
    (tmp_path / "keys.toml").write_text(key.as_toml())
    with working(tmp_path / "live.db") as worker:
        guarded = Client(Guard(worker.api.app, KeyRing(tmp_path / "keys.toml")))
        headers = {"Authorization": f"Bearer {given_}"}
        body = {**FLOOD, "author": "police"}
        assert guarded.post("/v1/closures", json=body, headers=headers).status_code == 201
        # Without an author in the body it is the key's.
        status = {"status": "divert", "reason": "full"}
        path = "/v1/units/SOUTH/status"
        assert guarded.send("PUT", path, json=status, headers=headers).status_code == 200
        (closure,) = guarded.get("/v1/closures", headers=headers).json()["closures"]
        assert (closure["author"], closure["recorded_by"]) == ("police", "control room 2")
        south = guarded.get("/v1/units", headers=headers).json()["units"][1]
        assert south["author"] == "control room 2"


def test_without_keys_a_revocation_names_who_it_says_or_nobody(tmp_path: Path) -> None:
    with working(tmp_path / "live.db") as worker:
        for n, query in enumerate(("", "?author=J.%20Bloggs"), start=1):
            opened(worker, **FLOOD, id=f"c{n}")
            worker.api.send("DELETE", f"/v1/closures/c{n}{query}")
        store = worker.follower._store
        assert store is not None
        authors = [event.author for event in store.read(0)]
    assert authors == ["control room", "anybody (no keys)", "control room", "J. Bloggs"]


def test_the_bodies_that_are_documented_are_those_that_are_read() -> None:
    assert sorted(state_schemas.ClosureBody.model_fields) == sorted(FIELDS)
    shape: type[BaseModel] = state_schemas.PointBody
    assert set(shape.model_fields) == {"lat", "lon"}


def test_opening_hours_close_and_open_a_unit(tmp_path: Path) -> None:
    base = api_scene.snapshot()
    units = [dict(unit) for unit in base.graph.manifest["units"]]
    units[1]["hours"] = "sun 08:00-11:00"
    graph = replace(base.graph, manifest={**base.graph.manifest, "units": units})
    clock = Clock()
    with working(
        tmp_path / "live.db", clock, replace(base, graph=graph, state_version=0)
    ) as worker:
        assert worker.decide()["destination"]["ods_code"] == "SOUTH"
        clock.pass_(hours=1)  # it is eleven
        worker.follower.advance()
        assert worker.decide()["destination"]["ods_code"] == "NORTH"
        south = worker.api.get("/v1/units").json()["units"][1]
        assert (south["status"], south["reason"]) == ("closed", "outside its opening hours")
        # What was set counts more than the hours.
        worker.put("SOUTH", status="open", reason="extra team", author="Officer")
        assert worker.decide()["destination"]["ods_code"] == "SOUTH"
