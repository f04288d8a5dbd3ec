"""The Python API: what a notebook asks, in DataFrames and in graphs that OSMnx draws."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import osmnx
import pandas as pd
import pytest

import routing_service
from routing_service import Router
from routing_service.decision.model import Location, Route
from routing_service.errors import GraphFileMissing, HasuError, InvalidPoints, UnknownUnit
from routing_service.graph.graph_file import write_graph_file
from tests import api_scene
from tests.unit.test_travel_times import places, snapshot

HEAVY = ("numpy", "numba", "pyarrow", "pandas", "networkx", "osmnx", "shapely", "pyproj")


def town() -> Router:
    return Router(snapshot(1))


def test_the_package_alone_imports_nothing_heavy() -> None:
    code = (
        "import sys, routing_service; assert 'Router' in routing_service.__all__;"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (printed.stdout, printed.stderr) == ("[]\n", "")
    with pytest.raises(AttributeError, match="no attribute 'Rooter'"):
        _ = routing_service.Rooter


# --- one place -----------------------------------------------------------------------------------
def test_a_graph_file_answers_for_places_in_every_form(tmp_path: Path) -> None:
    graph = api_scene.graph()
    graph_id = write_graph_file(tmp_path / "scene.graph", graph.manifest, graph.sections())
    router = Router.open(tmp_path / "scene.graph")
    assert repr(router) == (
        f"Router(surrogate network {graph_id[:12]}, profile car, units NORTH, SOUTH)"
    )
    decision = router.decide((53.55, -1.5))
    assert decision.destination is not None
    assert decision.destination.ods_code == "NORTH"
    for same in ("53.55, -1.5", Location(53.55, -1.5)):
        assert router.decide(same).ranking == decision.ranking
    # The same place on the National Grid, to a metre.
    assert router.decide("433130,405982").ranking[0].km == decision.ranking[0].km
    assert router.route("53.55, -1.5", "SOUTH").km == decision.ranking[1].km


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(GraphFileMissing, match="hasu build"):
        Router.open(tmp_path / "none.graph")


# --- many ----------------------------------------------------------------------------------------
def test_a_frame_gives_a_frame_with_the_numbers_of_single_decisions() -> None:
    router = town()
    lon, lat = places(4, 60)
    points = pd.DataFrame({"who": np.arange(60), "Latitude": lat, "Longitude": lon})
    points = points.set_index("who", drop=True).sample(frac=1.0, random_state=1)
    points.loc[[3, 4], "Latitude"] = [np.nan, 95.0]
    table = router.matrix(points)
    assert table.index.equals(points.index)
    answered = table[table["error"].isna()]
    assert 5 < len(answered) < 58
    for row in answered.to_dict("records"):
        decision = router.decide((row["lat"], row["lon"]))
        assert row["nearest_ods_code"] == decision.nearest_ods_code
        assert row["near_tie"] == decision.near_tie
        assert tuple(row["flags"].split()) == decision.flags
        for unit in decision.ranking:
            for name in ("minutes", "km", "p10_minutes", "p90_minutes", "p_nearest"):
                number, theirs = row[f"{unit.ods_code}_{name}"], getattr(unit, name)
                assert number == theirs or (np.isnan(number) and theirs is None)
    refused = table[table["error"].notna()]
    assert set(refused["error"]) >= {"invalid_location", "outside_region"}
    assert refused["U1_minutes"].isna().all()
    assert refused["destination_ods_code"].isna().all()
    assert table.loc[[3, 4], ["snap_distance_m", "easting_m"]].isna().all(axis=None)


@pytest.mark.parametrize(
    "columns",
    [
        {"postcode": pd.Categorical(["S70 2JW", "S70 2JW"])},
        {"Grid reference": ["SE 3457 0629"]},
        {"easting": [434_570], "northing": [406_297]},
    ],
)
def test_a_frame_may_say_where_in_every_form(columns: dict[str, Any]) -> None:
    table = town().matrix(pd.DataFrame(columns))
    assert table["lat"].between(53.54, 53.57).all()
    assert table["flags"].str.contains("postcode_centroid").all() == ("postcode" in columns)
    assert table["error"].isin([None, "outside_region", "too_far_from_road"]).all()


def test_a_frame_without_places_is_refused() -> None:
    with pytest.raises(InvalidPoints, match=r"the DataFrame does not say where.*it has who"):
        town().matrix(pd.DataFrame({"who": [1]}))


# --- graphs --------------------------------------------------------------------------------------
def ways(router: Router, ods_code: str) -> list[tuple[Route, list[int]]]:
    """Routes from places of the town, and their nodes."""
    lon, lat = places(4, 60)
    found = []
    for place in zip(lat.tolist(), lon.tolist(), strict=True):
        with suppress(HasuError):
            found.append((router.route(place, ods_code), router.route_nodes(place, ods_code)))
    assert len(found) > 5
    return found


def test_osmnx_takes_the_nodes_of_a_route() -> None:
    streets = town().to_networkx()
    for route, nodes in ways(town(), "U4"):
        lines = osmnx.routing.route_to_gdf(streets, nodes)
        # As long as ours but for the roads at both ends, which it takes in whole.
        km = lines["length"] / 1000.0
        assert km.iloc[1:-1].sum() - 0.051 <= route.km <= km.sum() + 0.051
        theirs = {(round(x, 6), round(y, 6)) for line in lines.geometry for x, y in line.coords}
        assert set(route.points[1:-1]) <= theirs


def test_osmnx_draws_a_route(tmp_path: Path) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    _, nodes = max(ways(town(), "U4"), key=lambda way: len(way[1]))
    figure, _ = osmnx.plot_graph_route(
        town().to_networkx(), nodes, route_color="r", show=False, close=True
    )
    figure.savefig(tmp_path / "route.png")
    pixels = pyplot.imread(tmp_path / "route.png")[..., :3]
    red = (pixels[..., 0] > pixels[..., 1] + 0.3) & (pixels[..., 0] > pixels[..., 2] + 0.3)
    assert red.mean() > 0.001


def test_a_route_to_an_unknown_unit_is_refused() -> None:
    unit = town().units[0]
    with pytest.raises(UnknownUnit, match="RXF05"):
        town().route_nodes((unit.lat, unit.lon), "RXF05")
