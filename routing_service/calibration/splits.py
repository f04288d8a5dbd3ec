"""Which rows a fit may see and which it is tested on: never a place in both.

Three questions, three ways to hold out. Random halves ask how well the fit fills the gaps between
places that it has seen. Whole districts ask how it does where it has seen nothing. Whole units
ask how it does for a hospital whose times it has never seen, as when a unit opens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routing_service.calibration.observations import Observations
from routing_service.errors import InvalidRequest
from routing_service.units import BoolArray, IntArray

SEED = 2019
"""Of the draws: the year in which the pathway began."""

LEARNING_SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of the places not tested that the learning curve is fitted to."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One fit and its test: ``bool[n]`` rows of each, of which none is in both.

    Only scored rows are tested; the others serve fits.
    """

    name: str
    train: BoolArray
    test: BoolArray


def random_halves(observations: Observations, draws: int) -> tuple[Fold, ...]:
    """Two folds for each draw, so that each draw tests every place once."""
    folds: list[Fold] = []
    for draw in range(draws):
        first = _drawn(observations, SEED + draw, 0.5)
        for half, held in (("first", first), ("second", ~first)):
            folds.append(_fold(f"draw {draw + 1}, {half} half", observations, held, ~held))
    return tuple(folds)


def whole_districts(observations: Observations) -> tuple[Fold, ...]:
    """One fold for each district with scored rows, in order of their names.

    Raises
    ------
    InvalidRequest
        If the observations do not say of two districts.
    """
    district = np.array(observations.district)
    names = sorted({str(name) for name in district[observations.scored] if name})
    if len(names) < 2:
        raise InvalidRequest(
            "districts cannot be held out: the reference needs a district for each row, and two "
            "of them"
        )
    return tuple(_fold(name, observations, district == name, district != name) for name in names)


def whole_units(observations: Observations) -> tuple[Fold, ...]:
    """One fold for each unit with scored rows, in the order of the units.

    Here fit and test share places, but the fit never sees a time to the unit.

    Raises
    ------
    InvalidRequest
        If all rows lead to one unit.
    """
    if len(np.unique(observations.unit)) < 2:
        raise InvalidRequest("units cannot be held out: all rows of the reference lead to one")
    return tuple(
        _fold(
            observations.units[u].name, observations, observations.unit == u, observations.unit != u
        )
        for u in np.unique(observations.unit[observations.scored])
    )


def learning(observations: Observations) -> tuple[Fold, ...]:
    """Ever larger fits, each holding the one before, tested on one quarter of the places."""
    held = _drawn(observations, SEED, 0.25)
    order = _order(observations, SEED + 1)
    ranks = np.unique(order[~held])
    folds = []
    for share in LEARNING_SHARES:
        limit = ranks[max(round(share * len(ranks)), 1) - 1]
        folds.append(_fold(f"{share:.0%}", observations, held, ~held & (order <= limit)))
    return tuple(folds)


def count_places(observations: Observations, rows: BoolArray) -> int:
    """How many places have one of these rows."""
    return len(np.unique(observations.place_numbers()[rows]))


def _fold(name: str, observations: Observations, held: BoolArray, seen: BoolArray) -> Fold:
    test = held & observations.scored
    if not test.any() or not seen.any():
        raise InvalidRequest(f"nothing is left to fit or to test with {name} held out")
    return Fold(name, seen, test)


def _order(observations: Observations, seed: int) -> IntArray:
    """``int32[n]``: the rank of each row's place in a random order of the places."""
    number = observations.place_numbers()
    shuffled = np.random.default_rng(seed).permutation(int(number.max()) + 1)
    return np.asarray(shuffled[number], dtype=np.int32)


def _drawn(observations: Observations, seed: int, share: float) -> BoolArray:
    """Rows of a random `share` of the places."""
    order = _order(observations, seed)
    return np.asarray(order < share * (int(order.max()) + 1))
