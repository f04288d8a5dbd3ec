"""The numbers of an answer: what the kernels write and the decision reads, agreed in one place.

An answer is ``int32[columns(units)]``: first eleven numbers about the incident, then seven blocks
of one number for each unit, in the order of the units' ODS codes unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

# --- about the incident --------------------------------------------------------------------
(
    SEGMENT,  # of the network that it was snapped to; -1: none
    ALONG_CM,  # how far along that segment
    MASK,  # directions in which it may be left
    DISTANCE_CM,  # to the network
    LON_E7,  # closest point of the network
    LAT_E7,
    LABEL,  # of its road
    BITS,  # doubts, see below
    DESTINATION,  # unit; -1: none
    MARGIN_MS,  # what the next eligible unit takes longer; INF_MS: there is none
    TIMES,  # where the blocks begin
) = range(11)

# --- blocks, one number for each unit ------------------------------------------------------
(
    MS,  # time; INF_MS: no route
    CM,  # length
    ORDER,  # the unit at each place: quickest first
    REASONS,  # bits, see below
    P10,  # tenths of a minute that one in ten journeys beats
    P90,  # tenths of a minute that one in ten journeys exceeds
    SHARE,  # thousandths: probability of being the nearest
    BLOCKS,
) = range(8)


def columns(units: int) -> int:
    """Length of an answer about so many units."""
    return TIMES + BLOCKS * units


def pack(numbers: Sequence[int]) -> bytes:
    r"""An answer as its bytes: 32-bit integers, low byte first, as the kernels write them.

    Examples
    --------
    >>> pack([1, -1])
    b'\x01\x00\x00\x00\xff\xff\xff\xff'
    """
    return _struct(len(numbers)).pack(*numbers)


def unpack(packed: bytes) -> tuple[int, ...]:
    """What `pack` was given; raises `struct.error` for bytes that are no whole numbers."""
    return _struct(len(packed) // 4).unpack(packed)


@lru_cache(maxsize=64)
def _struct(count: int) -> Struct:
    return Struct(f"<{count}i")


# --- a plain decision as it is recorded -------------------------------------------------------
# Words of 64 bits, low byte first, and behind them the answer; first the 16 bytes of its UUID.
(
    AT_NS,  # the moment, since 1970 in UTC
    AT_LAT,  # the incident, degrees: a float
    AT_LON,
    TOOK_NS,  # from the request to the answer
    HEAD,
) = range(2, 7)


# --- doubts about an answer, as bits; people read them in this order -------------------------
DOUBTS = (
    "heading_ignored",
    "poor_snap",
    "postcode_centroid",
    "other_unit_nearest_within_accuracy",
    "near_tie",
    "unit_unreachable",
    "no_route",
    "no_eligible_unit",
    "divert_exceeds_guard",
    "policy_differs",
    "site_point_door",
    "capability_differs",
)
(
    HEADING_IGNORED,
    POOR_SNAP,
    POSTCODE_CENTROID,
    OTHER_WITHIN_ACCURACY,
    NEAR_TIE,
    UNIT_UNREACHABLE,
    NO_ROUTE,
    NO_ELIGIBLE_UNIT,
    DIVERT_EXCEEDS_GUARD,
    POLICY_DIFFERS,
    SITE_POINT_DOOR,
    CAPABILITY_DIFFERS,
) = (1 << bit for bit in range(len(DOUBTS)))
TOO_FAR = 1 << 30
"""Beyond the limit from any road: nothing else holds, and no unit has a route."""

# --- why a unit stands where it stands, as bits ----------------------------------------------
(
    ELIGIBLE,  # may be the destination
    NEAREST,
    CLOSE,  # a near tie with the nearest
    UNREACHED,
    NOT_IN_POLICY,
    DIVERT_NOT_TAKEN,
) = (1 << bit for bit in range(6))

# --- what is known of a unit before any incident, int32[units, 4] ----------------------------
(
    STATUS,
    GUARD_MS,  # a divert may cost this much and no more; INF_MS: no limit
    ALLOWED,  # 1 unless the policy of the incident's area leaves it out
    SITE_POINT,  # 1: its door was not surveyed
) = range(4)
STATUSES = ("open", "divert", "closed")
OPEN, DIVERT, CLOSED = range(len(STATUSES))
