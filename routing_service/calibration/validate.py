"""Held-out accuracy: learn from some rows, predict the others, set both beside the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.calibration import splits
from routing_service.calibration.observations import Observations
from routing_service.calibration.splits import Fold
from routing_service.location import bng
from routing_service.progress import Progress
from routing_service.units import INF_MS, MS_PER_MINUTE, NONE, BoolArray, FloatArray, LongArray

if TYPE_CHECKING:
    from routing_service.calibration.fit import FitOptions
    from routing_service.graph.profile import Profile
    from routing_service.graph.sources.raw import RawNetwork
    from routing_service.live.snapshot import Snapshot

Predictor = Callable[[Observations], FloatArray]
"""Minutes of each row, ``float64[n]``; NaN where there is no route."""

Learner = Callable[[Observations, BoolArray, Progress], Predictor]
"""Learns from the rows that are marked, and only from those."""

DRAWS: Final = 3

SNAP_LIMIT_M: Final = 5_000.0
"""A place of a reference may be the middle of an area, far from any road: it is read at the
nearest, where the service would refuse an incident."""


@dataclass(frozen=True)
class Result:
    """What one way of asking found: the tested rows and our minutes of each.

    Attributes
    ----------
    name, how
        The way of asking, in a word and in a sentence.
    tested
        The rows, each with the reference's minutes.
    ours
        ``float64[draws, n]``, minutes; each draw has a prediction of every row.
    chooses
        Whether the units of a place come from one fit, so that its choice means something.
    """

    name: str
    how: str
    tested: Observations
    ours: FloatArray
    chooses: bool = True

    @cached_property
    def columns(self) -> tuple[int, ...]:
        """The units that were tested, as indices into ``tested.units``."""
        return tuple(int(u) for u in np.unique(self.tested.unit))

    @cached_property
    def rows(self) -> LongArray:
        """First row of each place, ``int64[places]``, in the order of their names."""
        return np.asarray(np.unique(self.tested.place_numbers(), return_index=True)[1])

    def by_place(self, minutes: FloatArray) -> FloatArray:
        """Row values as ``float64[places, units]``: means where there are several, NaN if none."""
        shape = (len(self.rows), len(self.columns))
        total, count = np.zeros(shape), np.zeros(shape)
        cell = (self.tested.place_numbers(), np.searchsorted(self.columns, self.tested.unit))
        known = ~np.isnan(minutes)
        cell = (cell[0][known], cell[1][known])
        np.add.at(total, cell, minutes[known])
        np.add.at(count, cell, 1.0)
        return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)

    @cached_property
    def ours_by_place(self) -> FloatArray:
        """``float64[draws, places, units]``."""
        return np.stack([self.by_place(draw) for draw in self.ours])

    @cached_property
    def reference_by_place(self) -> FloatArray:
        """``float64[places, units]``."""
        return self.by_place(self.tested.minutes)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One point of the learning curve: how many places were fitted, and what came of it."""

    places: int
    result: Result


# --- learners ----------------------------------------------------------------------------------
def straight_line(observations: Observations, train: BoolArray, _: Progress) -> Predictor:
    """Learn a line through distance as the crow flies: the yardstick of every network."""
    km = _straight_km(observations)[train]
    slope, offset = np.polyfit(km, observations.minutes[train], 1)
    return lambda rows: np.asarray(offset + slope * _straight_km(rows))


def _straight_km(observations: Observations) -> FloatArray:
    """``float64[n]``: distance of each row on the National Grid."""
    units = observations.units
    unit_m = np.stack(bng.to_grid([u.lat for u in units], [u.lon for u in units]))
    place_m = np.stack(bng.to_grid(observations.lat, observations.lon))
    return np.asarray(np.hypot(*(place_m - unit_m[:, observations.unit])) / 1000.0)


def network_learner(
    raw: RawNetwork, profile: Profile, options: FitOptions | None = None
) -> Learner:
    """Make a learner that fits the speeds of a map, then builds its network with them."""

    def learn(observations: Observations, train: BoolArray, tell: Progress) -> Predictor:
        from routing_service.calibration.fit import FitOptions, fit
        from routing_service.graph.build import build_graph
        from routing_service.live.snapshot import Snapshot

        knobs = options or FitOptions()
        calibration = fit(raw, profile, observations, train, knobs, progress=tell)
        asked = np.unique(observations.unit[observations.scored])
        units = [observations.units[u] for u in asked]
        graph = build_graph(raw, profile, units, calibration=calibration)
        return network_times(Snapshot(graph, "held-out"))

    return learn


def network_times(snapshot: Snapshot) -> Predictor:
    """Predict by the trees of a built network, in the speed set that a row's period names."""
    snapshot = replace(snapshot, limits=replace(snapshot.limits, snap_limit_m=SNAP_LIMIT_M))
    sets = snapshot.graph.speed_sets.names
    number = {unit.ods_code: u for u, unit in enumerate(snapshot.units)}

    def predict(rows: Observations) -> FloatArray:
        column = np.array([number.get(unit.ods_code, NONE) for unit in rows.units])[rows.unit]
        chosen_set = np.array([sets.index(p) if p in sets else 0 for p in rows.period])
        minutes = np.full(len(rows), np.nan)
        for index in np.unique(chosen_set):
            part = (chosen_set == index) & (column != NONE)
            at = replace(snapshot, speed_set=int(index))
            minutes[part] = _mean_minutes(at, rows.where(part), column[part])
        return minutes

    return predict


def _mean_minutes(snapshot: Snapshot, rows: Observations, column: LongArray) -> FloatArray:
    """``float64[n]``: mean time over the points of each row's place, of those with a route."""
    first, lon, lat = rows.points()
    of_point = np.repeat(column, np.diff(first))
    ms = snapshot.times(lon, lat)[0][np.arange(len(lon)), of_point].astype(np.float64)
    reached = ms < INF_MS
    total = np.add.reduceat(np.where(reached, ms, 0.0), first[:-1]) if len(rows) else ms
    count = np.add.reduceat(reached.astype(np.float64), first[:-1]) if len(rows) else ms
    return np.where(count > 0, total / np.maximum(count, 1.0) / MS_PER_MINUTE, np.nan)


# --- ways of asking ----------------------------------------------------------------------------
def as_built(snapshot: Snapshot, observations: Observations) -> Result:
    """Set a built network, as it is, against the reference."""
    tested = observations.where(observations.scored)
    ours = network_times(snapshot)(tested)
    seen = snapshot.calibration != "uncalibrated"
    how = "the network as it is; " + (
        "its calibration may have seen these very places" if seen else "its speeds were not fitted"
    )
    return Result("as built", how, tested, ours[None])


def yardstick(observations: Observations) -> Result:
    """Judge by distance alone, the line fitted to the very rows that it is tested on."""
    tested = observations.where(observations.scored)
    everything = np.ones(len(tested), dtype=np.bool_)
    ours = straight_line(tested, everything, _silent)(tested)
    how = "distance as the crow flies, on a line fitted to all of these rows"
    return Result("straight line", how, tested, ours[None])


def held_out(
    split: str,
    observations: Observations,
    learn: Learner,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> Result:
    """Predict every scored row by a fit that has not seen it.

    Parameters
    ----------
    split
        ``"random"``, ``"district"`` or ``"unit"``.
    observations
        All rows; those that are not scored serve the fits.
    learn
        What is judged.
    draws
        How often the halves are drawn anew; the other splits have one draw.
    progress
        Told the share of the folds that is done.

    Raises
    ------
    InvalidRequest
        If the observations cannot be split so.
    """
    if split == "random":
        folds = splits.random_halves(observations, draws)
        how = f"halves of the places at random, each predicted from the other, {draws} draws"
    elif split == "district":
        folds, draws = splits.whole_districts(observations), 1
        how = "each district predicted from all others"
    else:
        folds, draws = splits.whole_units(observations), 1
        how = "the times to each unit predicted from those to all others"
    ours = np.full((draws, len(observations)), np.nan)
    per_draw = len(folds) // draws
    for k, (fold, minutes) in enumerate(_predictions(split, folds, observations, learn, progress)):
        ours[k // per_draw, fold.test] = minutes
    scored = observations.scored & np.any([fold.test for fold in folds], axis=0)
    names = {"random": "random halves", "district": "whole districts", "unit": "whole units"}
    return Result(names[split], how, observations.where(scored), ours[:, scored], split != "unit")


def learning_curve(
    observations: Observations, learn: Learner, progress: Progress | None = None
) -> tuple[Lesson, ...]:
    """Fit to ever more places, always tested on the same quarter."""
    lessons = []
    folds = splits.learning(observations)
    for fold, minutes in _predictions("learning", folds, observations, learn, progress):
        places = splits.count_places(observations, fold.train)
        how = f"a quarter of the places predicted from {places} of the others"
        result = Result(fold.name, how, observations.where(fold.test), minutes[None])
        lessons.append(Lesson(places, result))
    return tuple(lessons)


def _predictions(
    split: str,
    folds: Sequence[Fold],
    observations: Observations,
    learn: Learner,
    progress: Progress | None,
) -> list[tuple[Fold, FloatArray]]:
    tell = progress or _silent
    predicted = []
    for k, fold in enumerate(folds):

        def within(stage: str, share: float, k: int = k) -> None:
            if stage == "fit":
                tell(split, (k + share) / len(folds))

        tell(split, k / len(folds))
        # Nobody can learn from what is not there.
        seen = replace(observations, minutes=np.where(fold.train, observations.minutes, np.nan))
        predict = learn(seen, fold.train, within)
        predicted.append((fold, predict(observations.where(fold.test))))
    tell(split, 1.0)
    return predicted


def _silent(_: str, __: float) -> None:
    """Nobody waits."""
