"""What clients rely on: routes, field names, types, status codes, media types, the error shape.

A field may be added here when it is added there; nothing here may be renamed or removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from routing_service import errors
from routing_service.api import area_schemas, problems, schemas, state_schemas
from routing_service.api.app import create_app
from routing_service.decision import words
from routing_service.live.snapshot import Limits
from routing_service.location import forms
from tests.api_scene import Client, client, snapshot

HERE = "lat=53.47&lon=-1.5"
JSON = {"Content-Type": "application/json"}
PROVENANCE = ["graph_id", "network", "state_version", "profile", "calibration", "policy"]
FINDINGS = [
    *("speed_set", "incident", "destination", "nearest_ods_code", "margin_minutes"),
    *("near_tie", "ranking", "flags", "explanation"),
]

AREAS = [
    *("type", "graph_id", "network", "state_version", "profile", "calibration", "speed_set"),
    *("spacing_m", "attribution", "features"),
]

# Method, path, shape of the success, its members in order.
ROUTES: list[tuple[str, str, type[BaseModel], list[str]]] = [
    (
        *("GET", f"/v1/conveyance?{HERE}", schemas.DecisionOut),
        ["decision_id", *PROVENANCE, "computed_at", *FINDINGS, "decision_support"],
    ),
    (
        *("GET", f"/v1/conveyance?{HERE}&accuracy_m=50", schemas.DecisionOut),
        ["decision_id", *PROVENANCE, "computed_at", *FINDINGS, "disc", "decision_support"],
    ),
    (
        *("POST", "/v1/conveyance", schemas.DecisionOut),
        ["decision_id", *PROVENANCE, "computed_at", *FINDINGS, "decision_support"],
    ),
    (
        *("GET", f"/v1/route?{HERE}&unit=NORTH", schemas.RouteOut),
        [
            *(*PROVENANCE, "computed_at", "speed_set", "incident", "unit", "minutes", "km"),
            *("line", "steps", "exemptions", "flags", "decision_support"),
        ],
    ),
    (
        *("POST", "/v1/matrix", schemas.MatrixOut),
        ["decision_id", *PROVENANCE, "computed_at", "results", "decision_support"],
    ),
    ("GET", "/v1/units", state_schemas.UnitsOut, ["graph_id", "state_version", "units"]),
    (
        *("GET", "/v1/state", state_schemas.StateOut),
        [
            *(*PROVENANCE, "bbox", "counts", "statuses", "closures", "next_change", "ages"),
            *("licence", "attribution", "decision_support"),
        ],
    ),
    (
        *("GET", "/v1/closures", state_schemas.ClosuresOut),
        ["graph_id", "state_version", "closures"],
    ),
    ("GET", "/v1/isochrones?unit=NORTH&minutes=5,10", area_schemas.AreasOut, AREAS),
    ("GET", "/v1/catchments", area_schemas.AreasOut, AREAS),
    ("GET", "/map/closures.json", state_schemas.ClosureMapOut, ["type", "features"]),
    ("GET", "/healthz", schemas.HealthOut, ["status"]),
    ("GET", "/readyz", schemas.ReadyOut, ["status", "graph_id", "state_version"]),
    ("GET", "/map/main-roads.json", schemas.MainRoadsOut, ["type", "features"]),
]
BODIES: dict[str, Any] = {
    "/v1/conveyance": {"lat": 53.47, "lon": -1.5},
    "/v1/matrix": {"locations": [{"lat": 53.47, "lon": -1.5}, {"lat": 53.5, "lon": -3.0}]},
}
CHANGING = {  # without a store, or an audit trail, refused; see test_state_api, test_recording
    ("GET", "/v1/decisions/{decision_id}"),
    ("POST", "/v1/closures"),
    ("DELETE", "/v1/closures/{closure_id}"),
    ("PUT", "/v1/units/{ods_code}/status"),
}
NAMES = [f"{method} {path}" for method, path, *_ in ROUTES]


@pytest.fixture(scope="module")
def api() -> Client:
    return client()


@pytest.fixture(scope="module")
def document(api: Client) -> dict[str, Any]:
    return dict(api.get("/openapi.json").json())


def ask(api: Client, method: str, path: str) -> httpx.Response:
    return api.send(method, path, json=BODIES[path] if method == "POST" else None)


# --- successes --------------------------------------------------------------------------------
@pytest.mark.parametrize(("method", "path", "shape", "members"), ROUTES, ids=NAMES)
def test_a_reply_has_its_shape(
    api: Client, method: str, path: str, shape: type[BaseModel], members: list[str]
) -> None:
    reply = ask(api, method, path)
    assert reply.status_code == 200, reply.text
    geojson = path.startswith("/map/") or shape is area_schemas.AreasOut
    expected = "application/geo+json" if geojson else "application/json"
    assert reply.headers["content-type"] == expected
    shape.model_validate_json(reply.content)  # every field described, none beyond
    assert list(reply.json()) == members


def test_the_decision_is_the_one_of_the_contract(api: Client) -> None:
    body = api.get(f"/v1/conveyance?{HERE}").json()
    minutes = body["destination"]["minutes"]
    # 0.07 degrees are 7.8 km to SOUTH, 0.13 are 14.5 km to NORTH; times as in the ranking.
    assert minutes == body["ranking"][0]["minutes"]
    assert body["margin_minutes"] == round(body["ranking"][1]["minutes"] - minutes, 1)
    del body["decision_id"], body["computed_at"], body["margin_minutes"]
    assert body == {
        "graph_id": "0123456789abcdef",
        "network": "surrogate",
        "state_version": 3,
        "profile": "car",
        "calibration": "uncalibrated",
        "policy": "none",
        "speed_set": "default",
        "incident": {
            "lat": 53.47,
            "lon": -1.5,
            "snap": {
                "lat": 53.47,
                "lon": -1.5,
                "distance_m": 0.0,
                "road": "A61",
                "quality": "good",
            },
            "source": "lat_lon",
        },
        "destination": {"ods_code": "SOUTH", "name": "South Royal", "minutes": minutes},
        "nearest_ods_code": "SOUTH",
        "near_tie": False,
        "ranking": [
            {
                "rank": 1,
                "ods_code": "SOUTH",
                "name": "South Royal",
                "minutes": minutes,
                "p10_minutes": None,
                "p90_minutes": None,
                "km": 7.8,
                "p_nearest": None,
                "status": "open",
                "eligible": True,
                "reasons": ["nearest"],
                "door": "surveyed",
            },
            {
                "rank": 2,
                "ods_code": "NORTH",
                "name": "North General",
                "minutes": body["ranking"][1]["minutes"],
                "p10_minutes": None,
                "p90_minutes": None,
                "km": 14.5,
                "p_nearest": None,
                "status": "open",
                "eligible": True,
                "reasons": ["further"],
                "door": "site_point",
            },
        ],
        "flags": ["surrogate_network", "uncalibrated"],
        "explanation": {flag: words.FLAGS[flag] for flag in ("surrogate_network", "uncalibrated")},
        "decision_support": "A clinician decides.",
    }


def test_a_matrix_result_is_an_answer_or_an_error(api: Client) -> None:
    results = ask(api, "POST", "/v1/matrix").json()["results"]
    assert list(results[0]) == FINDINGS
    assert list(results[1]) == ["error"]
    assert list(results[1]["error"]) == ["code", "detail", "distance_m"]


def test_the_location_forms_are_those_that_are_read() -> None:
    assert tuple(schemas.Place.model_fields) == forms.FIELDS
    assert tuple(schemas.LocationBody.model_fields) == (*forms.FIELDS, "min_state_version")


# --- errors -----------------------------------------------------------------------------------
# Request, status, code.
REFUSALS: list[tuple[str, str, int, str]] = [
    ("GET", "/v1/conveyance", 400, "invalid_location"),
    ("GET", "/v1/conveyance?lat=53.47", 400, "invalid_location"),
    ("GET", "/v1/conveyance?lat=nan&lon=-1.5", 400, "invalid_location"),
    ("GET", "/v1/conveyance?lat=53.47&lon=", 400, "invalid_location"),
    ("GET", "/v1/conveyance?lat=91&lon=-1.5", 400, "invalid_location"),
    ("GET", "/v1/conveyance?lat=53.470000000000000000001&lon=-1.5", 400, "invalid_location"),
    ("GET", f"/v1/conveyance?{HERE}&postcode=S70+1AA", 400, "invalid_location"),
    ("GET", "/v1/conveyance?grid_ref=nowhere", 400, "invalid_location"),
    ("GET", f"/v1/conveyance?{HERE}&colour=red", 400, "invalid_request"),
    ("GET", f"/v1/conveyance?{HERE}&lat=53.47", 400, "invalid_request"),
    ("GET", f"/v1/conveyance?{HERE}&accuracy_m=-1", 400, "invalid_request"),
    ("GET", "/v1/conveyance?lat=-1.5&lon=53.47", 400, "swapped_coordinates"),
    ("GET", "/v1/conveyance?lat=53.5&lon=-3", 422, "outside_region"),
    ("GET", f"/v1/route?{HERE}", 400, "invalid_request"),
    ("GET", f"/v1/route?{HERE}&unit=", 400, "invalid_request"),
    ("GET", f"/v1/route?{HERE}&unit=nobody", 404, "unknown_unit"),
    ("GET", f"/v1/route?{HERE}&unit=NORTH&colour=red", 400, "invalid_request"),
    ("GET", "/v1/route?unit=NORTH", 400, "invalid_location"),
    ("GET", "/v1/units?colour=red", 400, "invalid_request"),
    ("GET", "/v1/state?colour=red", 400, "invalid_request"),
    ("GET", "/v1/nothing", 404, "not_found"),
    ("GET", "/v1/units/", 404, "not_found"),
    ("DELETE", "/v1/conveyance", 405, "method_not_allowed"),
    ("GET", "/v1/matrix", 405, "method_not_allowed"),
    ("POST", "/v1/route", 405, "method_not_allowed"),
    ("GET", f"/v1/conveyance?{HERE}&min_state_version=new", 400, "invalid_request"),
    ("GET", f"/v1/conveyance?{HERE}&min_state_version=-1", 400, "invalid_request"),
    ("GET", "/v1/state?min_state_version=1.5", 400, "invalid_request"),
    ("GET", f"/v1/state?min_state_version={10**20}", 400, "invalid_request"),
    ("GET", "/v1/closures?colour=red", 400, "invalid_request"),
    ("DELETE", "/v1/closures/any", 503, "no_store"),
    ("DELETE", "/v1/closures/any?colour=red", 400, "invalid_request"),
    ("PUT", "/v1/closures/any", 405, "method_not_allowed"),
    ("POST", "/v1/closures", 415, "unsupported_media_type"),
    ("PUT", "/v1/units/NORTH/status", 415, "unsupported_media_type"),
    ("POST", "/v1/units", 405, "method_not_allowed"),
    ("POST", "/v1/state", 405, "method_not_allowed"),
    ("POST", "/healthz", 405, "method_not_allowed"),
    ("POST", "/readyz", 405, "method_not_allowed"),
    ("POST", "/map/main-roads.json", 405, "method_not_allowed"),
    ("POST", "/", 405, "method_not_allowed"),
    ("POST", "/docs", 405, "method_not_allowed"),
    ("POST", "/openapi.json", 405, "method_not_allowed"),
    ("POST", "/v1/conveyance", 415, "unsupported_media_type"),
    ("POST", "/v1/matrix", 415, "unsupported_media_type"),
]


def assert_problem(reply: httpx.Response, status: int, code: str) -> None:
    body = reply.json()
    assert (reply.status_code, body["code"], body["status"]) == (status, code, status), body
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    assert list(body)[:5] == ["type", "title", "status", "detail", "code"]
    assert body["type"] == f"/docs#{code}"
    schemas.Problem.model_validate(body)


@pytest.mark.parametrize(("method", "path", "status", "code"), REFUSALS)
def test_every_refusal_has_the_one_shape(
    api: Client, method: str, path: str, status: int, code: str
) -> None:
    assert_problem(api.send(method, path), status, code)


MATRIX_REFUSALS = {
    "no locations": ({}, 400),
    "not a list": ({"locations": {"lat": 53.47, "lon": -1.5}}, 400),
    "unknown field": ({"locations": [], "unit": "NORTH"}, 400),
    "too many": ({"locations": [None] * 10_001}, 413),
}


@pytest.mark.parametrize(("body", "status"), MATRIX_REFUSALS.values(), ids=MATRIX_REFUSALS.keys())
def test_a_matrix_that_cannot_be_read_is_refused_whole(
    api: Client, body: dict[str, Any], status: int
) -> None:
    code = {400: "invalid_request", 413: "too_large"}[status]
    assert_problem(api.post("/v1/matrix", json=body), status, code)


def test_the_methods_of_a_path_are_told(api: Client) -> None:
    assert api.send("DELETE", "/v1/conveyance").headers["allow"] == "GET, POST"
    assert api.get("/v1/matrix").headers["allow"] == "POST"
    assert api.post("/v1/units").headers["allow"] == "GET"


def test_too_far_from_a_road_tells_how_far() -> None:
    strict = client(snapshot(limits=Limits(snap_limit_m=100.0)))
    reply = strict.get("/v1/conveyance?lat=53.45&lon=-1.49")
    assert_problem(reply, 422, "too_far_from_road")
    assert reply.json()["distance_m"] > 100.0


class Broken:
    """An engine whose snapshot raises what it is told to."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @property
    def snapshot(self) -> None:
        raise self.error


KINDS = [(kind, status) for kind, (status, _) in problems.KINDS.items()]


@pytest.mark.parametrize(("kind", "status"), KINDS, ids=[kind.code for kind, _ in KINDS])
def test_each_error_has_its_status(kind: type[errors.HasuError], status: int) -> None:
    error = kind("What is wrong.", distance_m=12.5, status=1, pair=(1, float("inf")))
    app = create_app(Broken(error))  # type: ignore[arg-type]
    reply = Client(app).get("/v1/units")
    assert_problem(reply, status, kind.code)
    body = reply.json()
    assert body["detail"] == "What is wrong."
    # Facts are repeated, but never in the place of a standard member.
    assert (body["distance_m"], body["status"], body["pair"]) == (12.5, status, [1, "inf"])


def test_codes_are_distinct() -> None:
    codes = [row["code"] for row in problems.catalogue()]
    assert len(codes) == len(set(codes))


# --- the description ----------------------------------------------------------------------------
def test_the_description_names_every_route(document: dict[str, Any]) -> None:
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    asking = {(method, path.partition("?")[0]) for method, path, *_ in ROUTES}
    assert described == asking | CHANGING


def test_each_operation_describes_success_and_problems(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert "500" in operation["responses"], path
            for status, reply in operation["responses"].items():
                good = status.startswith("2")
                media_type = "application/json" if good else problems.MEDIA_TYPE
                if good and path.startswith(("/map/", "/v1/isochrones", "/v1/catchments")):
                    media_type = "application/geo+json"
                assert list(reply["content"]) == [media_type], (path, status)


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert {"#/components/schemas/DecisionOut", "#/components/schemas/Problem"} <= found
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert found <= known


SHAPES = {shape.__name__: shape for shape in (*schemas.ALL, *state_schemas.ALL, *area_schemas.ALL)}


def test_every_example_body_is_a_valid_one(document: dict[str, Any]) -> None:
    seen = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                shape = SHAPES[media["schema"]["$ref"].rpartition("/")[2]]
                for example in media["examples"].values():
                    shape.model_validate(example["value"])
                    seen += 1
    assert seen >= 5


def test_the_examples_have_the_shapes_they_show(document: dict[str, Any]) -> None:
    shown = {
        name: schema["examples"]
        for name, schema in document["components"]["schemas"].items()
        if "examples" in schema
    }
    assert set(shown) == {"DecisionOut", "Problem"}
    for name, examples in shown.items():
        for example in examples:
            getattr(schemas, name).model_validate_json(json.dumps(example))
    # And in the order of a real reply.
    assert list(shown["DecisionOut"][0]) == ROUTES[0][3]


def test_every_parameter_is_one_that_is_read(document: dict[str, Any]) -> None:
    expected = {
        "/v1/conveyance": [*forms.FIELDS, "min_state_version"],
        "/v1/route": [*forms.FIELDS, "unit", "min_state_version"],
        "/v1/state": ["min_state_version"],
    }
    for path, names in expected.items():
        parameters = document["paths"][path]["get"]["parameters"]
        assert [parameter["name"] for parameter in parameters] == names
        assert all(parameter["description"] for parameter in parameters)


def test_every_problem_is_described(document: dict[str, Any]) -> None:
    described = {(row["code"], row["status"]) for row in document["x-problems"]}
    assert {(code, status) for *_, status, code in REFUSALS} <= described
    assert {(kind.code, status) for kind, status in KINDS} <= described


def test_the_description_is_the_same_bytes_each_time(api: Client) -> None:
    assert api.get("/openapi.json").content == client().get("/openapi.json").content
    assert json.loads(api.get("/openapi.json").content)["openapi"].startswith("3.1")
