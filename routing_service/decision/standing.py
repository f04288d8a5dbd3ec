"""How the units stand before any incident: who takes patients, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from routing_service.answer import ALLOWED, GUARD_MS, SITE_POINT, STATUS, STATUSES
from routing_service.decision.model import Status, Unit
from routing_service.units import INF_MS, IntArray


@dataclass(frozen=True, slots=True)
class Need:
    """How the units stand for patients who need one capability, in the order of their ODS codes.

    Attributes
    ----------
    offered
        Whether each has the capability.
    statuses, guards_ms
        As in `Standing`, with what was set for the capability.
    """

    offered: tuple[bool, ...]
    statuses: tuple[Status, ...]
    guards_ms: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Standing:
    """The units in the order of their ODS codes, and what is known of each.

    Attributes
    ----------
    units
        Sorted by ODS code.
    statuses
        Whether each takes patients; all do unless said otherwise.
    guards_ms
        What a divert of each unit may cost at most; ``INF_MS`` for no limit, which is the default.
    allowed
        False for units that the policy of an area leaves out, or that lack what the patient needs;
        none unless said otherwise.
    lacking
        True for those that lack it.
    """

    units: tuple[Unit, ...]
    statuses: tuple[Status, ...] = ()
    guards_ms: tuple[int, ...] = ()
    allowed: tuple[bool, ...] = field(default=())
    lacking: tuple[bool, ...] = field(default=())

    def __post_init__(self) -> None:
        n = len(self.units)
        for name, usual in (
            *(("statuses", "open"), ("guards_ms", INF_MS), ("allowed", True), ("lacking", False)),
        ):
            if not getattr(self, name):
                object.__setattr__(self, name, (usual,) * n)
            elif len(getattr(self, name)) != n:
                raise ValueError(f"{name} must be one for each of the {n} units")

    @cached_property
    def table(self) -> IntArray:
        """The same as the kernels read it: ``int32[units, 4]``, see `routing_service.answer`."""
        table = np.empty((len(self.units), 4), dtype=np.int32)
        table[:, STATUS] = [STATUSES.index(status) for status in self.statuses]
        table[:, GUARD_MS] = self.guards_ms
        table[:, ALLOWED] = self.allowed
        table[:, SITE_POINT] = [unit.door == "site_point" for unit in self.units]
        table.setflags(write=False)
        return table

    @cached_property
    def table_at(self) -> int:
        """Address of `table`, which lives as long as this."""
        return self.table.ctypes.data
