"""Who may ask and who may change the state: the file of keys, and the guard before the routes."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.api.app import create_app
from routing_service.api.fast_lane import FastLane
from routing_service.api.guard import WHO, Guard
from routing_service.api.keys import KeyRing, new_key, read_keys
from routing_service.cli import main
from routing_service.commands import serve
from routing_service.config import Settings
from routing_service.errors import InvalidKeys, InvalidSettings
from routing_service.live.engine import Engine
from tests.api_scene import Client, snapshot

HERE = "/v1/conveyance?lat=53.47&lon=-1.5"


class Ring:
    """A file with a key of each role."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.toml"
        self.dispatch, dispatch = new_key("desk 3", "dispatch")
        self.controller, controller = new_key("control room", "controller")
        self.path.write_text(dispatch.as_toml() + "\n" + controller.as_toml())


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    return Ring(tmp_path)


# --- the file ------------------------------------------------------------------------------
def test_a_key_is_known_by_its_text_alone(ring: Ring) -> None:
    keys = KeyRing(ring.path)
    for text, name, role in (
        (ring.dispatch, "desk 3", "dispatch"),
        (ring.controller, "control room", "controller"),
    ):
        holder = keys.holder(text)
        assert holder is not None
        assert (holder.name, holder.role) == (name, role)
        assert keys.holder(text[:-1]) is None
        assert keys.holder(text + "a") is None
    assert keys.holder("") is None


def test_the_file_does_not_hold_the_key(ring: Ring) -> None:
    content = ring.path.read_text()
    assert ring.dispatch not in content
    assert ring.controller not in content


@given(st.text(max_size=400))
def test_nothing_else_is_a_key(text: str) -> None:
    _, key = new_key("a", "dispatch")
    assert not key.proves(text.encode("utf-8", "replace"))


def test_a_change_of_the_file_is_in_force_at_once(ring: Ring) -> None:
    keys = KeyRing(ring.path)
    later, key = new_key("later", "dispatch")
    assert keys.holder(later) is None
    ring.path.write_text(key.as_toml())
    assert keys.holder(later) is not None
    assert keys.holder(ring.dispatch) is None


def test_an_exchanged_file_of_the_same_size_and_time_is_noticed(ring: Ring) -> None:
    keys = KeyRing(ring.path)
    status = ring.path.stat()
    other = ring.path.with_name("other.toml")
    other.write_text(ring.path.read_text().replace("desk 3", "desk 4"))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(ring.path)
    holder = keys.holder(ring.dispatch)
    assert holder is not None
    assert holder.name == "desk 4"


def test_a_slip_of_the_editor_locks_nobody_out(
    ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    keys = KeyRing(ring.path)
    for spoil in (lambda: ring.path.write_text("[[key"), ring.path.unlink):
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            spoil()
            assert keys.holder(ring.dispatch) is not None
            assert keys.holder(ring.controller) is not None
        # Told once, not with every request.
        assert len(caplog.records) == 1


SALT, HASH = "00" * 16, "00" * 32
FILES = {
    "not TOML": ("[[key", "cannot be read"),
    "empty": ("", "needs \\[\\[key\\]\\]"),
    "other tables": ("[[unit]]\nname = 'x'", "needs \\[\\[key\\]\\]"),
    "a field missing": (f'[[key]]\nname="a"\nrole="dispatch"\nsalt="{SALT}"', "needs exactly"),
    "a key in the clear": (
        f'[[key]]\nname="a"\nrole="dispatch"\nsalt="{SALT}"\nsha256="{HASH}"\nkey="x"',
        "needs exactly",
    ),
    "another role": (
        f'[[key]]\nname="a"\nrole="root"\nsalt="{SALT}"\nsha256="{HASH}"',
        "role must be one of dispatch, controller",
    ),
    "a short salt": (
        f'[[key]]\nname="a"\nrole="dispatch"\nsalt="00"\nsha256="{HASH}"',
        "salt must be 32 hexadecimal digits",
    ),
    "a number": (
        f'[[key]]\nname="a"\nrole="dispatch"\nsalt="{SALT}"\nsha256=7',
        "sha256 must be 64 hexadecimal digits",
    ),
    "no name": (
        f'[[key]]\nname=" "\nrole="dispatch"\nsalt="{SALT}"\nsha256="{HASH}"',
        "a name is 1 to 80",
    ),
    "a name twice": (
        f'[[key]]\nname="a"\nrole="dispatch"\nsalt="{SALT}"\nsha256="{HASH}"\n' * 2,
        "two keys are named 'a'",
    ),
}


@pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(content)
    with pytest.raises(InvalidKeys, match=says):
        KeyRing(path)


# --- the guard -----------------------------------------------------------------------------
class Front:
    """The service as it stands behind keys."""

    def __init__(self, ring: Ring) -> None:
        engine = Engine(snapshot())
        app = FastLane(create_app(engine), engine)
        self.client = Client(Guard(app, KeyRing(ring.path)))

    def ask(self, method: str, path: str, authorization: str | None = None) -> httpx.Response:
        headers = {} if authorization is None else {"Authorization": authorization}
        return self.client.send(method, path, headers=headers)


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/", "/docs", "/openapi.json", "/web/page.js"],
)
def test_what_tells_of_no_incident_is_open(ring: Ring, path: str) -> None:
    assert Front(ring).ask("GET", path).status_code == 200


ASKING = [
    ("GET", HERE),
    ("GET", "/v1/route?lat=53.47&lon=-1.5&unit=NORTH"),
    ("POST", "/v1/conveyance"),
    ("POST", "/v1/matrix"),
    ("GET", "/v1/units"),
    ("GET", "/v1/state"),
    ("GET", "/v1/decisions/any"),
    ("GET", "/map/main-roads.json"),
]
CHANGING = [
    ("POST", "/v1/closures"),
    ("DELETE", "/v1/closures/any"),
    ("PUT", "/v1/units/NORTH/status"),
    ("POST", "/v1/anything/new"),
]


@pytest.mark.parametrize(("method", "path"), ASKING + CHANGING)
def test_the_matrix_of_keys_and_routes(ring: Ring, method: str, path: str) -> None:
    front = Front(ring)
    for wrong in (
        *(None, "", "Bearer", "Bearer wrong", f"Basic {ring.controller}", ring.controller),
        f"Bearer {ring.controller}x",
    ):
        reply = front.ask(method, path, wrong)
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthorised"), wrong
        assert reply.headers["www-authenticate"] == 'Bearer realm="hasu"'
        assert ring.controller not in reply.text
    allowed = front.ask(method, path, f"Bearer {ring.controller}")
    assert allowed.status_code not in (401, 403)
    reply = front.ask(method, path, f"bearer  {ring.dispatch}")
    if (method, path) in CHANGING:
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
        assert reply.json()["role"] == "dispatch"
    else:
        assert reply.status_code == allowed.status_code


def test_two_keys_at_once_are_none(ring: Ring) -> None:
    headers = [("Authorization", f"Bearer {ring.controller}")] * 2
    assert Front(ring).client.get(HERE, headers=headers).status_code == 401


def test_the_routes_learn_who_asks(ring: Ring) -> None:
    seen: list[Any] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope.get(WHO))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = Client(Guard(behind, KeyRing(ring.path)))
    client.get(HERE, headers={"Authorization": f"Bearer {ring.dispatch}"})
    client.get("/healthz")
    assert seen == ["desk 3", None]


# --- the commands --------------------------------------------------------------------------
def test_a_key_that_the_command_makes_opens_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "keys.toml"
    given = []
    for name, role in (("desk 3", "dispatch"), ("control room", "controller")):
        call = ["keys", "new", "--api-keys-file", str(path), "--name", name, "--role", role]
        assert main(call) == 0
        given.append(capsys.readouterr().out.splitlines()[0])
    assert path.stat().st_mode & 0o777 == 0o600
    keys = KeyRing(path)
    holders = [keys.holder(text) for text in given]
    assert [key and key.role for key in holders] == ["dispatch", "controller"]
    assert main(["keys", "list", "--api-keys-file", str(path)]) == 0
    listed = capsys.readouterr().out
    assert "desk 3" in listed
    assert not any(text in listed for text in given)


def test_a_name_is_given_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.toml"
    call = ["keys", "new", "--api-keys-file", str(path), "--name", "a", "--role", "dispatch"]
    assert main(call) == 0
    assert main(call) == 1
    assert "has a key named 'a'" in capsys.readouterr().err
    assert len(read_keys(path)) == 1
    assert main([*call[:-4], "--name", 'a"b', "--role", "dispatch"]) == 1
    assert main(["keys", "new", "--api-keys-file", str(path)]) == 2
    assert main(["keys", "list"]) == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "hasu.example.org"])
def test_the_service_does_not_start_open_where_others_reach_it(host: str) -> None:
    with pytest.raises(InvalidSettings, match="can be reached from other machines"):
        serve.allowed_keys(Settings(host=host))
    assert serve.allowed_keys(Settings(host=host, open_access=1)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_it_may_run_open(host: str) -> None:
    assert serve.allowed_keys(Settings(host=host)) is None


def test_keys_are_in_force_wherever_they_are_given(ring: Ring) -> None:
    for host in ("127.0.0.1", "0.0.0.0"):
        keys = serve.allowed_keys(Settings(host=host, api_keys_file=ring.path))
        assert keys is not None
        assert keys.holder(ring.dispatch) is not None
