"""How well times agree with what was observed: the figures that a calibration carries."""

from __future__ import annotations

from typing import Any

import numpy as np

from routing_service.calibration.observations import Observations
from routing_service.calibration.tracer import Rays
from routing_service.graph.calibration import KINDS, TIERS
from routing_service.units import BoolArray, FloatArray, IntArray


def agreement(
    seen: Observations, rays: Rays, start_minutes: float, key_kind: IntArray
) -> dict[str, Any]:
    """Figures of predicted less observed minutes.

    Parameters
    ----------
    seen, rays
        The observations and their paths.
    start_minutes
        Added to the time of every path.
    key_kind
        ``int32[keys]``, kind of road of each key.

    Returns
    -------
    dict
        ``n``, ``bias_minutes``, ``mae_minutes``, ``sd_minutes`` of all, then ``by_district``
        (where it is known) and ``by_class``: a path belongs to the class of road on which it
        spends the most time.
    """
    error = rays.total + start_minutes - seen.minutes[rays.rows]
    routed = np.isfinite(error)
    result = figures(error[routed])
    result["unrouted"] = int(np.sum(~routed))
    district = np.array(seen.district)[rays.rows]
    names = [name for name in np.unique(district).tolist() if name]
    result["by_district"] = {
        name: figures(error[routed & (district == name)])
        for name in names
        if (routed & (district == name)).any()
    }
    tier = _main_tier(rays, key_kind)
    result["by_class"] = {
        name: figures(error[part])
        for t, name in enumerate(TIERS)
        if (part := _both(routed, tier == t)).any()
    }
    return result


def figures(error: FloatArray) -> dict[str, Any]:
    """Number, bias, mean absolute error and standard deviation, in thousandths of a minute.

    Examples
    --------
    >>> figures(np.array([1.0, -2.0]))
    {'n': 2, 'bias_minutes': -0.5, 'mae_minutes': 1.5, 'sd_minutes': 1.5}
    """
    return {
        "n": len(error),
        "bias_minutes": round(float(error.mean()), 3),
        "mae_minutes": round(float(np.abs(error).mean()), 3),
        "sd_minutes": round(float(error.std()), 3),
    }


def _main_tier(rays: Rays, key_kind: IntArray) -> IntArray:
    """Index into `TIERS` of the class on which each path spends the most time."""
    tiers = len(TIERS)
    row = np.repeat(np.arange(len(rays.rows)), np.diff(rays.first))
    tier = key_kind[rays.keys] // (len(KINDS) // tiers)
    spent = np.bincount(row * tiers + tier, rays.minutes, len(rays.rows) * tiers)
    return np.asarray(spent.reshape(-1, tiers).argmax(axis=1), dtype=np.int32)


def _both(a: BoolArray, b: BoolArray) -> BoolArray:
    return np.asarray(a & b)
