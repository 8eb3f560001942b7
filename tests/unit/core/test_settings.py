"""Settings: everything that is wrong is named at once, and no stand-in is used in production."""

from __future__ import annotations

import pytest

from sync.errors import InvalidSettings
from sync.settings import LOCAL_ONLY, NEEDS, Settings, read_settings


@pytest.mark.parametrize("door", NEEDS)
def test_every_missing_setting_of_a_door_is_named_at_once(door: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        read_settings({}, needs=NEEDS[door])  # type: ignore[index]

    assert refused.value.problems == [f"{name} is missing" for name in sorted(NEEDS[door])]  # type: ignore[index]


def test_missing_and_wrong_settings_are_named_together() -> None:
    env = {"API_PORT": "0", "SWEEP_SECONDS": "soon", "REDIS_URL": "http://x", "APP_ENV": "staging", "LOG_LEVEL": "LOUD"}

    with pytest.raises(InvalidSettings) as refused:
        read_settings(env, needs=frozenset({"PLAID_SECRET"}))

    named = {problem.split()[0] for problem in refused.value.problems}
    assert named == {"API_PORT", "SWEEP_SECONDS", "REDIS_URL", "APP_ENV", "LOG_LEVEL", "PLAID_SECRET"}


def test_an_empty_setting_is_a_missing_one() -> None:
    with pytest.raises(InvalidSettings):
        read_settings({"PLAID_SECRET": " "}, needs=frozenset({"PLAID_SECRET"}))


@pytest.mark.parametrize("name", sorted(LOCAL_ONLY))
def test_a_stand_in_is_refused_in_production(name: str) -> None:
    env = {name: "http://127.0.0.1:1" if name.endswith("URL") else "127.0.0.1:1"}

    assert read_settings(env | {"APP_ENV": "local"}).local
    with pytest.raises(InvalidSettings, match=f"{name} is refused in production"):
        read_settings(env | {"APP_ENV": "production"})


def test_settings_that_nobody_asked_for_may_be_anything() -> None:
    assert read_settings({"PATH": "/bin", "PORT": "x"}) == Settings()


def test_values_are_read_in_their_type() -> None:
    settings = read_settings(
        {"API_PORT": "8080", "SWEEP_SECONDS": "0.5", "MIRROR_WINDOW_MONTHS": "24", "PLAID_URL": "http://x/"}
    )

    assert (settings.api_port, settings.sweep_seconds, settings.mirror_window_months) == (8080, 0.5, 24)
    assert settings.plaid_url == "http://x"


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e9"])
def test_seconds_that_are_no_time_are_refused(value: str) -> None:
    with pytest.raises(InvalidSettings):
        read_settings({"SWEEP_SECONDS": value})


def test_secrets_and_database_addresses_stay_out_of_the_repr() -> None:
    env = {name: f"postgresql://user:hush-{name}@db/x" for name in ("API_DATABASE_URL", "ADMIN_DATABASE_URL")}

    settings = read_settings(env | {"PLAID_SECRET": "hush-plaid", "REDIS_URL": "redis://:hush-redis@r/0"})

    assert "hush" not in repr(settings)
