"""How the service behaves: what it takes, what it refuses, what it never gives away."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from routing_service.api import pages, routes
from routing_service.api.app import create_app, keep_queries_out_of_logs
from routing_service.decision.decision import Decision
from routing_service.decision.model import Location
from routing_service.errors import GraphFileCorrupt, NotReady
from routing_service.graph.speed_sets import SpeedSets
from routing_service.graph.trees import with_speed_sets
from routing_service.live.engine import Engine
from routing_service.live.snapshot import Limits, Snapshot
from tests.api_scene import Client, client, snapshot
from tests.api_scene import graph as graph_of_scene

NHS_NUMBER = "9434765919"  # the check digit holds: 9*10 + 4*9 + … + 1*2 leaves 9
HERE = {"lat": 53.47, "lon": -1.5}


@pytest.fixture(scope="module")
def api() -> Client:
    return client()


class Broken:
    """An engine whose snapshot raises what it is told to."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @property
    def snapshot(self) -> Snapshot:
        raise self.error


def broken(error: Exception) -> Client:
    return Client(create_app(Broken(error)))  # type: ignore[arg-type]


# --- the same question however it is put -----------------------------------------------------
def without_identity(reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    body = dict(reply.json())
    del body["decision_id"], body["computed_at"]
    return body


def test_get_and_post_give_the_same_decision(api: Client) -> None:
    asked = api.get("/v1/conveyance?lat=53.47&lon=-1.5")
    posted = api.post("/v1/conveyance", json=HERE)
    assert without_identity(asked) == without_identity(posted)
    assert asked.json()["destination"]["ods_code"] == "SOUTH"


def test_the_route_takes_the_minutes_of_the_decision(api: Client) -> None:
    ranking = api.get("/v1/conveyance?lat=53.47&lon=-1.5").json()["ranking"]
    for row in ranking:
        route = api.get(f"/v1/route?lat=53.47&lon=-1.5&unit={row['ods_code']}").json()
        assert (route["minutes"], route["km"]) == (row["minutes"], row["km"])


def test_a_matrix_row_has_the_numbers_of_the_decision(api: Client) -> None:
    decision = without_identity(api.post("/v1/conveyance", json=HERE))
    row = api.post("/v1/matrix", json={"locations": [HERE]}).json()["results"][0]
    assert row == {name: decision[name] for name in row}
    assert set(row) >= {"ranking", "destination", "margin_minutes", "incident", "flags"}


def test_a_grid_reference_names_a_square_so_the_reply_has_a_disc(api: Client) -> None:
    # SE 333 060 is at 53.550 N, 1.499 W.
    body = api.get("/v1/conveyance?grid_ref=SE+333+060").json()
    assert body["incident"]["source"] == "grid_ref"
    assert body["disc"]["accuracy_m"] == pytest.approx(70.7, abs=0.1)


def test_a_diverted_unit_is_shown_as_nearest_but_is_not_the_destination() -> None:
    body = client(snapshot(south="divert")).get("/v1/conveyance?lat=53.47&lon=-1.5").json()
    assert body["nearest_ods_code"] == "SOUTH"
    assert body["destination"]["ods_code"] == "NORTH"
    assert [row["status"] for row in body["ranking"]] == ["divert", "open"]


# --- a matrix ---------------------------------------------------------------------------------
def test_a_matrix_answers_in_order_and_goes_on_after_an_error(api: Client) -> None:
    locations = [
        {"lat": 53.59, "lon": -1.5},
        {"lat": -1.5, "lon": 53.59},
        "somewhere",
        {"lat": 53.41, "lon": -1.5},
        {"lat": 53.5, "lon": -3.0},
        {"lat": 53.5, "lon": -1.5, "colour": "red"},
    ]
    results = api.post("/v1/matrix", json={"locations": locations}).json()["results"]
    told = [
        row["error"]["code"] if "error" in row else row["destination"]["ods_code"]
        for row in results
    ]
    assert told == [
        *("NORTH", "swapped_coordinates", "invalid_location"),
        *("SOUTH", "outside_region", "invalid_request"),
    ]
    assert results[1]["error"]["lat"] == 53.59  # what was probably meant


def test_an_empty_matrix_is_an_empty_answer(api: Client) -> None:
    assert api.post("/v1/matrix", json={"locations": []}).json()["results"] == []


def test_a_matrix_does_not_run_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    decide = Snapshot.decide

    def watched(self: Snapshot, location: Location) -> Decision:
        threads.append(threading.current_thread())
        return decide(self, location)

    monkeypatch.setattr(Snapshot, "decide", watched)
    client().post("/v1/matrix", json={"locations": [HERE]})
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


def test_a_matrix_has_a_limit(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MAX_MATRIX_LOCATIONS", 2)
    assert api.post("/v1/matrix", json={"locations": [HERE] * 2}).status_code == 200
    refused = api.post("/v1/matrix", json={"locations": [HERE] * 3})
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


# --- what is refused --------------------------------------------------------------------------
BAD_BODIES = {
    "not JSON": b"lat=53.47",
    "empty": b"",
    "not UTF-8": b'{"postcode": "\xff"}',
    "a list": b"[53.47, -1.5]",
    "NaN": b'{"lat": NaN, "lon": -1.5}',
    "infinity": b'{"lat": 53.47, "lon": -Infinity}',
    "a field twice": b'{"lat": 53.47, "lon": -1.5, "lat": 53.48}',
    "too deep": b'{"lat": ' + b"[" * 8_000 + b"]" * 8_000 + b"}",
    "a number too long": b'{"lat": ' + b"5" * 5_000 + b', "lon": -1.5}',
    "an unknown field": b'{"lat": 53.47, "lon": -1.5, "colour": 1}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_body_that_is_not_a_plain_json_object_is_refused(api: Client, body: bytes) -> None:
    reply = api.post("/v1/conveyance", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")


def test_a_number_beyond_floats_is_refused(api: Client) -> None:
    reply = api.post(
        "/v1/conveyance",
        content=b'{"lat": 1e999, "lon": -1.5}',
        headers={"Content-Type": "application/json"},
    )
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_location")


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "application/geo+json"]
)
def test_json_is_taken_however_it_is_declared(api: Client, media_type: str) -> None:
    body = b'{"lat": 53.47, "lon": -1.5}'
    reply = api.post("/v1/conveyance", content=body, headers={"Content-Type": media_type})
    assert reply.status_code == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_must_be_declared_as_json(api: Client, media_type: str) -> None:
    # Browsers may send these three across origins without asking first.
    body = b'{"lat": 53.47, "lon": -1.5}'
    reply = api.post("/v1/conveyance", content=body, headers={"Content-Type": media_type})
    assert (reply.status_code, reply.json()["code"]) == (415, "unsupported_media_type")


def test_a_long_body_is_refused_before_it_is_read(api: Client) -> None:
    body = b" " * (routes.MAX_LOCATION_BYTES + 1)
    reply = api.post("/v1/conveyance", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")


def test_a_long_body_of_unknown_length_is_refused_on_the_way(api: Client) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 100 * routes.MAX_LOCATION_BYTES:
            sent += 4_096
            yield b" " * 4_096

    reply = api.post(
        "/v1/conveyance", content=endless(), headers={"Content-Type": "application/json"}
    )
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")
    assert sent <= routes.MAX_LOCATION_BYTES + 2 * 4_096


def test_the_known_names_are_told(api: Client) -> None:
    for path in ("/v1/conveyance?latt=53.47&lon=-1.5", "/v1/route?latt=53.47&unit=NORTH"):
        reply = api.get(path)
        assert reply.status_code == 400
        assert "lat, lon, easting, northing, grid_ref, postcode" in reply.json()["detail"]


def test_a_parameter_given_twice_is_refused(api: Client) -> None:
    reply = api.get("/v1/conveyance?lat=53.47&lat=53.47&lon=-1.5")
    assert (reply.status_code, reply.json()["field"]) == (400, "lat")


def test_too_many_parameters_are_refused(api: Client) -> None:
    query = "&".join(f"a{n}=1" for n in range(1_000))
    assert api.get(f"/v1/conveyance?{query}").json()["code"] == "invalid_request"


def test_a_refusal_tells_the_distance_to_the_nearest_road() -> None:
    # 53.45, -1.49 is 662 m east of the A61, inside the network's box.
    strict = client(snapshot(limits=Limits(snap_limit_m=100.0)))
    reply = strict.get("/v1/conveyance?lat=53.45&lon=-1.49")
    assert (reply.status_code, reply.json()["code"]) == (422, "too_far_from_road")
    assert reply.json()["distance_m"] == pytest.approx(663, abs=3)


def test_an_unknown_unit_is_told_the_known_ones(api: Client) -> None:
    reply = api.get("/v1/route?lat=53.47&lon=-1.5&unit=RXF05")
    assert (reply.status_code, reply.json()["known"]) == (404, ["NORTH", "SOUTH"])


# --- what is never given away ------------------------------------------------------------------
@pytest.mark.parametrize(
    "query",
    [
        f"postcode={NHS_NUMBER}",
        f"lat=53.47&lon=-1.5&accuracy_m={NHS_NUMBER}",
        f"lat=53.47&lon=-1.5&nhs_number={NHS_NUMBER}",
        f"lat=53.47&lon=-1.5&{NHS_NUMBER}=1",
        f"lat=53.47&lon=-1.5&unit={NHS_NUMBER}",
        "lat=53.47&lon=-1.5&postcode=943+476+5919",
    ],
)
def test_an_nhs_number_is_refused_and_not_repeated(api: Client, query: str) -> None:
    for path in ("/v1/conveyance", "/v1/route"):
        reply = api.get(f"{path}?{query}")
        assert 400 <= reply.status_code < 500
        assert NHS_NUMBER not in reply.text
        assert "943 476 5919" not in reply.text


def test_a_fault_is_logged_by_reference_and_tells_nobody_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    reply = broken(ValueError("incident at 53.47123")).get("/v1/conveyance?lat=53.47123&lon=-1.5")
    body = reply.json()
    assert (reply.status_code, body["code"]) == (500, "internal_error")
    assert "53.47123" not in reply.text
    ours = [record for record in caplog.records if record.name.startswith("routing_service")]
    assert [body["reference"] in record.getMessage() for record in ours] == [True]
    assert "ValueError" in ours[0].getMessage()
    assert "53.47123" not in ours[0].getMessage()


def test_an_error_that_no_request_can_cause_is_a_fault() -> None:
    reply = broken(GraphFileCorrupt("section trees of /somewhere")).get("/v1/units")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert "somewhere" not in reply.text


@pytest.fixture
def access_log() -> Iterator[logging.Logger]:
    log = logging.getLogger("uvicorn.access")
    yield log
    for item in list(log.filters):
        log.removeFilter(item)


def test_the_access_log_has_no_query(
    access_log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    keep_queries_out_of_logs()
    keep_queries_out_of_logs()
    assert len(access_log.filters) == 1
    caplog.set_level(logging.INFO, logger="uvicorn.access")
    line = '%s - "%s %s HTTP/%s" %d'
    access_log.info(line, "127.0.0.1:5", "GET", "/v1/conveyance?lat=53.47&lon=-1.5", "1.1", 200)
    assert caplog.messages == ['127.0.0.1:5 - "GET /v1/conveyance HTTP/1.1" 200']


def test_an_answer_may_not_be_kept(api: Client) -> None:
    for reply in (api.get("/v1/conveyance?lat=53.47&lon=-1.5"), api.get("/v1/conveyance")):
        assert reply.headers["cache-control"] == "no-store"


# --- before a graph, and across a swap ----------------------------------------------------------
def test_without_a_graph_the_process_is_alive_but_not_ready() -> None:
    early = broken(NotReady("The graph is being loaded."))
    assert early.get("/healthz").status_code == 200
    for path in ("/readyz", "/v1/units", "/v1/conveyance?lat=53.47&lon=-1.5"):
        reply = early.get(path)
        assert (reply.status_code, reply.json()["code"]) == (503, "not_ready")
        assert reply.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/conveyance?lat=53.47&lon=-1.5", "/v1/route?lat=53.47&lon=-1.5&unit=NORTH"),
        *("/v1/units", "/v1/state", "/readyz", "/map/main-roads.json"),
    ],
)
def test_a_request_takes_the_snapshot_once(path: str) -> None:
    class Counting:
        taken = 0

        @property
        def snapshot(self) -> Snapshot:
            self.taken += 1
            return snapshot()

    engine = Counting()
    reply = Client(create_app(engine)).get(path)  # type: ignore[arg-type]
    assert reply.status_code == 200
    assert engine.taken == 1


def test_the_next_request_answers_from_the_snapshot_published_meanwhile() -> None:
    engine = Engine(snapshot())
    api = Client(create_app(engine))
    assert api.get("/v1/state").json()["statuses"] == {"open": 2, "divert": 0, "closed": 0}
    engine.publish(snapshot(north="closed"))
    assert api.get("/v1/state").json()["statuses"] == {"open": 1, "divert": 0, "closed": 1}


def test_many_requests_at_once_do_not_mix() -> None:
    api = client()

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=api.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hasu") as http:
            paths = [f"/v1/route?lat={53.41 + n / 500}&lon=-1.5&unit=NORTH" for n in range(90)]
            return await asyncio.gather(*(http.get(path) for path in paths))

    minutes = [reply.json()["minutes"] for reply in asyncio.run(ask())]
    assert minutes == sorted(minutes, reverse=True)  # each further north than the one before


# --- the page and what it loads ------------------------------------------------------------------
def test_main_roads_travel_packed_and_once_per_graph(api: Client) -> None:
    plain = api.get("/map/main-roads.json", headers={"Accept-Encoding": "identity"})
    packed = api.get("/map/main-roads.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content  # the client unpacks
    again = api.get("/map/main-roads.json", headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", pages.ASSETS)
def test_the_page_loads_nothing_from_outside(api: Client, path: str) -> None:
    reply = api.get(path)
    assert reply.status_code == 200
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    # The one address in it is the name of SVG's vocabulary, which nothing fetches.
    addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s'\"]*", reply.text)
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


def test_every_part_that_a_page_names_is_served(api: Client) -> None:
    for page in ("/", "/docs", "/web/page.js", "/web/docs.js"):
        for path in re.findall(r"[\"'`](/(?:web|docs|openapi)[\w./-]*)", api.get(page).text):
            assert api.get(path).status_code == 200, path


def test_no_page_has_inline_script_or_style(api: Client) -> None:
    for page in ("/", "/docs"):
        text = api.get(page).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|<style|\bon\w+=", text)


# --- moments -----------------------------------------------------------------------------------
def test_the_moment_chooses_the_speeds_and_the_reply_names_them(tmp_path: Path) -> None:
    path = tmp_path / "sets.toml"
    path.write_text(
        '[[set]]\nname = "rush"\nevidence = "made up"\nfactor = 0.5\n'
        'periods = [{ days = ["mon"], from = "08:00", to = "09:00" }]\n',
        encoding="utf-8",
    )
    graph = graph_of_scene()
    manifest = {**graph.manifest, "speed_sets": SpeedSets.load(path).as_json()}
    timed = with_speed_sets(replace(graph, manifest=manifest))
    api = client(Snapshot(timed, "timed"))
    place = {"lat": 53.47, "lon": -1.5}
    # 2026-11-23 is a Monday.
    rush = api.post("/v1/conveyance", json={**place, "at": "2026-11-23T08:30:00Z"}).json()
    calm = api.post("/v1/conveyance", json={**place, "at": "2026-11-23T09:30:00+00:00"}).json()
    assert (rush["speed_set"], calm["speed_set"]) == ("rush", "default")
    # Half the speed is twice the time; both are shown to a tenth of a minute.
    twice = 2 * calm["destination"]["minutes"]
    assert abs(rush["destination"]["minutes"] - twice) <= 0.15
    rows = api.post(
        "/v1/matrix",
        json={"locations": [{**place, "at": f"2026-11-23T0{hour}:30:00Z"} for hour in (8, 9)]},
    ).json()["results"]
    assert [row["destination"]["minutes"] for row in rows] == [
        rush["destination"]["minutes"],
        calm["destination"]["minutes"],
    ]
    route = api.get("/v1/route?lat=53.47&lon=-1.5&unit=SOUTH&at=2026-11-23T08:30:00Z").json()
    assert (route["speed_set"], route["minutes"]) == ("rush", rush["destination"]["minutes"])


@pytest.mark.parametrize("moment", ["8:30", "2026-11-23T08:30:00", "tomorrow", "", 12])
def test_a_moment_without_an_offset_is_refused(moment: object) -> None:
    reply = client().post("/v1/conveyance", json={"lat": 53.47, "lon": -1.5, "at": moment})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    assert "offset" in reply.json()["detail"]
