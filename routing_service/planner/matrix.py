"""Travel times of many points: the numbers of `Snapshot.decide`, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.answer import (
    BITS,
    CM,
    DESTINATION,
    DISTANCE_CM,
    MARGIN_MS,
    MS,
    NEAR_TIE,
    ORDER,
    P10,
    P90,
    SHARE,
    TIMES,
    TOO_FAR,
    columns,
)
from routing_service.units import E7, INF_MS, NONE

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot
    from routing_service.units import BoolArray, ByteArray, FloatArray, IntArray, LongArray

REASONS: Final = ("", "no_route", "too_far_from_road", "outside_region")
"""Why a point has no times; the words are error codes. Index 0: it has some."""
ROUTED, NO_ROUTE, TOO_FAR_FROM_ROAD, OUTSIDE = range(4)

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
    doubts
        ``int32[n]``, bits of `routing_service.answer.DOUBTS`.
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
    reason: ByteArray
    doubts: IntArray
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
    answers = _tiled(snapshot, lon, lat)
    units = len(snapshot.units)

    def block(number: int) -> IntArray:
        return answers[:, TIMES + number * units : TIMES + (number + 1) * units]

    ms, margin_ms = block(MS), answers[:, MARGIN_MS]
    first = block(ORDER)[:, 0]
    reached = ms.min(axis=1, initial=INF_MS) < INF_MS
    known = snapshot.error_model is not None
    return TravelTimes(
        ods_codes=tuple(unit.ods_code for unit in snapshot.units),
        ms=ms,
        cm=block(CM),
        nearest=np.where(reached, first, np.int32(NONE)),
        destination=answers[:, DESTINATION],
        margin_ms=np.where(margin_ms < INF_MS, margin_ms, np.int32(NONE)),
        near_tie=(answers[:, BITS] & NEAR_TIE) != 0,
        distance_m=answers[:, DISTANCE_CM] / 100.0,
        reason=_reasons(snapshot, lon, lat, answers[:, BITS], reached),
        doubts=answers[:, BITS],
        spread=Spread(block(P10), block(P90), block(SHARE)) if known else None,
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


def _tiled(snapshot: Snapshot, lon: FloatArray, lat: FloatArray) -> IntArray:
    """`Snapshot.answers`, asked tile by tile; the answers in the order of the points."""
    order = tile_order(lon, lat)
    answers = np.empty((len(order), columns(len(snapshot.units))), dtype=np.int32)
    answers[order] = snapshot.answers(lon[order], lat[order])
    return answers


def _reasons(
    snapshot: Snapshot, lon: FloatArray, lat: FloatArray, bits: IntArray, reached: BoolArray
) -> ByteArray:
    west, south, east, north = snapshot.bbox
    inside = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    far = (bits & TOO_FAR) != 0
    unreached = np.where(reached, ROUTED, NO_ROUTE)
    return np.where(far, np.where(inside, TOO_FAR_FROM_ROAD, OUTSIDE), unreached).astype(np.uint8)
