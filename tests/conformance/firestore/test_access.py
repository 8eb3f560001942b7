"""Who may do what: the owner everything, a user what the rules say, on every wire, for listeners too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.firestore.conftest import Service
from tests.conformance.firestore.test_webchannel import begin, change, names, read_until_consistent
from tests.conformance.firestore.wire import Browser, http_call, query_target, rest_path, token

RULES = """
rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /users/{uid}/{below=**} {
      allow read: if request.auth.uid == uid;
      allow create: if request.auth.uid == uid && request.resource.data.n is int;
    }
    match /rooms/{room} {
      allow get: if resource.data.open == true;
    }
    match /rooms/{room}/notes/{note} {
      allow read: if exists(/databases/$(database)/documents/rooms/$(room)/members/$(request.auth.uid));
      allow create: if getAfter(/databases/$(database)/documents/rooms/$(room)).data.notes == 1;
    }
  }
}
"""


@pytest.fixture
def ruled(service: Service) -> Service:
    status, text = service.load_rules(RULES)
    assert status == 200, text
    return service


@pytest.fixture
def browser(ruled: Service) -> Iterator[Browser]:
    """The channel of user u1."""
    browser = Browser(ruled.address, ruled.project, authorization=token("u1"))
    yield browser
    browser.drop()


def get(service: Service, path: str, uid: str | None) -> int:
    headers = {"Authorization": f"Bearer {token(uid)}"} if uid else {}
    return http_call(service.address, "GET", rest_path(service.project, path), headers=headers)[0]


def commit(service: Service, uid: str | None, *writes: Any) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token(uid)}"} if uid else {}
    path = rest_path(service.project, ":commit")
    return http_call(service.address, "POST", path, {"writes": list(writes)}, headers)


def update(service: Service, path: str, **fields: int) -> dict[str, Any]:
    values = {name: {"integerValue": str(value)} for name, value in fields.items()}
    return {"update": {"name": f"{service.root}/{path}", "fields": values}}


def test_a_user_reads_their_own_and_nobody_elses(ruled: Service, client: Any) -> None:
    client.document("users/u1/a/b").set({"n": 1})
    assert [get(ruled, "/users/u1/a/b", uid) for uid in ("u1", "u2", None)] == [200, 403, 403]


def test_the_shape_of_a_write_is_checked(ruled: Service) -> None:
    assert commit(ruled, "u1", update(ruled, "users/u1/a/new", n=1))[0] == 200
    assert commit(ruled, "u1", update(ruled, "users/u1/a/bad", m=1))[0] == 403
    assert commit(ruled, "u1", update(ruled, "users/u1/a/new", n=2))[0] == 403
    assert commit(ruled, None, update(ruled, "users/u1/a/other", n=1))[0] == 403


def test_one_denied_write_denies_the_commit(ruled: Service, client: Any) -> None:
    writes = update(ruled, "users/u1/a/ok", n=1), update(ruled, "users/u2/a/no", n=1)
    assert commit(ruled, "u1", *writes)[0] == 403
    assert not client.document("users/u1/a/ok").get().exists


def test_rules_see_the_state_after_the_whole_commit(ruled: Service, client: Any) -> None:
    client.document("rooms/r").set({"notes": 0})
    note = update(ruled, "rooms/r/notes/first", n=1)
    assert commit(ruled, "u1", note)[0] == 403
    client.document("rooms/r").set({"notes": 1})
    assert commit(ruled, "u1", note)[0] == 200


def test_a_query_is_judged_by_its_constraints(ruled: Service, client: Any) -> None:
    client.document("rooms/r").set({"open": True})
    query = {"structuredQuery": {"from": [{"collectionId": "rooms"}]}}
    headers = {"Authorization": f"Bearer {token('u1')}"}
    assert http_call(ruled.address, "POST", rest_path(ruled.project, ":runQuery"), query, headers)[0] == 403
    assert get(ruled, "/rooms/r", "u1") == 200


def test_a_denied_target_is_removed_and_the_others_live(browser: Browser, client: Any) -> None:
    begin(browser, query_target(browser, 2, "users/u2/a"), query_target(browser, 4, "users/u1/a"))
    assert change(browser.next()) == ("ADD", [2])
    refusal = browser.next()
    assert change(refusal) == ("REMOVE", [2])
    assert refusal["targetChange"]["cause"]["code"] == 7
    read_until_consistent(browser)
    client.document("users/u1/a/x").set({"n": 1})
    assert names(read_until_consistent(browser)) == ["x"]


def test_a_denied_write_ends_the_write_stream(ruled: Service) -> None:
    writer = Browser(ruled.address, ruled.project, "Write", authorization=token("u1"))
    begin(writer, {})
    hello = writer.next()
    writer.send({"streamToken": hello["streamToken"], "writes": [update(ruled, "users/u2/a/b", n=1)]})
    assert writer.next()["error"]["status"] == "PERMISSION_DENIED"
    writer.drop()


def test_broken_rules_are_refused_and_the_old_ones_stay(ruled: Service, client: Any) -> None:
    client.document("users/u1/a/b").set({"n": 1})
    status, text = ruled.load_rules("rules_version = '2'; service cloud.firestore { match /a { allow read: if ; } }")
    assert status == 400
    assert text
    assert get(ruled, "/users/u1/a/b", "u1") == 200


def test_an_unreadable_token_is_refused(ruled: Service) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    status, text = http_call(ruled.address, "GET", rest_path(ruled.project, "/users/u1"), headers=headers)
    # The service says 401; the vendor's emulator says 400.
    assert status in {400, 401}
    assert json.loads(text)["error"]["status"] in {"UNAUTHENTICATED", "INVALID_ARGUMENT"}
