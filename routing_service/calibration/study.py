"""A study: one network or one map, held against one reference in all the ways asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routing_service.calibration.observations import Observations
from routing_service.calibration.validate import (
    DRAWS,
    Lesson,
    Result,
    as_built,
    held_out,
    learning_curve,
    network_learner,
    network_times,
    yardstick,
)
from routing_service.errors import InvalidRequest
from routing_service.progress import Progress

if TYPE_CHECKING:
    from routing_service.calibration.fit import FitOptions
    from routing_service.graph.profile import Profile
    from routing_service.graph.sources.raw import RawNetwork
    from routing_service.live.snapshot import Snapshot


@dataclass(frozen=True)
class Study:
    """Everything that a report is made from.

    Attributes
    ----------
    network
        What was judged: ``network``, ``profile``, and ``graph_id``, ``calibration`` or how it
        was fitted.
    reference
        What it was held against: its name, and the SHA-256 of its data.
    context
        Results to compare with, the yardstick first.
    results
        The ways of asking; the first stands for the study.
    lessons
        The learning curve; empty when it was not asked for.
    """

    network: Mapping[str, str]
    reference: Mapping[str, str]
    context: tuple[Result, ...]
    results: tuple[Result, ...]
    lessons: tuple[Lesson, ...] = ()

    @property
    def main(self) -> Result:
        """The result that stands for the study."""
        return self.results[0]


def study_of_graph(snapshot: Snapshot, observations: Observations, reference: str) -> Study:
    """Hold a built network against the reference as it is.

    Raises
    ------
    InvalidRequest
        If no row of the reference leads to a unit of the network.
    """
    known = {unit.ods_code for unit in snapshot.units}
    asked = {observations.units[u].ods_code for u in np.unique(_scored(observations).unit)}
    if not known & asked:
        raise InvalidRequest(
            f"the reference has times to {', '.join(sorted(asked))}, the network trees to "
            f"{', '.join(sorted(known))}: no unit is in both"
        )
    network = {
        "network": snapshot.network,
        "profile": snapshot.profile,
        "graph_id": snapshot.graph_id,
        "calibration": snapshot.calibration,
    }
    return Study(
        network,
        {"name": reference, "sha256": observations.data_sha256},
        (yardstick(observations),),
        (as_built(snapshot, observations),),
    )


def study_of_map(
    raw: RawNetwork,
    profile: Profile,
    observations: Observations,
    reference: str,
    asked: Sequence[str],
    *,
    draws: int = DRAWS,
    options: FitOptions | None = None,
    progress: Progress | None = None,
) -> Study:
    """Fit a map's speeds again and again, each time held against what the fit has not seen.

    Parameters
    ----------
    asked
        Of ``"random"``, ``"district"``, ``"unit"`` and ``"learning"``, at least one that is a
        split.
    draws
        How often the random halves are drawn.

    Raises
    ------
    InvalidRequest
        If the observations cannot be split so.
    """
    learn = network_learner(raw, profile, options)
    results = [
        held_out(split, observations, learn, draws, progress)
        for split in asked
        if split != "learning"
    ]
    lessons: tuple[Lesson, ...] = ()
    if "learning" in asked:
        lessons = learning_curve(observations, learn, progress)
    if not results:
        results = [lessons[-1].result]
    network = {"network": raw.network, "profile": profile.name, "calibration": "fitted anew"}
    return Study(
        network,
        {"name": reference, "sha256": observations.data_sha256},
        (yardstick(observations), _unfitted(observations, raw, profile)),
        tuple(results),
        lessons,
    )


def _unfitted(observations: Observations, raw: RawNetwork, profile: Profile) -> Result:
    """The same map at the profile's own speeds: what the fit is worth."""
    from routing_service.graph.build import build_graph
    from routing_service.live.snapshot import Snapshot

    tested = _scored(observations)
    units = [tested.units[u] for u in np.unique(tested.unit)]
    ours = network_times(Snapshot(build_graph(raw, profile, units), "unfitted"))(tested)
    return Result("unfitted", "the same map at the profile's own speeds", tested, ours[None])


def _scored(observations: Observations) -> Observations:
    return observations.where(observations.scored)
