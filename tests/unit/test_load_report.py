"""What a load test concludes: figures, budget, knee, page."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import pytest

from routing_service.errors import InvalidRequest
from routing_service.load import incidents
from routing_service.load.budget import Budget
from routing_service.load.client import Samples, Series
from routing_service.load.histogram import percentiles_ms, tail_ms
from routing_service.load.knee import Step, find_knee
from routing_service.load.page import write_page
from routing_service.load.report import figures_of, summary_of, tables_of
from routing_service.load.runs import Plan

ROOT = Path(__file__).parents[2]


def series(latency_ms: list[float], every_ms: float = 10.0) -> Series:
    due_us = array("q", [round(k * every_ms * 1000) for k in range(len(latency_ms))])
    return Series(due_us, array("q", [round(ms * 1000) for ms in latency_ms]))


def samples(latency_ms: list[float], **more: Any) -> Samples:
    """A run of so many decisions 10 ms apart, none of them sent late."""
    seen = Samples({("decision", 200): series(latency_ms)}, sent=len(latency_ms), **more)
    seen.lag_us.extend([10] * len(latency_ms))
    seen.wall_s = seen.wall_s or len(latency_ms) / 100
    return seen


def plan(seconds: float) -> Plan:
    return Plan(100.0, seconds, connections=8)


# --- histograms ----------------------------------------------------------------------------
def test_percentiles_keep_three_figures_to_the_end_of_the_tail() -> None:
    # 9,998 of 1 ms, one of 50 ms, one of 2 s: of ten thousand, 99.99 % are at most 50 ms.
    found = percentiles_ms(array("q", [1_000] * 9_998 + [50_000, 2_000_000]))
    expected = {"p50": 1.0, "p90": 1.0, "p99": 1.0, "p99_9": 1.0, "p99_99": 50.0, "max": 2000.0}
    assert found == pytest.approx(expected, rel=1e-3)


def test_nothing_has_no_percentiles() -> None:
    assert set(percentiles_ms(array("q")).values()) == {None}
    assert tail_ms(array("q")) == []


def test_the_tail_goes_from_the_quickest_to_the_last_single_one() -> None:
    tail = tail_ms(array("q", [1_000] * 999 + [9_000]))
    assert [round(n) for n, _ in tail][:: len(tail) - 1] == [1, 1000]
    assert [ms for _, ms in tail] == sorted(ms for _, ms in tail)


# --- figures -------------------------------------------------------------------------------
def test_figures_of_a_run_without_fault() -> None:
    figures = figures_of(samples([1.0] * 150 + [4.0] * 50), plan(2.0))
    assert figures["decisions"]["answered"] == 200
    assert figures["achieved_per_s"] == 100.0
    assert (figures["error_share"], figures["behind_share"]) == (0.0, 0.0)
    assert figures["decisions"]["latency_ms"]["p50"] == pytest.approx(1.0, rel=1e-3)
    assert figures["decisions"]["latency_ms"]["p90"] == pytest.approx(4.0, rel=1e-3)
    assert [row["answered"] for row in figures["seconds"]] == [100, 100]
    assert not figures["generator"]["bottleneck"]


def test_refusals_and_losses_are_errors_and_apart_from_the_answers() -> None:
    seen = samples([1.0] * 90)
    seen.series["decision", 503] = series([0.5] * 6)
    seen.series["closure", 201] = series([30.0] * 2)
    seen.errors["decision", "timeout"] = 2
    figures = figures_of(seen, plan(1.0))
    assert figures["error_share"] == pytest.approx(8 / 100)
    assert figures["errors"] == {"decision: status 503": 6, "decision: timeout": 2}
    assert figures["refused"]["count"] == 6
    assert figures["decisions"]["latency_ms"]["p50"] == 1.0
    assert figures["changes"]["closure"]["answered"] == 2
    told = tables_of(figures)
    assert [row[0] for row in told[0].rows] == [
        *("decisions", "refused (503)", "closure", "sent late by this client"),
    ]
    assert told[1].title == "Errors"


def test_answers_that_take_longer_than_the_schedule_stay_behind() -> None:
    # One second of requests that took two: half the rate.
    assert figures_of(samples([1.0] * 100, wall_s=2.0), plan(1.0))["behind_share"] == 0.5


def test_a_client_that_was_late_itself_says_so() -> None:
    late = samples([20.0] * 100)
    late.lag_us[:] = array("q", [15_000] * 100)
    figures = figures_of(late, plan(1.0))
    assert figures["generator"]["bottleneck"]
    assert "THIS CLIENT WAS THE BOTTLENECK" in " ".join(summary_of(figures))
    # As late, but the service was slower by far: then it is no excuse.
    slow = samples([900.0] * 100)
    slow.lag_us[:] = array("q", [15_000] * 100)
    assert not figures_of(slow, plan(1.0))["generator"]["bottleneck"]


def test_the_page_stands_alone_and_tells_the_verdict() -> None:
    figures = figures_of(samples([1.0, 2.0, 3.0, 40.0] * 100), plan(4.0))
    page = write_page(figures, "http://127.0.0.1:8000", ["the budget <b.toml> holds"], None)
    assert page.count("<svg") == 3
    assert "The budget &lt;b.toml&gt; holds." in page
    assert "<script" not in page
    assert "src=" not in page
    assert write_page(figures_of(samples([]), plan(1.0)), "x", [], None).count("<svg") == 3


# --- budget --------------------------------------------------------------------------------
def test_a_budget_names_what_is_exceeded() -> None:
    figures = figures_of(samples([1.0] * 98 + [30.0] * 2), plan(1.0))
    assert Budget(p50_ms=2.0, p99_ms=40.0).misses(figures) == []
    missed = Budget(p50_ms=2.0, p99_ms=10.0).misses(figures)
    assert [line.partition(":")[0] for line in missed] == ["p99_ms"]
    assert "at most 10 ms" in missed[0]


def test_no_answer_at_all_holds_no_budget() -> None:
    lost = Samples(sent=3, wall_s=1.0)
    lost.errors["decision", "closed"] = 3
    missed = Budget(p99_ms=10.0).misses(figures_of(lost, plan(1.0)))
    assert [line.partition(":")[0] for line in missed] == ["p99_ms", "error_share"]


def test_the_projects_own_budget_can_be_read() -> None:
    assert Budget.load(ROOT / "tests" / "load" / "budget.toml").p99_ms is not None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p98_ms = 1", "p99_ms"),
        ("p99_ms = true", "number"),
        ("p99_ms = -1", "0 or more"),
        ("=", "read"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "b.toml"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=why):
        Budget.load(path)


# --- knee ----------------------------------------------------------------------------------
def attempts(limit_per_s: float, flukes: int = 0) -> Any:
    """A service that holds up to a limit, and whose first runs are disturbed."""
    runs = []

    def attempt(rate_per_s: float) -> Step:
        runs.append(rate_per_s)
        missed = rate_per_s > limit_per_s or len(runs) <= flukes
        return Step(rate_per_s, {}, ("p99_ms",) if missed else ())

    return attempt


@pytest.mark.parametrize("limit_per_s", [3.0, 90.0, 250.0, 1234.0, 40_000.0])
def test_the_knee_is_found_from_below_and_from_above(limit_per_s: float) -> None:
    knee = find_knee(attempts(limit_per_s), first_per_s=250.0)
    assert limit_per_s / 1.06 <= knee.rate_per_s <= limit_per_s
    assert len(knee.steps) < 40


def test_one_disturbed_run_does_not_decide() -> None:
    assert find_knee(attempts(1000.0, flukes=1), first_per_s=250.0).rate_per_s > 900.0


def test_a_service_that_never_holds_has_no_knee() -> None:
    assert find_knee(attempts(0.0)).rate_per_s == 0.0


# --- incidents -----------------------------------------------------------------------------
def test_incidents_of_a_file_are_asked_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "i.csv"
    path.write_text("id,lat,lon,grid_ref\n1,53.47,-1.5,\n2,,,SE 344 061\n")
    found = incidents.from_file(path)
    assert found.paths == (
        "/v1/conveyance?lat=53.47&lon=-1.5",
        "/v1/conveyance?grid_ref=SE+344+061",
    )
    assert found.points[0] == (53.47, -1.5)


@pytest.mark.parametrize(
    ("text", "why"), [("lat,lon\n53.4,-1.5\n53.4,\n", "line 3"), ("lat,lon\n", "no rows")]
)
def test_a_row_that_is_no_place_is_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "i.csv"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=why):
        incidents.from_file(path)
