"""The audit trail of a real service: killed in the middle, strict, replayed, and meddled with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from routing_service.observe.segments import Segment, list_segments
from tests.server_process import REPOSITORY, Server, serving

PATIENCE_S = 60.0


def ask(server: Server, north: float, **more: str | int) -> httpx.Response:
    return server.http.get("/v1/conveyance", params={"lat": north, "lon": -1.5, **more})


def replay(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    command = [
        sys.executable,
        "-m",
        "routing_service.cli",
        "replay",
        str(folder / "audit"),
        "--json",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HASU_")}
    done = subprocess.run(
        [*command, "--graph", str(folder / "scene.graph"), *options],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def segments(folder: Path) -> list[Segment]:
    return list_segments(folder / "audit")


def missing(folder: Path, decision_ids: list[str]) -> list[str]:
    """Those that are on no record; a block of plain decisions has its ids without hyphens."""
    written = b"".join(segment.path.read_bytes() for segment in segments(folder))
    text = written.decode().replace("-", "")
    return [each for each in decision_ids if each.replace("-", "") not in text]


def until_recorded(server: Server, decision_id: str) -> dict[str, Any]:
    """What any worker says of a decision once its own worker has written it."""
    end = time.monotonic() + PATIENCE_S
    while True:
        reply = server.http.get(f"/v1/decisions/{decision_id}")
        if reply.status_code == 200:
            return dict(reply.json())
        assert time.monotonic() < end, reply.text
        time.sleep(0.02)


def test_a_worker_killed_in_the_middle_of_traffic_leaves_a_trail_that_holds(tmp_path: Path) -> None:
    answered: list[str] = []

    def traffic(url: str) -> None:
        while not enough.is_set():
            try:
                with httpx.Client(base_url=url, trust_env=False, timeout=10) as http:
                    for n in range(50):
                        query = f"lat={53.45 + n / 1000:.4f}&lon=-1.5"
                        reply = http.get(f"/v1/conveyance?{query}")
                        if reply.status_code == 200:
                            answered.append(reply.json()["decision_id"])
            except httpx.HTTPError:
                continue  # its worker was just killed

    def go_on() -> None:
        """A hundred decisions more, and long enough that most of them are written."""
        enough_decisions, enough_time = len(answered) + 100, time.monotonic() + 1.0
        while len(answered) < enough_decisions or time.monotonic() < enough_time:
            time.sleep(0.01)

    enough = threading.Event()
    with serving(tmp_path, "--workers", "2") as server:
        threads = [threading.Thread(target=traffic, args=(server.url,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            go_on()
            worker = psutil.Process(server.process.pid).children()[0]
            os.kill(worker.pid, signal.SIGKILL)
        go_on()
        enough.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        until_recorded(server, answered[-1])
        text = server.http.get("/metrics").text
        assert server.stop() == 0
    code, report = replay(tmp_path)
    assert (code, report["breaks"], report["differences"]) == (0, [], [])
    assert report["agreed"] == report["decisions"] > 0
    # A worker that is killed loses what it had not written: 50 ms of traffic, three times.
    assert len(missing(tmp_path, answered)) < len(answered) / 2
    # Those that took over went on with the chain of the one before.
    assert len({segment.chain for segment in segments(tmp_path)}) == 2
    assert len(segments(tmp_path)) == 5
    assert report["open"] == []
    told = float(text.split('route="GET /v1/conveyance",status="200"} ')[1].split()[0])
    assert told >= len(answered)


def test_strict_has_every_answered_decision_on_disk_whenever_it_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path, "--audit", "strict") as server:
        answered = [ask(server, 53.45 + n / 1000).json()["decision_id"] for n in range(40)]
        server.process.kill()
        server.process.wait()
    assert missing(tmp_path, answered) == []
    code, report = replay(tmp_path)
    assert (code, report["agreed"], len(report["open"])) == (0, 40, 1)


def test_replay_finds_what_was_changed_since(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        for n in range(10):
            ask(server, 53.45 + n / 100)
            ask(server, 53.45 + n / 100, accuracy_m=200, heading_deg=5)
        places = [{"lat": 53.46, "lon": -1.5}, {"lat": 1, "lon": 1}]
        server.http.post("/v1/matrix", json={"locations": places})
        assert server.stop() == 0
    code, report = replay(tmp_path)
    assert (code, report["holds"], report["agreed"], report["decisions"]) == (0, True, 21, 21)
    (head,) = report["heads"].values()
    assert replay(tmp_path, "--head", head)[0] == 0
    (segment,) = segments(tmp_path)
    whole = segment.path.read_bytes()
    lines = whole.splitlines(keepends=True)

    flipped = bytearray(whole)
    flipped[whole.index(b'"lat":53.46') + 9] ^= 1  # 53.46 becomes 53.56
    segment.path.write_bytes(flipped)
    code, report = replay(tmp_path)
    assert code == 1
    assert [(b["kind"], b["path"]) for b in report["breaks"]] == [("altered", str(segment.path))]
    assert report["differing"] == {"record": 1}
    assert report["breaks"][0]["line"] == report["differences"][0]["line"]

    segment.path.write_bytes(b"".join(lines[:5] + lines[6:]))
    code, report = replay(tmp_path)
    assert (code, [(b["kind"], b["line"]) for b in report["breaks"]]) == (1, [("missing", 6)])

    segment.path.write_bytes(b"".join(lines[:-3]))  # cut off: only who noted the head can tell
    assert replay(tmp_path)[0] == 0
    assert replay(tmp_path, "--head", head)[0] == 1


def test_replay_on_another_map_says_so(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests import api_scene

    with serving(tmp_path) as server:
        ask(server, 53.5)
        assert server.stop() == 0
    other = tmp_path_factory.mktemp("other")
    with serving(other, make=api_scene.calibrated_graph) as server:
        assert server.stop() == 0
    code, report = replay(tmp_path, "--graph", str(other / "scene.graph"))
    assert (code, report["differing"]) == (1, {"graph": 1})


def test_closures_and_statuses_of_the_day_are_replayed_from_the_store(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'live.db'}"
    with serving(tmp_path, "--store", store) as server:
        numbers = set()
        for change in (None, "closure", "divert"):
            if change == "closure":
                body = {
                    **{"point": {"lat": 53.58, "lon": -1.5}, "radius_m": 200},
                    **{"delay_factor": 3, "reason": "flood", "author": "test"},
                }
                assert server.http.post("/v1/closures", json=body).status_code == 201
            elif change == "divert":
                body = {"status": "divert", "reason": "scanner", "author": "test"}
                body["max_extra_minutes"] = 1
                assert server.http.put("/v1/units/NORTH/status", json=body).status_code == 200
            for n in range(5):
                reply = ask(server, 53.5 + n / 100)
                numbers.add(reply.text.split('"speed_set"')[1])
        assert server.stop() == 0
    assert len(numbers) > 10  # each change did change answers
    code, report = replay(tmp_path, "--store", store)
    assert (code, report["agreed"], report["decisions"]) == (0, 15, 15)
    code, report = replay(tmp_path)
    assert (code, report["agreed"], report["differing"]) == (1, 5, {"state": 10})


def test_a_folder_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(AssertionError, match="audit_unavailable"),
        serving(tmp_path, "--audit-dir", str(tmp_path / "file")),
    ):
        pass
