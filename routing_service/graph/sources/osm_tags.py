"""Which OpenStreetMap objects and tags a road network needs: the one list for all readers.

Readers keep what *some* profile may ask for and nothing else, so that thousands of ways share
one tag set. What a tag means is the profile's business, not the readers'.
"""

from __future__ import annotations

from functools import lru_cache

from routing_service.graph.sources.raw import Tags

LICENCE = "ODbL-1.0"
ATTRIBUTION = "© OpenStreetMap contributors"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ROUTING_KEYS = _words(
    """
    highway junction route ferry area service construction impassable abandoned disused
    ice_road winter_road flood_prone
    oneway busway lanes bus psv hov dual_carriageway
    access vehicle motor_vehicle motorcar emergency
    maxspeed source:maxspeed zone:maxspeed zone:traffic lit
    surface smoothness tracktype bridge tunnel ford toll maxheight maxwidth maxweight
    barrier bollard locked traffic_signals crossing traffic_calming railway direction
    """
)
"""Keys that are kept, alone or followed by `ROUTING_SUFFIXES`."""

ROUTING_SUFFIXES = _words(
    """
    forward backward both_ways both left right conditional type variable direction physical
    bus psv emergency motor_vehicle motorcar vehicle lanes
    """
)
"""What may follow a kept key: ``maxspeed:forward:conditional``, ``oneway:bus``, ``lanes:psv``."""

ROUTING_PREFIXES = ("hasu:",)
"""Our own keys (surrogate network, local corrections) are kept whole."""

WAY_KEYS = ("highway", "route")
"""A way without any of these is never a road or a ferry."""

NODE_KEYS = (
    *("barrier", "ford", "traffic_calming", "highway", "railway"),
    *("vehicle", "motor_vehicle", "motorcar", "maxheight", "maxwidth", "maxweight"),
)
"""A node without any of these never slows or stops a vehicle."""

NODE_HIGHWAYS = _words(
    """
    crossing give_way mini_roundabout stop toll_gantry traffic_signals turning_circle turning_loop
    """
)
"""The point features among ``highway=*`` that matter; bus stops and lamps do not."""

NODE_RAILWAYS = _words("level_crossing tram_level_crossing")

FOOT_HIGHWAYS = _words(
    """
    bridleway bus_stop corridor cycleway elevator escalator footway ladder no path platform
    rest_area services steps street_lamp via_ferrata
    """
)
"""Not roads, unless a motor access tag says that a vehicle may use them."""

MOTOR_KEYS = ("emergency", "motor_vehicle", "motorcar", "vehicle", "bus", "psv")
CLOSED_VALUES = frozenset(("no", "none", "use_sidepath"))


@lru_cache(maxsize=8192)
def is_routing_key(key: str) -> bool:
    """Tell whether a tag key is worth keeping.

    Examples
    --------
    >>> is_routing_key("maxspeed:forward"), is_routing_key("bridge:name")
    (True, False)
    """
    if key in ROUTING_KEYS or key.startswith(ROUTING_PREFIXES):
        return True
    base, *rest = key.split(":")
    if rest and f"{base}:{rest[0]}" in ROUTING_KEYS:
        return all(part in ROUTING_SUFFIXES for part in rest[1:])
    return base in ROUTING_KEYS and all(part in ROUTING_SUFFIXES for part in rest)


def routing_tags(tags: Tags) -> dict[str, str]:
    """Keep the tags that routing can use, without names, in the order of their keys."""
    return {key: tags[key] for key in sorted(tags) if is_routing_key(key)}


def is_label_key(key: str) -> bool:
    """Tell whether a tag key is one that `road_label` reads."""
    return key in ("ref", "name")


def road_label(tags: Tags) -> tuple[str, str]:
    """Return the (ref, name) by which people call a road; empty strings where it has none."""
    return tags.get("ref", "").strip(), tags.get("name", "").strip()


def is_road(tags: Tags) -> bool:
    """Tell whether a way is a road of any kind, or a ferry, before any profile looks at it.

    Foot and cycle paths count only where a motor access tag opens them: they are 2,440 of the
    8,965 ``highway`` ways of Newport, and no vehicle profile can use them.
    """
    highway = tags.get("highway")
    if highway is None:
        return tags.get("route") == "ferry"
    if highway not in FOOT_HIGHWAYS:
        return True
    return any(tags.get(key, "no") not in CLOSED_VALUES for key in MOTOR_KEYS)


def is_routing_node(tags: Tags) -> bool:
    """Tell whether a node may slow or stop a vehicle: a barrier, a ford, a signal, a stop line."""
    kinds = {"highway": NODE_HIGHWAYS, "railway": NODE_RAILWAYS}
    return any(tags[key] in kinds.get(key, (tags[key],)) for key in NODE_KEYS if key in tags)
