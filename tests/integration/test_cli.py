"""The console script, run as people run it: in its own process, on a file that it built.

The map is one straight road, the A61, on longitude -1.5, with a unit at either end:

    NORTH  53.60
      |
      |    53.55  an incident here is 5.5 km from NORTH and 16.7 km from SOUTH
      |
    SOUTH  53.40
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import osmium
import pytest

ROOT = Path(__file__).parents[2]
UNITS = """
[[unit]]
ods_code = "NORTH"
name = "North General"
lat = 53.60
lon = -1.5

[[unit]]
ods_code = "SOUTH"
name = "South Royal"
lat = 53.40
lon = -1.5
door = "surveyed"
"""


def hasu(*args: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*args), capture_output=True, text=True, timeout=300, env=clean(env), check=False
    )


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "routing_service.cli", *map(str, args)]


def clean(env: dict[str, str] | None = None) -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if name[:5] != "HASU_"}
    return {**inherited, "PYTHONPATH": str(ROOT), **(env or {})}


def fails(result: subprocess.CompletedProcess[str], exit_code: int, code: str) -> str:
    """Check that a command failed as the contract says and return what it told."""
    assert result.returncode == exit_code, result.stderr
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"hasu: error [{code}]: ")
    assert "Traceback" not in result.stderr
    return last


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli")
    (path / "units.toml").write_text(UNITS)
    with osmium.SimpleWriter(str(path / "a61.osm.pbf")) as writer:
        for n in range(21):  # a node each 0.01 degrees
            place = osmium.osm.Location(-1.5, 53.40 + n / 100)
            writer.add_node(osmium.osm.mutable.Node(id=n + 1, location=place, version=1))
        tags = {"highway": "primary", "ref": "A61", "maxspeed": "60 mph"}
        way = osmium.osm.mutable.Way(id=1, nodes=list(range(1, 22)), tags=tags, version=1)
        writer.add_way(way)
    return path


@pytest.fixture(scope="session")
def graph(folder: Path) -> Path:
    path = folder / "a61.graph"
    result = hasu(
        "build", "--pbf", folder / "a61.osm.pbf", "--units", folder / "units.toml", "--out", path
    )
    assert result.returncode == 0, result.stderr
    assert f"Built {path}" in result.stdout
    assert "Growing a tree to each unit" in result.stderr
    return path


# --- build, info, verify -------------------------------------------------------------------
def test_the_same_map_builds_the_same_file(folder: Path, graph: Path) -> None:
    again = folder / "again.graph"
    result = hasu(
        *("build", "--pbf", folder / "a61.osm.pbf", "--units", folder / "units.toml"),
        *("--out", again, "--json"),
        env={"PYTHONHASHSEED": "7"},
    )
    report = json.loads(result.stdout)
    assert report["path"] == str(again)
    assert report["manifest"]["network"] == "osm"
    assert again.read_bytes() == graph.read_bytes()


def test_a_file_is_named_after_its_source(folder: Path) -> None:
    result = subprocess.run(
        command("build", "--pbf", folder / "a61.osm.pbf", "--units", folder / "units.toml"),
        cwd=folder,
        env=clean(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Built graphs/a61.graph" in result.stdout
    assert (folder / "graphs" / "a61.graph").is_file()


def test_info_tells_people_and_programs_the_same(graph: Path) -> None:
    told = hasu("info", graph)
    parsed = json.loads(hasu("info", graph, "--json").stdout)

    assert parsed["bytes"] == graph.stat().st_size
    assert [unit["ods_code"] for unit in parsed["units"]] == ["NORTH", "SOUTH"]
    assert parsed["sources"][0]["name"] == "a61.osm.pbf"
    assert parsed["graph_id"] in told.stdout
    assert "blue_light" in told.stdout
    assert "North General" in told.stdout


def test_verify_passes_a_good_file_and_names_what_is_damaged(graph: Path, folder: Path) -> None:
    good = json.loads(hasu("verify", graph, "--json").stdout)
    assert good["verified"] is True
    assert good["units"] == ["NORTH", "SOUTH"]

    broken = folder / "broken.graph"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 16
    broken.write_bytes(data)
    assert "is damaged" in fails(hasu("verify", broken), 1, "graph_corrupt")


# --- decide --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "location", [["53.55,-1.5"], ["53.55", "-1.5"], ["433226,406046"], ["SE", "33226", "06046"]]
)
def test_decide_takes_a_location_as_people_write_it(graph: Path, location: list[str]) -> None:
    result = hasu("decide", "--graph", graph, "--json", *location)
    decision = json.loads(result.stdout)

    assert decision["destination"]["ods_code"] == "NORTH"
    # 0.05 and 0.15 degrees of latitude: 5.56 and 16.69 km.
    assert [row["km"] for row in decision["ranking"]] == pytest.approx([5.6, 16.7], abs=0.1)
    assert decision["incident"]["lat"] == pytest.approx(53.55, abs=1e-4)


def test_decide_prints_a_table_that_can_be_read_out(graph: Path) -> None:
    told = hasu("decide", "--graph", graph, "53.55,-1.5").stdout
    assert "A61 (good snap)" in told
    assert "1  North General (NORTH)" in told
    assert "To North General, " in told
    assert "uncalibrated" in told
    assert told.rstrip().endswith("A clinician decides.")


def test_decide_reads_the_same_extras_as_the_service(graph: Path) -> None:
    near_the_middle = hasu(
        "decide", "--graph", graph, "53.501,-1.5", "--accuracy-m", "500", "--json"
    )
    disc = json.loads(near_the_middle.stdout)["disc"]
    assert disc["accuracy_m"] == 500.0
    assert disc["other_nearest"] is True


@pytest.mark.parametrize(
    ("args", "exit_code", "code", "says"),
    [
        (["-1.5,53.55"], 1, "swapped_coordinates", "exchanged"),
        (["51.0,0.0"], 1, "outside_region", "outside"),
        (["nowhere"], 2, "invalid_location", "not a location"),
        (["53.55,-1.5", "--accuracy-m", "-1"], 2, "invalid_request", "accuracy_m"),
        (["53.55,-1.5", "--poor-snap-m", "far"], 2, "invalid_settings", "--poor-snap-m='far'"),
    ],
)
def test_a_wrong_location_is_an_error_of_one_line(
    graph: Path, args: list[str], exit_code: int, code: str, says: str
) -> None:
    assert says in fails(hasu("decide", "--graph", graph, *args), exit_code, code)


def test_a_missing_graph_says_how_to_make_one(folder: Path) -> None:
    missing = folder / "no.graph"
    for args in (["info", missing], ["verify", missing], ["decide", "53.5,-1.5"], ["serve"]):
        result = hasu(*args, env={"HASU_GRAPH": str(missing)})
        assert "hasu build" in fails(result, 1, "graph_missing")


def test_a_misspelt_variable_is_noticed_by_every_command(graph: Path) -> None:
    result = hasu("info", graph, env={"HASU_GRAHP": "x"})
    assert "did you mean HASU_GRAPH?" in fails(result, 2, "invalid_settings")


def test_map_data_that_is_not_there_is_an_error_of_one_line(folder: Path) -> None:
    result = hasu("build", "--pbf", "no.osm.pbf", "--units", folder / "units.toml")
    fails(result, 1, "invalid_source")


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["fly"],
        ["decide"],
        ["build", "--xml", "a.osm", "--pbf", "b.pbf"],
        ["build", "--bbox", "-1.2,53.3,-1.6,53.5"],
        ["build", "--bbox", "-1.6,53.3,-1.2"],
    ],
)
def test_a_wrong_call_is_usage(args: list[str]) -> None:
    result = hasu(*args)
    assert result.returncode == 2
    assert "usage: hasu" in result.stderr


def test_help_loads_nothing_heavy() -> None:
    heavy = ("numpy", "numba", "osmium", "osmnx", "pyproj", "shapely", "fastapi", "uvicorn")
    program = (
        "import contextlib, sys, routing_service.cli as cli\n"
        "with contextlib.suppress(SystemExit): cli.main(['build', '--help'])\n"
        f"sys.exit(' '.join(name for name in {heavy!r} if name in sys.modules) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Example:" in result.stdout


# --- serve ---------------------------------------------------------------------------------
class Served:
    """A running `hasu serve` and the line that it printed when ready."""

    def __init__(self, graph: Path, options: Sequence[object]) -> None:
        self.process = subprocess.Popen(
            command("serve", "--graph", graph, "--port", 0, *options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean(),
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()
        assert self.ready.startswith("Ready: http://127.0.0.1:"), self.process.communicate()
        self.port = int(self.ready.split(":")[3].split("/")[0])

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as reply:
            return json.load(reply)

    def stop(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def served(request: pytest.FixtureRequest, graph: Path) -> Iterator[Served]:
    service = Served(graph, ["--workers", request.param])
    yield service
    service.process.kill()
    service.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_keeps_coordinates_to_itself_and_stops_when_told(
    served: Served, number: int
) -> None:
    answers = [served.get("/v1/conveyance?lat=53.55&lon=-1.5") for _ in range(20)]
    assert {answer["destination"]["ods_code"] for answer in answers} == {"NORTH"}
    assert len({answer["decision_id"] for answer in answers}) == 20

    exit_code, errors = served.stop(number)
    assert exit_code == 0
    assert "53.55" not in errors


def test_a_port_in_use_is_an_error_of_one_line(graph: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = hasu("serve", "--graph", graph, "--port", port)
    assert f"port {port} on 127.0.0.1 is in use" in fails(result, 2, "invalid_settings")


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(condition: Any, seconds: float = 20.0) -> bool:
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.05)
    return bool(condition())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads Linux's /proc")
def test_a_fallen_worker_is_replaced_and_none_outlives_its_parent(graph: Path) -> None:
    service = Served(graph, ["--workers", 2])
    assert wait_until(lambda: len(children(service.process.pid)) == 2)
    first = children(service.process.pid)
    os.kill(first[0], signal.SIGKILL)
    assert wait_until(lambda: len(set(children(service.process.pid)) - {first[0]}) == 2)
    assert service.get("/healthz")["status"] == "ok"

    workers = children(service.process.pid)
    service.process.kill()
    service.process.wait()
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
