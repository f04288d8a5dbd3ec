"""What OSMnx leaves to others when it downloads: what to ask for, turn bans, bad answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import osmnx
import requests

from routing_service.errors import InvalidSource
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.osm_tags import FOOT_HIGHWAYS, MOTOR_KEYS
from routing_service.graph.sources.restrictions import is_restriction, parse_restriction

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

BUSY = (429, 504)
BUSY_PAUSE_S = 55
"""OSMnx's own pause before it asks a busy server again, which it does without end."""

MAX_BUSY_ANSWERS = 3


def road_filters() -> list[str]:
    """Write `is_road` in Overpass QL: roads, and foot or cycle ways with a motor access tag.

    The values of those tags are left to `is_road`; ferries, which no profile uses, are not
    asked for.
    """
    foot = "|".join(sorted(FOOT_HIGHWAYS))
    motor = "|".join(MOTOR_KEYS)
    return [
        f'["highway"]["highway"!~"^({foot})$"]',
        f'["highway"~"^({foot})$"][~"^({motor})$"~"."]',
    ]


class Answers:
    """Looks at each answer before OSMnx does, which only logs what is wrong with it.

    A server that ran out of time or memory says so in a remark and sends what it had: a network
    with holes. A busy one is asked again for ever.
    """

    def __init__(self) -> None:
        self._busy = 0

    def requests_kwargs(self) -> dict[str, Any]:
        """Give the user's own ``osmnx.settings.requests_kwargs`` with our look added."""
        theirs = dict(osmnx.settings.requests_kwargs)
        hooks = dict(theirs.get("hooks", {}))
        before = hooks.get("response", [])
        before = [before] if callable(before) else list(before)
        return {**theirs, "hooks": {**hooks, "response": [*before, self.check]}}

    def check(self, response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
        """Refuse an answer that says it failed or is not whole.

        Raises
        ------
        InvalidSource
            An HTTP error, too many "busy" answers, or a remark about an error.
        """
        if response.url.endswith("/status"):
            return
        if response.status_code in BUSY:
            self._busy += 1
            if self._busy < MAX_BUSY_ANSWERS:
                return
            raise failure(f"it was busy {self._busy} times ({response.status_code})")
        if not response.ok:
            raise failure(f"it answered {response.status_code} {response.reason}")
        # Bodies can be 100 MB, so they are not parsed a second time to find that all is well.
        if b'"remark"' in response.content:
            remark = _json(response).get("remark", "")
            if "error" in str(remark):
                raise failure(f"it did not finish ({remark})")


def failure(why: object) -> InvalidSource:
    """Make the error for a download that gave no network."""
    return InvalidSource(
        f"No roads from the Overpass server {osmnx.settings.overpass_url}: {why}. Check the "
        "place or box and your connection, try a smaller area or later, or download an extract "
        "of your region and build from the .osm.pbf file."
    )


def add_restrictions(graph: Any, builder: RawBuilder) -> None:
    """Ask for the turn restrictions in the box around a graph; OSMnx never asks for relations.

    Raises
    ------
    InvalidSource, requests.RequestException
        The server answers with an error, or not at all.
    """
    lons = [lon for _, lon in graph.nodes(data="x")]
    lats = [lat for _, lat in graph.nodes(data="y")]
    for relation in _relations((min(lons), min(lats), max(lons), max(lats))):
        tags = relation.get("tags", {})
        if not is_restriction(tags):
            continue
        members = [(m["type"][0], int(m["ref"]), m["role"]) for m in relation["members"]]
        restriction = parse_restriction(int(relation["id"]), tags, members)
        if restriction is None:
            builder.drop("restriction_incomplete")
        else:
            builder.add_restriction(restriction)


def _relations(box: Box) -> list[Mapping[str, Any]]:
    west, south, east, north = box
    settings = osmnx.settings
    memory = settings.overpass_memory
    header = settings.overpass_settings.format(
        timeout=settings.requests_timeout,
        maxsize="" if memory is None else f"[maxsize:{memory}]",
    )
    area = f"{south:.7f},{west:.7f},{north:.7f},{east:.7f}"
    query = f'{header};relation["type"~"^restriction"]({area});out;'
    while (response := _post(query)).status_code in BUSY:
        time.sleep(BUSY_PAUSE_S)
    relations: list[Mapping[str, Any]] = _json(response)["elements"]
    return relations


def _post(query: str) -> requests.Response:
    """Send a query as OSMnx sends its own."""
    settings = osmnx.settings
    headers = {
        "User-Agent": settings.http_user_agent,
        "Referer": settings.http_referer,
        "Accept-Language": settings.http_accept_language,
    }
    return requests.post(
        settings.overpass_url.rstrip("/") + "/interpreter",
        data={"data": query},
        timeout=settings.requests_timeout,
        headers=headers,
        **settings.requests_kwargs,
    )


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise failure("its answer is not JSON")
    return body
