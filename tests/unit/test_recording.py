"""Decisions reach the trail as they were given, are found by their id, and come out again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.answer import DESTINATION, HEAD, TIMES
from routing_service.api.app import create_app
from routing_service.api.fast_lane import FastLane
from routing_service.decision.model import Location
from routing_service.errors import AuditUnavailable
from routing_service.live.closure import Closure
from routing_service.live.engine import Engine
from routing_service.live.events import Body, ClosureOpened, Event, UnitStatusSet
from routing_service.live.recorder import Recorder
from routing_service.live.replay import Replay, Replayed
from routing_service.live.snapshot import Snapshot
from routing_service.live.view import View
from routing_service.observe.audit import Audit
from routing_service.observe.chain import seal
from routing_service.observe.check import Trail, find_chains, read_trail
from routing_service.observe.find import find_decision
from routing_service.observe.records import (
    Frame,
    Taken,
    decision_record,
    expand,
    pack_answer,
    unpack_answer,
)
from routing_service.observe.segment_writer import Page, SegmentWriter
from routing_service.observe.segments import list_segments
from tests import api_scene
from tests.api_scene import Client

NOON = datetime(2026, 7, 7, 12, tzinfo=UTC)
PLACES = [(round(53.45 + n / 100, 7), round(-1.5 + (n % 3) / 10_000, 7)) for n in range(12)]


def new_audit(folder: Path, *, strict: bool = False) -> Audit:
    def clock() -> datetime:
        return datetime.now(UTC)

    open_writer = partial(SegmentWriter, folder, clock)
    return Audit(open_writer, clock, strict=strict)


@contextmanager
def recording(folder: Path, *, strict: bool = False) -> Iterator[Recorder]:
    audit = new_audit(folder, strict=strict)
    audit.start()
    try:
        yield Recorder(audit, folder)
    finally:
        audit.stop()


def client(recorder: Recorder, snapshot: Snapshot | None = None) -> Client:
    engine = Engine(snapshot or api_scene.snapshot())
    return Client(FastLane(create_app(engine, recorder=recorder), engine, recorder))


def replay(
    folder: Path, base: Snapshot | None = None, events: list[Event] | None = None
) -> tuple[Trail, Replayed]:
    trail = Trail()
    entries = read_trail(find_chains([folder]), trail)
    return trail, Replay(base or api_scene.snapshot(), events or [], trail).run(entries)


# --- over HTTP -------------------------------------------------------------------------------
@pytest.mark.parametrize("query", ["lat=53.47&lon=-1.5", "lat=53.47&lon=-1.5&heading_deg=0"])
def test_a_decision_is_found_by_its_id_whichever_lane_gave_it(tmp_path: Path, query: str) -> None:
    with recording(tmp_path) as recorder:
        api = client(recorder)
        decision = api.get(f"/v1/conveyance?{query}").json()
        reply = api.get(f"/v1/decisions/{decision['decision_id']}")
        assert reply.status_code == 200
        found = reply.json()
    assert list(found) == ["decision_id", "segment", "record", "context", "answers"]
    assert found["record"]["request"]["lat"] == 53.47
    assert found["record"]["destination"] == decision["destination"]["ods_code"]
    assert found["context"]["graph_id"] == decision["graph_id"]
    assert found["context"]["state_version"] == decision["state_version"]
    assert found["context"]["units"] == ["NORTH", "SOUTH"]
    # The reply rounds to a tenth of a minute, halves up; the record has the milliseconds.
    ms = found["answers"][0][TIMES : TIMES + 2]
    minutes = {unit["ods_code"]: unit["minutes"] for unit in decision["ranking"]}
    assert [(each + 3_000) // 6_000 / 10 for each in ms] == [minutes["NORTH"], minutes["SOUTH"]]


def test_a_matrix_is_one_record_with_its_locations(tmp_path: Path) -> None:
    body = {
        "locations": [{"lat": 53.47, "lon": -1.5}, {"lat": 0, "lon": 0}, {"lat": 53.5, "lon": -1.5}]
    }
    with recording(tmp_path) as recorder:
        api = client(recorder)
        reply = api.post("/v1/matrix", json=body).json()
        record = api.get(f"/v1/decisions/{reply['decision_id']}").json()["record"]
    assert record["kind"] == "matrix"
    assert [each.get("error", each.get("destination")) for each in record["rows"]] == [
        reply["results"][0]["destination"]["ods_code"],
        reply["results"][1]["error"]["code"],
        reply["results"][2]["destination"]["ods_code"],
    ]
    assert replay(tmp_path)[1].agreed == 2


def test_an_id_that_nobody_gave_is_not_found(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        api = client(recorder)
        api.get("/v1/conveyance?lat=53.47&lon=-1.5")
        for unknown in (
            "019b7f3a-5c1e-7b42-9d0e-3f6a8c2b1d75",
            "x",
            "019B7F3A-5C1E-7B42-9D0E-3F6A8C2B1D75",
        ):
            reply = api.get(f"/v1/decisions/{unknown}")
            assert (reply.status_code, reply.json()["code"]) == (404, "unknown_decision")


def test_without_a_trail_the_route_says_how_to_have_one() -> None:
    reply = api_scene.client().get("/v1/decisions/019b7f3a-5c1e-7b42-9d0e-3f6a8c2b1d75")
    assert (reply.status_code, reply.json()["code"]) == (503, "no_audit")
    assert "HASU_AUDIT" in reply.json()["detail"]


def test_a_refused_request_is_no_decision(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        api = client(recorder)
        assert api.get("/v1/conveyance?lat=0.5&lon=0.5").status_code == 422
        assert api.get("/v1/conveyance?lat=53.47&lon=-1.5&note=943+476+5919").status_code == 422
    assert replay(tmp_path)[1].decisions == 0
    kept = b"".join(s.path.read_bytes() for s in list_segments(tmp_path))
    assert re.search(rb"943.{0,3}476.{0,3}5919|note", kept) is None


# --- strict ----------------------------------------------------------------------------------
def test_in_strict_mode_the_record_is_there_before_the_reply(tmp_path: Path) -> None:
    with recording(tmp_path, strict=True) as recorder:
        api = client(recorder)
        for query in ("lat=53.47&lon=-1.5", "lat=53.47&lon=-1.5&accuracy_m=50"):
            decision = api.get(f"/v1/conveyance?{query}").json()
            written = b"".join(s.path.read_bytes() for s in list_segments(tmp_path))
            assert decision["decision_id"].replace("-", "") in written.decode().replace("-", "")


def test_in_strict_mode_no_decision_is_given_that_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise AuditUnavailable("The disk is full.")

    with recording(tmp_path, strict=True) as recorder:
        api = client(recorder)
        assert api.get("/v1/conveyance?lat=53.47&lon=-1.5").status_code == 200
        with monkeypatch.context() as patch:
            patch.setattr(SegmentWriter, "append", fails)
            replies: list[httpx.Response] = [
                api.get("/v1/conveyance?lat=53.47&lon=-1.5"),
                api.get("/v1/conveyance?lat=53.47&lon=-1.5&heading_deg=0"),
                api.post("/v1/matrix", json={"locations": [{"lat": 53.47, "lon": -1.5}]}),
            ]
        for reply in replies:
            assert (reply.status_code, reply.json()["code"]) == (503, "audit_unavailable")
        assert api.get("/v1/conveyance?lat=53.47&lon=-1.5").status_code == 200


# --- the record ------------------------------------------------------------------------------
def test_no_field_of_a_request_is_left_off_the_record(tmp_path: Path) -> None:
    given: dict[str, Any] = {"accuracy_m": 50.0, "heading_deg": 0.0, "at": NOON, "capability": "mt"}
    assert {field.name for field in fields(Location)} == {"lat", "lon", "source", *given}
    snapshot = api_scene.snapshot()
    with recording(tmp_path) as recorder:
        for name, value in given.items():
            location = Location(53.5, -1.5, **{name: value})
            recorder.decision((snapshot, location, snapshot.decide(location)), name, NOON, 0)
    trail = Trail()
    records = [entry.record for entry in read_trail(find_chains([tmp_path]), trail)]
    told = {r["decision_id"]: r["request"] for r in records if r["kind"] == "decision"}
    assert {name: told[name][name] for name in given} == {**given, "at": NOON.isoformat()}


def record_at_once(folder: Path, who: str | None = None) -> list[dict[str, Any]]:
    """The replies to plain questions that the trail's thread finds all together."""
    recorder = Recorder(new_audit(folder), folder)
    lane = FastLane(nothing_behind, Engine(api_scene.snapshot()), recorder)
    asked = [f"/v1/conveyance?lat={lat:.7f}&lon={lon:.7f}".encode() for lat, lon in PLACES]
    replies = [lane.at_once(url, [], who) for url in asked]
    recorder.audit.start()
    recorder.audit.stop()
    return [json.loads(reply) for reply in replies if reply is not None]


async def nothing_behind(*_: object) -> None:
    raise AssertionError("the fast lane handed a plain question on")


@pytest.mark.parametrize("who", [None, "desk 4"])
def test_plain_decisions_are_told_together_and_come_out_one_by_one(
    tmp_path: Path, who: str | None
) -> None:
    replies = record_at_once(tmp_path, who)
    assert len(replies) == len(PLACES)
    entries = list(read_trail(find_chains([tmp_path]), Trail()))
    assert [e.record["kind"] for e in entries] == ["segment", "context", "decisions", "end"]
    assert entries[2].record.get("who") == who
    assert entries[2].context is not None
    rows = expand(entries[2].record, entries[2].context)
    for reply, (lat, lon), told in zip(replies, PLACES, rows, strict=True):
        location = Location(lat, lon)
        found = api_scene.snapshot().decide(location)
        at = datetime.fromisoformat(told["at"])
        assert at.isoformat()[:19] + "Z" == reply["computed_at"]
        # As a record of its own would tell it.
        frame = Frame("{}", '"default"', ('"NORTH"', '"SOUTH"', "null"))
        taken = Taken(location, found.numbers, found.bits, found.numbers[DESTINATION], frame)
        page = Page(0, "", {"{}": 0})
        alone = json.loads(decision_record(page, taken, reply["decision_id"], at, 0))
        assert told == {name: alone[name] for name in told} | {"took_us": told["took_us"]}
        single = find_decision(tmp_path, reply["decision_id"])
        assert single is not None
        assert single.record["request"] == {"lat": lat, "lon": lon, "source": "lat_lon"}
        assert single.answers == [list(found.numbers)]
        assert single.record.get("who") == who
    assert replay(tmp_path)[1].agreed == len(PLACES)


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: r.update(ids=r["ids"][:-32]),
        lambda r: r.update(taken=r["taken"][:-4]),
        lambda r: r.update(taken="AAAA"),
        lambda r: r.update(taken=7),
        lambda r: r.pop("taken"),
        lambda r: r.pop("speed_set"),
    ],
)
def test_a_block_that_is_nonsense_is_a_difference_and_no_crash(tmp_path: Path, damage: Any) -> None:
    record_at_once(tmp_path)
    (segment,) = list_segments(tmp_path)
    forge(segment.path, lambda r: damage(r) if r["kind"] == "decisions" else None)
    assert replay(tmp_path)[1].differing == {"record": 1}


def test_a_forged_decision_of_a_block_is_named(tmp_path: Path) -> None:
    replies = record_at_once(tmp_path)
    (segment,) = list_segments(tmp_path)

    def quicker(record: dict[str, Any]) -> None:
        if record["kind"] == "decisions":
            numbers = unpack_answer(record["taken"])
            width = len(numbers) // len(PLACES)
            numbers[3 * width + 2 * HEAD + TIMES] -= 1
            record["taken"] = pack_answer(numbers)

    forge(segment.path, quicker)
    found = replay(tmp_path)[1]
    assert found.agreed == len(PLACES) - 1
    assert [d.decision_id for d in found.differences] == [replies[3]["decision_id"]]


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=60))
def test_an_answer_is_packed_without_loss(numbers: list[int]) -> None:
    assert unpack_answer(pack_answer(numbers)) == numbers


# --- replay ----------------------------------------------------------------------------------
def views() -> list[View]:
    """A day: nothing, the road twice as slow until one, NORTH on divert with a guard, both over."""
    base = replace(api_scene.snapshot(), state_version=0)
    slow = Closure.from_json(
        {
            **{"id": "c1", "reason": "flood", "author": "a", "source": "test"},
            **{"point": {"lat": 53.58, "lon": -1.5}, "radius_m": 300, "delay_factor": 2.0},
            "expires_at": (NOON + timedelta(hours=1)).isoformat(),
        }
    )
    divert = UnitStatusSet("NORTH", "divert", "scanner", "a", max_extra_minutes=5.0)
    bodies: list[Body] = [ClosureOpened(slow), divert]
    events = [Event(n, NOON, "a", body) for n, body in enumerate(bodies, start=1)]
    made = [View.of(base, NOON).after((), NOON)]
    made.append(made[-1].after(events[:1], NOON))
    made.append(made[-1].after(events[1:], NOON))
    made.append(made[-1].after((), NOON + timedelta(hours=2)))
    return made


EVENTS = [
    Event(1, NOON, "a", ClosureOpened(views()[1].in_force.closures[0])),
    Event(2, NOON, "a", UnitStatusSet("NORTH", "divert", "scanner", "a", max_extra_minutes=5.0)),
]


def record_a_day(folder: Path) -> int:
    count = 0
    with recording(folder) as recorder:
        for view in views():
            for lat, lon in PLACES:
                for location in (  # every optional field in its turn
                    Location(lat, lon),
                    Location(lat, lon, heading_deg=10.0),
                    Location(lat, lon, accuracy_m=500.0),
                    Location(lat, lon, source="postcode"),
                    Location(lat, lon, capability="mt"),
                ):
                    found = view.snapshot.decide(location)
                    recorder.decision((view.snapshot, location, found), f"id{count}", NOON, 0)
                    count += 1
    return count


def test_a_day_with_closures_and_diverts_comes_out_again_bit_for_bit(tmp_path: Path) -> None:
    count = record_a_day(tmp_path)
    trail, found = replay(tmp_path, views()[0].base, EVENTS)
    assert (trail.breaks, found.differences) == ([], [])
    assert (found.decisions, found.agreed) == (count, count)
    # The states did differ, so that agreeing means something.
    assert len({view.snapshot.decide(Location(*PLACES[5])).numbers for view in views()}) >= 2


def forge(path: Path, change: Any) -> None:
    """Change each decision and make the hashes fit again, as one would who knows how."""
    last, lines = "0" * 64, []
    for line in path.read_bytes().splitlines():
        record = json.loads(line)
        del record["hash"]
        change(record)
        sealed, last = seal(last, json.dumps(record))
        lines.append(sealed)
    path.write_bytes(b"".join(lines))


def later(answer: str, ms: int) -> str:
    """An answer whose first unit takes some milliseconds longer."""
    numbers = unpack_answer(answer)
    numbers[TIMES] += ms
    return pack_answer(numbers)


def test_a_forged_answer_whose_hashes_fit_is_found_by_deriving_it_again(tmp_path: Path) -> None:
    count = record_a_day(tmp_path)
    (segment,) = list_segments(tmp_path)

    def quicker(record: dict[str, Any]) -> None:
        if record.get("decision_id") == "id7":
            record["answer"] = later(record["answer"], -1)

    forge(segment.path, quicker)
    trail, found = replay(tmp_path, views()[0].base, EVENTS)
    assert trail.breaks == []
    assert found.agreed == count - 1
    (difference,) = found.differences
    assert (difference.cause, difference.decision_id) == ("record", "id7")
    assert "NORTH" in difference.detail
    assert "ms derived" in difference.detail


@pytest.mark.parametrize("name", ["bits", "destination", "speed_set", "disc"])
def test_whatever_else_is_forged_is_found_too(tmp_path: Path, name: str) -> None:
    count = record_a_day(tmp_path)
    (segment,) = list_segments(tmp_path)

    def change(record: dict[str, Any]) -> None:
        if record.get("decision_id") == "id2":  # one with an accuracy, so that there is a disc
            record[name] = 2**20 if name == "bits" else "X"

    forge(segment.path, change)
    found = replay(tmp_path, views()[0].base, EVENTS)[1]
    assert (found.agreed, found.differing) == (count - 1, {"record": 1})


def test_a_difference_is_explained_by_what_is_not_the_same(tmp_path: Path) -> None:
    count = record_a_day(tmp_path)
    base = views()[0].base
    other = replay(tmp_path, replace(base, graph_id="f" * 64), EVENTS)[1]
    assert (other.agreed, other.differing) == (0, {"graph": count})
    behind = replay(tmp_path, base, EVENTS[:1])[1]
    assert behind.differing == {"state": count // 2}  # the two states with the second event
    (segment,) = list_segments(tmp_path)

    def older(record: dict[str, Any]) -> None:
        if record["kind"] == "context":
            record["context"]["software"] = "0.0.9"
        if record.get("decision_id") == "id3":
            record["answer"] = later(record["answer"], 7)

    forge(segment.path, older)
    changed = replay(tmp_path, base, EVENTS)[1]
    assert (changed.agreed, changed.differing) == (count - 1, {"software": 1})
    assert "0.0.9" in changed.differences[0].detail


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: r.pop("answer"),
        lambda r: r.update(answer=[1, 2]),
        lambda r: r.update(answer="x"),
        lambda r: r.update(answer="AAAA"),
        lambda r: r.update(answer=pack_answer([1, 2])),
        lambda r: r.update(context=99),
        lambda r: r.update(request={}),
        lambda r: r.update(at="yesterday"),
        lambda r: r["request"].update(lat=10**400),
        lambda r: r["request"].update(lat=float("nan")),
        lambda r: r["request"].update(heading_deg="north"),
    ],
)
def test_a_record_that_is_nonsense_is_a_difference_and_no_crash(
    tmp_path: Path, damage: Any
) -> None:
    count = record_a_day(tmp_path)
    (segment,) = list_segments(tmp_path)
    forge(segment.path, lambda r: damage(r) if r.get("decision_id") == "id4" else None)
    found = replay(tmp_path, views()[0].base, EVENTS)[1]
    assert (found.decisions, found.agreed) == (count, count - 1)
    assert found.differing == {"record": 1}
