"""Closures and diverts in the midst of a load test, all taken back when it ends.

Only what this test itself closed is opened again, and only units that were open are diverted.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from routing_service.errors import InvalidRequest
from routing_service.load.client import Call
from routing_service.load.wire import Target, exchange

AUTHOR = "hasu load"
REASON = "load test"
RADIUS_M = 30
NO_SUCH = "no-such-closure"
DELAY_FACTOR = 3.0
"""Roads are slowed, not shut: repairing the trees costs as much, and no incident of the test is
refused because the only road near it is gone."""

CLOSED_AT_ONCE = 20
"""How many closures are in force at most."""


class Changes:
    """What is closed and diverted at the moment, and the next step of either.

    Parameters
    ----------
    target
        The service.
    places
        Latitudes and longitudes near which roads are closed, degrees.
    expires_at
        When a closure ends by itself, should this process be killed before it can take it back.
    seed
        The same seed closes the same places in the same order.
    """

    def __init__(
        self, target: Target, places: Sequence[tuple[float, float]], expires_at: str, seed: int
    ) -> None:
        self._target = target
        self._places = places
        self._why = {"reason": REASON, "author": AUTHOR, "expires_at": expires_at}
        self._random = np.random.default_rng(seed)
        self._closed: deque[str] = deque()
        self._diverted: deque[str] = deque()
        self._open: list[str] = []

    # --- calls ---------------------------------------------------------------------------------
    def closure(self, due_ns: int) -> Call:
        """The next closure or reopening, chosen when it is sent."""
        return Call(due_ns, self._close_or_open, "closure", self._note_closure)

    def divert(self, due_ns: int) -> Call:
        """The next divert or its end, chosen when it is sent."""
        return Call(due_ns, self._divert_or_end, "divert")

    def _close_or_open(self) -> bytes:
        # The more are closed, the likelier is a reopening, so their number settles by itself.
        if self._random.integers(CLOSED_AT_ONCE) < len(self._closed):
            return self._target.request("DELETE", self._path_of(self._closed.popleft()))
        lat, lon = self._places[int(self._random.integers(len(self._places)))]
        point: dict[str, Any] = {"point": {"lat": lat, "lon": lon}, "radius_m": RADIUS_M}
        point["delay_factor"] = DELAY_FACTOR
        return self._target.request("POST", "/v1/closures", {**point, **self._why})

    @staticmethod
    def _path_of(closure_id: str) -> str:
        return f"/v1/closures/{quote(closure_id)}?author={quote(AUTHOR)}"

    def _note_closure(self, status: int, body: bytes) -> None:
        if status == 201:
            self._closed.append(json.loads(body)["id"])

    def _divert_or_end(self) -> bytes:
        if self._diverted:
            return self._set_status(self._diverted.popleft(), "open")
        ods_code = self._open[int(self._random.integers(len(self._open)))]
        self._diverted.append(ods_code)
        return self._set_status(ods_code, "divert")

    def _set_status(self, ods_code: str, status: str) -> bytes:
        return self._target.request("PUT", f"/v1/units/{ods_code}/status", self._status(status))

    def _status(self, status: str) -> dict[str, Any]:
        why = self._why if status == "divert" else {"reason": REASON, "author": AUTHOR}
        return {"status": status, **why}

    # --- before and after ----------------------------------------------------------------------
    def prepare(self) -> None:
        """Learn which units are open, and that the service takes changes at all.

        Raises
        ------
        InvalidRequest
            It does not, or fewer than two units are open.
        """
        status, units = exchange(self._target, "GET", "/v1/units")
        self._open = [
            unit["ods_code"] for unit in units.get("units", []) if unit["status"] == "open"
        ]
        # Taking back what is not there changes nothing, and tells whether changes are taken.
        refused, why = exchange(self._target, "DELETE", self._path_of(NO_SUCH))
        if status != 200 or refused != 404:
            raise InvalidRequest(
                f"this service takes no changes (status {refused}: {why.get('detail', '')}) "
                "Or leave --closures-per-s and --diverts-per-s out."
            )
        if len(self._open) < 2:
            raise InvalidRequest("fewer than two units are open, so none will be diverted")

    def take_back(self) -> int:
        """Open what is still closed and end what is still diverted; how many could not be."""
        failed = 0
        for closure_id in self._closed:
            status, _ = exchange(self._target, "DELETE", self._path_of(closure_id))
            failed += status not in (200, 404)
        for ods_code in self._diverted:
            path = f"/v1/units/{ods_code}/status"
            status, _ = exchange(self._target, "PUT", path, self._status("open"))
            failed += status != 200
        self._closed.clear()
        self._diverted.clear()
        return failed
