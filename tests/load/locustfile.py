"""The service under Locust, for those who use it; `hasu load` needs no Locust and is open-loop.

``locust --locustfile tests/load/locustfile.py --host http://127.0.0.1:8000``

Locust's users wait for their answer before they ask again, so a slow service is asked less: read
its percentiles as what each user saw, not as what independent callers would have.
"""

from __future__ import annotations

import os
import random

from locust import HttpUser, between, task

PLACES = os.environ.get(
    "HASU_LOAD_INCIDENTS",
    "53.5526,-1.4797;53.4302,-1.3568;53.5228,-1.1285;53.3811,-1.4701;53.3033,-1.1244",
)
"""Latitudes and longitudes; by default the middles of five towns of South Yorkshire."""


class Dispatcher(HttpUser):
    """Asks for a decision about once a second, and now and then for the path to its unit."""

    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        pairs = [place.split(",") for place in PLACES.split(";")]
        self.places = [(float(lat), float(lon)) for lat, lon in pairs]

    @task(20)
    def conveyance(self) -> None:
        self._decision()

    @task(1)
    def route(self) -> None:
        place = random.choice(self.places)
        unit = self._decision(place)
        query = {"lat": place[0], "lon": place[1], "unit": unit}
        self.client.get("/v1/route", params=query, name="/v1/route")

    def _decision(self, place: tuple[float, float] | None = None) -> str:
        lat, lon = place or random.choice(self.places)
        # One name for all, or each place would be a line of its own in the report.
        query = f"/v1/conveyance?lat={lat:.6f}&lon={lon:.6f}"
        with self.client.get(query, name="/v1/conveyance", catch_response=True) as reply:
            destination = reply.json().get("destination") if reply.ok else None
            if not destination:
                reply.failure(f"status {reply.status_code}, no destination")
                return ""
            return str(destination["ods_code"])
