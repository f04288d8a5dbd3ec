"""Fit and test never share what they must not, and every row is predicted by a stranger."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from routing_service.calibration import splits, validate
from routing_service.calibration.observations import Areas, Observations
from routing_service.calibration.splits import Fold
from routing_service.calibration.study import study_of_graph
from routing_service.calibration.validate import Predictor, held_out, learning_curve
from routing_service.decision.model import Location
from routing_service.errors import InvalidRequest
from routing_service.live.snapshot import Snapshot
from routing_service.progress import Progress
from routing_service.units import BoolArray
from tests import api_scene
from tests.accuracy_scene import SIDE, reference

SCENE = reference()


def places(observations: Observations, rows: BoolArray) -> set[str]:
    return {observations.place[row] for row in np.flatnonzero(rows)}


def districts(observations: Observations, rows: BoolArray) -> set[str]:
    return {observations.district[row] for row in np.flatnonzero(rows)}


# --- folds -------------------------------------------------------------------------------------
def test_halves_share_no_place_and_each_draw_tests_every_place_once() -> None:
    folds = splits.random_halves(SCENE, draws=3)
    assert len(folds) == 6
    for fold in folds:
        assert not places(SCENE, fold.train) & places(SCENE, fold.test)
    for draw in range(3):
        first, second = folds[2 * draw : 2 * draw + 2]
        assert not (first.test & second.test).any()
        assert ((first.test | second.test) == SCENE.scored).all()
        assert len(places(SCENE, first.test)) == SIDE * SIDE // 2
    assert (folds[0].test != folds[2].test).any()


def test_the_same_halves_are_drawn_whatever_the_order_of_the_rows() -> None:
    order = np.random.default_rng(5).permutation(len(SCENE))
    shuffled = replace(
        SCENE,
        place=tuple(SCENE.place[row] for row in order),
        scored=SCENE.scored[order],
        unit=SCENE.unit[order],
    )
    for one, other in zip(
        splits.random_halves(SCENE, 2), splits.random_halves(shuffled, 2), strict=True
    ):
        assert places(SCENE, one.test) == places(shuffled, other.test)


def test_a_district_is_held_out_whole() -> None:
    east, west = splits.whole_districts(SCENE)
    assert (east.name, west.name) == ("East", "West")
    assert districts(SCENE, east.test) == {"East"}
    assert districts(SCENE, east.train) == {"West"}
    assert not places(SCENE, east.train) & places(SCENE, east.test)


def test_a_units_times_are_held_out_and_those_of_unscored_units_serve() -> None:
    first, second = splits.whole_units(SCENE)
    assert (first.name, second.name) == ("North General", "South Royal")
    assert set(SCENE.unit[first.test]) == {0}
    assert set(SCENE.unit[first.train]) == {1, 2}


def test_fits_of_the_learning_curve_grow_and_hold_one_another() -> None:
    folds = splits.learning(SCENE)
    assert [fold.name for fold in folds] == ["5%", "10%", "25%", "50%", "100%"]
    for fold in folds:
        assert (fold.test == folds[0].test).all()
        assert not places(SCENE, fold.train) & places(SCENE, fold.test)
    # A quarter of 64 places is tested; of the other 48 these shares are fitted.
    assert [splits.count_places(SCENE, fold.train) for fold in folds] == [2, 5, 12, 24, 48]
    for smaller, larger in pairwise(folds):
        assert not (smaller.train & ~larger.train).any()


def test_what_cannot_be_split_is_told() -> None:
    nowhere = replace(SCENE, district=("",) * len(SCENE))
    with pytest.raises(InvalidRequest, match="district"):
        splits.whole_districts(nowhere)
    one_unit = SCENE.where(SCENE.unit == 0)
    with pytest.raises(InvalidRequest, match="all rows of the reference lead to one"):
        splits.whole_units(one_unit)
    one_place = SCENE.where(np.array([name == "P00" for name in SCENE.place]))
    with pytest.raises(InvalidRequest, match="nothing is left"):
        splits.random_halves(one_place, 1)


# --- predictions -------------------------------------------------------------------------------
def test_a_learner_sees_the_folds_and_its_predictions_land_in_their_rows() -> None:
    seen: list[Fold] = []

    def learn(observations: Observations, train: BoolArray, _: Progress) -> Predictor:
        number = float(len(seen))

        def predict(rows: Observations) -> np.ndarray:
            assert not set(rows.place) & places(observations, train)
            return np.full(len(rows), number)

        seen.append(Fold("", train, ~train))
        return predict

    found = held_out("random", SCENE, learn, draws=2)
    assert found.ours.shape == (2, 2 * SIDE * SIDE)
    folds = splits.random_halves(SCENE, 2)
    for k, fold in enumerate(folds):
        assert (found.ours[k // 2, fold.test[SCENE.scored]] == k).all()
        assert (seen[k].train == fold.train).all()


@pytest.mark.parametrize("split", ["random", "district", "unit"])
def test_nothing_that_is_tested_can_be_seen(split: str) -> None:
    def learn(observations: Observations, train: BoolArray, _: Progress) -> Predictor:
        assert (np.isnan(observations.minutes) == ~train).all()
        return lambda rows: np.zeros(len(rows))

    held_out(split, SCENE, learn)


@pytest.mark.parametrize("split", ["random", "district", "unit"])
def test_a_learner_that_knows_the_law_predicts_what_it_has_not_seen(split: str) -> None:
    found = held_out(split, SCENE, validate.straight_line)
    # The scene's flat earth and the National Grid differ by a few parts in a thousand.
    assert np.abs(found.ours - found.tested.minutes).max() < 0.2
    assert found.chooses == (split != "unit")
    assert not np.isnan(found.ours).any()


def test_progress_is_told_from_nothing_to_all() -> None:
    told: list[tuple[str, float]] = []
    held_out("district", SCENE, validate.straight_line, progress=lambda *step: told.append(step))
    assert told == [("district", 0.0), ("district", 0.5), ("district", 1.0)]


def test_the_learning_curve_says_how_many_places_were_fitted() -> None:
    lessons = learning_curve(reference(noise_minutes=2.0), validate.straight_line)
    assert [lesson.places for lesson in lessons] == [2, 5, 12, 24, 48]
    error = [
        float(np.abs(lesson.result.ours - lesson.result.tested.minutes).mean())
        for lesson in lessons
    ]
    assert error[-1] < error[0]


def test_several_rows_of_a_place_and_unit_are_one_mean() -> None:
    twice = SCENE.where(np.arange(len(SCENE)) < 3)
    twice = replace(
        twice, minutes=np.array([10.0, 20.0, 40.0]), unit=np.array([0, 1, 1], dtype=np.int32)
    )
    result = validate.Result("", "", twice, np.array([[1.0, np.nan, 5.0]]))
    assert result.reference_by_place.tolist() == [[10.0, 30.0]]
    assert result.ours_by_place.tolist() == [[[1.0, 5.0]]]


# --- networks ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return api_scene.snapshot()


def rows_to(snapshot: Snapshot, lats: list[float], code: str, **changed: object) -> Observations:
    """Rows on the A61 of the scene, all to one unit."""
    n = len(lats)
    rows = Observations(
        place=tuple(f"P{k}" for k in range(n)),
        district=("",) * n,
        lon=np.full(n, -1.5),
        lat=np.array(lats),
        unit=np.array([[u.ods_code for u in snapshot.units].index(code)] * n, dtype=np.int32),
        units=snapshot.units,
        minutes=np.full(n, 5.0),
        weight=np.ones(n),
        period=("",) * n,
        scored=np.ones(n, dtype=np.bool_),
        data_sha256="",
    )
    return replace(rows, **changed)  # type: ignore[arg-type]  # named columns of the class


def test_a_network_predicts_what_it_would_decide(snapshot: Snapshot) -> None:
    lats = [53.45, 53.47, 53.55]
    found = validate.network_times(snapshot)(rows_to(snapshot, lats, "SOUTH"))
    for lat, minutes in zip(lats, found, strict=True):
        ranking = snapshot.decide(Location(lat, -1.5)).ranking
        assert [row.minutes for row in ranking if row.ods_code == "SOUTH"] == [
            pytest.approx(minutes, abs=0.05)
        ]


def test_an_area_is_as_far_as_the_mean_of_its_points(snapshot: Snapshot) -> None:
    apart = validate.network_times(snapshot)(rows_to(snapshot, [53.45, 53.55], "SOUTH"))
    points = Areas(np.array([0, 2], dtype=np.int32), np.full(2, -1.5), np.array([53.45, 53.55]))
    area = rows_to(snapshot, [53.5], "SOUTH", areas=points, area=np.zeros(1, dtype=np.int32))
    assert validate.network_times(snapshot)(area) == pytest.approx(apart.mean())


def test_a_point_off_the_network_is_left_out_of_its_area(snapshot: Snapshot) -> None:
    alone = validate.network_times(snapshot)(rows_to(snapshot, [53.45], "SOUTH"))
    points = Areas(np.array([0, 2], dtype=np.int32), np.full(2, -1.5), np.array([53.45, 54.55]))
    area = rows_to(snapshot, [53.5], "SOUTH", areas=points, area=np.zeros(1, dtype=np.int32))
    assert validate.network_times(snapshot)(area) == pytest.approx(alone)
    away = validate.network_times(snapshot)(rows_to(snapshot, [54.55], "SOUTH"))
    assert np.isnan(away).all()


def test_a_unit_that_the_network_lacks_has_no_time(snapshot: Snapshot) -> None:
    rows = rows_to(snapshot, [53.45, 53.5], "SOUTH")
    strangers = tuple(replace(unit, ods_code=f"X{unit.ods_code}") for unit in rows.units)
    strange = replace(rows, units=strangers)
    assert np.isnan(validate.network_times(snapshot)(strange)).all()
    with pytest.raises(InvalidRequest, match="no unit is in both"):
        study_of_graph(snapshot, strange, "strange")
