"""Latencies as HDR histograms: three figures at every percentile, in the tail as in the middle."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from routing_service.errors import MissingExtra

LONGEST_US = 3_600_000_000
FIGURES = 3
PERCENTILES = {
    "p50": 50.0,
    "p90": 90.0,
    "p99": 99.0,
    "p99_9": 99.9,
    "p99_99": 99.99,
    "max": 100.0,
}


def histogram(values_us: array[int]) -> Any:
    """Gather microseconds into an ``HdrHistogram``.

    Raises
    ------
    MissingExtra
        The package hdrhistogram is not installed.
    """
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError:
        raise MissingExtra(
            "load tests need the package hdrhistogram, which is not installed; "
            "run: python -m pip install hdrhistogram",
            package="hdrhistogram",
        ) from None
    gathered = HdrHistogram(1, LONGEST_US, FIGURES)
    values, counts = np.unique(np.frombuffer(values_us, dtype=np.int64), return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        gathered.record_value(min(max(value, 1), LONGEST_US), count)
    return gathered


def percentiles_ms(values_us: array[int]) -> dict[str, float | None]:
    """The percentiles of some microseconds, in milliseconds; None of nothing.

    Examples
    --------
    >>> round(percentiles_ms(array("q", range(1, 100_001)))["p99_99"])
    100
    """
    if not values_us:
        return dict.fromkeys(PERCENTILES)
    gathered = histogram(values_us)
    return {
        name: round(gathered.get_value_at_percentile(share) / 1000, 3)
        for name, share in PERCENTILES.items()
    }


def tail_ms(values_us: array[int], per_tenfold: int = 8) -> list[tuple[float, float]]:
    """The curve of the tail: pairs of N and the milliseconds that one in N exceeds.

    N rises evenly on a logarithmic scale, until a single one is left.
    """
    if not values_us:
        return []
    gathered = histogram(values_us)
    last = int(np.log10(len(values_us)) * per_tenfold)
    ns = [10 ** (k / per_tenfold) for k in range(last + 1)]
    return [(n, gathered.get_value_at_percentile(100.0 - 100.0 / n) / 1000) for n in ns]
