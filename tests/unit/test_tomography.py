"""The least-squares step, against dense matrices solved by numpy."""

from __future__ import annotations

import numpy as np
import pytest

from routing_service.calibration.tomography import (
    FIRST_CELL,
    FIRST_KIND,
    START,
    Model,
    Prior,
    conjugate_gradients,
    step,
)
from routing_service.calibration.tracer import Rays
from routing_service.graph.calibration import FIELDS, KINDS, Lattice
from routing_service.units import FloatArray

# Four columns, three rows; cells of 2 km, for which the pull is as stated.
LATTICE = Lattice(-1.5, 53.5, 0.03, 2.0 / 111.2, 4, 3)
CELLS = 12
UNKNOWNS = FIRST_CELL + len(FIELDS) * CELLS
PRIOR = Prior(kind=2.0, all_smooth=5.0, all_pull=0.5, group_smooth=7.0, group_pull=0.25)


def model(seed: int = 0, keys: int = 20) -> Model:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(KINDS), keys).astype(np.int32)
    return Model(LATTICE, kind, rng.integers(0, CELLS, keys).astype(np.int32), PRIOR)


def matrix(columns: int, apply) -> FloatArray:  # type: ignore[no-untyped-def]
    return np.stack([apply(np.eye(columns)[i]) for i in range(columns)], axis=1)


def rays(seed: int, rows: int = 60, keys: int = 20) -> tuple[Rays, FloatArray]:
    """Random rays, and the same as a dense matrix."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((rows, keys)) < 0.3, rng.uniform(0.5, 4.0, (rows, keys)), 0.0)
    row, key = np.nonzero(dense)
    first = np.searchsorted(row, np.arange(rows + 1)).astype(np.int64)
    columns = (first, key.astype(np.int32), dense[row, key], dense.sum(axis=1))
    return Rays(np.arange(rows, dtype=np.int32), *columns), dense


def test_a_key_is_its_kind_and_its_cell_in_two_fields() -> None:
    one = Model(
        LATTICE, np.array([KINDS.index("primary urban")], np.int32), np.array([7], np.int32), PRIOR
    )
    x = one.zeros()
    x[FIRST_KIND + KINDS.index("primary urban")] = 0.5
    x[FIRST_CELL + 7] = 0.25  # all
    x[FIRST_CELL + FIELDS.index("main") * CELLS + 7] = 0.125
    x[FIRST_CELL + FIELDS.index("local") * CELLS + 7] = 9.0  # another group
    x[START] = 9.0
    assert one.at_keys(x).tolist() == [0.875]


def test_spreading_back_is_the_transpose() -> None:
    tied = model()
    forward = matrix(UNKNOWNS, tied.at_keys)
    assert matrix(20, tied.from_keys) == pytest.approx(forward.T)


def test_the_prior_ties_neighbours_and_pulls_to_nothing() -> None:
    tied = model()
    precision = matrix(UNKNOWNS, tied.stiffness)
    assert precision == pytest.approx(precision.T)
    assert (precision[START] == 0).all()
    # Energy by hand: a field of ones costs the pull alone, a step between columns 2 and 3 costs
    # the smoothness once for each of the three rows.
    flat, stepped = tied.zeros(), tied.zeros()
    flat[FIRST_CELL : FIRST_CELL + CELLS] = 1.0
    stepped[FIRST_CELL : FIRST_CELL + CELLS] = np.tile([0.0, 0.0, 1.0, 1.0], 3)
    assert flat @ precision @ flat == pytest.approx(12 * 0.5)
    assert stepped @ precision @ stepped == pytest.approx(3 * 5.0 + 6 * 0.5)
    kind = tied.zeros()
    kind[FIRST_KIND] = 3.0
    assert kind @ precision @ kind == pytest.approx(9 * 2.0)


def test_smaller_cells_are_pulled_less_each() -> None:
    half = Lattice(-1.5, 53.5, 0.015, 1.0 / 111.2, 4, 3)
    tied = model()
    smaller = Model(half, tied.key_kind, tied.key_cell, PRIOR)
    flat = tied.zeros()
    flat[FIRST_CELL : FIRST_CELL + CELLS] = 1.0
    # Half as wide, a quarter of the area, a quarter of the pull.
    assert flat @ smaller.stiffness(flat) == pytest.approx(flat @ tied.stiffness(flat) / 4)


@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_the_solution_of_the_normal_equations(seed: int) -> None:
    tied = model(seed)
    paths, dense = rays(seed)
    rng = np.random.default_rng(seed)
    x, missing, w = rng.normal(0, 0.1, UNKNOWNS), rng.normal(0, 2, 60), rng.uniform(0.1, 1, 60)
    w[3] = 0.0  # a row without a route
    design = dense @ matrix(UNKNOWNS, tied.at_keys)
    design[:, START] = 1.0
    precision = matrix(UNKNOWNS, tied.stiffness)
    normal = design.T @ (w[:, None] * design) + precision
    wanted = design.T @ (w * missing) - precision @ x
    left = wanted - normal @ step(tied, x, paths, missing, w)
    # The squared residual, each unknown in its own scale, shrinks to a millionth.
    scale = np.diag(normal)
    assert np.sum(left**2 / scale) < 2e-6 * np.sum(wanted**2 / scale)


def test_conjugate_gradients_solve() -> None:
    rng = np.random.default_rng(1)
    half = rng.normal(size=(30, 30))
    a, b = half @ half.T + np.eye(30), rng.normal(size=30)
    x = conjugate_gradients(lambda v: a @ v, b, np.diag(a), accuracy=1e-20)
    assert a @ x == pytest.approx(b, abs=1e-6)


def test_nothing_missing_needs_no_step() -> None:
    tied = model()
    paths, _ = rays(0)
    result = step(tied, tied.zeros(), paths, np.zeros(60), np.ones(60))
    assert not result.any()
