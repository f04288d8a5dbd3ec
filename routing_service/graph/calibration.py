"""A calibration as the builder needs it: how much slower or quicker each road is in truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routing_service.units import BoolArray, ByteArray, FloatArray


@dataclass(frozen=True)
class Calibration:
    """Time factors by road class, setting and place, with what is known of their worth.

    Attributes
    ----------
    error_model
        Figures of the error of a calibrated time, as fitted in a validation; may be empty.
    summary
        How well the times agreed before and after: ``n``, ``bias_minutes``, ``mae_minutes``,
        ``sd_minutes``, in all and by district and class.
    """

    id: str
    start_ms: int = 0
    error_model: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a calibration file."""
        raise NotImplementedError

    def save(self, path: Path) -> None:
        """Write the calibration; the same calibration is the same bytes."""
        raise NotImplementedError

    def factors(
        self, road_class: ByteArray, urban: BoolArray, lon: FloatArray, lat: FloatArray
    ) -> FloatArray:
        """Factor on the time of each edge, ``float64[e]``, by class, setting and midpoint."""
        raise NotImplementedError
