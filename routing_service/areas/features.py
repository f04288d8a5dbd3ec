"""Areas as GeoJSON features, with what they say of where they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import shapely
from shapely.geometry import mapping

from routing_service.areas.catchments import Catchment, catchments
from routing_service.areas.contours import square_km
from routing_service.areas.isochrones import Band, bands
from routing_service.areas.lattice import SPACING_M, sample
from routing_service.errors import UnknownUnit

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot

Json = dict[str, Any]
DECIMALS = 5


def isochrones(
    snapshot: Snapshot, ods_code: str, minutes: Iterable[float], spacing_m: float = SPACING_M
) -> Json:
    """Bands of one unit as a GeoJSON FeatureCollection.

    Raises
    ------
    UnknownUnit, InvalidRequest, MissingExtra
    """
    codes = [unit.ods_code for unit in snapshot.units]
    if ods_code not in codes:
        raise UnknownUnit(f"No such unit here. Units: {', '.join(codes)}.", known=codes)
    lattice = sample(snapshot, spacing_m)
    found = bands(lattice, snapshot.units, codes.index(ods_code), list(minutes))
    return collection(snapshot, [_band(band) for band in found], spacing_m)


def catchment_areas(snapshot: Snapshot, spacing_m: float = SPACING_M) -> Json:
    """Catchments of all open units as a GeoJSON FeatureCollection.

    Raises
    ------
    InvalidRequest, MissingExtra
    """
    threshold = snapshot.limits.near_tie_minutes
    found = catchments(sample(snapshot, spacing_m), snapshot.units, snapshot.statuses, threshold)
    return collection(snapshot, [_catchment(each) for each in found], spacing_m)


def collection(snapshot: Snapshot, features: list[Json], spacing_m: float) -> Json:
    """Features with the network and state that they hold for; no clock, so the same bytes."""
    return {
        "type": "FeatureCollection",
        "graph_id": snapshot.graph_id,
        "network": snapshot.network,
        "state_version": snapshot.state_version,
        "profile": snapshot.profile,
        "calibration": snapshot.calibration,
        "speed_set": snapshot.speed_set_name,
        "spacing_m": spacing_m,
        "attribution": snapshot.manifest["attribution"],
        "features": features,
    }


def _band(band: Band) -> Json:
    return _feature(
        band.area,
        {
            "ods_code": band.unit.ods_code,
            "name": band.unit.name,
            "from_minutes": band.low_minutes,
            "to_minutes": band.high_minutes,
        },
    )


def _catchment(found: Catchment) -> Json:
    return _feature(
        found.area,
        {
            "ods_code": found.unit.ods_code,
            "name": found.unit.name,
            "near_tie": found.near_tie,
        },
    )


def _feature(area: Any, properties: Json) -> Json:
    # The grid's own numbers carry the noise of binary fractions; rounded they are short.
    shown = shapely.transform(area, lambda corners: corners.round(DECIMALS))
    return {
        "type": "Feature",
        "properties": {**properties, "square_km": round(square_km(area), 1)},
        "geometry": mapping(shown),
    }
