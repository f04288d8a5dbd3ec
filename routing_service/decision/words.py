"""Flags and reasons in words: the one catalogue, for replies, the page and people at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FLAGS: Final[Mapping[str, str]] = {
    "surrogate_network": "Roads are a surrogate, not real streets: for trying out, not for use.",
    "uncalibrated": "Times are not calibrated against real journeys.",
    "modelled_reference": (
        "Times and probabilities are fitted to another model's times, not to ambulance journeys, "
        "which scatter more."
    ),
    "stale_state": (
        "The record of closures and diverts cannot be reached; the last known state is used."
    ),
    "closure_not_placed": (
        "A closure in force hits no road of this network and is not in the times."
    ),
    "heading_ignored": "No road in the given direction is near; the heading was not used.",
    "poor_snap": "The incident is far from any road that reaches the units.",
    "postcode_centroid": "A postcode stands for the middle of its addresses.",
    "other_unit_nearest_within_accuracy": (
        "Elsewhere within the stated accuracy another unit is nearest."
    ),
    "near_tie": "The next unit is nearly as near: too close to call by times alone.",
    "unit_unreachable": "Not every unit can be reached on this network.",
    "no_route": "No unit can be reached from here on this network.",
    "no_eligible_unit": "No unit that takes patients can be reached.",
    "divert_exceeds_guard": (
        "The unit diverts, but the next would cost more minutes than was authorised: the "
        "destination stays."
    ),
    "policy_differs": "A nearer open unit is left out by the policy for this area.",
    "capability_differs": "A nearer open unit does not have the capability that was asked for.",
    "site_point_door": (
        "The time is to the hospital's site point; its ambulance entrance has not been surveyed."
    ),
}
"""What each flag of a decision means, in a sentence."""

REASONS: Final[Mapping[str, str]] = {
    "nearest": "is the quickest to reach",
    "near_tie": "is nearly as quick to reach as the nearest",
    "further": "takes longer to reach",
    "no_route": "cannot be reached on this network",
    "divert": "diverts patients",
    "closed": "is closed",
    "not_in_policy": "is left out by the policy for this area",
    "lacks_capability": "does not have the capability that was asked for",
    "divert_not_taken": "takes the patient, as the next would cost more than the divert allows",
}
"""What each reason of a unit's row means, to follow the unit's name."""

NOT_NEAREST: Final = "not_nearest"
"""Key of the sentence that says why the destination is not the nearest unit."""


def not_nearest(name: str, reasons: tuple[str, ...]) -> str:
    """Why the nearest unit is not the destination.

    Examples
    --------
    >>> not_nearest("South Royal", ("nearest", "divert"))
    'South Royal is the quickest to reach, but diverts patients.'
    """
    first, *rest = (REASONS[reason] for reason in reasons)
    return f"{name} {first}, but {' and '.join(rest)}." if rest else f"{name} {first}."
