"""Erasing oneself over HTTP."""

from __future__ import annotations

import time

import pytest

from tests.integration.http.conftest import House, Person


def test_who_asks_to_be_erased_is_refused_from_then_on(house: House, alice: Person, bob: Person) -> None:
    asked = alice("DELETE", "/api/me")

    assert asked.status_code == 202
    assert house.database.sql("select id::text, user_id, asked_by, step from erasures") == [
        (asked.json["erasure"], alice.user_id, "user", "sign-in")
    ]
    for method, path, body in (
        ("GET", "/api/me", None), ("PUT", "/api/me", {}), ("GET", "/api/months", None), ("DELETE", "/api/me", None),
    ):  # fmt: skip
        refused = alice(method, path, body)
        assert (refused.status_code, refused.json["code"]) == (410, "user-erased"), path
    assert alice.expense().json["code"] == "user-erased"
    assert bob("GET", "/api/me").status_code == 200


def test_an_old_sign_in_is_not_enough(house: House, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 301
    monkeypatch.setattr("api.auth.time.time", lambda: later)

    refused = alice("DELETE", "/api/me")

    assert (refused.status_code, refused.json["code"]) == (403, "sign-in-too-old")
    assert house.database.sql("select count(*) from erasures") == [(0,)]
