"""Health: alive is about this process, ready about what it needs, and neither ever hangs."""

from __future__ import annotations

import dataclasses
import functools
import socket
from collections.abc import Callable, Iterator

import psycopg2
import pytest
from sqlalchemy import create_engine

from sync.db import make_engine
from sync.deps import Deps
from tests.fixtures.auth import AuthServer
from tests.fixtures.deps import DepsFor
from tests.integration.http.conftest import House


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are accepted and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def deps(deps_for: DepsFor, valkey: str, silent_port: int) -> Deps:
    """Everything is there: Firestore only has to accept a connection."""
    made = deps_for("api")
    settings = dataclasses.replace(made.settings, firestore_emulator_host=f"127.0.0.1:{silent_port}")
    return dataclasses.replace(made, settings=settings)


def ready(house_of: Callable[..., House], deps: Deps, auth: AuthServer) -> tuple[int, dict]:
    answer = house_of(deps, auth).app.test_client().get("/health/ready")
    return answer.status_code, answer.json


def test_ready_when_everything_answers(house_of: Callable[..., House], deps: Deps, auth_server: AuthServer):
    status, told = ready(house_of, deps, auth_server)

    assert (status, told["status"]) == (200, "ready")
    assert {name: check["ok"] for name, check in told["checks"].items()} == {
        "database": True,
        "redis": True,
        "firestore": True,
    }


def test_without_redis_the_api_serves_and_says_what_it_means(
    house_of: Callable[..., House], deps: Deps, auth_server: AuthServer, silent_port: int
):
    settings = dataclasses.replace(deps.settings, redis_url=f"redis://127.0.0.1:{silent_port}/0")
    status, told = ready(house_of, dataclasses.replace(deps, settings=settings), auth_server)

    assert (status, told["status"]) == (200, "degraded")
    assert "sweep" in told["checks"]["redis"]["means"]


def test_without_firestore_the_api_serves(house_of: Callable[..., House], deps: Deps, auth_server: AuthServer):
    settings = dataclasses.replace(deps.settings, firestore_emulator_host="127.0.0.1:9")
    status, told = ready(house_of, dataclasses.replace(deps, settings=settings), auth_server)

    assert (status, told["status"], told["checks"]["firestore"]["ok"]) == (200, "degraded", False)


def test_a_database_that_hangs_is_found_in_time(
    house_of: Callable[..., House], deps: Deps, auth_server: AuthServer, silent_port: int
):
    """The driver waits without end: that an answer comes at all shows that nobody waits for it."""
    forever = functools.partial(psycopg2.connect, host="127.0.0.1", port=silent_port, connect_timeout=0)
    engine = create_engine("postgresql+psycopg2://", creator=forever)
    house = house_of(dataclasses.replace(deps, engine=engine), auth_server)

    answer = house.app.test_client().get("/health/ready")

    assert (answer.status_code, answer.json["status"]) == (503, "not-ready")
    assert house.app.test_client().get("/health/live").json == {"status": "live"}


def test_a_database_that_is_away_is_503_for_every_request(
    house_of: Callable[..., House], deps: Deps, auth_server: AuthServer
):
    house = house_of(deps, auth_server)
    alice = house.person("alice")
    house.app.extensions["livespend_deps"] = dataclasses.replace(
        house.deps, engine=make_engine("postgresql://nobody@127.0.0.1:9/none", role_hint="test")
    )
    answer = alice("GET", "/api/items")

    assert (answer.status_code, answer.json["code"]) == (503, "database-unavailable")
    assert "127.0.0.1" not in answer.text
