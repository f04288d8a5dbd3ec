"""Fields from a query string or a JSON body, strictly: what is not understood is refused.

A misspelt ``acuracy_m`` that is silently ignored would be an answer to another question. So
unknown names, names given twice, constants that are not JSON and bodies that are not objects are
errors. No message repeats a value: values can be personal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.exceptions import HTTPException

from routing_service.errors import InvalidRequest
from routing_service.location.nhs_number import refuse_nhs_numbers

MAX_QUERY_FIELDS = 32

_SHOWABLE = re.compile(r"[A-Za-z][A-Za-z_]{0,31}")
_JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json", re.IGNORECASE)


def from_query(request: Request) -> dict[str, object]:
    """The query parameters by name.

    Raises
    ------
    InvalidRequest
        A name is given twice, or there are absurdly many.
    LooksLikePatientData
        A name or a value looks like an NHS number.
    """
    query = request.scope["query_string"].decode("latin-1")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        raise InvalidRequest(f"More than {MAX_QUERY_FIELDS} query parameters.") from None
    return _without_patients(_unique(pairs))


async def from_body(request: Request, limit_bytes: int) -> dict[str, object]:
    """The fields of a JSON object in the body.

    Raises
    ------
    HTTPException
        415 when the body is not declared as JSON, 413 when it is longer than `limit_bytes`.
    InvalidRequest
        The body is not a JSON object, or has a field twice.
    LooksLikePatientData
        A name or a value, at any depth, looks like an NHS number.
    """
    if not _JSON_TYPE.fullmatch(request.headers.get("content-type", "").partition(";")[0].strip()):
        raise HTTPException(415)
    return _without_patients(_parse(await _read(request, limit_bytes)))


def refuse_unknown(fields: Iterable[str], known: Collection[str]) -> None:
    """Raise for a name outside `known`, naming those that are known."""
    for name in fields:
        if name not in known:
            names = ", ".join(known) or "none"
            raise InvalidRequest(
                f"Unknown field {_shown(name)}; known here: {names}.",
                field=_shown(name),
                known=list(known),
            )


def _without_patients(fields: dict[str, object]) -> dict[str, object]:
    """The fields, unless one looks like an NHS number: refused before anything is kept or used."""
    refuse_nhs_numbers(fields)
    return fields


async def _read(request: Request, limit_bytes: int) -> bytes:
    """The body, refused as soon as it is too long, whatever length it declares."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise HTTPException(
                413, f"The body is longer than the {limit_bytes} bytes allowed here."
            )
    return bytes(body)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not JSON in UTF-8.") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return fields


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise InvalidRequest(f"The field {_shown(name)} is given twice.", field=_shown(name))
        fields[name] = value
    return fields


def _no_constant(_: str) -> NoReturn:
    raise InvalidRequest("NaN and Infinity are not JSON numbers.")


def _shown(name: str) -> str:
    """A name as an error may repeat it: a number or a sentence in its place is withheld."""
    return name if _SHOWABLE.fullmatch(name) else "(withheld)"
