"""Two lanes, one answer: status, headers and bytes are the same whichever lane replies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing_service.api import ids
from routing_service.api.app import create_app
from routing_service.api.fast_lane import FastLane
from routing_service.live.engine import Engine
from tests.api_scene import Client, snapshot

AT_NS = 1_795_342_500_123_456_789
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
        patch.setattr(ids, "moment_ns", lambda: AT_NS)
        patch.setattr(ids, "now", lambda: datetime.fromtimestamp(AT_NS / 1e9, UTC))
        patch.setattr(ids, "chance", lambda: (0x3F6A8C2B1D75, -0x3F6A8C2B1D75))
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


@settings(max_examples=1_000)
@given(texts, texts)
@example("53.47", "-1.5")
@example("-1.5", "53.47")  # exchanged
@example("53.47", "-1.2")  # 20 km from any road
@example("50.1", "-5.1")  # off the map
@example("36.2", "37.1")  # in another country
@example("90.1", "-1.5")  # off the globe
@example("53.47000000000000001", "-1.5")
def test_any_pair_of_values_gets_the_same_reply(lat: str, lon: str) -> None:
    fast, slow, _ = both("GET", "/v1/conveyance", params={"lat": lat, "lon": lon})
    assert same(fast, slow)


@settings(max_examples=500)
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


JSON = {"content-type": "application/json"}
numerals = st.one_of(
    degrees.map(str),
    degrees.map(lambda x: f"{x:.6f}"),
    st.sampled_from(
        ["null", '"53.4"', "053.4", "53.", ".5", "1e1", "NaN", "true", "[]", "53.40000000000000001"]
    ),
)
names = st.sampled_from(["lat", "lon", "LAT", "accuracy_m", "postcode", "l\\u0061t"])


@settings(max_examples=1_000)
@given(
    st.lists(st.tuples(names, numerals), max_size=3),
    st.sampled_from(["", " ", "\n\t"]),
    st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain"]),
)
@example([("lat", "53.47"), ("lon", "-1.5")], "", "application/json")
@example([("lat", "53.47"), ("lon", "-1.5")], " ", "application/json")
@example([("lat", "53.47"), ("lon", "-1.2")], "", "application/json")  # 20 km from any road
def test_any_body_gets_the_same_reply(
    fields: list[tuple[str, str]], blank: str, content_type: str
) -> None:
    inner = ",".join(f'{blank}"{name}"{blank}:{blank}{value}{blank}' for name, value in fields)
    body = f"{blank}{{{inner}}}{blank}".encode()
    headers = {"content-type": content_type}
    fast, slow, _ = both("POST", "/v1/conveyance", content=body, headers=headers)
    assert same(fast, slow)


@pytest.mark.parametrize("body", ['{"lat":53.47,"lon":-1.5}', ' {"lat" : 53.47,\n"lon": -1.5} '])
def test_the_plain_question_may_be_posted(body: str) -> None:
    fast, slow, alone = both("POST", "/v1/conveyance", content=body.encode(), headers=JSON)
    assert alone
    assert fast.status_code == 200
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
