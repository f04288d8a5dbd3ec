"""Travel-time tomography: smooth fields of slowness that explain what the rays took.

Where every ray runs is known (`Rays`), and how long it was seen to take; sought are logarithms
of factors on the time spent under each key. A key is a kind of road in a cell, and its logarithm
is the sum ``kind + all[cell] + group[cell]``. One linear least-squares step is solved by conjugate
gradients on the normal equations, with a prior that ties neighbouring cells together and every
cell loosely to nothing: a cell that no ray crosses takes the mean of its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from routing_service.calibration.tracer import Rays
from routing_service.graph.calibration import FIELDS, KINDS, Lattice, group_of_kinds
from routing_service.kernels.rays import rays_back, rays_times
from routing_service.units import FloatArray, IntArray

START = 0
FIRST_KIND = 1
FIRST_CELL = FIRST_KIND + len(KINDS)
"""Layout of the unknowns: the start in minutes, the kinds, the fields one after the other."""

Operator = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Prior:
    """How stiff the model is, as inverse variances of logarithms.

    Attributes
    ----------
    kind
        Of a kind's factor around 1.
    all_smooth, group_smooth
        Of the difference between neighbouring cells, in the field of all roads and in those of
        groups.
    all_pull, group_pull
        Of each cell around nothing, for cells of 2 km.
    """

    kind: float = 1.0
    all_smooth: float = 100.0
    all_pull: float = 3.0
    group_smooth: float = 100.0
    group_pull: float = 3.0


@dataclass(frozen=True)
class Model:
    """The unknowns: what they mean and how they are tied together.

    `key_kind` and `key_cell` (``int32[keys]``) say what each key is.
    """

    lattice: Lattice
    key_kind: IntArray
    key_cell: IntArray
    prior: Prior

    @property
    def n_cells(self) -> int:
        """Cells of each field."""
        return self.lattice.rows * self.lattice.columns

    def zeros(self) -> FloatArray:
        """Unknowns that change nothing."""
        return np.zeros(FIRST_CELL + len(FIELDS) * self.n_cells)

    def at_keys(self, x: FloatArray) -> FloatArray:
        """Logarithm of each key's factor."""
        n = self.n_cells
        group = FIRST_CELL + (1 + group_of_kinds()[self.key_kind]) * n
        kind = x[FIRST_KIND + self.key_kind]
        return np.asarray(kind + x[FIRST_CELL + self.key_cell] + x[group + self.key_cell])

    def from_keys(self, y: FloatArray) -> FloatArray:
        """The transpose of `at_keys`."""
        n, size = self.n_cells, FIRST_CELL + len(FIELDS) * self.n_cells
        group = FIRST_CELL + (1 + group_of_kinds()[self.key_kind]) * n
        x = np.bincount(group + self.key_cell, y, size)
        x[FIRST_KIND:FIRST_CELL] = np.bincount(self.key_kind, y, len(KINDS))
        x[FIRST_CELL : FIRST_CELL + n] = np.bincount(self.key_cell, y, n)
        return np.asarray(x)

    def stiffness(self, x: FloatArray) -> FloatArray:
        """The prior's precision times the unknowns; the start is free."""
        result = np.zeros_like(x)
        result[FIRST_KIND:FIRST_CELL] = self.prior.kind * x[FIRST_KIND:FIRST_CELL]
        shape = (len(FIELDS), self.lattice.rows, self.lattice.columns)
        fields, out = x[FIRST_CELL:].reshape(shape), result[FIRST_CELL:].reshape(shape)
        smooth, pull = self._stiffnesses()
        out += pull * fields
        for axis in (1, 2):
            step = smooth * np.diff(fields, axis=axis)
            lower = [slice(None)] * 3
            upper = [slice(None)] * 3
            lower[axis], upper[axis] = slice(None, -1), slice(1, None)
            out[tuple(lower)] -= step
            out[tuple(upper)] += step
        return result

    def stiffness_diagonal(self) -> FloatArray:
        """Diagonal of the prior's precision, that of a cell inside the map."""
        result = np.full(len(self.zeros()), self.prior.kind)
        smooth, pull = self._stiffnesses()
        result[FIRST_CELL:] = np.repeat((4 * smooth + pull).ravel(), self.n_cells)
        result[START] = 0.0
        return result

    def _stiffnesses(self) -> tuple[FloatArray, FloatArray]:
        """Smoothness and pull of each field, ``float64[fields, 1, 1]``."""
        groups = len(FIELDS) - 1
        smooth = np.array([self.prior.all_smooth] + [self.prior.group_smooth] * groups)
        pull = np.array([self.prior.all_pull] + [self.prior.group_pull] * groups)
        # In the limit of small cells the pull is on the area; smoothness in a plane has no scale.
        area = float(self.lattice.cell_lat_deg * 111.2 / 2.0) ** 2
        return smooth.reshape(-1, 1, 1), area * pull.reshape(-1, 1, 1)


def step(model: Model, x: FloatArray, rays: Rays, missing: FloatArray, w: FloatArray) -> FloatArray:
    """One Gauss–Newton step of the unknowns.

    Parameters
    ----------
    model, x
        The model and where its unknowns stand.
    rays
        The paths at `x`.
    missing
        ``float64[rows]``, minutes that each row was seen to take beyond what the paths say.
    w
        ``float64[rows]``, inverse variance of each row, 0 to leave it out.

    Returns
    -------
    FloatArray
        What to add to `x`.
    """
    n_rows, n_keys = len(missing), len(model.key_kind)
    table = (rays.first, rays.keys)

    def times(unknowns: FloatArray) -> FloatArray:
        result = np.empty(n_rows)
        rays_times(*table, rays.minutes, model.at_keys(unknowns), result)
        return np.asarray(result + unknowns[START])

    def back(rows: FloatArray) -> FloatArray:
        result = np.empty(n_keys)
        rays_back(*table, rays.minutes, rows, result)
        unknowns = model.from_keys(result)
        unknowns[START] = rows.sum()
        return unknowns

    squares = np.empty(n_keys)
    rays_back(*table, rays.minutes**2, w, squares)
    diagonal = model.from_keys(squares) + model.stiffness_diagonal()
    diagonal[START] = w.sum()
    return conjugate_gradients(
        lambda unknowns: back(w * times(unknowns)) + model.stiffness(unknowns),
        back(w * missing) - model.stiffness(x),
        diagonal,
    )


def conjugate_gradients(
    matrix: Operator, b: FloatArray, diagonal: FloatArray, most: int = 100, accuracy: float = 1e-6
) -> FloatArray:
    """Solve ``matrix(x) = b`` for a symmetric positive matrix, scaled by its diagonal.

    Stops after `most` steps, or when the squared residual has shrunk by `accuracy`: the paths
    change with each solution, so more digits of one would be lost on the next.
    """
    x = np.zeros_like(b)
    residual = b.copy()
    scaled = residual / diagonal
    direction = scaled.copy()
    size = first = _dot(residual, scaled)
    for _ in range(most):
        if size <= accuracy * first:
            break
        image = matrix(direction)
        length = size / _dot(direction, image)
        x += length * direction
        residual -= length * image
        scaled = residual / diagonal
        size, before = _dot(residual, scaled), size
        direction = scaled + size / before * direction
    return x


def _dot(a: FloatArray, b: FloatArray) -> float:
    # numpy's own sum: the BLAS may split a dot product by the number of threads.
    return float(np.sum(a * b))
