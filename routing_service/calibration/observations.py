"""Travel times that somebody observed or computed elsewhere, as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from routing_service.decision.model import Unit
from routing_service.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Areas:
    """Places that are areas: a few points of each, whose mean time stands for the area.

    Area `a` has the points ``first[a]:first[a + 1]`` of `lon`, `lat` (degrees).
    """

    first: IntArray
    lon: FloatArray
    lat: FloatArray


@dataclass(frozen=True)
class Observations:
    """Times from places to units, columns of one length *n*, sorted by place and unit.

    Attributes
    ----------
    place
        Name of the place; rows that share one never fall on both sides of a split.
    district
        Local authority, ``""`` where unknown.
    lon, lat
        ``float64[n]``, WGS84 degrees of the place.
    unit
        ``int32[n]``, index into `units`.
    units
        The destinations; a unit that is none of the region's has its postcode as `ods_code`.
    minutes
        ``float64[n]``, the time.
    weight
        ``float64[n]``, how many patients the place stands for; 1.0 where unknown.
    period
        Period of the week, ``""`` for any.
    scored
        ``bool[n]``: the place and the unit are those that the network is for. The other rows
        serve the fit alone.
    data_sha256
        Of what was read.
    areas, area
        Where places are areas: their points, and ``int32[n]``, the area of each row (-1: the row
        is a point, at `lon`, `lat`). For an area, `lon`, `lat` are its most central point.
    rejected
        Rows of the source that were left out, and why.
    modelled
        The times are another model's, not of journeys that were made.
    """

    place: tuple[str, ...]
    district: tuple[str, ...]
    lon: FloatArray
    lat: FloatArray
    unit: IntArray
    units: tuple[Unit, ...]
    minutes: FloatArray
    weight: FloatArray
    period: tuple[str, ...]
    scored: BoolArray
    data_sha256: str
    areas: Areas | None = None
    area: IntArray | None = None
    rejected: tuple[str, ...] = ()
    modelled: bool = False

    def __len__(self) -> int:
        return len(self.minutes)

    @property
    def everything(self) -> BoolArray:
        """``bool[n]``: all rows, for a fit that holds nothing out."""
        return np.ones(len(self), dtype=np.bool_)

    def where(self, keep: BoolArray) -> Observations:
        """The rows that `keep` marks; the units stay all and keep their numbers."""
        rows = np.flatnonzero(keep)
        changed: dict[str, object] = {}
        for field in fields(self):
            column = getattr(self, field.name)
            if isinstance(column, np.ndarray):
                changed[field.name] = column[rows]
            elif field.name in ("place", "district", "period"):
                changed[field.name] = tuple(column[row] for row in rows)
        return replace(self, **changed)  # type: ignore[arg-type]  # the same columns, fewer rows

    def with_rejected(self, rejected: tuple[str, ...]) -> Observations:
        """The same rows, and what was left out on the way to them."""
        return replace(self, rejected=rejected)

    def place_numbers(self) -> IntArray:
        """``int32[n]``: the place of each row as a number, in order of the names."""
        number = {name: i for i, name in enumerate(sorted(set(self.place)))}
        return np.array([number[name] for name in self.place], dtype=np.int32)

    def points(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """The points whose mean time is a row's.

        Returns
        -------
        tuple
            ``int32[n + 1]``: row `r` has the points ``first[r]:first[r + 1]``; longitudes and
            latitudes of the points, ``float64[points]``.
        """
        n = len(self)
        if self.areas is None or self.area is None:
            return np.arange(n + 1, dtype=np.int32), self.lon, self.lat
        is_area = self.area >= 0
        start = np.where(is_area, self.areas.first[self.area], np.arange(n))
        count = np.where(is_area, np.diff(self.areas.first)[self.area], 1)
        first = np.zeros(n + 1, dtype=np.int32)
        np.cumsum(count, out=first[1:])
        index = np.arange(first[-1]) - np.repeat(first[:-1] - start, count)
        of_area = np.repeat(is_area, count)
        own = np.where(of_area, 0, index)
        index = np.where(of_area, index, 0)
        return (
            first,
            np.where(of_area, self.areas.lon[index], self.lon[own]),
            np.where(of_area, self.areas.lat[index], self.lat[own]),
        )
