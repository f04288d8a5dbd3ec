"""`hasu load`: how a running service does under load, and how much it can take."""

from __future__ import annotations

import argparse
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_service.commands import terminal
from routing_service.commands.command import FAILED, OK, Command, add_json
from routing_service.errors import InvalidRequest

if TYPE_CHECKING:
    from routing_service.load.budget import Budget
    from routing_service.load.changes import Changes
    from routing_service.load.client import Samples
    from routing_service.load.incidents import Incidents
    from routing_service.load.knee import Knee
    from routing_service.load.runs import Plan
    from routing_service.load.wire import Target
    from routing_service.pages.table import Table

STAGES = {
    "postcodes": "Reading postcodes",
    "answers": "Asking which have answers",
    "run": "Asking",
}
CLOSED_FOR = timedelta(hours=1)
"""Beyond the test's length, a closure of its ends by itself, should nobody take it back."""


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="The service, such as http://127.0.0.1:8000.")
    for name, kind, default, unit, words in (
        ("rate", _number(0.0), 100.0, "N", "Decisions a second"),
        ("duration", _number(0.1), 30.0, "S", "Length of the test, seconds"),
        ("closures-per-s", _number(0.0), 0.0, "N", "Also closures and reopenings, a second"),
        ("diverts-per-s", _number(0.0), 0.0, "N", "Also diverts and their ends, a second"),
        ("connections", _whole, 64, "N", "Connections kept open"),
        ("timeout", _number(0.01), 5.0, "S", "Give a request up after so many seconds"),
        ("seed", _whole, 1, "N", "Same seed, same test"),
    ):
        help = f"{words}; default {default:g}."
        parser.add_argument(f"--{name}", type=kind, default=default, metavar=unit, help=help)
    parser.add_argument(
        "--arrivals",
        choices=("poisson", "constant"),
        default="poisson",
        help="Independent callers, several at once now and then (default), or evenly spaced.",
    )
    for name, metavar, words in (
        (
            "incidents",
            "FILE",
            "CSV with columns of a location (lat, lon, postcode, …), asked in their order; default "
            "postcodes, drawn where people live.",
        ),
        ("budget", "FILE", "TOML with limits; exit code 1 if one is exceeded."),
        ("html", "FILE", "Also write a page with plots."),
    ):
        parser.add_argument(f"--{name}", type=Path, metavar=metavar, help=words)
    parser.add_argument("--key", metavar="KEY", help="Key of the service, see `hasu keys`.")
    for name, words in (
        ("peak", "Ask as fast as answers come, for the highest rate; latencies mean nothing then."),
        (
            "find-knee",
            "Find the highest rate that holds the --budget, in runs of --duration, beginning with "
            "--rate.",
        ),
        (
            "allow-remote",
            "Test a service on another machine. Have its owner's consent.",
        ),
    ):
        parser.add_argument(f"--{name}", action="store_true", help=words)
    add_json(parser)


def _number(low: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= 1e6:
            raise argparse.ArgumentTypeError(f"a number from {low:g} to 1000000 is needed")
        return value

    return number


def _whole(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 60_000:
        raise argparse.ArgumentTypeError("a whole number from 1 to 60000 is needed")
    return int(text)


def _run(args: Namespace) -> int:
    from routing_service.load.budget import Budget
    from routing_service.load.report import figures_of

    if args.find_knee and not args.budget:
        raise InvalidRequest("--find-knee needs the --budget that is to hold")
    budget = Budget.load(args.budget) if args.budget else None
    target, plan = _target(args), _plan(args)
    test = _Test(target, plan, *_prepare(args, target, plan), peak=args.peak)
    knee = None
    if args.find_knee and budget is not None:
        knee = _knee(test, budget, plan.rate_per_s)
        held = [step for step in knee.steps if step.rate_per_s == knee.rate_per_s]
        figures: dict[str, Any] = dict((held or knee.steps)[-1].figures)
    else:
        with terminal.Bar(STAGES) as bar:
            bar("run", 0.0)
            samples, made = test.run(plan.rate_per_s)
        figures = figures_of(samples, made)
    misses = budget.misses(figures) if budget else []
    _tell(args, figures, misses, knee)
    return FAILED if misses else OK


class _Test:
    """One service, one set of incidents: runs at any rate."""

    def __init__(
        self, target: Target, plan: Plan, incidents: Incidents, changes: Changes | None, peak: bool
    ) -> None:
        self._target = target
        self._plan = plan
        self._requests = [target.get(path) for path in incidents.paths]
        self._changes = changes
        self._peak = peak

    def run(self, rate_per_s: float) -> tuple[Samples, Plan]:
        from routing_service.load.runs import at_peak, on_schedule

        plan = replace(self._plan, rate_per_s=rate_per_s)
        if self._peak:
            samples = at_peak(self._target, self._requests, plan.duration_s, plan.connections)
            return samples, replace(plan, rate_per_s=samples.replies() / samples.wall_s)
        try:
            return on_schedule(self._target, self._requests, plan, self._changes), plan
        finally:
            if self._changes is not None and self._changes.take_back():
                raise InvalidRequest(
                    "not every closure and divert could be taken back; see GET /v1/closures and "
                    "GET /v1/units"
                )


def _target(args: Namespace) -> Target:
    from routing_service.load.wire import read_target

    headers = {"Authorization": f"Bearer {args.key}"} if args.key else {}
    target = read_target(args.url, headers)
    if not target.is_loopback and not args.allow_remote:
        raise InvalidRequest(
            f"{target.host} is another machine: with --allow-remote it is tested all the same. "
            "Have its owner's consent."
        )
    return target


def _plan(args: Namespace) -> Plan:
    from routing_service.load.runs import Plan

    return Plan(
        rate_per_s=args.rate,
        duration_s=args.duration,
        arrivals=args.arrivals,
        seed=args.seed,
        connections=args.connections,
        timeout_s=args.timeout,
        closures_per_s=args.closures_per_s,
        diverts_per_s=args.diverts_per_s,
    )


def _prepare(args: Namespace, target: Target, plan: Plan) -> tuple[Incidents, Changes | None]:
    from routing_service.load import incidents
    from routing_service.load.changes import Changes

    if args.incidents:
        found = incidents.from_file(args.incidents)
    else:
        with terminal.Bar(STAGES) as bar:
            found = incidents.by_population(target, plan.seed, bar)
    if not plan.closures_per_s and not plan.diverts_per_s:
        return found, None
    ends = datetime.now(UTC) + timedelta(seconds=plan.duration_s) + CLOSED_FOR
    changes = Changes(target, found.points, ends.strftime("%Y-%m-%dT%H:%M:%SZ"), plan.seed)
    changes.prepare()
    return found, changes


def _knee(test: _Test, budget: Budget, first_per_s: float) -> Knee:
    from routing_service.load.knee import Step, find_knee
    from routing_service.load.report import figures_of

    def attempt(rate_per_s: float) -> Step:
        samples, plan = test.run(rate_per_s)
        figures = figures_of(samples, plan)
        misses = tuple(budget.misses(figures))
        told = f"{rate_per_s:>12,.1f} a second: {'; '.join(misses) or 'holds'}"
        print(told, file=sys.stderr, flush=True)  # a search takes minutes
        return Step(rate_per_s, figures, misses)

    return find_knee(attempt, first_per_s)


# --- what is told ------------------------------------------------------------------------------
def _tell(args: Namespace, figures: dict[str, Any], misses: list[str], knee: Knee | None) -> None:
    from routing_service.load.page import write_page
    from routing_service.load.report import summary_of, tables_of

    verdict = _verdict(args, misses, knee)
    steps = _steps(knee) if knee else None
    if args.html:
        args.html.parent.mkdir(parents=True, exist_ok=True)
        page = write_page(figures, args.url, verdict, steps)
        args.html.write_text(page, encoding="utf-8")
    if args.json:
        extra = {"knee_per_s": knee.rate_per_s} if knee else {}
        budget = {"missed": misses} if args.budget else {}
        terminal.print_json({"url": args.url, **extra, **budget, **figures})
        return
    for table in [*tables_of(figures), *([steps] if steps else [])]:
        print(f"{table.title}\n")
        numbers = tuple(range(table.texts, len(table.heading)))
        print(terminal.table([table.heading, *table.rows], right=numbers) + "\n")
    print("\n".join([*summary_of(figures), *verdict]))


def _verdict(args: Namespace, misses: list[str], knee: Knee | None) -> list[str]:
    told = []
    if knee is not None:
        told.append(f"the highest rate that holds the budget: {knee.rate_per_s:,.0f} a second")
    if args.budget and misses:
        told.append(f"the budget {args.budget.name} is MISSED: {'; '.join(misses)}")
    elif args.budget:
        told.append(f"the budget {args.budget.name} holds")
    return told


def _steps(knee: Knee) -> Table:
    from routing_service.pages.table import Table

    rows = tuple(
        (f"{step.rate_per_s:,.1f}", "; ".join(step.misses) or "holds") for step in knee.steps
    )
    return Table("Rates tried", ("a second", "budget"), rows, texts=2)


COMMAND = Command(
    name="load",
    summary="Test a running service under load: requests on schedule, percentiles, a budget.",
    example="hasu load http://127.0.0.1:8000 --rate 500 --duration 60 --html load.html\n"
    "  hasu load http://127.0.0.1:8000 --budget tests/load/budget.toml --find-knee --duration 10",
    add_options=_options,
    run=_run,
)
