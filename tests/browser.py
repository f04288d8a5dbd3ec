"""A real Chromium, driven over a pipe by its DevTools protocol: clicks, keys, text, pictures."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_SECONDS = 60
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-proxy-server", "--hide-scrollbars", "--remote-debugging-pipe"),
]


class Browser:
    """One page in one browser. Messages are JSON, ended by a zero byte."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, writing: int) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._reading, self._writing = reading, writing
        self._pending = b""
        self._number = 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its result; events met on the way are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._receive()
            if reply.get("id") == self._number:
                assert "error" not in reply, f"{method}: {reply['error']}"
                return dict(reply["result"])
            self.events.append(reply)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            chunk = os.read(self._reading, 1 << 20)
            assert chunk, "the browser has gone"
            self._pending += chunk
        message, _, self._pending = self._pending.partition(b"\0")
        return dict(json.loads(message))

    # --- what a person does ------------------------------------------------------------------
    def open(self, url: str, width: int = 1200, height: int = 800, scheme: str = "light") -> None:
        """Load a page afresh in a window of this size and colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        # A change of the fragment alone would not load the page again.
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def click(self, x: float, y: float) -> None:
        """Press and release the left button."""
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Move with the left button held."""
        for kind, (x, y) in (
            ("mousePressed", start),
            ("mouseMoved", end),
            ("mouseReleased", end),
        ):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=1,
                clickCount=1,
            )

    def press(self, key: str, text: str = "") -> None:
        """Press a key by its name; `text` is what it types."""
        code = {"Enter": 13, "Tab": 9}.get(key, 0)
        self.call(
            "Input.dispatchKeyEvent",
            type="keyDown",
            key=key,
            text=text,
            windowsVirtualKeyCode=code,
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def type(self, text: str) -> None:
        """Put text where the cursor is."""
        self.call("Input.insertText", text=text)

    # --- what a person sees ------------------------------------------------------------------
    def see(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self, element: str) -> str:
        """What an element says on the screen; nothing when it is hidden."""
        return str(self.see(f"document.getElementById('{element}').innerText")).strip()

    def shown(self, element: str) -> bool:
        """Whether an element is on the page."""
        return bool(self.see(f"document.getElementById('{element}').offsetParent !== null"))

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.see(f"Boolean({expression})"):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)

    def picture(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    # --- what goes on behind -----------------------------------------------------------------
    def addresses(self) -> list[str]:
        """Every address asked for since the page was opened."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Script errors, console messages and refused loads since the page was opened."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in kinds]


def _above(low: int, descriptor: int) -> int:
    """The same open file under a number beyond `low`."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD, low + 1)
    os.close(descriptor)
    return moved


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Run Chromium with a profile of its own until the block ends."""
    to_browser, writing = os.pipe()
    reading, from_browser = os.pipe()
    # Chromium takes its commands on descriptor 3 and answers on 4. A shell puts them there, by
    # way of 8 and 9, as one of the pipes may hold 3 or 4 itself; neither may hold 8 or 9.
    to_browser, from_browser = _above(9, to_browser), _above(9, from_browser)
    script = f'exec 8<&{to_browser} 9>&{from_browser}; exec "$@" 3<&8 4>&9'
    process = subprocess.Popen(
        ["/bin/bash", "-c", script, "bash", str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}"],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Browser(process, reading, writing)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        os.close(reading)
        os.close(writing)
