"""`python -m api`: serves over a real socket, refuses what is too large, ends cleanly when told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from sync.settings import Settings
from tests.fixtures.auth import AuthServer
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor

ROOT = Path(__file__).parents[3]
DEADLINE_SECONDS = 30


def environment(settings: Settings, **changed: str) -> dict[str, str]:
    """The settings as a process reads them, and of this environment only what a process needs."""
    named = {name.upper(): _said(getattr(settings, name)) for name in settings.__dataclass_fields__}
    given = {name: value for name, value in named.items() if value}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | given | changed


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Served:
    """A running `python -m api`."""

    process: subprocess.Popen[bytes]
    url: str

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the API ended while starting"
            try:
                if requests.get(f"{self.url}/health/live", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
        raise AssertionError("the API did not start")

    def children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]


@pytest.fixture
def serve(deps_for: DepsFor, auth_server: AuthServer, valkey: str, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts the API as the stack does; what still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []
    plaid = {"PLAID_URL": "http://127.0.0.1:9", "PLAID_CLIENT_ID": "id", "PLAID_SECRET": "secret"}
    firebase = {"FIREBASE_AUTH_EMULATOR_HOST": auth_server.address, "FIREBASE_PROJECT_ID": auth_server.project}

    def start(*, wait: bool = True, **changed: str) -> Served:
        port = free_port()
        named = {"REDIS_URL": valkey, **plaid, **firebase, **changed}
        with (tmp_path / "api.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "api", "--host", "127.0.0.1", "--port", str(port)],
                env=environment(deps_for.settings, **named),
                cwd=tmp_path,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        served = Served(process, f"http://127.0.0.1:{port}")
        if wait:
            served.wait_until_ready()
        return served

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_it_serves_and_ends_cleanly_when_told(serve: Callable[..., Served], tmp_path: Path):
    served = serve()
    ready = requests.get(f"{served.url}/health/ready", timeout=10).json()
    (worker,) = served.children()
    served.process.send_signal(signal.SIGTERM)

    assert ready["checks"]["database"]["ok"] is True
    assert ready["checks"]["redis"]["ok"] is True
    assert served.process.wait(DEADLINE_SECONDS) == 0
    assert not Path(f"/proc/{worker}").exists()
    assert "Traceback" not in (tmp_path / "api.log").read_text()


def test_three_megabytes_are_refused_with_a_readable_answer(serve: Callable[..., Served]):
    served = serve()
    for body in (b"x" * 3_000_000, iter([b"x" * 100_000] * 30)):
        answer = requests.post(f"{served.url}/webhooks/plaid", data=body, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")

    assert requests.get(f"{served.url}/health/live", timeout=5).ok


def test_no_token_and_no_body_reaches_the_log(serve: Callable[..., Served], auth_server: AuthServer, tmp_path: Path):
    served = serve(LOG_LEVEL="DEBUG")
    _, token = auth_server.sign_up("alice@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    requests.put(f"{served.url}/api/me", json={}, headers=headers, timeout=10)
    public_token = "public-sandbox-11111111-2222-3333-4444-555555555555"
    requests.post(f"{served.url}/api/items", json={"publicToken": public_token}, headers=headers, timeout=10)
    requests.get(f"{served.url}/api/transactions?month=secret-month", headers=headers, timeout=10)
    log = (tmp_path / "api.log").read_text()

    assert "route=/api/items" in log
    for secret in (token, token.split(".")[1], public_token, "secret-month", "alice@example.com"):
        assert secret not in log


def test_a_statement_that_fails_logs_its_traceback_without_what_the_user_wrote(
    serve: Callable[..., Served], auth_server: AuthServer, database: Database, tmp_path: Path
):
    served = serve()
    _, token = auth_server.sign_up("alice@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    requests.put(f"{served.url}/api/me", json={}, headers=headers, timeout=10)
    database.sql("create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$")
    database.sql("create trigger refuse before insert on transactions for each row execute function refuse()")
    body = {"amount": "1", "currency": "USD", "date": "2026-11-03", "name": "For my eyes only", "categoryId": "TRAVEL"}
    answer = requests.post(f"{served.url}/api/transactions", json=body, headers=headers, timeout=10)
    log = (tmp_path / "api.log").read_text()

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["requestId"] in log
    assert "Traceback" in log
    assert "For my eyes only" not in log + answer.text


def test_every_missing_setting_is_named_at_once(serve: Callable[..., Served], tmp_path: Path):
    served = serve(wait=False, PLAID_SECRET="", REDIS_URL="", FIREBASE_API_KEY="")

    assert served.process.wait(DEADLINE_SECONDS) == 1
    log = (tmp_path / "api.log").read_text()
    for name in ("PLAID_SECRET", "REDIS_URL", "FIREBASE_API_KEY"):
        assert f"{name} is missing" in log
    assert "Traceback" not in log


def test_an_emulator_in_production_is_refused(serve: Callable[..., Served], tmp_path: Path):
    served = serve(wait=False, APP_ENV="production")

    assert served.process.wait(DEADLINE_SECONDS) == 1
    assert "FIREBASE_AUTH_EMULATOR_HOST is refused in production" in (tmp_path / "api.log").read_text()
