"""A member who is taken out is told so: their open listeners end with the member document they rested on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.firestore.test_webchannel import begin, change, names, read_until_consistent
from tests.conformance.firestore.wire import Browser, query_target, token
from tests.fixtures.firestore import FirestoreServer
from tests.rules_matrix.test_matrix import RULES


@pytest.fixture
def firestore_rules() -> str:
    """The shipped rules."""
    return RULES


@pytest.fixture
def browser(firestore_server: FirestoreServer) -> Iterator[Browser]:
    """The channel of u1, signed in with a password."""
    who = token("u1", firebase={"sign_in_provider": "password"})
    browser = Browser(firestore_server.web_address, firestore_server.project, authorization=who)
    yield browser
    browser.drop()


@pytest.mark.parametrize("kind", ["transactions", "months", "members"])
def test_an_open_listener_ends_with_the_membership(
    firestore_server: FirestoreServer, browser: Browser, kind: str, on_emulator: bool
) -> None:
    client = firestore_server.client()
    client.document("households/h1/members/u1").set({"role": "member"})
    client.document(f"households/h1/{kind}/x").set({"month": "2026-11"})
    begin(browser, query_target(browser, 2, f"households/h1/{kind}", limit=500))
    assert "x" in names(read_until_consistent(browser))

    client.document("households/h1/members/u1").delete()
    if on_emulator:  # it asks the rules again only when a result changes
        client.document(f"households/h1/{kind}/x").update({"month": "1999-01"})

    while change(ended := browser.next())[0] != "REMOVE":
        assert "1999-01" not in str(ended), "shown to who is no member any more"
    assert ended["targetChange"]["cause"]["code"] == 7
