"""Candidate sites on a real network, for a real population, and what the best sets of them mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from routing_service.decision.model import Unit
from routing_service.errors import InvalidRequest
from routing_service.planner.located_csv import read_located
from routing_service.planner.network import Columns, NetworkTimes
from routing_service.planner.population import PARTS, Population, Source
from routing_service.planner.siting import By, Siting, SitingProblem, best_sites, front
from routing_service.planner.summary import describe, minutes, share, weight

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot

Existing = Literal["candidates", "kept", "ignored"]
EXISTING: Final[tuple[Existing, ...]] = ("candidates", "kept", "ignored")

USUAL_FLOOR: Final = 600
"""Stroke admissions a year below which a unit is usually held to be too small."""


@dataclass(frozen=True, slots=True)
class SitesRequest:
    """What is asked.

    Attributes
    ----------
    most
        The largest number of open sites, kept ones included.
    by
        What is best.
    existing
        Whether the network's units may stay open, must, or are left out.
    floor
        Admissions that each open site must get, in the population's weight.
    whole_front
        Whether also sets are sought that are slower, but whose least visited site gets more.
    """

    most: int
    by: By = "mean"
    existing: Existing = "candidates"
    floor: float = 0.0
    whole_front: bool = False


def read_candidates(path: Path) -> tuple[tuple[Unit, ...], Source]:
    """Read a CSV of sites: ``id``, ``name`` and a location in each row.

    Raises
    ------
    InvalidPopulation
        See `located_csv.read_located`.
    """
    rows = read_located(path, ("name",), "candidate sites")
    units = tuple(
        Unit(code, name or code, lat, lon)
        for code, lon, lat, (name,) in zip(
            rows.ids, rows.lon.tolist(), rows.lat.tolist(), rows.others, strict=True
        )
    )
    return units, rows.source


def choose_sites(
    request: SitesRequest, candidates: Sequence[Unit], population: Population, snapshot: Snapshot
) -> dict[str, Any]:
    """Find the best sets of sites, and tell what they mean.

    Raises
    ------
    InvalidRequest
        If a candidate has the code of a unit of the network, or there are fewer sites than asked.
    InvalidUnits
        If a candidate is too far from every road.
    MissingExtra
        The solver is not installed.
    """
    known = {unit.ods_code for unit in snapshot.units}
    for unit in candidates:
        if unit.ods_code in known:
            raise InvalidRequest(f"{unit.ods_code} is a unit of the network: leave it out")
    columns = Columns((*snapshot.units, *candidates), len(snapshot.units))
    ms = NetworkTimes(snapshot, columns, population).ms((), snapshot.speed_set_name)
    first = 0 if request.existing != "ignored" else columns.known
    kept = tuple(range(columns.known)) if request.existing == "kept" else ()
    problem = SitingProblem(ms[:, first:], population.parts, kept)
    sites = columns.units[first:]
    counts = range(max(1, len(kept)), request.most + 1)
    if not counts or request.most > problem.sites:
        raise InvalidRequest(
            f"--open {request.most}: from {max(1, len(kept))} to {problem.sites} sites can be open"
        )
    floor = round(request.floor * PARTS)
    best = [best_sites(problem, count, request.by, floor) for count in counts]
    found: dict[str, Any] = {
        "population": describe(population),
        "by": request.by,
        "existing_units": request.existing,
        "floor": request.floor,
        "sites": [
            {"id": unit.ods_code, "name": unit.name, "lat": unit.lat, "lon": unit.lon}
            | {"in_network": k + first < columns.known}
            for k, unit in enumerate(sites)
        ],
        "best": [
            {"open": count, **(_told(each, sites, population) if each else {"sites": None})}
            for count, each in zip(counts, best, strict=True)
        ],
    }
    if request.whole_front:
        found["front"] = [
            {"open": len(each.sites), **_told(each, sites, population)}
            for each in front(problem, counts, request.by)
        ]
    return found


def _told(siting: Siting, sites: Sequence[Unit], population: Population) -> dict[str, Any]:
    whole = int(population.parts.sum())
    mean_ms = (2 * siting.total_ms + whole) // (2 * whole)
    return {
        "sites": [sites[k].ods_code for k in siting.sites],
        "mean_minutes": minutes(mean_ms),
        "within_30": share(siting.within_30 / whole),
        "within_45": share(siting.within_45 / whole),
        "least_weight": weight(siting.least),
        "reaches_usual_floor": siting.least >= USUAL_FLOOR * PARTS,
        "weights": {
            sites[k].ods_code: weight(load)
            for k, load in zip(siting.sites, siting.loads, strict=True)
        },
    }
