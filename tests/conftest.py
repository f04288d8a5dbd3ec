"""Rules for every test: which kind it is, repeatable examples, and no silent skips where all must
run.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same examples on every machine; and no deadline, since a first call may compile a kernel.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# Other engines and Locust, which no test needs: collecting doctests would import them.
collect_ignore_glob = ["benchmarks/peers/*", "load/locustfile.py"]

REQUIRE_ALL = "TESTS_REQUIRE_ALL"
"""Set where everything that tests need is there: then a skipped test is a failure."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder: ``pytest -m unit``."""
    for item in items:
        kind = item.path.parent.name
        if kind in ("unit", "integration"):
            item.add_marker(kind)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a test was skipped and none may be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get(REQUIRE_ALL):
        return
    reports = reporter.stats.get("skipped", [])
    # An example in a docstring that is only to be read is no test.
    skipped = sum("+SKIP" not in str(report.longrepr) for report in reports)
    if skipped:
        reporter.write_line(f"\n{REQUIRE_ALL} is set and {skipped} were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
