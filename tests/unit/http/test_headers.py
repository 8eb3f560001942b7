"""What the page may load and whom it may talk to follows the settings."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from api.headers import content_security_policy
from sync.settings import Settings


def directives(policy: str) -> dict[str, list[str]]:
    return {part.split()[0]: part.split()[1:] for part in policy.split("; ")}


@pytest.mark.parametrize("path", ["/", "/health/live", "/api/me", "/nothing", "/config.json"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str):
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert directives(headers["Content-Security-Policy"])["frame-ancestors"] == ["'none'"]
    assert directives(headers["Content-Security-Policy"])["object-src"] == ["'none'"]


def test_locally_the_page_may_talk_to_the_stand_ins_and_to_nobody_else(settings: Settings):
    policy = directives(content_security_policy(settings))

    assert policy["script-src"] == ["'self'", "http://127.0.0.1:5010"]
    assert {"'self'", "http://127.0.0.1:5010", "http://127.0.0.1:5011", "http://127.0.0.1:5012"} == set(
        policy["connect-src"]
    )
    assert "http://127.0.0.1:5010" in policy["frame-src"]


def test_in_production_the_page_may_talk_to_plaid_and_google_only():
    production = Settings(app_env="production", firebase_project_id="ledger", plaid_url="https://production.plaid.com")
    policy = directives(content_security_policy(production))

    assert "https://cdn.plaid.com/link/v2/stable/link-initialize.js" in policy["script-src"]
    assert "https://production.plaid.com" in policy["connect-src"]
    assert "https://firestore.googleapis.com" in policy["connect-src"]
    assert "https://cdn.plaid.com/" in policy["frame-src"]
    assert "127.0.0.1" not in str(policy)
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "'unsafe-eval'" not in policy["script-src"]


def test_answers_of_the_api_are_never_cached(client: FlaskClient):
    assert client.get("/api/me").headers["Cache-Control"] == "no-store"
    assert client.get("/config.json").headers["Cache-Control"] == "no-store"
