"""From the domain's values to the JSON of the contract. Pure: no clock, no web framework.

The order of the keys is the contract's, so that equal decisions are equal bytes whichever lane
answers. Pydantic is kept off this path: it would validate what the domain has just made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routing_service.decision.decision import Decision
    from routing_service.decision.model import Disc, Location, Ranked, Route, Snap
    from routing_service.live.snapshot import Snapshot

DECISION_SUPPORT = "A clinician decides."

DEGREE_DECIMALS = 7
"""A position in the reply is as fine as the network's own unit, 10**-7 degrees."""

LINE_DECIMALS = 5
"""A drawn line needs a metre, and this is a third fewer bytes than the network's unit."""

NO_POLICY = "none"

Json = dict[str, Any]

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
)


def dump(body: Mapping[str, Any]) -> bytes:
    """Compact UTF-8 JSON; refuses NaN and infinity, which are not JSON.

    A lone surrogate can come in through a JSON escape and cannot be written as UTF-8; it
    becomes a question mark rather than an error while reporting an error.

    Examples
    --------
    >>> dump({"road": "A61", "minutes": 18.3})
    b'{"road":"A61","minutes":18.3}'
    """
    return _ENCODER.encode(body).encode("utf-8", "replace")


def versions(snapshot: Snapshot) -> Json:
    """Which graph, state, speeds and policy an answer comes from.

    ``state_age_seconds`` is there only while the store cannot be reached.
    """
    stale = {} if snapshot.stale_s is None else {"state_age_seconds": round(snapshot.stale_s, 1)}
    return {
        "graph_id": snapshot.graph_id,
        "network": snapshot.network,
        "state_version": snapshot.state_version,
        "profile": snapshot.profile,
        "calibration": snapshot.calibration,
        "policy": NO_POLICY if snapshot.policy is None else snapshot.policy.id,
        **stale,
    }


def provenance(snapshot: Snapshot, computed_at: str) -> Json:
    """The versions, and when the answer was computed: what a replay needs."""
    return {**versions(snapshot), "computed_at": computed_at}


def decision(
    found: Decision, location: Location, snapshot: Snapshot, decision_id: str, computed_at: str
) -> Json:
    """The decision JSON of the contract.

    Parameters
    ----------
    found, location
        What was decided, and for where.
    snapshot
        The one that decided: its versions are part of the answer.
    decision_id, computed_at
        Made by the caller, so that the same arguments give the same bytes.
    """
    return {
        "decision_id": decision_id,
        **provenance(snapshot, computed_at),
        **findings(found, location, snapshot),
        "decision_support": DECISION_SUPPORT,
    }


def findings(found: Decision, location: Location, snapshot: Snapshot) -> Json:
    """What a decision says, without its provenance: also one row of a matrix.

    ``disc`` is there only when the caller gave ``accuracy_m``.
    """
    doors = snapshot.doors
    first = found.destination
    body: Json = {
        "speed_set": snapshot.speed_set_name,
        "incident": incident(location, found.snap),
        "destination": None
        if first is None
        else {"ods_code": first.ods_code, "name": first.name, "minutes": first.minutes},
        "nearest_ods_code": found.nearest_ods_code,
        "margin_minutes": found.margin_minutes,
        "near_tie": found.near_tie,
        "ranking": [_ranked(row, doors[row.ods_code]) for row in found.ranking],
        "flags": found.flags,
        "explanation": found.explanation,
    }
    if found.disc is not None:
        body["disc"] = _disc(found.disc)
    return body


def incident(location: Location, snap: Snap) -> Json:
    """Where the incident was said to be, and the point of the network that stands for it."""
    return {
        "lat": round(location.lat, DEGREE_DECIMALS),
        "lon": round(location.lon, DEGREE_DECIMALS),
        "snap": {
            "lat": round(snap.lat, DEGREE_DECIMALS),
            "lon": round(snap.lon, DEGREE_DECIMALS),
            "distance_m": round(snap.distance_m, 1),
            "road": snap.road,
            "quality": snap.quality,
        },
        "source": location.source,
    }


def route(found: Route, location: Location, snapshot: Snapshot, computed_at: str) -> Json:
    """The path to one unit: a GeoJSON line, the roads along it and the exemptions it uses."""
    return {
        **provenance(snapshot, computed_at),
        "speed_set": snapshot.speed_set_name,
        "incident": incident(location, found.snap),
        "unit": {
            "ods_code": found.unit.ods_code,
            "name": found.unit.name,
            "door": found.unit.door,
        },
        "minutes": found.minutes,
        "km": found.km,
        "line": line_string(found.points),
        "steps": [
            {"road": step.road, "minutes": step.minutes, "km": step.km} for step in found.steps
        ],
        "exemptions": found.exemptions,
        "flags": found.flags,
        "decision_support": DECISION_SUPPORT,
    }


def main_roads(snapshot: Snapshot) -> Json:
    """The main roads as GeoJSON, for drawing only."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"ref": ref, "class": highway},
                "geometry": line_string(points),
            }
            for ref, highway, points in snapshot.main_roads()
        ],
    }


def line_string(points: tuple[tuple[float, float], ...] | list[tuple[float, float]]) -> Json:
    """A GeoJSON line from (lon, lat) points."""
    return {
        "type": "LineString",
        "coordinates": [
            (round(lon, LINE_DECIMALS), round(lat, LINE_DECIMALS)) for lon, lat in points
        ],
    }


def _ranked(row: Ranked, door: str) -> Json:
    return {
        "rank": row.rank,
        "ods_code": row.ods_code,
        "name": row.name,
        "minutes": row.minutes,
        "p10_minutes": row.p10_minutes,
        "p90_minutes": row.p90_minutes,
        "km": row.km,
        "p_nearest": row.p_nearest,
        "status": row.status,
        "eligible": row.eligible,
        "reasons": row.reasons,
        "door": door,
    }


def _disc(disc: Disc) -> Json:
    return {
        "accuracy_m": round(disc.accuracy_m, 1),
        "other_nearest": disc.other_nearest,
        "shares": disc.shares,
        "unroutable": disc.unroutable,
    }
