"""Settings come from the environment, are checked, and a misspelling is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing_service.config import SETTINGS, Settings, default_region
from routing_service.errors import InvalidSettings


def test_without_an_environment_every_setting_has_its_default() -> None:
    settings = Settings.from_env({"PATH": "/bin", "LANG": "C"})
    for setting in SETTINGS:
        assert getattr(settings, setting.name) == setting.default


def test_the_environment_sets_values_of_the_right_type() -> None:
    settings = Settings.from_env(
        {"HASU_GRAPH": "newport.graph", "HASU_PORT": "9000", "HASU_SNAP_LIMIT_M": "500"}
    )
    assert settings.graph == Path("newport.graph")
    assert settings.port == 9000
    assert settings.snap_limit_m == 500.0
    assert isinstance(settings.snap_limit_m, float)


def test_an_option_wins_over_the_environment_and_none_is_no_option() -> None:
    settings = Settings.from_env({"HASU_PORT": "9000", "HASU_HOST": "::"}, port=8080, host=None)
    assert settings.port == 8080
    assert settings.host == "::"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("HASU_PORT", "http", "HASU_PORT='http' cannot be used: a whole number from 0 to 65535"),
        ("HASU_PORT", "65536", "HASU_PORT='65536'"),
        ("HASU_PORT", "", "HASU_PORT=''"),
        ("HASU_WORKERS", "0", "a whole number from 1 to 256"),
        ("HASU_WORKERS", "1.5", "a whole number"),
        ("HASU_SNAP_LIMIT_M", "nan", "a number from 1 to 50000"),
        ("HASU_NEAR_TIE_MINUTES", "-1", "a number from 0 to 120"),
        ("HASU_GRAPH", " ", "a path is needed"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(variable: str, value: str, says: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_env({variable: value})
    assert says in caught.value.detail


def test_a_bad_option_is_named_as_an_option() -> None:
    with pytest.raises(InvalidSettings, match="--snap-limit-m='0'"):
        Settings.from_env({}, snap_limit_m=0)


def test_a_misspelt_variable_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(InvalidSettings, match="HASU_PROT is not a setting; did you mean HASU_PORT"):
        Settings.from_env({"HASU_PROT": "8000"})


def test_an_unknown_variable_far_from_any_lists_what_is_known() -> None:
    with pytest.raises(InvalidSettings, match="known are HASU_GRAPH"):
        Settings.from_env({"HASU_Q": "1"})


def test_settings_cannot_change_under_a_running_service() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]


def test_every_setting_explains_itself() -> None:
    for setting in SETTINGS:
        assert setting.help.endswith(".")
        assert setting.unit


def test_the_default_region_comes_with_the_package() -> None:
    assert default_region().name == "south_yorkshire"
