"""Road classes and edge flags: small numbers that the graph file stores.

Their order is part of the graph file: add at the end, never reorder.
"""

from __future__ import annotations

from typing import Final

ROAD_CLASSES: Final = (
    "motorway",
    "motorway_link",
    "trunk",
    "trunk_link",
    "primary",
    "primary_link",
    "secondary",
    "secondary_link",
    "tertiary",
    "tertiary_link",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "road",
    "track",
    "pedestrian",
    "busway",
)
"""OSM ``highway`` values that some vehicle of ours may use; an edge stores the index."""

FLAG_NAMES: Final = (
    "bus_lane",
    "emergency_only",
    "no_motor_vehicles",
    "private",
    "oneway_exempt",
    "destination_only",
    "oneway",
    "roundabout",
    "motorway",
    "bridge",
    "tunnel",
    "ford",
    "gate",
    "flood_prone",
)
"""Name of each bit of an edge's ``uint16`` flags, bit 0 first.

=================== ==========================================================================
bus_lane            a road, lane or contraflow for buses only
emergency_only      closed to the public, open to emergency vehicles
no_motor_vehicles   a street where motor vehicles are banned (pedestrian street)
private             closed to the public, used all the same
oneway_exempt       driven against a one-way that emergency vehicles need not obey
destination_only    no through traffic for the public
oneway              the road has one direction for the public (set on both when one is exempt)
roundabout          ``junction=roundabout`` or ``circular``
motorway            ``highway=motorway`` or ``motorway_link``
bridge, tunnel      as tagged
ford                the road or a point on it goes through water
gate                a gate or the like has to be opened
flood_prone         as tagged
=================== ==========================================================================
"""

EXEMPTION_FLAGS: Final = (
    "bus_lane",
    "emergency_only",
    "no_motor_vehicles",
    "private",
    "oneway_exempt",
)
"""The flags that say a privilege is used, to be listed in every reply whose route has one."""

FLAG_BITS: Final = {name: 1 << bit for bit, name in enumerate(FLAG_NAMES)}
"""Flag name to mask."""

EXEMPTION_MASK: Final = sum(FLAG_BITS[name] for name in EXEMPTION_FLAGS)
"""All exemptions in one mask: ``flags & EXEMPTION_MASK`` is zero on an ordinary road."""

assert len(FLAG_NAMES) <= 16


def flag_names(flags: int) -> tuple[str, ...]:
    """Names of the set bits, in bit order.

    Examples
    --------
    >>> flag_names(FLAG_BITS["oneway"] | FLAG_BITS["bus_lane"])
    ('bus_lane', 'oneway')
    """
    return tuple(name for name in FLAG_NAMES if flags & FLAG_BITS[name])
