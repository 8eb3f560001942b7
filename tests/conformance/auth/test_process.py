"""Local auth as a process of its own: what it refuses, what survives."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from local.auth import server
from tests.conformance.auth.test_browser_door import MAIL, WORD, refresh
from tests.fixtures.auth import KEY, PROJECT, AuthServer


@contextmanager
def process(data: Path) -> Iterator[tuple[subprocess.Popen[str], AuthServer]]:
    command = [sys.executable, "-m", "local.auth", "--port", "0", "--data", str(data), "--project", PROJECT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            found = re.search(r"http://(\S+)", running.stdout.readline())
            assert found is not None
            yield running, AuthServer(found.group(1), PROJECT)
        finally:
            running.kill()


def test_accounts_and_sessions_survive_a_kill(tmp_path: Path) -> None:
    with process(tmp_path) as (running, auth):
        first = auth.post("signUp", {"email": MAIL, "password": WORD, "returnSecureToken": True}).json()
        running.send_signal(signal.SIGKILL)
        running.wait(10)
    with process(tmp_path) as (_, auth):
        answer = auth.post("signInWithPassword", {"email": MAIL, "password": WORD}).json()
        assert answer["localId"] == first["localId"]
        assert refresh(auth, first["refreshToken"]).json()["user_id"] == first["localId"]
        assert auth.post("lookup", {"idToken": first["idToken"]}).json()["users"][0]["email"] == MAIL


def test_neither_password_nor_refresh_token_is_on_disk(tmp_path: Path) -> None:
    with process(tmp_path) as (_, auth):
        first = auth.post("signUp", {"email": MAIL, "password": WORD, "returnSecureToken": True}).json()
        stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert MAIL.encode() in stored
    assert WORD.encode() not in stored
    assert first["refreshToken"].encode() not in stored


def test_it_ends_by_itself_when_told_to(tmp_path: Path) -> None:
    with process(tmp_path) as (running, _):
        running.terminate()
        assert running.wait(5) == 0


def test_only_demo_projects_are_served() -> None:
    with pytest.raises(server.NotADemoProject):
        server.start(project="livespend-prod")


def test_a_taken_port_is_a_clear_error(auth_server: AuthServer) -> None:
    with pytest.raises(server.AuthWouldNotStart, match="in use"):
        server.start(port=int(auth_server.address.split(":")[1]))


def test_it_listens_on_loopback_unless_told_otherwise(auth_server: AuthServer) -> None:
    assert auth_server.address.startswith("127.0.0.1:")


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_garbage_is_a_clear_error(auth_server: AuthServer, raw: bytes) -> None:
    url = f"http://{auth_server.address}/identitytoolkit.googleapis.com/v1/accounts:signUp"
    answer = requests.post(url, params={"key": KEY}, data=raw, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Invalid JSON payload")


def test_a_huge_body_is_refused_and_the_server_lives(auth_server: AuthServer) -> None:
    url = f"http://{auth_server.address}/identitytoolkit.googleapis.com/v1/accounts:signUp"
    assert requests.post(url, params={"key": KEY}, data=b" " * (3 * 2**20), timeout=10).status_code == 413
    auth_server.sign_up(MAIL)


@pytest.mark.parametrize(
    "body",
    [{"email": 7}, {"email": MAIL, "password": ["x"]}, {"displayName": {}}, {"idToken": True}],
)
def test_a_field_of_the_wrong_type_is_refused(auth_server: AuthServer, body: dict[str, object]) -> None:
    assert auth_server.post("signUp", body).status_code == 400


def test_what_is_not_there_is_named(auth_server: AuthServer) -> None:
    answer = auth_server.post("issueSamlResponse", {})
    assert answer.status_code == 501
    assert "accounts:issueSamlResponse" in answer.json()["error"]["message"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1.evil.example"])
def test_a_page_from_elsewhere_is_not_welcome(auth_server: AuthServer, origin: str) -> None:
    answer = requests.get(f"http://{auth_server.address}/", headers={"Origin": origin}, timeout=10)
    assert "Access-Control-Allow-Origin" not in answer.headers
