"""What a run showed: one tree of figures, for programs as JSON and for people as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from routing_service.load.client import Samples, Series
from routing_service.load.histogram import PERCENTILES, percentiles_ms, tail_ms
from routing_service.load.runs import Plan
from routing_service.pages.table import Table

Figures = Mapping[str, Any]

DECISION = "decision"
LATE_SHARE = 0.25
"""The client is to blame when its own lateness makes up more of the p99 than this."""

LATE_MS = 1.0
"""Lateness below this is nobody's concern."""

BUSY_SHARE = 0.9
"""Nor can it do more when it has a whole core for this share of the time."""


def figures_of(samples: Samples, plan: Plan) -> dict[str, Any]:
    """Work out the figures of a run.

    Returns
    -------
    dict
        With names as in the JSON of ``hasu load --json``; milliseconds and shares throughout.
    """
    decisions = _of_kind(samples, DECISION)
    refused = _of_kind(samples, DECISION, 503, 504)
    changes = sorted({kind for kind, _ in samples.series if kind != DECISION})
    bad = sum(samples.errors.values()) + sum(
        len(series.due_us) for (_, status), series in samples.series.items() if status >= 300
    )
    asked = samples.replies() + sum(samples.errors.values())
    latency_ms = percentiles_ms(decisions.latency_us)
    achieved = len(decisions.due_us) / samples.wall_s if samples.wall_s else 0.0
    return {
        "rate_per_s": plan.rate_per_s,
        "duration_s": plan.duration_s,
        "arrivals": plan.arrivals,
        "seed": plan.seed,
        "connections": plan.connections,
        "interrupted": samples.interrupted,
        "wall_s": round(samples.wall_s, 3),
        "achieved_per_s": round(achieved, 1),
        "behind_share": round(_behind(samples, plan), 5),
        "error_share": round(bad / asked, 6) if asked else 0.0,
        "decisions": {"answered": len(decisions.due_us), "latency_ms": latency_ms},
        "refused": {
            "count": len(refused.due_us),
            "latency_ms": percentiles_ms(refused.latency_us),
        },
        "changes": {
            kind: {
                "answered": len(_of_kind(samples, kind).due_us),
                "latency_ms": percentiles_ms(_of_kind(samples, kind).latency_us),
            }
            for kind in changes
        },
        "errors": _errors(samples),
        "generator": _generator(samples, latency_ms["p99"]),
        "seconds": _by_second(samples),
        "tail_ms": [[round(n, 1), ms] for n, ms in tail_ms(decisions.latency_us)],
        "lag_tail_ms": [[round(n, 1), ms] for n, ms in tail_ms(samples.lag_us)],
    }


def _of_kind(samples: Samples, kind: str, low: int = 200, high: int = 300) -> Series:
    """All replies to one kind of request whose status is at least `low` and below `high`."""
    gathered = Series()
    for (found, status), series in sorted(samples.series.items()):
        if found == kind and low <= status < high:
            gathered.due_us.extend(series.due_us)
            gathered.latency_us.extend(series.latency_us)
    return gathered


def _errors(samples: Samples) -> dict[str, int]:
    """How many requests of which kind ended in what: a status, or no reply at all."""
    found: Counter[str] = Counter()
    for (kind, why), count in samples.errors.items():
        found[f"{kind}: {why}"] += count
    for (kind, status), series in samples.series.items():
        if status >= 300:
            found[f"{kind}: status {status}"] += len(series.due_us)
    return dict(sorted(found.items()))


def _behind(samples: Samples, plan: Plan) -> float:
    """The share by which answers stayed behind: how much longer they took than the schedule."""
    if samples.interrupted or not plan.duration_s:
        return 0.0
    return max(0.0, 1.0 - plan.duration_s / samples.wall_s) if samples.wall_s else 1.0


def _generator(samples: Samples, p99_ms: float | None) -> dict[str, Any]:
    lag_ms = percentiles_ms(samples.lag_us)
    busy = samples.cpu_s / samples.wall_s if samples.wall_s else 0.0
    late_ms = lag_ms["p99"] or 0.0
    late = late_ms > LATE_MS and late_ms > LATE_SHARE * (p99_ms or 0.0)
    return {
        "lag_ms": lag_ms,
        "cpu_share": round(busy, 3),
        "waited_for_connection": samples.waited,
        "reopened": samples.reopened,
        "bottleneck": late or busy > BUSY_SHARE,
    }


def _by_second(samples: Samples) -> list[dict[str, Any]]:
    """Answers by the second in which they were due: how many, their p50, p99 and longest."""
    series = _of_kind(samples, DECISION)
    due_us = np.frombuffer(series.due_us, dtype=np.int64)
    latency_us = np.frombuffer(series.latency_us, dtype=np.int64)
    second = due_us // 1_000_000
    order = np.argsort(second, kind="stable")
    numbers, starts = np.unique(second[order], return_index=True)
    parts = np.split(latency_us[order], starts[1:]) if len(numbers) else []
    return [
        {
            "second": int(number),
            "answered": len(part),
            "p50_ms": round(float(np.percentile(part, 50)) / 1000, 3),
            "p99_ms": round(float(np.percentile(part, 99)) / 1000, 3),
            "max_ms": round(float(part.max()) / 1000, 3),
        }
        for number, part in zip(numbers, parts, strict=True)
    ]


# --- for people --------------------------------------------------------------------------------
def tables_of(figures: Figures) -> list[Table]:
    """The same as tables: latencies, and errors if there were any."""
    rows = [("decisions", figures["decisions"]["answered"], figures["decisions"]["latency_ms"])]
    if figures["refused"]["count"]:
        refused = figures["refused"]
        rows.append(("refused (503)", refused["count"], refused["latency_ms"]))
    rows += [
        (kind, change["answered"], change["latency_ms"])
        for kind, change in figures["changes"].items()
    ]
    heading = ("milliseconds", "count", *(name.replace("_", ".") for name in PERCENTILES))
    late = ("sent late by this client", "", *map(_shown, figures["generator"]["lag_ms"].values()))
    lines = [(name, f"{count:,}", *map(_shown, ms.values())) for name, count, ms in rows]
    told = [Table("Latency, from when each request was due", heading, (*lines, late))]
    if figures["errors"]:
        told.append(
            Table(
                "Errors",
                ("what", "count"),
                tuple((what, f"{count:,}") for what, count in figures["errors"].items()),
            )
        )
    return told


def summary_of(figures: Figures) -> list[str]:
    """What was asked and what came of it, in sentences."""
    generator = figures["generator"]
    told = [
        f"{figures['decisions']['answered']:,} decisions in {figures['wall_s']:.1f} s, "
        f"{figures['achieved_per_s']:,.0f} a second, of {figures['rate_per_s']:,g} asked for "
        f"({figures['arrivals']}, {figures['connections']} connections, seed {figures['seed']})"
    ]
    if figures["interrupted"]:
        told.append("interrupted: these are the figures until then")
    if generator["waited_for_connection"]:
        told.append(
            f"{generator['waited_for_connection']:,} requests were due while every connection was "
            "busy; their wait counts"
        )
    if generator["bottleneck"]:
        told.append(
            "THIS CLIENT WAS THE BOTTLENECK: it was late itself "
            f"(p99 {generator['lag_ms']['p99']} ms, {generator['cpu_share']:.0%} of a core); what "
            "is said of the service is too bad. Give it a core of its own, or ask for less"
        )
    return told


def _shown(ms: float | None) -> str:
    return "–" if ms is None else f"{ms:,.2f}"
