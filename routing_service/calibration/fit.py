"""Fit speed factors to observed times by travel-time tomography along the tree paths.

Grow a tree to each unit, follow every observation's path, ask how the time on each kind of road in
each cell must change to explain what was observed, change it, and begin again: the quickest path
is another one then. Deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from routing_service.calibration.checks import check_observations
from routing_service.calibration.observations import Observations
from routing_service.calibration.summary import agreement
from routing_service.calibration.tomography import FIRST_CELL, FIRST_KIND, START, Model, Prior, step
from routing_service.calibration.tracer import Rays, Tracer
from routing_service.errors import InvalidObservations
from routing_service.graph.build import build_graph
from routing_service.graph.calibration import (
    FIELDS,
    STEP,
    Calibration,
    Lattice,
    edge_traits,
    factor_of_log,
    scaled_ms,
)
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.units import E7, MS_PER_MINUTE, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from routing_service.graph.sources.raw import RawNetwork

Progress = Callable[[str, float], None]
"""Called with the stage and the share of it that is done, 0 to 1."""

M_PER_DEGREE = 111_200.0


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Knobs of the fit.

    The defaults were chosen once, by the error over districts that no accuracy figure is about
    (those around the region, held out in four blocks), and are the same for every fit.

    Attributes
    ----------
    cell_m
        Side of a cell.
    rounds
        How often paths and factors are adapted to each other at most. Ends earlier when the
        error no longer shrinks by `settled`.
    sd_minutes, sd_share
        Spread to expect of an observed time: a fixed part and a share of the time.
    outlier_sds
        An observation further off than this many spreads counts as one that is just so far off.
    """

    cell_m: float = 2_000.0
    rounds: int = 8
    settled: float = 0.005
    sd_minutes: float = 1.2
    sd_share: float = 0.03
    outlier_sds: float = 3.0
    prior: Prior = field(default_factory=Prior)


@dataclass(frozen=True)
class _Keys:
    """What time is booked under: `of_edge` ``int32[edges]``, `kind` and `cell` ``int32[keys]``."""

    of_edge: IntArray
    kind: IntArray
    cell: IntArray


def fit(
    raw: RawNetwork,
    profile: Profile,
    observations: Observations,
    train: BoolArray,
    options: FitOptions | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Fit the times of a map to observations.

    Parameters
    ----------
    raw, profile
        The map, and the vehicle that the times are of.
    observations
        Times from places to units.
    train
        ``bool[n]``, the rows to fit to; no other row is looked at.
    options
        Knobs; the defaults without.
    progress
        Told of the stages of the build and of ``fit``.

    Returns
    -------
    Calibration
        To be given to `build_graph` for the same map and profile.

    Raises
    ------
    InvalidObservations
        If there are too few rows, they contradict one another, or too few can be routed.
    InvalidUnits, InvalidSource
        See `build_graph`.
    """
    options = options or FitOptions()
    tell = progress or (lambda _stage, _share: None)
    seen = observations.where(train)
    check_observations(seen)
    units = [seen.units[u] for u in np.unique(seen.unit)]
    graph = build_graph(raw, profile, units, progress=progress)
    lattice = _lattice(graph, options.cell_m)
    keys = _keys(graph, raw, profile, lattice)
    tracer = Tracer(graph, seen, keys.of_edge)
    model = Model(lattice, keys.kind, keys.cell, options.prior)

    tell("fit", 0.0)
    before = tracer.trace(graph.edge_ms)
    _check_routed(before)

    def trace(x: FloatArray) -> Rays:
        return tracer.trace(_edge_ms(graph, model, keys.of_edge, x))

    x = _settle(model, seen, before, trace, options, lambda share: tell("fit", share))
    after = trace(x)
    tell("fit", 1.0)
    summary = {
        "before": agreement(seen, before, 0.0, keys.kind),
        "after": agreement(seen, after, float(x[START]), keys.kind),
    }
    return _calibration(raw, profile, model, x, seen, summary)


def _settle(
    model: Model,
    seen: Observations,
    rays: Rays,
    trace: Callable[[FloatArray], Rays],
    options: FitOptions,
    tell: Callable[[float], None],
) -> FloatArray:
    """Adapt factors and paths to each other; the unknowns with the least error, in `STEP`."""
    x = model.zeros()
    x[START] = max(float(np.nanmedian(_missing(seen, rays, x))), 0.0)
    best, least = x, np.inf
    for k in range(options.rounds):
        missing, spread = _missing(seen, rays, x), _spread(seen, rays, options)
        error, settled = _rms(missing, spread), (1.0 - options.settled) * least
        if error < least:
            best, least = x, error
        if error > settled:
            break
        weights = _weights(missing, spread, options)
        x = x + step(model, x, rays, np.nan_to_num(missing), weights)
        x[START] = max(x[START], 0.0)
        rays = trace(x)
        tell((k + 1) / (options.rounds + 1))
    return np.asarray(np.rint(best * STEP) / STEP)


def _lattice(graph: RoadGraph, cell_m: float) -> Lattice:
    """Cells over all nodes of a network."""
    west, east = graph.node_lon_e7.min() / E7, graph.node_lon_e7.max() / E7
    south, north = graph.node_lat_e7.min() / E7, graph.node_lat_e7.max() / E7
    cell_lat = round(cell_m / M_PER_DEGREE, 6)
    cell_lon = round(cell_lat / float(np.cos(np.radians((south + north) / 2))), 6)
    west, south = round(float(west), 6), round(float(south), 6)
    columns, rows = int((east - west) / cell_lon) + 1, int((north - south) / cell_lat) + 1
    return Lattice(west, south, cell_lon, cell_lat, columns, rows)


def _keys(graph: RoadGraph, raw: RawNetwork, profile: Profile, lattice: Lattice) -> _Keys:
    traits = edge_traits(graph, raw, profile)
    code = traits.kind * (lattice.rows * lattice.columns) + lattice.cells(traits.lon, traits.lat)
    codes, of_edge = np.unique(code, return_inverse=True)
    kind, cell = np.divmod(codes, lattice.rows * lattice.columns)
    return _Keys(of_edge.astype(np.int32), kind.astype(np.int32), cell.astype(np.int32))


def _edge_ms(graph: RoadGraph, model: Model, edge_key: IntArray, x: FloatArray) -> IntArray:
    """Edge times, to the millisecond those of a build with the calibration of `x`."""
    return scaled_ms(graph.edge_ms, factor_of_log(model.at_keys(x))[edge_key])


def _missing(seen: Observations, rays: Rays, x: FloatArray) -> FloatArray:
    """Minutes observed beyond those predicted, by row of the rays; NaN without a route."""
    return np.asarray(seen.minutes[rays.rows] - rays.total - x[START])


def _spread(seen: Observations, rays: Rays, options: FitOptions) -> FloatArray:
    return np.hypot(options.sd_minutes, options.sd_share * seen.minutes[rays.rows])


def _rms(missing: FloatArray, spread: FloatArray) -> float:
    return float(np.sqrt(np.nanmean((missing / spread) ** 2)))


def _weights(missing: FloatArray, spread: FloatArray, options: FitOptions) -> FloatArray:
    """Inverse variances; 0 without a route, less for outliers (Huber)."""
    far = np.abs(missing) / (options.outlier_sds * spread)
    return np.where(np.isnan(missing), 0.0, spread**-2 / np.fmax(far, 1.0))


def _check_routed(rays: Rays) -> None:
    share = float(np.isfinite(rays.total).mean())
    if share < 0.5:
        raise InvalidObservations(
            f"only {share:.0%} of the observations can be routed: do map and observations cover "
            "the same region?"
        )


def _calibration(
    raw: RawNetwork,
    profile: Profile,
    model: Model,
    x: FloatArray,
    seen: Observations,
    summary: dict[str, Any],
) -> Calibration:
    log = np.rint(x * STEP).astype(np.int32)
    return Calibration(
        network=raw.network,
        profile=profile.name,
        profile_sha256=profile.sha256,
        lattice=model.lattice,
        kinds=log[FIRST_KIND:FIRST_CELL],
        fields=log[FIRST_CELL:].reshape(len(FIELDS), -1),
        start_ms=round(float(x[START]) * MS_PER_MINUTE),
        data={
            "sha256": seen.data_sha256,
            "modelled": seen.modelled,
            "observations": len(seen),
            "places": len(set(seen.place)),
            "units": [seen.units[u].ods_code for u in np.unique(seen.unit)],
        },
        summary=summary,
    )
