"""`hasu load` against a real service, as somebody would run it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import REPOSITORY, Server, serving

INCIDENTS = "lat,lon\n" + "".join(f"{53.41 + k / 300:.6f},-1.5\n" for k in range(50))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("load")
    (place / "incidents.csv").write_text(INCIDENTS)
    (place / "wide.toml").write_text("p99_ms = 60000\nbehind_share = 1\n")
    (place / "tight.toml").write_text("p50_ms = 0.0001\n")
    return place


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(folder, "--store", f"sqlite:///{folder / 'state.db'}") as running:
        yield running


def command(folder: Path, url: str, *options: str) -> list[str]:
    words = [sys.executable, "-m", "routing_service.cli", "load", url]
    return [*words, "--incidents", str(folder / "incidents.csv"), *options]


def load(folder: Path, url: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, url, *options), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_a_run_with_changes_reports_all_and_takes_all_back(folder: Path, server: Server) -> None:
    options = ["--rate", "100", "--duration", "2", "--closures-per-s", "5", "--diverts-per-s", "2"]
    page = folder / "page.html"
    budget = folder / "wide.toml"
    done = load(
        folder, server.url, *options, "--html", str(page), "--budget", str(budget), "--json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["decisions"]["answered"] == 200
    assert set(told["decisions"]["latency_ms"]) >= {"p50", "p99", "p99_9", "p99_99", "max"}
    assert told["changes"]["closure"]["answered"] == 10
    assert told["changes"]["divert"]["answered"] == 4
    assert (told["errors"], told["missed"]) == ({}, [])
    assert "<svg" in page.read_text()
    assert server.http.get("/v1/closures").json()["closures"] == []
    statuses = {unit["status"] for unit in server.http.get("/v1/units").json()["units"]}
    assert statuses == {"open"}


def test_a_missed_budget_is_exit_code_1_and_says_by_how_much(folder: Path, server: Server) -> None:
    budget = ["--budget", str(folder / "tight.toml")]
    done = load(folder, server.url, "--rate", "50", "--duration", "0.5", *budget)
    assert done.returncode == 1
    assert "MISSED: p50_ms:" in done.stdout
    assert "milliseconds" in done.stdout


def test_the_knee_of_a_budget_that_cannot_hold_is_none(folder: Path, server: Server) -> None:
    options = ["--budget", str(folder / "tight.toml"), "--find-knee"]
    done = load(folder, server.url, *options, "--rate", "4", "--duration", "0.3")
    assert done.returncode == 1
    assert "holds the budget: 0 a second" in done.stdout
    assert "Rates tried" in done.stdout


def test_the_peak_is_above_what_one_asks_for(folder: Path, server: Server) -> None:
    done = load(folder, server.url, "--peak", "--duration", "0.5", "--json")
    assert json.loads(done.stdout)["achieved_per_s"] > 100


@pytest.mark.parametrize(
    ("url", "options", "why"),
    [
        ("http://192.0.2.1", [], "--allow-remote"),
        ("http://127.0.0.1:9", [], "hasu serve"),
        ("https://127.0.0.1", [], "http://127.0.0.1:8000"),
        ("http://127.0.0.1:9", ["--find-knee"], "--budget"),
    ],
)
def test_a_wrong_call_says_what_to_do(folder: Path, url: str, options: list[str], why: str) -> None:
    done = load(folder, url, *options)
    assert done.returncode in (1, 2)
    assert why in done.stderr


def test_a_service_without_a_store_is_not_asked_for_changes(folder: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as stateless:
        done = load(folder, stateless.url, "--closures-per-s", "1")
    assert done.returncode == 2
    assert "HASU_STORE" in done.stderr


def test_ctrl_c_gives_the_figures_until_then(folder: Path, server: Server) -> None:
    process = subprocess.Popen(
        command(folder, server.url, "--rate", "50", "--duration", "600", "--json"),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        # Who is run in the background is started deaf to it, and so would be all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    before = _answered(server)
    while _answered(server) < before + 20:  # it has begun
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    told = json.loads(process.communicate(timeout=60)[0])
    assert told["interrupted"]
    assert told["decisions"]["answered"] > 0


def _answered(server: Server) -> int:
    """Bytes that the service has written: they grow while it is asked."""
    fields = Path(f"/proc/{server.process.pid}/io").read_text().split()
    return int(fields[fields.index("wchar:") + 1]) // 1000


def test_the_locust_file_asks_and_finds_no_fault(server: Server) -> None:
    file = REPOSITORY / "tests" / "load" / "locustfile.py"
    if importlib.util.find_spec("locust") is None:
        # It is not among the locked packages, so its absence is no fault; but it is told.
        warnings.warn("locust is not installed: its file was only compiled", stacklevel=1)
        compile(file.read_text(), file.name, "exec")
        return
    words = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--users", "2"]
    words += ["--spawn-rate", "2", "--run-time", "5s", "--host", server.url]
    done = subprocess.run(
        [*words, "--locustfile", str(file)],
        cwd=REPOSITORY,
        env={**os.environ, "HASU_LOAD_INCIDENTS": "53.47,-1.5;53.52,-1.5"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "conveyance" in done.stderr + done.stdout, done.stderr
    assert "0(0.00%)" in done.stderr + done.stdout
