"""The page as a person uses it: a real browser, a real server, nothing beyond this machine."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing_service.api.keys import new_key
from tests import api_scene
from tests.browser import CHROMIUM, Browser, browsing
from tests.live_scene import FLOOD
from tests.server_process import Server, serving

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="THE WEB PAGE IS NOT TESTED: install the package chromium to test it",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as running:
        yield running


def arrive(browser: Browser, url: str, **window: str) -> None:
    """Open the page and wait until its map is drawn."""
    browser.open(url, **window)  # type: ignore[arg-type]
    browser.wait("document.querySelectorAll('.unit').length === 2")


def answered(browser: Browser) -> None:
    """Wait for an answer with its route, or for a refusal."""
    browser.wait(
        "!document.getElementById('path').hidden || !document.getElementById('message').hidden"
    )
    browser.wait("document.querySelector('.incident') || document.querySelector('.message')")


def ask(browser: Browser, server: Server, text: str) -> None:
    """Type a location into the box, as someone who has just opened the page, and press Enter."""
    arrive(browser, f"{server.url}/")
    browser.type(text)
    browser.press("Enter", "\r")
    answered(browser)


def units(browser: Browser) -> list[str]:
    found = browser.see("[...document.querySelectorAll('#ranking tr')].map(r => r.dataset.unit)")
    return list(found)


# --- asking -----------------------------------------------------------------------------------
def test_a_typed_location_gets_its_unit_its_ranking_and_its_route(
    browser: Browser, server: Server
) -> None:
    ask(browser, server, "53.47, -1.5")
    decision = server.http.get("/v1/conveyance?lat=53.47&lon=-1.5").json()
    first, second = decision["ranking"]
    assert browser.text("name") == "South Royal"
    assert f"{first['minutes']:.1f} min" in browser.text("figures")
    assert f"{decision['margin_minutes']:.1f} min before North General" in browser.text("figures")
    assert units(browser) == ["SOUTH", "NORTH"]
    assert f"{second['minutes']:.1f}" in browser.text("ranking")
    # The line runs over eight nodes, 53.47 to 53.40; its one step is the A61.
    assert browser.see("document.querySelector('.route .line').getAttribute('d')").count("L") == 7
    assert browser.text("steps").startswith("A61")
    assert browser.complaints() == []


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("53.55 -1.5", "lat_lon"),
        ("+53.55,-1.5", "lat_lon"),
        ("SE 332 060", "grid_ref"),
        ("se332060", "grid_ref"),
        ("433200, 406000", "easting_northing"),
    ],
)
def test_each_form_of_a_location_is_recognised(
    browser: Browser, server: Server, text: str, source: str
) -> None:
    fields = browser_fields(browser, server, text)
    reply = server.http.post("/v1/conveyance", json=fields)
    assert reply.json()["incident"]["source"] == source


@pytest.mark.parametrize("text", ["S70 1AA", "s701aa", "DN2 5LT", "nowhere at all"])
def test_everything_else_is_asked_for_as_a_postcode(
    browser: Browser, server: Server, text: str
) -> None:
    assert browser_fields(browser, server, text) == {"postcode": text}


def browser_fields(browser: Browser, server: Server, text: str) -> dict[str, object]:
    """The body that the page sends for a text."""
    ask(browser, server, text)
    sent = [
        event["params"]["request"]["postData"]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
        and event["params"]["request"]["method"] == "POST"
    ]
    assert len(sent) == 1
    return dict(browser.see(f"({sent[0]})"))


def test_a_click_on_the_map_is_an_incident_there(browser: Browser, server: Server) -> None:
    arrive(browser, f"{server.url}/")
    # The doors are the ends of the road; a quarter of the way up from SOUTH is 53.45.
    spots = browser.see(
        "[...document.querySelectorAll('.unit rect')].map(r => r.getBoundingClientRect())"
        ".map(b => [b.x + b.width / 2, b.y + b.height / 2])"
    )
    (x, top), (_, bottom) = sorted(spots, key=lambda spot: float(spot[1]))
    browser.click(x, bottom - (bottom - top) / 4)
    answered(browser)
    lat, lon = (float(part) for part in browser.see("place.value").split(","))
    assert lat == pytest.approx(53.45, abs=0.002)
    assert lon == pytest.approx(-1.5, abs=0.002)
    assert browser.text("name") == "South Royal"


def test_a_drag_moves_the_map_and_asks_nothing(browser: Browser, server: Server) -> None:
    arrive(browser, f"{server.url}/")
    where = "document.querySelector('.unit').getBoundingClientRect().x"
    before = browser.see(where)
    browser.drag((800.0, 400.0), (700.0, 400.0))
    browser.wait(f"Math.abs({where} - {before} + 100) < 1")
    assert not browser.shown("answer")


def test_the_map_can_be_used_without_a_mouse(browser: Browser, server: Server) -> None:
    arrive(browser, f"{server.url}/")
    browser.see("document.getElementById('map').focus()")
    where = "document.querySelector('.unit').getBoundingClientRect().x"
    before = browser.see(where)
    browser.press("ArrowRight")
    browser.wait(f"{where} < {before} - 50")
    browser.press("0", "0")
    browser.wait(f"Math.abs({where} - {before}) < 1")
    browser.press("Enter", "\r")  # the middle of the region is the middle of the road
    answered(browser)
    assert float(browser.see("place.value").split(",")[0]) == pytest.approx(53.5, abs=0.002)


def test_a_row_of_the_table_shows_its_own_route(browser: Browser, server: Server) -> None:
    ask(browser, server, "53.47, -1.5")
    browser.see("document.querySelector('tr[data-unit=NORTH] button').click()")
    browser.wait("document.getElementById('path-title').innerText === 'To North General'")
    # 53.47 to 53.60 is thirteen hundredths of a degree: a node each.
    assert browser.see("document.querySelector('.route .line').getAttribute('d')").count("L") == 13
    assert browser.see("document.querySelector('tr[data-unit=NORTH]').className") == "chosen"


# --- what is said -----------------------------------------------------------------------------
def test_doubts_are_said_in_words(browser: Browser, server: Server) -> None:
    ask(browser, server, "53.5, -1.5")  # half way between the two
    notes = browser.text("notes")
    assert "Near tie with North General" in notes
    assert "not calibrated" in notes
    assert "_" not in notes
    assert browser.shown("surrogate")
    assert "a clinician decides" in browser.see("document.body.innerText")


def test_a_calibrated_network_says_how_likely_its_answer_is(
    browser: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path, make=api_scene.calibrated_graph) as server:
        ask(browser, server, "53.51, -1.5")
        notes, ranking = browser.text("notes"), browser.text("ranking")
    # What `test_calibrated` computes by hand.
    assert "Nearest of all units with probability 0.88" in notes
    assert "10 to 90 % band 5.8 to 9.7 min" in notes
    assert "not calibrated" not in notes
    assert "NORTH, nearest with probability 0.88" in ranking
    assert "SOUTH, nearest with probability 0.12" in ranking


def test_an_uncertain_place_says_whether_another_unit_may_be_nearest(
    browser: Browser, server: Server
) -> None:
    arrive(browser, f"{server.url}/")
    browser.see("document.getElementById('accuracy').value = '500'")
    browser.type("53.5, -1.5")
    browser.press("Enter", "\r")
    answered(browser)
    assert "Within 500 m another unit may be nearest: " in browser.text("notes")
    assert browser.see("document.querySelectorAll('.incident .disc').length") == 1


def test_a_refusal_is_shown_with_the_reason_of_the_service(
    browser: Browser, server: Server
) -> None:
    ask(browser, server, "-1.5, 53.47")
    detail = server.http.get("/v1/conveyance?lat=-1.5&lon=53.47").json()["detail"]
    assert browser.text("message") == detail
    assert not browser.shown("answer")


def test_where_the_answer_comes_from_can_be_opened(browser: Browser, server: Server) -> None:
    ask(browser, server, "53.47, -1.5")
    browser.see("document.querySelector('#answer summary').click()")
    record = browser.text("record")
    assert server.http.get("/readyz").json()["graph_id"] in record
    assert "A61, 0 m from the incident (good match)" in record


# --- the day --------------------------------------------------------------------------------------
def test_closures_and_diverts_are_listed_and_drawn(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, "--store", f"sqlite:///{tmp_path}/live.db") as server:
        assert server.http.post("/v1/closures", json=FLOOD).status_code == 201
        full = {"status": "divert", "reason": "full", "author": "site manager"}
        assert server.http.put("/v1/units/SOUTH/status", json=full).status_code == 200
        arrive(browser, f"{server.url}/#53.47,-1.5")
        answered(browser)
        browser.wait("document.querySelectorAll('.closures .shut .line').length === 1")
        day = browser.text("day")
        assert "A61 closed: flood (control room)" in day
        assert "South Royal on divert: full (site manager)" in day
        assert "South Royal is the quickest to reach, but diverts patients." in browser.text(
            "notes"
        )
        assert browser.complaints() == []


def test_where_keys_are_in_force_the_page_asks_for_one(browser: Browser, tmp_path: Path) -> None:
    text, key = new_key("desk 3", "dispatch")
    (tmp_path / "keys.toml").write_text(key.as_toml())
    with serving(tmp_path, "--api-keys-file", str(tmp_path / "keys.toml")) as server:
        browser.open(f"{server.url}/#53.47,-1.5")
        browser.wait("!document.getElementById('key-form').hidden")
        assert "needs a key" in browser.text("message")
        browser.see("document.getElementById('key').focus()")
        browser.type(text)
        browser.press("Enter", "\r")
        answered(browser)
        assert browser.text("name") == "South Royal"
        assert not browser.shown("key-form")


# --- what is drawn, and what is fetched ---------------------------------------------------------
def test_the_map_shows_roads_with_their_numbers_and_the_attribution(
    browser: Browser, server: Server
) -> None:
    arrive(browser, f"{server.url}/")
    assert (
        browser.see("document.querySelector('.roads .primary').getAttribute('d')").count("L") == 20
    )
    assert browser.see("document.querySelector('.shield text').textContent") == "A61"
    assert browser.text("attribution") == "drawn by hand"


def test_nothing_is_fetched_from_elsewhere(browser: Browser, server: Server) -> None:
    arrive(browser, f"{server.url}/#53.47,-1.5")
    answered(browser)
    addresses = browser.addresses()
    browser.open(f"{server.url}/docs")
    browser.wait("document.querySelectorAll('section').length")
    addresses += browser.addresses()
    assert f"{server.url}/web/map.js" in addresses
    assert f"{server.url}/openapi.json" in addresses
    ours = (f"{server.url}/", "data:", "about:")
    assert [address for address in addresses if not address.startswith(ours)] == []


def test_a_smaller_window_still_shows_the_whole_region(browser: Browser, server: Server) -> None:
    arrive(browser, f"{server.url}/")
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=900,
        height=500,
        deviceScaleFactor=1,
        mobile=False,
    )
    browser.wait(
        "[...document.querySelectorAll('.unit rect')].every(r =>"
        " r.getBoundingClientRect().bottom < 500 && r.getBoundingClientRect().top > 0)"
    )


def test_the_documentation_lists_every_route_and_problem(browser: Browser, server: Server) -> None:
    browser.open(f"{server.url}/docs#too_far_from_road")
    browser.wait("document.getElementById('too_far_from_road')")
    description = server.http.get("/openapi.json").json()
    shown = set(browser.see("[...document.querySelectorAll('[id]')].map(e => e.id)"))
    operations = {
        operation["operationId"]
        for methods in description["paths"].values()
        for operation in methods.values()
    }
    assert operations | {row["code"] for row in description["x-problems"]} <= shown
    assert browser.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_drawn_for_the_eye(browser: Browser, server: Server, scheme: str) -> None:
    arrive(browser, f"{server.url}/", scheme=scheme)
    empty = browser.picture()
    arrive(browser, f"{server.url}/#53.47,-1.5", scheme=scheme)
    answered(browser)
    asked = browser.picture()
    for picture in (empty, asked):
        assert picture.startswith(b"\x89PNG")
        assert struct.unpack(">II", picture[16:24]) == (1200, 800)
    # An answer with its table, its route and its steps is much more than an empty page.
    assert len(asked) > 1.3 * len(empty)
    ground = browser.see("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in ground[4:-1].split(",")) / 3
    assert brightness > 200 if scheme == "light" else brightness < 50
