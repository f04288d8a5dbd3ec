"""What is counted about this service. No label ever holds a position or anything of a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from routing_service.observe.metrics import Counter, Gauge, Histogram, Metrics

STATUSES: Final = (
    *("200", "201", "304", "400", "401", "403", "404", "405", "409", "413", "415", "422"),
    *("431", "500", "501", "503"),
)
OTHER: Final = "other"
MS: Final = 1_000_000
BOUNDS_NS: Final = tuple(
    round(ms * MS)
    for ms in (
        0.005,
        0.01,
        0.02,
        0.05,
        0.1,
        0.2,
        0.5,
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        1000,
        5000,
    )
)


class ServiceMetrics:
    """All numbers of the service, for all its workers. Made before they are forked.

    Parameters
    ----------
    routes
        Method and path template of each, such as ``"GET /v1/closures"``.

    Attributes
    ----------
    requests
        By route and status.
    decisions
        Time from a request for a decision to its reply.
    shed
        Requests refused since there was more to do than could be done, by reason.
    audit_waiting, audit_lost
        Decisions that are not on the trail yet, and those that never will be.
    state_version, state_version_max
        Of the worker that is furthest behind, and of the one that is furthest ahead.
    stale
        Milliseconds since the store was last heard, of the worker that heard it longest ago.
    certificates
        Samples of trees in force that were proved right, or were not.
    """

    def __init__(self, routes: Sequence[str]) -> None:
        self.all = Metrics()
        self._routes, self._statuses = frozenset(routes), frozenset(STATUSES)
        self.requests: Counter = self.all.counter(
            "hasu_requests_total",
            "Requests by route and status.",
            route=[*sorted(self._routes), OTHER],
            status=[*STATUSES, OTHER],
        )
        self.decisions: Histogram = self.all.histogram(
            "hasu_decision_seconds",
            "Time from the request for a decision to its reply.",
            BOUNDS_NS,
        )
        self.shed: Counter = self.all.counter(
            "hasu_shed_total",
            "Requests refused because more was asked than could be done.",
            reason=["waited", "connections", "heavy"],
        )
        self.audit_waiting: Gauge = self.all.gauge(
            "hasu_audit_waiting", "Decisions that wait to be written to the audit trail.", sum
        )
        self.audit_lost: Counter = self.all.counter(
            "hasu_audit_lost_total", "Decisions that the audit trail has lost."
        )
        self.state_version: Gauge = self.all.gauge(
            "hasu_state_version_min", "State of the worker that is furthest behind.", min
        )
        self.state_version_max: Gauge = self.all.gauge(
            "hasu_state_version_max", "State of the worker that is furthest ahead.", max
        )
        self.stale: Gauge = self.all.gauge(
            "hasu_stale_seconds",
            "Seconds since the store was heard, of the worker that heard it longest ago.",
            max,
            scale=0.001,
        )
        self.certificates: Counter = self.all.counter(
            "hasu_certificates_total",
            "Samples of trees in force, by whether they were proved right.",
            outcome=["held", "broken"],
        )

    def count(self, route: str, status: int) -> None:
        """Count one reply; a route or a status that is not known counts as other."""
        name = str(status)
        self.requests.add(
            route if route in self._routes else OTHER, name if name in self._statuses else OTHER
        )
