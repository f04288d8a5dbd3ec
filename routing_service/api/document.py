"""What the OpenAPI document says about each route: parameters, bodies, replies and problems.

The routes read their own fields (see `fields`), so the framework cannot infer any of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from routing_service.api import area_schemas, problems, schemas, state_schemas

Json = dict[str, Any]

LOCATION_EXAMPLES: Mapping[str, Json] = {
    "lat_lon": {"value": {"lat": 53.5526, "lon": -1.4797}},
    "postcode": {"value": {"postcode": "S70 1AA"}},
    "grid_ref": {"value": {"grid_ref": "SE 344 061", "accuracy_m": 100}},
    "easting_northing": {"value": {"easting": 434400, "northing": 406100}},
}

MODELS = (*schemas.ALL, *state_schemas.ALL, *area_schemas.ALL)

_MEANINGS = {
    "malformed": (400, "The request or its location cannot be read"),
    "keyless": (401, "A key is needed, where the service asks for keys"),
    "not_yours": (403, "The key's role does not allow this"),
    "unknown": (404, "A postcode, a unit or a closure that is not here"),
    "unrecorded": (404, "No such decision is on the audit trail"),
    "contradicts": (409, "A closure with this id says something else"),
    "large": (413, "More than this route takes"),
    "not_json": (415, "The body is not declared as JSON"),
    "unanswerable": (422, "Outside the region, too far from a road, no route, or an NHS number"),
    "not_installed": (501, "This installation lacks the package that it needs: postcodes, areas"),
    "not_ready": (
        503,
        "The state asked for is not here, nothing is known yet, or too much is asked",
    ),
}


def replies(
    model: type[BaseModel],
    *refusals: str,
    media_type: str = "application/json",
    success: int = 200,
) -> dict[int | str, Json]:
    """The success and the problems of a route, by status.

    Parameters
    ----------
    model
        The shape of the success.
    *refusals
        Keys of the kinds of problem that the route can give; a fault (500) always is one.
    media_type, success
        Of the success: its media type and status.
    """
    known: dict[int | str, Json] = {
        success: {
            "description": (model.__doc__ or "").strip(),
            "content": {media_type: {"schema": reference(model)}},
        }
    }
    for status, meaning in [_MEANINGS[key] for key in refusals] + [(500, "A fault, by reference")]:
        known[status] = {
            "description": meaning,
            "content": {problems.MEDIA_TYPE: {"schema": reference(schemas.Problem)}},
        }
    return known


def reference(model: type[BaseModel]) -> Json:
    """A reference to a model among the document's components."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def location_parameters(*extra: Json) -> Json:
    """The query parameters of the location forms, then `extra`, as an OpenAPI fragment."""
    properties = schemas.Place.model_json_schema()["properties"]
    return {
        "parameters": [
            *(
                {
                    "name": name,
                    "in": "query",
                    "required": False,
                    "description": schema["description"],
                    "schema": {**schema["anyOf"][0], **_examples(schema)},
                }
                for name, schema in properties.items()
            ),
            *extra,
        ]
    }


def _examples(schema: Json) -> Json:
    return {"examples": schema["examples"]} if "examples" in schema else {}


def request_body(model: type[BaseModel], examples: Mapping[str, Json]) -> Json:
    """A required JSON body, as an OpenAPI fragment."""
    media = {"schema": reference(model), "examples": dict(examples)}
    return {"requestBody": {"required": True, "content": {"application/json": media}}}


def _parameter(name: str, place: str, description: str, schema: Json) -> Json:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": schema,
    }


MIN_STATE_VERSION = _parameter(
    "min_state_version",
    "query",
    "Answer from this state or a newer one: waits for it a moment, else 503",
    {"type": "integer", "minimum": 0},
)
DECISION_ID = _parameter("decision_id", "path", "Id of the decision", {"type": "string"})
CLOSURE_ID = _parameter("closure_id", "path", "Id of the closure", {"type": "string"})
ODS_CODE = _parameter("ods_code", "path", "Unit", {"type": "string", "examples": ["RXF05"]})
AUTHOR = _parameter("author", "query", "Who revokes it, where no key says", {"type": "string"})

UNIT_PARAMETER: Json = {
    "name": "unit",
    "in": "query",
    "required": True,
    "description": "ODS code of the unit to go to",
    "schema": {"type": "string", "examples": ["RXF05"]},
}

MINUTES_PARAMETER = _parameter(
    "minutes",
    "query",
    "Limits of the bands, with commas between",
    {"type": "string", "examples": ["15,30,45"]},
)


def install(app: FastAPI) -> None:
    """Make `app` describe its routes with the shapes of `schemas` and all problem codes."""

    def described() -> Json:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                license_info=app.license_info,
            )
            _, shapes = models_json_schema(
                [
                    (model, "validation")
                    for model in (*schemas.ALL, *state_schemas.ALL, *area_schemas.ALL)
                ],
                ref_template="#/components/schemas/{model}",
            )
            components = document.setdefault("components", {}).setdefault("schemas", {})
            components.update(shapes["$defs"])
            # Put in here, as pydantic would sort their members.
            for model, example in schemas.EXAMPLES.items():
                components[model.__name__]["examples"] = [example]
            document["x-problems"] = problems.catalogue()
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
