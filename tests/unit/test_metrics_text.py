"""Counts of all workers in one text that Prometheus reads."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from routing_service.observe.metrics import Metrics


def test_counters_gauges_and_histograms_are_told_in_the_text_format() -> None:
    metrics = Metrics()
    requests = metrics.counter(
        "requests_total", "Requests.", route=["/a", "/b"], status=["200", "404"]
    )
    lost = metrics.counter("lost_total", "Lost.")
    waiting = metrics.gauge("waiting", "Waiting.", sum)
    stale = metrics.gauge("stale_seconds", "Age.", max, scale=0.001)
    took = metrics.histogram("took_seconds", "Time.", [1_000, 1_000_000])
    metrics.claim()
    requests.add("/a", "200")
    requests.add("/a", "200", amount=2)
    requests.add("/b", "404")
    waiting.put(7)
    stale.put(1500)
    for duration_ns in (1_000, 1_001, 5_000_000):
        took.observe(duration_ns)
    assert metrics.render() == (
        "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
        'requests_total{route="/a",status="200"} 3\n'
        'requests_total{route="/b",status="404"} 1\n'
        "# HELP lost_total Lost.\n# TYPE lost_total counter\n"
        "lost_total 0\n"
        "# HELP waiting Waiting.\n# TYPE waiting gauge\n"
        "waiting 7\n"
        "# HELP stale_seconds Age.\n# TYPE stale_seconds gauge\n"
        "stale_seconds 1.5\n"
        "# HELP took_seconds Time.\n# TYPE took_seconds histogram\n"
        'took_seconds_bucket{le="1e-06"} 1\n'  # the bound itself counts
        'took_seconds_bucket{le="0.001"} 2\n'
        'took_seconds_bucket{le="+Inf"} 3\n'
        "took_seconds_sum 0.005002001\n"
        "took_seconds_count 3\n"
    )
    assert (requests.total, lost.total) == (4, 0)


def test_large_counts_are_told_whole() -> None:
    metrics = Metrics()
    count = metrics.counter("n_total", "N.")
    count.add(amount=123_456_789_012)
    assert "n_total 123456789012\n" in metrics.render()


def test_workers_count_together_and_the_counts_of_a_fallen_one_stay() -> None:
    metrics = Metrics()
    answered = metrics.counter("answered_total", "Answered.")
    version = metrics.gauge("version", "Version.", max)

    def fall_after_one_answer() -> None:
        metrics.claim()
        answered.add()
        version.put(99)

    metrics.claim()
    answered.add(amount=10)
    version.put(3)
    for expected in (11, 12, 13):  # each child takes the row that the one before left
        in_child(fall_after_one_answer)
        assert answered.total == expected
    assert len(metrics.rows()) == 2
    assert re.search(r"^version 3$", metrics.render(), re.MULTILINE)  # no living worker is at 99


def in_child(action: Callable[[], None]) -> None:
    pid = os.fork()
    if not pid:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
