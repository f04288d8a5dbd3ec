"""Two lanes, one answer: status, headers and bytes are the same whichever lane replies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing_service.api import encode, fast_encode, ids
from routing_service.api.app import create_app
from routing_service.api.fast_lane import FastLane
from routing_service.decision.model import Decision, Location, Ranked, Snap, Unit
from routing_service.live.engine import Engine
from tests import api_scene
from tests.api_scene import Client, snapshot

ENGINE = Engine(snapshot())
SLOW = create_app(ENGINE)


class Counting:
    """The application behind the fast lane, counting what reaches it."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        await SLOW(scope, receive, send)


@pytest.fixture(autouse=True)
def one_moment() -> Iterator[None]:
    """Ids and times are the only chance in a reply; here they are always the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "time_ordered_id", lambda: "019b7f3a-5c1e-7b42-9d0e-3f6a8c2b1d75")
        patch.setattr(ids, "now", lambda: datetime(2026, 11, 22, 10, 15, tzinfo=UTC))
        yield


def both(method: str, path: str, **kwargs: Any) -> tuple[httpx.Response, httpx.Response, bool]:
    """The replies of both lanes, and whether the fast lane answered by itself."""
    behind = Counting()
    fast = Client(FastLane(behind, ENGINE)).send(method, path, **kwargs)
    slow = Client(SLOW).send(method, path, **kwargs)
    return fast, slow, behind.requests == 0


def same(fast: httpx.Response, slow: httpx.Response) -> bool:
    return (fast.status_code, sorted(fast.headers.items()), fast.content) == (
        *(slow.status_code, sorted(slow.headers.items()), slow.content),
    )


degrees = st.one_of(
    st.floats(52.0, 55.0), st.floats(-3.0, 1.0), st.floats(-200, 200), st.integers(-99, 99)
)
texts = st.one_of(
    degrees.map(str),
    degrees.map(lambda x: f"{x:.6f}"),
    degrees.map(lambda x: f"{x:.20f}"),
    st.sampled_from(["", "nan", "inf", "-0.0", "1e1", "53,4", "5 3.4", "+53.4", "٥٣.٤", "53.4%00"]),
)


@settings(max_examples=300)
@given(texts, texts)
@example("53.47", "-1.5")
@example("-1.5", "53.47")  # exchanged
@example("53.47", "-1.2")  # 20 km from any road
@example("50.1", "-5.1")  # off the map
@example("53.47000000000000001", "-1.5")
def test_any_pair_of_values_gets_the_same_reply(lat: str, lon: str) -> None:
    fast, slow, _ = both("GET", "/v1/conveyance", params={"lat": lat, "lon": lon})
    assert same(fast, slow)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lat", "lon", "LAT", "accuracy_m", "heading_deg", "at", "x", ""]),
            st.one_of(texts, st.text(max_size=8)),
        ),
        max_size=5,
    )
)
def test_any_query_gets_the_same_reply(fields: list[tuple[str, str]]) -> None:
    fast, slow, _ = both("GET", "/v1/conveyance", params=fields)
    assert same(fast, slow)


@pytest.mark.parametrize(
    "query",
    [
        *("lat=53.47&lon=-1.5", "lat=53.4&lon=-1.50001", "lat=53.5999999999999&lon=-1.5"),
        "lat=53.512345678901&lon=-1.499999999999",
    ],
)
def test_the_plain_question_is_answered_in_the_fast_lane(query: str) -> None:
    fast, slow, alone = both("GET", f"/v1/conveyance?{query}")
    assert alone
    assert fast.status_code == 200
    assert same(fast, slow)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/conveyance?lon=-1.5&lat=53.47"),
        ("GET", "/v1/conveyance?lat=53.47&lon=-1.5&accuracy_m=50"),
        ("GET", "/v1/conveyance?lat=53.47&lon=-1.5&"),
        ("GET", "/v1/conveyance/?lat=53.47&lon=-1.5"),
        ("GET", "/v1/conveyance?lat=53.47&lon=%2D1.5"),
        ("GET", "/v1/conveyance"),
        ("HEAD", "/v1/conveyance?lat=53.47&lon=-1.5"),
        ("DELETE", "/v1/conveyance?lat=53.47&lon=-1.5"),
        ("GET", "/v1/units"),
        ("GET", "/healthz"),
    ],
)
def test_everything_else_is_handed_on(method: str, path: str) -> None:
    fast, slow, alone = both(method, path)
    assert not alone
    assert same(fast, slow)


def test_both_lanes_answer_from_the_snapshot_in_force() -> None:
    engine = Engine(snapshot())
    lane = Client(FastLane(create_app(engine), engine))
    path = "/v1/conveyance?lat=53.47&lon=-1.5"
    before = lane.get(path).json()
    engine.publish(snapshot(south="closed"))
    after = lane.get(path).json()
    assert before["destination"]["ods_code"] == "SOUTH"
    assert (after["destination"]["ods_code"], after["nearest_ods_code"]) == ("NORTH", "SOUTH")


def test_a_hand_written_body_is_the_encoders_whatever_the_decision() -> None:
    awkward = Unit('N"1\\', "Königin – „Royal“ \u2028 </script>", 53.60, -1.5)
    other = Unit("S", "South\tRoyal", 53.40, -1.5, door="surveyed")
    rows = (
        Ranked(1, awkward.ods_code, awkward.name, 0.0, 0.1, "divert", False, ("nearest", "divert")),
        Ranked(2, "S", other.name, 12.5, 9.0, "open", True, ("further",), 10.1, 15.2, 0.041),
        Ranked(3, "S", other.name, None, None, "closed", False, ("no_route",)),
    )
    snap = Snap(53.4700001, -1.5, 0.1, 'A61 “Straße” \\ "quoted"', "poor")
    shown = replace(
        snapshot(), graph=replace(api_scene.graph(), manifest=_manifest(awkward, other))
    )
    for destination, margin, flags in ((rows[1], 0.1, ("near_tie",)), (None, None, ())):
        found = Decision(rows, destination, "S" if margin else None, margin, False, flags, snap)
        arguments = (found, Location(53.47000000001, -1.5), shown, "an-id", "2026-11-22T10:15:00Z")
        assert fast_encode.decision(*arguments) == encode.dump(encode.decision(*arguments))


def _manifest(*units: Unit) -> dict[str, Any]:
    tables = [{**asdict(unit), "capabilities": []} for unit in units]
    return {**api_scene.graph().manifest, "units": tables}
