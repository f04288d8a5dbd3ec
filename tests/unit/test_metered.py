"""Each reply is counted by route and status, whoever gave it; no label tells of an incident."""

from __future__ import annotations

import re

from routing_service.api.admission import Admission
from routing_service.api.app import create_app
from routing_service.api.fast_lane import FastLane
from routing_service.api.metered import Metered
from routing_service.live.engine import Engine
from tests import api_scene
from tests.api_scene import Client

PLAIN = "/v1/conveyance?lat=53.47&lon=-1.5"


def metered() -> Metered:
    engine = Engine(api_scene.snapshot())
    app = create_app(engine)
    return Metered(FastLane(app, engine), app.state.metrics)


def requests(text: str) -> dict[tuple[str, str], int]:
    found = re.findall(r'hasu_requests_total\{route="([^"]*)",status="([^"]*)"\} (\d+)', text)
    return {(route, status): int(count) for route, status, count in found}


def test_replies_are_counted_by_route_and_status() -> None:
    app = metered()
    api = Client(app)
    for path in (PLAIN, PLAIN, f"{PLAIN}&heading_deg=0", "/v1/conveyance?lat=1"):
        api.get(path)
    api.post("/v1/matrix", json={"locations": []})
    api.get("/v1/decisions/943")
    api.get("/v1/nothing-53.5526")
    api.send("DELETE", "/v1/conveyance")
    assert app.at_once is not None
    assert app.at_once(PLAIN.encode(), []) is not None
    assert app.at_once(b"/v1/units", []) is None
    reply = api.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert requests(reply.text) == {
        ("GET /v1/conveyance", "200"): 4,
        ("GET /v1/conveyance", "400"): 1,
        ("POST /v1/matrix", "200"): 1,
        ("GET /v1/decisions/{decision_id}", "503"): 1,
        ("other", "404"): 1,
        ("other", "405"): 1,
    }
    assert "hasu_decision_seconds_count 4\n" in reply.text
    # Names and labels only: any digits may come by chance in a sum of seconds.
    names = re.sub(r"(?m) \S+$", "", reply.text)
    assert "hasu_decision_seconds_sum" in names
    assert "53." not in names
    assert "943" not in names


def test_the_text_is_what_prometheus_reads() -> None:
    api = Client(metered())
    api.get(PLAIN)
    text = api.get("/metrics").text
    line = re.compile(
        r"# (HELP|TYPE) hasu_\w+ .+|hasu_\w+(\{\w+=\"[^\"]*\"(,\w+=\"[^\"]*\")*\})? \S+"
    )
    assert all(line.fullmatch(each) for each in text.splitlines())
    told = set(re.findall(r"# TYPE (\w+)", text))
    assert {"hasu_audit_waiting", "hasu_audit_lost_total", "hasu_state_version_min"} <= told
    assert {"hasu_stale_seconds", "hasu_certificates_total", "hasu_shed_total"} <= told


def test_what_is_refused_for_want_of_time_is_counted_by_reason() -> None:
    engine = Engine(api_scene.snapshot())
    inner = create_app(engine)
    admission = Admission(inner, shed_after_s=-1.0, metrics=inner.state.metrics)
    api = Client(admission)
    assert api.get(PLAIN).json()["code"] == "busy"
    assert Client(admission.full).get(PLAIN).json()["code"] == "busy"
    inner.state.heavy._most = 0
    assert Client(inner).post("/v1/matrix", json={"locations": []}).json()["code"] == "busy"
    text = api.get("/metrics").text  # which is never refused
    for reason in ("waited", "connections", "heavy"):
        assert f'hasu_shed_total{{reason="{reason}"}} 1\n' in text
