"""The state of the day as JSON: closures, statuses, versions. Pure, as `encode`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from routing_service.api import encode, ids
from routing_service.live.drawing import edge_lines

if TYPE_CHECKING:
    from routing_service.live.closure import Closure
    from routing_service.live.events import UnitStatusSet
    from routing_service.live.unit_states import UnitState
    from routing_service.live.view import Placed, View

Json = dict[str, Any]


def opened(placed: Placed, state_version: int) -> Json:
    """What a closure hit, for whoever ordered it."""
    return {"id": placed.effect.closure.id, "state_version": state_version, **_hit(placed)}


def closures(view: View) -> Json:
    """All closures in force or to come."""
    return {
        "graph_id": view.snapshot.graph_id,
        "state_version": view.state.version,
        "closures": [_closure(view, closure) for closure in _present(view)],
    }


def closure_map(view: View) -> Json:
    """The closures as GeoJSON, those that hit nothing left out."""
    features = []
    for closure in _present(view):
        placed = view.placed[closure.id]
        if placed is None:
            continue
        lines = edge_lines(placed.graph, placed.effect.edges)
        features.append(
            {
                "type": "Feature",
                "properties": {
                    "id": closure.id,
                    "reason": closure.reason,
                    "author": closure.author,
                    "shuts": closure.shuts,
                    "in_force": closure.id in view.holding,
                    "expires_at": _moment(closure.expires_at),
                    "roads": list(placed.hit.roads),
                },
                "geometry": {
                    "type": "MultiLineString",
                    "coordinates": [encode.line_string(line)["coordinates"] for line in lines],
                },
            }
        )
    return {"type": "FeatureCollection", "features": features}


def units(view: View) -> Json:
    """All units with their doors and present status, in the order of their ODS codes."""
    return {
        "graph_id": view.snapshot.graph_id,
        "state_version": view.snapshot.state_version,
        "units": [_unit(view, state) for state in view.units],
    }


def state(view: View, service_s: float, state_s: float | None) -> Json:
    """Which graph and state answer now, and whose data they are made of."""
    snapshot = view.snapshot
    manifest = snapshot.manifest
    statuses = Counter(each.status for each in view.units)
    in_force = len(view.in_force.closures)
    return {
        **encode.versions(snapshot),
        "bbox": [round(degrees, encode.LINE_DECIMALS) for degrees in snapshot.bbox],
        "counts": manifest["counts"],
        "statuses": {status: statuses[status] for status in ("open", "divert", "closed")},
        "closures": {
            "in_force": in_force,
            "to_come": len(_present(view)) - in_force,
            "not_placed": len(view.unplaced),
        },
        "next_change": _moment(view.next_change),
        "ages": {
            "service_seconds": round(service_s, 1),
            "state_seconds": None if state_s is None else round(state_s, 1),
        },
        "licence": manifest["licence"],
        "attribution": manifest["attribution"],
        "decision_support": encode.DECISION_SUPPORT,
    }


def _present(view: View) -> list[Closure]:
    """Closures of the state that have not ended."""
    return [
        closure
        for closure in view.state.closures.values()
        if closure.expires_at is None or closure.expires_at > view.moment
    ]


def _closure(view: View, closure: Closure) -> Json:
    event = view.told[closure.id]
    return {
        **closure.to_json(),
        "in_force": closure.id in view.holding,
        "shuts": closure.shuts,
        "recorded_at": _moment(event.at),
        "recorded_by": event.author,
        **_hit(view.placed[closure.id]),
    }


def _hit(placed: Placed | None) -> Json:
    if placed is None:
        return {"roads": [], "edges": 0, "metres": 0.0}
    hit = placed.hit
    return {"roads": list(hit.roads), "edges": hit.edges, "metres": round(hit.metres, 1)}


def _unit(view: View, state: UnitState) -> Json:
    unit = state.unit
    set_by = None if state.set_by is None else _set(view, state.set_by)
    return {
        "ods_code": unit.ods_code,
        "name": unit.name,
        "lat": unit.lat,
        "lon": unit.lon,
        "door": unit.door,
        "trust": unit.trust,
        "postcode": unit.postcode,
        "capabilities": unit.capabilities,
        "hours": unit.hours,
        "status": state.status,
        "reason": state.reason,
        "author": set_by and set_by["author"],
        "since": set_by and set_by["since"],
        "until": set_by and set_by["until"],
        "max_extra_minutes": set_by and set_by["max_extra_minutes"],
        "by_capability": {
            name: _set(view, each) for name, each in sorted(state.by_capability.items())
        },
    }


def _set(view: View, set_: UnitStatusSet) -> Mapping[str, Any]:
    event = view.told[set_]
    return {
        "status": set_.status,
        "reason": set_.reason,
        "author": set_.author,
        "since": _moment(set_.starts_at or event.at),
        "until": _moment(set_.expires_at),
        "max_extra_minutes": set_.max_extra_minutes,
        "recorded_by": event.author,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else ids.utc_text(moment)
