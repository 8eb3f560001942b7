"""An application over dependencies that reach nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.app import create_app
from sync.db import make_engine
from sync.deps import Deps, utc_now
from sync.settings import Settings

NOWHERE = "127.0.0.1:9"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        redis_url=f"redis://{NOWHERE}/0",
        plaid_url="http://127.0.0.1:5010",
        firebase_project_id="demo-livespend",
        firebase_api_key="demo-key",
        firestore_emulator_host=NOWHERE,
        firebase_auth_emulator_host=NOWHERE,
        browser_firestore_host="127.0.0.1:5011",
        browser_auth_url="http://127.0.0.1:5012",
        browser_bank_url="http://127.0.0.1:5010",
        frontend_dir=tmp_path / "dist",
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[APIFlask]:
    engine = make_engine(f"postgresql://nobody@{NOWHERE}/none", role_hint="test")
    yield create_app(Deps(settings, engine, None, None, None, lambda task, arguments: None, utc_now))
    engine.dispose()


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()
