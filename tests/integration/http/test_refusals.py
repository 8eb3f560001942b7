"""What is refused: broken bodies, invalid fields, tokens that no longer count."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from local.auth import server
from tests.fixtures.auth import AuthServer
from tests.fixtures.deps import DepsFor
from tests.integration.http.conftest import House, Person


def raw(alice: Person, body: bytes, method: str = "POST", path: str = "/api/transactions"):
    headers = {"Authorization": f"Bearer {alice.token}", "Content-Type": "application/json"}
    return alice.app.test_client().open(path, method=method, data=body, headers=headers)


def test_a_body_that_is_not_json_is_400(house: House, alice: Person):
    nested, number = b"[" * 60_000, b"1" * 5000
    for body in (b"{", b'{"amount": }', b"\xff\xfe", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"amount=1", nested, number):
        answer = raw(alice, body)
        assert (answer.status_code, answer.json["code"]) == (400, "malformed-json"), body[:20]

    assert house.database.sql("select count(*) from entries") == [(0,)]


def test_a_body_that_is_no_object_is_422(alice: Person):
    for body in (b"[]", b'"text"', b"7", b"true"):
        answer = raw(alice, body)
        assert (answer.status_code, answer.json["code"]) == (422, "invalid-fields"), body
        assert answer.json["errors"] == {"body": "must be a JSON object"}


def test_every_missing_field_is_named_at_once(alice: Person):
    answer = raw(alice, b"")

    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {"amount", "currency", "date", "name", "categoryId"}


INVALID = [
    ("amount", 12.34),
    ("amount", "0"),
    ("amount", "1e9"),
    ("currency", "usd"),
    ("currency", "ABC"),
    ("date", "2026-02-30"),
    ("date", "2199-01-01"),
    ("name", ""),
    ("name", "nul\x00"),
    ("name", "\ud800"),
    ("categoryId", "NO_SUCH_CATEGORY"),
    ("categoryId", "nul\x00"),
    ("categoryId", None),
    ("note", "x" * 501),
    ("userId", "somebody"),
]


def test_an_invalid_field_is_422_and_named(house: House, alice: Person):
    for field, value in INVALID:
        answer = alice.expense(**{field: value})
        assert (answer.status_code, answer.json["code"]) == (422, "invalid-fields"), (field, value)
        assert answer.json["errors"].keys() == {field}
        assert field in answer.json["detail"]

    assert house.database.sql("select count(*) from entries") == [(0,)]


def test_an_invalid_query_is_422(alice: Person):
    for query in ("", "?month=2026-13", "?month=2026-11&limit=0", "?month=2026-11&surprise=1"):
        answer = alice("GET", f"/api/transactions{query}")
        assert (answer.status_code, answer.json["code"]) == (422, "invalid-fields"), query


def test_an_id_that_cannot_be_one_is_nowhere(alice: Person):
    for path in ("/api/transactions/not-a-uuid", "/api/budgets/7", "/api/items/%00"):
        answer = alice("DELETE", path)
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json"), path


def test_a_category_id_that_cannot_be_one_is_not_found(alice: Person):
    for category in ("%00", "%F0%9F%8D%9C", "x" * 2000):
        answer = alice("PATCH", f"/api/categories/{category}", {"name": "Mine"})
        assert (answer.status_code, answer.json["code"]) == (404, "category-not-found")


def forged(token: str, **changed: Any) -> str:
    """The token with other claims, signed as the local sign-in signs: not at all."""
    head, claims, _ = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "==")) | changed
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip('=')}."


NOT_COUNTED = [
    ({"exp": 1}, "token-expired"),
    ({"exp": None}, "not-signed-in"),
    ({"aud": "another-project"}, "not-signed-in"),
    ({"iss": "https://securetoken.google.com/another-project"}, "not-signed-in"),
    ({"sub": ""}, "not-signed-in"),
    ({"sub": None}, "not-signed-in"),
    ({"sub": "a/b"}, "not-signed-in"),
    ({"sub": "nobody-knows-me"}, "token-revoked"),
]


def test_a_token_that_does_not_count_is_401(alice: Person):
    token = alice.token
    for changed, code in NOT_COUNTED:
        alice.token = forged(token, **changed)
        answer = alice("GET", "/api/items")
        assert (answer.status_code, answer.json["code"]) == (401, code), changed
        assert alice.token not in answer.text


def test_a_disabled_user_is_refused(house: House, alice: Person):
    house.change_account(alice.user_id, disableUser=True)
    answer = alice("GET", "/api/items")

    assert (answer.status_code, answer.json["code"]) == (401, "token-revoked")


def test_a_sign_in_that_was_ended_everywhere_is_refused(house: House, alice: Person):
    house.change_account(alice.user_id, validSince=str(int(time.time()) + 5))
    answer = alice("GET", "/api/items")

    assert (answer.status_code, answer.json["code"]) == (401, "token-revoked")


def test_nobody_is_let_in_while_the_sign_in_cannot_be_asked(house_of: Callable[..., House], deps_for: DepsFor):
    firebase = server.start(project="demo-livespend")
    house = house_of(deps_for("api"), AuthServer(firebase.address, firebase.project))
    alice = house.person("alice")
    firebase.stop()
    answer = alice("GET", "/api/items")

    assert (answer.status_code, answer.json["code"]) == (503, "sign-in-unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_a_sign_in_is_asked_for_once_a_minute_at_most(house_of: Callable[..., House], deps_for: DepsFor):
    firebase = server.start(project="demo-livespend")
    auth = AuthServer(firebase.address, firebase.project)
    house = house_of(deps_for("api"), auth, remembered_seconds=60)
    alice = house.person("alice")
    firebase.stop()

    assert alice("GET", "/api/items").status_code == 200
