"""The budget: what a service must keep to under load, as a file that is checked in."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from routing_service.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper limits; None is no limit.

    Attributes
    ----------
    p50_ms, p90_ms, p99_ms, p99_9_ms, p99_99_ms
        Latency of the decisions that were answered, counted from when they were due.
    error_share
        Requests of any kind without an answer, or with one of status 300 and more.
    behind_share
        By how much the rate of answers may stay behind the rate that was asked for.
    """

    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    p99_9_ms: float | None = None
    p99_99_ms: float | None = None
    error_share: float | None = 0.0
    behind_share: float | None = 0.02

    @classmethod
    def load(cls, path: Path) -> Budget:
        """Read a TOML file with any of the attributes.

        Raises
        ------
        InvalidRequest
            It cannot be read, or has another name or what is no positive number.
        """
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidRequest(f"the budget {path.name} cannot be read: {error}") from None
        known = [field.name for field in fields(cls)]
        for name, value in given.items():
            if name not in known:
                raise InvalidRequest(f"{path.name}: no limit {name!r}; known: {', '.join(known)}")
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise InvalidRequest(f"{path.name}: {name} must be a number, 0 or more")
        return cls(**given)

    def misses(self, figures: Mapping[str, Any]) -> list[str]:
        """Say which limits a report's figures exceed, each as one line."""
        latency_ms = figures["decisions"]["latency_ms"]
        told = []
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit is None:
                continue
            if field.name.endswith("_ms"):
                found, unit = latency_ms[field.name.removesuffix("_ms")], " ms"
            else:
                found, unit = figures[field.name], ""
            if found is None or found > limit:
                shown = "nothing" if found is None else f"{found:g}{unit}"
                told.append(f"{field.name}: {shown}, at most {limit:g}{unit} allowed")
        return told
