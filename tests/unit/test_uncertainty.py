"""The error of one time: 10 % and 90 % points, and what a manifest may say of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import lognorm

from routing_service.decision.uncertainty import ErrorModel
from routing_service.errors import GraphFileCorrupt


def test_scene_and_unit_errors_add_as_variances() -> None:
    assert ErrorModel(0.12, 0.05).sigma == pytest.approx(0.13)  # 5, 12, 13


def test_the_points_are_those_of_the_lognormal_distribution() -> None:
    model = ErrorModel(0.12, 0.05)
    assert 20.0 * model.low == pytest.approx(lognorm.ppf(0.1, 0.13, scale=20.0), rel=1e-12)
    assert 20.0 * model.high == pytest.approx(lognorm.ppf(0.9, 0.13, scale=20.0), rel=1e-12)
    # The band is wider above than below: 3.1 and 3.6 minutes about 20.
    assert 20.0 * model.low == pytest.approx(16.93, abs=0.005)
    assert 20.0 * model.high == pytest.approx(23.63, abs=0.005)


def test_eight_in_ten_simulated_journeys_lie_within() -> None:
    rng = np.random.default_rng(7)
    model = ErrorModel(0.1, 0.07)
    scene, unit = rng.normal(0.0, 0.1, 200_000), rng.normal(0.0, 0.07, 200_000)
    journeys = 25.0 * np.exp(scene + unit)
    inside = np.mean((25.0 * model.low <= journeys) & (journeys <= 25.0 * model.high))
    assert inside == pytest.approx(0.8, abs=0.004)  # four standard errors


def test_one_error_of_a_scene_may_be_nothing() -> None:
    assert ErrorModel.read({"sigma_scene": 0, "sigma_unit": 0.1}) == ErrorModel(0.0, 0.1)


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_network_without_a_model_is_uncalibrated(nothing: dict[str, Any] | None) -> None:
    assert ErrorModel.read(nothing) is None


def test_further_figures_of_a_calibration_are_left_alone() -> None:
    values = {"sigma_scene": 0.1, "sigma_unit": 0.1, "coverage": 0.8}
    assert ErrorModel.read(values) == ErrorModel(0.1, 0.1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sigma_unit": 0.0}, "cannot be used"),
        ({"sigma_unit": -0.1}, "cannot be used"),
        ({"sigma_scene": -0.1}, "cannot be used"),
        ({"sigma_scene": 2.0}, "cannot be used"),
        ({"sigma_unit": math.nan}, "cannot be used"),
        ({"sigma_unit": "0.1"}, "lacks sigma_unit"),
        ({"sigma_unit": True}, "lacks sigma_unit"),
        ({"sigma_scene": None}, "lacks sigma_scene"),
    ],
)
def test_what_cannot_be_a_standard_deviation_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(GraphFileCorrupt, match=told):
        ErrorModel.read({"sigma_scene": 0.1, "sigma_unit": 0.1, **change})
