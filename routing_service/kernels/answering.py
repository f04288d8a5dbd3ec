"""An answer from a position: snap, times, ranking and doubts in one call of one kernel."""

from __future__ import annotations

from typing import NamedTuple

from routing_service.answer import BITS, DISTANCE_CM, ORDER, POOR_SNAP, TIMES, TOO_FAR
from routing_service.kernels.jit import inner_kernel
from routing_service.kernels.lookup import Labelled, look_up
from routing_service.kernels.probability import doubt_times
from routing_service.kernels.ranking import rank_units
from routing_service.units import INF_MS, FloatArray, IntArray, LongArray

# Thresholds, int64[3].
NEAR_TIE_MS, POOR_CM, LIMIT_CM = range(3)


class Rules(NamedTuple):
    """What an answer depends on besides the network and the units' standing.

    Attributes
    ----------
    limits
        ``int64[3]``: margin below which it is a near tie, distance beyond which a snap is poor,
        distance beyond which there is no answer.
    model
        ``float64[4]``, the error model, see `probability`.
    """

    limits: LongArray
    model: FloatArray


@inner_kernel
def answer_one(
    lon_e7: float,
    lat_e7: float,
    heading_x: float,
    heading_y: float,
    net: Labelled,
    rules: Rules,
    standing: IntArray,
    answer: IntArray,
    scratch: FloatArray,
) -> int:
    """Answer for one incident.

    Parameters
    ----------
    lon_e7, lat_e7, heading_x, heading_y
        As for `lookup.look_up`.
    net, rules
        The network with its trees, the thresholds and the error model.
    standing
        ``int32[units, 4]``, see `answer`.
    answer
        ``int32[columns]``, written, see `answer`.
    scratch
        ``float64[SCRATCH, units]``.

    Returns
    -------
    int
        The doubts, ``answer[BITS]``.
    """
    look_up(lon_e7, lat_e7, heading_x, heading_y, net, answer)
    bits = 0
    if answer[DISTANCE_CM] > rules.limits[POOR_CM]:
        bits |= POOR_SNAP
    if answer[DISTANCE_CM] > rules.limits[LIMIT_CM]:
        bits |= TOO_FAR
        answer[TIMES : TIMES + ORDER * standing.shape[0]] = INF_MS
    answer[BITS] = bits
    rank_units(standing, rules.limits[NEAR_TIE_MS], answer)
    doubt_times(rules.model, answer, scratch)
    return int(answer[BITS])


@inner_kernel
def answer_many(
    lon_e7: FloatArray,
    lat_e7: FloatArray,
    net: Labelled,
    rules: Rules,
    standing: IntArray,
    answers: IntArray,
    scratch: FloatArray,
) -> None:
    """Answer for many incidents: ``float64[n]`` into ``int32[n, columns]``, each as if alone."""
    for i in range(lon_e7.shape[0]):
        answer_one(lon_e7[i], lat_e7[i], 0.0, 0.0, net, rules, standing, answers[i], scratch)
