"""Where to put units: the best sets of sites, exactly, as small mixed-integer programmes.

Everybody goes to the nearest open site. For a place whose sites lie at times ``d0 <= d1 <= …`` the
time is ``d0``, plus ``d1 - d0`` if its first site is shut, plus ``d2 - d1`` if its first two are,
and so on (the radius form of the p-median problem: Cornuéjols, Nemhauser and Wolsey 1980; García,
Labbé and Marín 2011). What counts is only which *set* of sites comes first, so all places that
share one are a single term: a hundred thousand postcodes become some hundred terms, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from routing_service.errors import InvalidRequest, MissingExtra
from routing_service.units import INF_MS, MS_PER_MINUTE

if TYPE_CHECKING:
    from routing_service.units import IntArray, LongArray

By = Literal["mean", "within_30", "within_45"]
OBJECTIVES: Final[tuple[By, ...]] = ("mean", "within_30", "within_45")

MOST_SITES: Final = 60
"""Sets of sites are kept as the bits of one number."""

NO_ROUTE_MS: Final = 4 * 60 * MS_PER_MINUTE
"""A place without a route counts as four hours away: a set that leaves it out is not best."""

STEP_SHARE: Final = 100_000
"""Steps along a front: sets that differ by less than this part of the whole weight are one."""


@dataclass(frozen=True, slots=True)
class Siting:
    """One set of open sites and what it means, in whole numbers.

    Attributes
    ----------
    sites
        Columns, ascending.
    total_ms
        Sum of weight times milliseconds.
    within_30, within_45
        Weight within as many minutes.
    loads
        Weight that goes to each of `sites`.
    """

    sites: tuple[int, ...]
    total_ms: int
    within_30: int
    within_45: int
    loads: tuple[int, ...]

    @property
    def least(self) -> int:
        """Weight of the site to which fewest go."""
        return min(self.loads)

    def cost(self, by: By) -> int:
        """What is to be as small as possible."""
        return self.total_ms if by == "mean" else -int(getattr(self, by))


@dataclass(frozen=True, eq=False)
class SitingProblem:
    """Times from places to every site that may be open.

    Attributes
    ----------
    ms
        ``int32[n, sites]``, ``INF_MS`` without a route; of equal times the first site wins.
    parts
        ``int64[n]``, weights.
    kept
        Columns of sites that are open in any case.
    """

    ms: IntArray
    parts: LongArray
    kept: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.ms.shape[1] > MOST_SITES:
            raise InvalidRequest(f"{self.ms.shape[1]} sites are more than {MOST_SITES}: name fewer")

    @property
    def sites(self) -> int:
        """Number of sites, kept ones included."""
        return int(self.ms.shape[1])

    @cached_property
    def capped_ms(self) -> LongArray:
        """``int64[n, sites]``, times with `NO_ROUTE_MS` where there is no route."""
        return np.where(self.ms < INF_MS, self.ms, NO_ROUTE_MS).astype(np.int64)

    @cached_property
    def order(self) -> LongArray:
        """``int64[n, sites]``: the sites of each place from the nearest on."""
        return np.argsort(self.capped_ms, axis=1, kind="stable")

    @cached_property
    def before(self) -> LongArray:
        """``int64[n, sites]``: as bits, the sites before and up to each of `order`."""
        return np.asarray(np.bitwise_or.accumulate(np.int64(1) << self.order, axis=1))

    def evaluate(self, sites: Iterable[int]) -> Siting:
        """What a set of open sites means, reckoned place by place."""
        chosen = sorted(sites)
        ms = self.capped_ms[:, chosen]
        nearest = ms.argmin(axis=1)
        time_ms = ms[np.arange(len(ms)), nearest]
        loads = np.zeros(len(chosen), dtype=np.int64)
        np.add.at(loads, nearest, self.parts)
        within = [int(self.parts[time_ms <= m * MS_PER_MINUTE].sum()) for m in (30, 45)]
        total = int((self.parts.astype(object) * time_ms).sum())
        return Siting(tuple(chosen), total, within[0], within[1], tuple(loads.tolist()))


def best_sites(
    problem: SitingProblem, count: int, by: By = "mean", floor: int = 0
) -> Siting | None:
    """The best set of `count` open sites; None if no set gives every open site its `floor`.

    Parameters
    ----------
    problem
        Times, weights, and what is open in any case.
    count
        How many sites are open, kept ones included.
    by
        Least weighted mean time (p-median), or most weight within 30 or 45 minutes (maximal
        covering).
    floor
        Least weight, in parts, that must go to each open site.

    Raises
    ------
    InvalidRequest
        If `count` is not from the number of kept sites (at least 1) to that of all.
    MissingExtra
        The solver is not installed.
    """
    if not max(1, len(problem.kept)) <= count <= problem.sites:
        raise InvalidRequest(
            f"{count} open sites are not from {max(1, len(problem.kept))} to {problem.sites}"
        )
    model = _Model(problem.sites, problem.kept, count)
    terms = _shut_terms(problem) if by == "mean" else _uncovered_terms(problem, by)
    model.add_shut(terms, float(problem.parts.sum()))
    if floor:
        model.add_floor(_load_terms(problem, count), floor)
    chosen = model.solve()
    return None if chosen is None else problem.evaluate(chosen)


def front(problem: SitingProblem, counts: Sequence[int], by: By = "mean") -> tuple[Siting, ...]:
    """Sets of which none is better in both time and least admissions, by falling cost.

    For each number of open sites the best set is found, then the best in which the least visited
    site gets more, and so on until there is none; what another set beats in both is dropped.
    """
    step = max(1, int(problem.parts.sum()) // STEP_SHARE)
    found: list[Siting] = []
    for count in counts:
        floor = 0
        while (siting := best_sites(problem, count, by, floor)) is not None:
            found.append(siting)
            floor = siting.least + step
    found.sort(key=lambda each: (each.cost(by), -each.least, each.sites))
    kept: list[Siting] = []
    for siting in found:
        if not kept or siting.least > kept[-1].least:
            kept.append(siting)
    return tuple(kept)


# --- terms -------------------------------------------------------------------------------------
Terms = list[tuple[int, int]]
"""Sets of sites as bits, and what is paid if all of a set are shut."""


def _shut_terms(problem: SitingProblem) -> Terms:
    """What shutting all of a place's nearest sites costs: the way on to the next, by weight."""
    sorted_ms = np.take_along_axis(problem.capped_ms, problem.order, axis=1)
    further = np.diff(sorted_ms, axis=1) * problem.parts[:, None]
    return _gathered(problem.before[:, :-1].ravel(), further.ravel(), _bits(problem.kept))


def _uncovered_terms(problem: SitingProblem, by: By) -> Terms:
    """What shutting all sites within the limit costs: the place's weight."""
    limit_ms = (30 if by == "within_30" else 45) * MS_PER_MINUTE
    near = problem.ms <= limit_ms
    bits = np.bitwise_or.reduce(np.where(near, np.int64(1) << np.arange(problem.sites), 0), axis=1)
    covered = bits != 0
    return _gathered(bits[covered], problem.parts[covered], _bits(problem.kept))


def _load_terms(problem: SitingProblem, count: int) -> dict[int, Terms]:
    """For each site the sets that must be shut for a place to come to it, and the weight."""
    reach = problem.sites - count + 1
    own = problem.order[:, :reach]
    shut = problem.before[:, :reach] & ~(np.int64(1) << own)
    weight = np.broadcast_to(problem.parts[:, None], own.shape)
    kept = _bits(problem.kept)
    return {
        site: _gathered(shut[own == site], weight[own == site], kept)
        for site in range(problem.sites)
    }


def _gathered(sets: LongArray, values: LongArray, kept: int) -> Terms:
    """Sums of the values by set; sets with a site that is never shut are left out."""
    some = (values > 0) & ((sets & kept) == 0)
    unique, at = np.unique(sets[some], return_inverse=True)
    total = np.zeros(len(unique), dtype=np.int64)
    np.add.at(total, at, values[some])
    return list(zip(unique.tolist(), total.tolist(), strict=True))


def _bits(sites: Iterable[int]) -> int:
    return sum(1 << site for site in sites)


# --- the solver --------------------------------------------------------------------------------
class _Model:
    """A programme in HiGHS: which sites are open (whole), and what follows from it (not)."""

    def __init__(self, sites: int, kept: Sequence[int], count: int) -> None:
        try:
            import highspy
        except ImportError as error:
            raise MissingExtra(
                "choosing sites needs the solver highspy; run: python -m pip install highspy",
                package="highspy",
            ) from error
        self._h: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        self._sites = sites
        options: dict[str, bool | int | float | str] = {
            "output_flag": False,
            "threads": 1,
            "parallel": "off",
            "random_seed": 0,
            "mip_rel_gap": 0.0,
            "mip_abs_gap": 0.0,
            "mip_feasibility_tolerance": 1e-9,
        }
        for name, value in options.items():
            self._h.setOptionValue(name, value)
        for site in range(sites):
            self._h.addVar(1.0 if site in kept else 0.0, 1.0)
            self._h.changeColIntegrality(site, highspy.HighsVarType.kInteger)
        self._row(count, count, dict.fromkeys(range(sites), 1.0))
        self._optimal = highspy.HighsModelStatus.kOptimal

    def _row(self, low: float, high: float, values: dict[int, float]) -> None:
        columns = np.array(list(values), dtype=np.int32)
        self._h.addRow(low, high, len(columns), columns, np.array(list(values.values())))

    def _column(self, cost: float) -> int:
        column = int(self._h.getNumCol())
        self._h.addVar(0.0, 1.0)
        if cost:
            self._h.changeColCost(column, cost)
        return column

    def add_shut(self, terms: Terms, unit: float) -> None:
        """Pay each term if all of its set are shut, in parts of `unit` and minutes."""
        for sets, value in terms:
            shut = self._column(value / unit / MS_PER_MINUTE)
            self._row(1.0, np.inf, {shut: 1.0} | dict.fromkeys(self._members(sets), 1.0))

    def add_floor(self, terms: dict[int, Terms], floor: int) -> None:
        """Let an open site have its floor from the places that come to it.

        A place may come only if the site is open and each that it would rather go to is shut; the
        floor makes them come, so nothing need force them.
        """
        for site, loads in terms.items():
            coming: dict[int, float] = {}
            for sets, value in loads:
                if sets == 0:
                    coming[site] = value / floor
                    continue
                come = self._column(0.0)
                coming[come] = value / floor
                self._row(-np.inf, 0.0, {come: 1.0, site: -1.0})
                for other in self._members(sets):
                    self._row(-np.inf, 1.0, {come: 1.0, other: 1.0})
            coming[site] = coming.get(site, 0.0) - 1.0
            self._row(0.0, np.inf, coming)

    def _members(self, sets: int) -> list[int]:
        return [site for site in range(self._sites) if sets >> site & 1]

    def solve(self) -> list[int] | None:
        """Open sites of an optimal solution; None if there is no solution."""
        self._h.run()
        if self._h.getModelStatus() != self._optimal:
            return None
        values = self._h.getSolution().col_value[: self._sites]
        return [site for site, value in enumerate(values) if value > 0.5]
