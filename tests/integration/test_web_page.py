"""The page as a browser shows it: Chromium, a real server, no network beyond this machine."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import Server, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-proxy-server", "--hide-scrollbars", "--enable-logging=stderr"),
    "--virtual-time-budget=10000",
]
pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="THE WEB PAGE IS NOT TESTED: install the package chromium to test it",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


def browse(profile: Path, url: str, *flags: str) -> str:
    """What Chromium prints for a page; a script error or a refused load fails the test."""
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *flags, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert said == []
    return done.stdout


def dom(profile: Path, url: str) -> str:
    return browse(profile, url, "--dump-dom")


def element(page: str, name: str) -> str:
    """The start tag of the element with an id and all up to the end of the page."""
    found = re.search(rf"<\w+[^>]*\bid=\"{name}\".*", page, re.DOTALL)
    assert found, f"no element {name}"
    return found[0]


def start_tag(page: str, name: str) -> str:
    return element(page, name).partition(">")[0]


def text(page: str, name: str) -> str:
    """The text of an element that holds no element of its own kind."""
    part = element(page, name)
    tag = re.match(r"<(\w+)", part)
    assert tag
    return re.sub(r"<[^>]+>", " ", part.partition(f"</{tag[1]}>")[0]).strip()


def test_an_incident_gets_its_unit_its_ranking_and_its_route(
    server: Server, tmp_path: Path
) -> None:
    page = dom(tmp_path, f"{server.url}/#53.47,-1.5")
    decision = server.http.get("/v1/conveyance?lat=53.47&lon=-1.5").json()
    assert text(page, "name") == "South Royal"
    first, second = decision["ranking"]
    assert f"{first['minutes']:.1f} min" in text(page, "figures")
    assert f"{decision['margin_minutes']:.1f} min before North General" in text(page, "figures")
    units = re.findall(r'<tr[^>]*data-unit="(\w+)"', element(page, "ranking"))
    assert units == ["SOUTH", "NORTH"]
    assert f"{second['minutes']:.1f}" in text(page, "ranking")
    # The route is drawn: a line of eight nodes, and the road's name in its list.
    line = re.search(r'<path class="line" d="(M[^"]+)"', page)
    assert line
    assert line[1].count("L") == 7
    assert "A61" in text(page, "steps")


def test_the_map_shows_roads_units_and_the_incident(server: Server, tmp_path: Path) -> None:
    page = dom(tmp_path, f"{server.url}/#53.47,-1.5")
    roads = re.search(r'<path class="primary" d="(M[^"]+)"', page)
    assert roads
    assert roads[1].count("L") == 20
    assert len(re.findall(r'class="unit [^"]*"', page)) == 2
    assert '<circle class="dot"' in page
    assert re.search(r'class="shield primary".*?>A61<', page, re.DOTALL)
    assert text(page, "attribution") == "drawn by hand"


def test_doubts_are_said_in_words(server: Server, tmp_path: Path) -> None:
    page = dom(tmp_path, f"{server.url}/#53.5,-1.5")  # half way between the two
    notes = text(page, "notes")
    assert "Near tie with North General" in notes
    assert "not calibrated" in notes
    assert "near_tie" not in notes
    assert "hidden" not in start_tag(page, "surrogate")
    assert "A clinician decides" in page or "a clinician decides" in page


def test_a_refusal_is_shown_with_the_reason_of_the_service(server: Server, tmp_path: Path) -> None:
    # Chromium notes the 4xx on its console; that is not a fault of the page.
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run(
        [*command, f"{server.url}/#-1.5,53.47"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "Uncaught" not in done.stderr
    detail = server.http.get("/v1/conveyance?lat=-1.5&lon=53.47").json()["detail"]
    assert text(done.stdout, "message") == detail
    assert "hidden" not in start_tag(done.stdout, "message")
    assert "hidden" in start_tag(done.stdout, "answer")


def test_before_a_question_the_page_shows_the_region_only(server: Server, tmp_path: Path) -> None:
    page = dom(tmp_path, f"{server.url}/")
    assert "hidden" in start_tag(page, "answer")
    assert "hidden" in start_tag(page, "message")
    assert '<circle class="dot"' not in page


def test_the_documentation_lists_every_route_and_problem(server: Server, tmp_path: Path) -> None:
    page = dom(tmp_path, f"{server.url}/docs")
    description = server.http.get("/openapi.json").json()
    for operations in description["paths"].values():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in page
    for problem in description["x-problems"]:
        assert f'id="{problem["code"]}"' in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_drawn(server: Server, tmp_path: Path, scheme: str) -> None:
    pictures = []
    for name, address in {"empty": "/", "asked": "/#53.47,-1.5"}.items():
        picture = tmp_path / f"{name}.png"
        preferred = {"light": 1, "dark": 0}[scheme]
        browse(
            tmp_path / name,
            f"{server.url}{address}",
            *("--window-size=1200,800", f"--screenshot={picture}"),
            f"--blink-settings=preferredColorScheme={preferred}",
        )
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert struct.unpack(">II", data[16:24]) == (1200, 800)
        pictures.append(data)
    # An answer with its table, its route and its steps is much more than an empty page.
    assert len(pictures[1]) > 1.3 * len(pictures[0])
