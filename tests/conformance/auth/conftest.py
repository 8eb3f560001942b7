"""Where these tests run: our local auth, or the vendor's emulator when AUTH_CONFORMANCE_HOST=host:port names one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import firebase_admin
import pytest
import requests

from tests.fixtures.auth import PROJECT, AuthServer


@pytest.fixture
def auth(request: pytest.FixtureRequest) -> AuthServer:
    """An empty auth server."""
    host = os.environ.get("AUTH_CONFORMANCE_HOST")
    if host is None:
        ours: AuthServer = request.getfixturevalue("auth_server")
        return ours
    requests.delete(f"http://{host}/emulator/v1/projects/{PROJECT}/accounts", timeout=10).raise_for_status()
    return AuthServer(host, PROJECT)


@pytest.fixture
def admin(auth: AuthServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[firebase_admin.App]:
    """The admin SDK pointed at it."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", auth.address)
    app = firebase_admin.initialize_app(options={"projectId": auth.project}, name="conformance")
    yield app
    firebase_admin.delete_app(app)
