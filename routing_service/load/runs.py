"""Whole runs: at a rate, on schedule; or as fast as replies come back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import cycle

from routing_service.load.arrivals import Arrivals, schedule
from routing_service.load.changes import Changes
from routing_service.load.client import Call, Client, Samples, without_pause
from routing_service.load.wire import Target


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be.

    Attributes
    ----------
    rate_per_s
        Decisions asked for in a second, on average.
    duration_s
        Length of the schedule, seconds; the run lasts until the last reply.
    arrivals, seed
        How and from what the moments are drawn.
    connections
        Connections kept open; a request that finds all busy waits, and its wait counts.
    timeout_s
        When a request is given up.
    closures_per_s, diverts_per_s
        Changes of closures and of unit states in between, a second.
    """

    rate_per_s: float
    duration_s: float
    arrivals: Arrivals = "poisson"
    seed: int = 1
    connections: int = 64
    timeout_s: float = 5.0
    closures_per_s: float = 0.0
    diverts_per_s: float = 0.0


def on_schedule(
    target: Target, requests: Sequence[bytes], plan: Plan, changes: Changes | None = None
) -> Samples:
    """Send `requests`, over and over in their order, at the moments of the plan's schedule.

    Parameters
    ----------
    target
        Where to.
    requests
        Whole requests, as `Target.get` writes them; all count as decisions.
    plan
        Rate, length and the rest.
    changes
        What is closed and diverted in between; needed when the plan has such rates.

    Examples
    --------
    >>> from routing_service.load.wire import read_target
    >>> target = read_target("http://127.0.0.1:8000")
    >>> ask = [target.get("/v1/conveyance?lat=53.5526&lon=-1.4797")]
    >>> on_schedule(target, ask, Plan(500.0, 10.0)).replies()  # doctest: +SKIP
    5000
    """
    client = Client(target, plan.connections, plan.timeout_s)
    return client.run(_calls(requests, plan, changes))


def at_peak(
    target: Target, requests: Sequence[bytes], duration_s: float, connections: int = 64
) -> Samples:
    """Ask anew as soon as an answer is there: the highest rate, and no honest latency."""
    return Client(target, connections).run(without_pause(requests, duration_s))


def _calls(requests: Sequence[bytes], plan: Plan, changes: Changes | None) -> Iterator[Call]:
    def moments(rate_per_s: float, stream: int) -> list[int]:
        drawn = schedule(rate_per_s, plan.duration_s, plan.arrivals, plan.seed + stream)
        return [int(ns) for ns in drawn]

    decisions = map(Call, moments(plan.rate_per_s, 0), cycle(requests))
    if changes is None:
        return decisions
    closures = (changes.closure(due_ns) for due_ns in moments(plan.closures_per_s, 1))
    diverts = (changes.divert(due_ns) for due_ns in moments(plan.diverts_per_s, 2))
    return merge(decisions, closures, diverts, key=lambda call: call.due_ns)
