"""Travel times of many points: the numbers of `Snapshot.decide`, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.kernels.probability import nearest_probabilities_many
from routing_service.units import E7, INF_MS, MS_PER_MINUTE, NONE

if TYPE_CHECKING:
    from routing_service.decision.uncertainty import ErrorModel
    from routing_service.live.snapshot import Snapshot
    from routing_service.units import BoolArray, FloatArray, IntArray, LongArray

REASONS: Final = ("", "no_route", "too_far_from_road", "outside_region")
"""Why a point has no times; the words are error codes. Index 0: it has some."""
ROUTED, NO_ROUTE, TOO_FAR, OUTSIDE = range(4)

TILE_E7: Final = 80_000
"""Side of the tiles that points are put in order by, 0.5 to 0.9 km: neighbours read the same lines
of memory. Random points of a region take 3.9 µs each as they come, 1.4 µs in this order."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """What the error model says of each time, rounded as people are shown it.

    Attributes
    ----------
    p10_tenths, p90_tenths
        ``int32[n, units]``, the 10 % and 90 % points in tenths of a minute; 0 without a route.
    p_nearest_thousandths
        ``int32[n, units]``, the probability of being nearest, whatever the units' statuses.
    """

    p10_tenths: IntArray
    p90_tenths: IntArray
    p_nearest_thousandths: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class TravelTimes:
    """Answers for `n` points, a row each, in the order of the points.

    Attributes
    ----------
    ods_codes
        The units: the columns of every two-dimensional array.
    ms, cm
        ``int32[n, units]``, time and length; ``INF_MS`` without a route.
    nearest
        ``int32[n]``, index of the quickest unit whatever its status; ``NONE`` without any.
    destination
        ``int32[n]``, index of the quickest open unit; ``NONE`` without any.
    margin_ms
        ``int32[n]``, from the destination to the next open unit; ``NONE`` without a next.
    near_tie
        ``bool[n]``, the margin is below that of the snapshot's limits.
    distance_m
        ``float64[n]``, from the point to the network.
    reason
        ``uint8[n]``, index into `REASONS`.
    spread
        None without an error model.
    """

    ods_codes: tuple[str, ...]
    ms: IntArray
    cm: IntArray
    nearest: IntArray
    destination: IntArray
    margin_ms: IntArray
    near_tie: BoolArray
    distance_m: FloatArray
    reason: IntArray
    spread: Spread | None

    def __len__(self) -> int:
        return len(self.ms)


def travel_times(snapshot: Snapshot, lon: FloatArray, lat: FloatArray) -> TravelTimes:
    """Times from many points to every unit, and which unit each would go to.

    Parameters
    ----------
    snapshot
        The network, its units and their statuses.
    lon, lat
        ``float64[n]``, WGS84 degrees.

    Returns
    -------
    TravelTimes
        Each row holds the numbers that `Snapshot.decide` gives for the point alone. A point that
        `decide` refuses has no times, and a reason.
    """
    ms, cm, distance_m = _tiled(snapshot, lon, lat)
    is_open = np.array([status == "open" for status in snapshot.statuses])
    first, first_ms = _least(ms)
    eligible = ms if is_open.all() else np.where(is_open, ms, np.int32(INF_MS))
    best, best_ms = (first, first_ms) if is_open.all() else _least(eligible)
    rest = eligible.copy()
    rest[np.arange(len(rest)), best] = INF_MS
    next_ms = rest.min(axis=1)
    margin_ms = np.where(next_ms < INF_MS, next_ms - best_ms, np.int32(NONE))
    near_tie_ms = round(snapshot.limits.near_tie_minutes * MS_PER_MINUTE)
    return TravelTimes(
        ods_codes=tuple(unit.ods_code for unit in snapshot.units),
        ms=ms,
        cm=cm,
        nearest=np.where(first_ms < INF_MS, first, np.int32(NONE)),
        destination=np.where(best_ms < INF_MS, best, np.int32(NONE)),
        margin_ms=margin_ms,
        near_tie=(margin_ms != NONE) & (margin_ms < near_tie_ms),
        distance_m=distance_m,
        reason=_reasons(snapshot, lon, lat, distance_m, first_ms),
        spread=_spread(snapshot.error_model, ms),
    )


def tile_order(lon: FloatArray, lat: FloatArray) -> LongArray:
    """Order of points by tiles of the map, rows of tiles from the south; ``int64[n]``."""
    column = np.floor_divide(lon * E7, TILE_E7).astype(np.int64)
    row = np.floor_divide(lat * E7, TILE_E7).astype(np.int64)
    tile = row * (4 * 10**9 // TILE_E7) + column
    tile -= tile.min(initial=tile[0] if len(tile) else 0)
    # A region has few tiles: in sixteen bits numpy sorts by radix, five times as quick.
    small = tile.astype(np.uint16) if tile.max(initial=0) < 2**16 else tile
    return np.argsort(small, kind="stable")


def _tiled(
    snapshot: Snapshot, lon: FloatArray, lat: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """`Snapshot.times`, asked tile by tile; the answers in the order of the points."""
    order = tile_order(lon, lat)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    ms, cm, distance_m = snapshot.times(lon[order], lat[order])
    return ms[back], cm[back], distance_m[back]


def _least(ms: IntArray) -> tuple[IntArray, IntArray]:
    """Index and time of each row's quickest unit; of equals the first, as in `decision.rank`."""
    at = ms.argmin(axis=1).astype(np.int32)
    return at, ms[np.arange(len(ms)), at]


def _reasons(
    snapshot: Snapshot, lon: FloatArray, lat: FloatArray, distance_m: FloatArray, first_ms: IntArray
) -> IntArray:
    west, south, east, north = snapshot.bbox
    inside = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    far = distance_m > snapshot.limits.snap_limit_m
    unreached = np.where(first_ms < INF_MS, ROUTED, NO_ROUTE)
    return np.where(far, np.where(inside, TOO_FAR, OUTSIDE), unreached).astype(np.uint8)


def _spread(model: ErrorModel | None, ms: IntArray) -> Spread | None:
    """Bands and probabilities, rounded as by `kernels.probability.doubts`."""
    if model is None:
        return None
    shares = np.empty(ms.shape)
    nearest_probabilities_many(ms, model.sigma_unit, shares)
    reached = ms < INF_MS
    tenths = [
        np.where(reached, (ms * factor + 3_000.0) // 6_000.0, 0.0).astype(np.int32)
        for factor in (model.low, model.high)
    ]
    return Spread(tenths[0], tenths[1], (shares * 1_000.0 + 0.5).astype(np.int32))
