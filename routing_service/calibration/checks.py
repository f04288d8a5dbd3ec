"""What observations must be before speeds are fitted to them."""

from __future__ import annotations

from typing import Final

import numpy as np

from routing_service.calibration.observations import Observations
from routing_service.errors import InvalidObservations
from routing_service.units import BoolArray, FloatArray, IntArray

FEWEST_PLACES: Final = 50
FEWEST_UNITS: Final = 2
FASTEST_KPH: Final = 200.0
SLOWEST_KPH: Final = 3.0
SLOW_AFTER_MINUTES: Final = 30.0
"""As the crow flies. A short way may take its time, so the lower limit holds beyond this."""

CONTRADICTION_MINUTES: Final = 15.0
CONTRADICTION_RATIO: Final = 2.0
CONTRADICTION_SHARE: Final = 0.1
"""Two times of one journey contradict each other when they differ by this much and this ratio;
where more than this share of the repeated journeys do, the table is no table of travel times."""

EARTH_KM: Final = 6371.0


def check_observations(seen: Observations) -> None:
    """Refuse observations that no network could explain.

    Raises
    ------
    InvalidObservations
        Fewer than 50 places or 2 units; all times equal; impossible speeds; repeated journeys
        that contradict one another.
    """
    _check_enough(seen)
    if np.ptp(seen.minutes) == 0.0:
        raise InvalidObservations(
            f"all {len(seen)} observed times are {seen.minutes[0]:g} minutes: this is not a table "
            "of travel times"
        )
    bad = impossible(seen)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise InvalidObservations(
            f"{int(bad.sum())} of {len(seen)} observed times mean more than {FASTEST_KPH:g} or less"
            f" than {SLOWEST_KPH:g} km/h as the crow flies; the first is {seen.place[first]} to "
            f"{seen.units[seen.unit[first]].ods_code} in {seen.minutes[first]:g} minutes: are they "
            "minutes, and the positions right?"
        )
    _check_repeats(seen)


def impossible(seen: Observations) -> BoolArray:
    """Rows that are faster or slower than any vehicle on any road."""
    km = straight_km(seen)
    kph = km / np.maximum(seen.minutes, 1e-9) * 60.0
    too_slow = (kph < SLOWEST_KPH) & (seen.minutes > SLOW_AFTER_MINUTES)
    return np.asarray((seen.minutes <= 0.0) | (kph > FASTEST_KPH) | too_slow)


def straight_km(seen: Observations) -> FloatArray:
    """Great-circle distance of each row, ``float64[n]``."""
    lat2 = np.radians([unit.lat for unit in seen.units])[seen.unit]
    lon2 = np.radians([unit.lon for unit in seen.units])[seen.unit]
    lat1, lon1 = np.radians(seen.lat), np.radians(seen.lon)
    chord = (
        np.sin((lat2 - lat1) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    )
    return np.asarray(2.0 * EARTH_KM * np.arcsin(np.sqrt(chord)))


def _check_enough(seen: Observations) -> None:
    places, units = len(set(seen.place)), len(np.unique(seen.unit))
    if places < FEWEST_PLACES or units < FEWEST_UNITS:
        raise InvalidObservations(
            f"{len(seen)} observations of {places} places and {units} units are too few to fit "
            f"speeds to: at least {FEWEST_PLACES} places and {FEWEST_UNITS} units are needed",
            places=places,
            units=units,
        )


def _check_repeats(seen: Observations) -> None:
    journeys, shortest, longest = _journeys(seen)
    repeated = np.bincount(journeys) > 1
    apart = longest - shortest
    contradict = repeated & (apart > CONTRADICTION_MINUTES)
    contradict &= longest > CONTRADICTION_RATIO * shortest
    if contradict.sum() > CONTRADICTION_SHARE * max(int(repeated.sum()), 1):
        worst = int(np.argmax(np.where(contradict, apart, 0.0)))
        row = int(np.flatnonzero(journeys == worst)[0])
        raise InvalidObservations(
            f"{int(contradict.sum())} of {int(repeated.sum())} repeated journeys contradict "
            f"themselves; {seen.place[row]} to {seen.units[seen.unit[row]].ods_code} took "
            f"{shortest[worst]:g} and {longest[worst]:g} minutes: name places apart, or give the "
            "period"
        )


def _journeys(seen: Observations) -> tuple[IntArray, FloatArray, FloatArray]:
    """Number of each row's journey (place, unit, period); shortest and longest time of each."""
    periods = {name: i for i, name in enumerate(sorted(set(seen.period)))}
    period = np.array([periods[name] for name in seen.period])
    code = (seen.place_numbers() * len(seen.units) + seen.unit) * np.int64(len(periods)) + period
    _, journeys = np.unique(code, return_inverse=True)
    shortest = np.full(journeys.max() + 1, np.inf)
    longest = np.zeros(journeys.max() + 1)
    np.minimum.at(shortest, journeys, seen.minutes)
    np.maximum.at(longest, journeys, seen.minutes)
    return journeys.astype(np.int32), shortest, longest
