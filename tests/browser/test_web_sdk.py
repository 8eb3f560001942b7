"""The Firebase web SDK in real Chromium walks through the server, under rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from local.firestore.listen import session
from local.firestore.listen.resume import difference
from local.web_sdk import sdk_page
from tests.conformance.firestore.conftest import Service, service

__all__ = ["service"]  # a fixture

WALK = (Path(__file__).parent / "web_walk.html").read_text()
RETURN = (Path(__file__).parent / "web_return.html").read_text()
RULES = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /users/{uid}/{rest=**} { allow read, write: if request.auth != null && request.auth.uid == uid; }
  }
}
"""


def test_the_web_sdk_reads_writes_listens_and_is_denied(service: Service, browser: Browser) -> None:
    assert service.load_rules(RULES)[0] == 200
    with sdk_page(WALK) as (address, _):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function("window.ready")
        port = int(service.address.rpartition(":")[2])
        seen = page.evaluate("([port, project]) => walk(port, project)", [port, service.project])
        page.close()
    assert seen == {
        "values": [1, 1, "AP8=", "users/ann"],
        "updated": [5, True, {"er": [1]}],
        "missing": "not-found",
        "query": ["n7", "n6"],
        "or": ["n0", "n7"],
        "last": ["n6", "n7"],
        "count": 4,
        "sums": [28, 3.5],
        "latencyCompensated": True,
        "counter": 4,
        "offline": 1,
        "deniedGet": "permission-denied",
        "deniedWrite": "permission-denied",
        "deniedListen": "permission-denied",
        "deniedTransaction": "permission-denied",
        "nobody": "permission-denied",
    }


OPEN = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /c/{id} { allow read: if request.auth != null; }
  }
}
"""


@pytest.fixture
def returning(service: Service, browser: Browser) -> Iterator[Page]:
    """A page that can follow `c`, which holds a, b, c and d."""
    assert service.load_rules(OPEN)[0] == 200
    for number, name in enumerate("abcd"):
        service.client().document(f"c/{name}").set({"n": number})
    with sdk_page(RETURN) as (address, _):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function("window.ready")
        yield page
        page.close()


@pytest.mark.parametrize(("limit", "before", "after"), [(0, "a b c d", "a d e"), (3, "a b c", "a d e")])
def test_who_comes_back_sees_what_was_deleted_meanwhile(
    service: Service, returning: Page, limit: int, before: str, after: str
) -> None:
    _follow(returning, service, limit, before)
    returning.evaluate("leave()")
    _change(service)
    returning.evaluate("come()")
    returning.wait_for_function("wanted => window.shown === wanted", arg=after)


@pytest.mark.ours_only("the emulator cannot be made to forget what it deleted")
def test_who_was_not_told_of_deletions_finds_out_by_the_count(
    service: Service, returning: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the service after a long absence: it tells what is new, and how many documents there are."""

    def only_what_is_there(*asked: Any) -> dict[str, bool] | None:
        effect = difference(*asked)
        return None if effect is None else {path: True for path, is_in in effect.items() if is_in}

    _follow(returning, service, 0, "a b c d")
    returning.evaluate("leave()")
    _change(service)
    monkeypatch.setattr(session, "difference", only_what_is_there)
    returning.evaluate("come()")
    returning.wait_for_function("window.shown === 'a d e'")


def _follow(page: Page, service: Service, limit: int, wanted: str) -> None:
    port = int(service.address.rpartition(":")[2])
    page.evaluate("([port, project, limit]) => follow(port, project, limit)", [port, service.project, limit])
    page.wait_for_function("wanted => window.shown === wanted", arg=wanted)


def _change(service: Service) -> None:
    client = service.client()
    for name in "bc":
        client.document(f"c/{name}").delete()
    client.document("c/e").set({"n": 9})
