"""Broken logins on screen, a bank that does not answer, a Firestore that is away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.mirror.mirror import Mirror
from sync.pull.plaid import Plaid
from tests.fixtures.gate import Gate
from tests.integration.pull.bank import Answer, error, page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.vectors.conftest import Screen

LOGIN = error("ITEM_LOGIN_REQUIRED", said="Please sign in to your bank.")


def status_on(screen: Screen, linked: Linked) -> tuple[Any, ...]:
    shown = screen.look()[f"items/{linked.item_id}"]
    return shown["status"], shown["errorCode"], shown["message"]


def test_a_login_that_is_required_is_on_screen_and_not_retried(linked: Linked, screen: Screen) -> None:
    """Vector 12: ITEM_LOGIN_REQUIRED on page 1."""
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", LOGIN)
    linked.pull()
    before = screen.rows()

    linked.pull()

    assert status_on(screen, linked) == ("login_required", "ITEM_LOGIN_REQUIRED", "Please sign in to your bank.")
    assert screen.rows() == before
    assert linked.owed("wanted = done and retry_at is null") is True
    assert (set(linked.live()), linked.item("cursor")) == ({"a"}, "C1")


def test_a_repaired_login_clears_the_banner_and_syncs(linked: Linked, api: Deps, screen: Screen) -> None:
    """Vector 71: LOGIN_REPAIRED after vector 12."""
    linked.bank.at(None, LOGIN, page(added=[row("a")], to="C1"))
    linked.pull()
    assert status_on(screen, linked)[0] == "login_required"
    body = json.dumps({"webhook_type": "ITEM", "webhook_code": "LOGIN_REPAIRED", "item_id": "item-1"}).encode()
    receive(api, body, linked.bank.sign(body))

    linked.pull_owed()

    assert status_on(screen, linked) == ("ok", None, None)
    assert set(linked.live()) == {"a"}


def without_cursor() -> dict[str, Any]:
    return {key: value for key, value in page().items() if key != "next_cursor"}


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (without_cursor(), "plaid-contract"),
        ((502, b"<html>Bad Gateway</html>"), "plaid-unavailable"),
        ("silence", "plaid-unavailable"),
        ((0, b""), "plaid-unavailable"),
    ],
    ids=["missing-key", "html-502", "read-timeout", "connection-reset"],
)
def test_a_broken_answer_leaves_cursor_and_rows(linked: Linked, broken: Any, code: str) -> None:
    """Vector 73: missing required key, HTML 502, read timeout, connection reset, on page 2."""
    hang_up = threading.Event()

    def silence() -> Answer:
        hang_up.wait(30)
        return (0, b"")

    linked.bank.at(None, page(added=[row("old")], to="C0"))
    linked.bank.at("C0", page(added=[row("a")], to="P1", more=True))
    linked.bank.at("P1", silence if broken == "silence" else broken)
    linked.pull()
    impatient = Plaid(url=linked.bank.url, client_id="client", secret="secret", read_seconds=0.2)
    linked.deps = linked.deps_for("worker", plaid=impatient)

    linked.pull()
    hang_up.set()

    assert (set(linked.live()), linked.item("cursor")) == ({"old"}, "C0")
    assert (linked.run("outcome"), linked.run("error_code")) == ("failed", code)
    assert linked.owed("wanted > done and retry_at is not null") is True


def test_while_firestore_is_away_the_ledger_goes_on_and_the_screen_catches_up(
    linked: Linked,
    screen: Screen,
    gate: Gate,
    running_mirror: Callable[..., Mirror],
    eventually: Callable[..., Any],
    clean: Callable[[], bool],
) -> None:
    """Vector 74: Firestore is down during and after the commit."""
    linked.bank.at(None, page(added=[row("a", 1)], to="C1"))
    linked.bank.at("C1", page(added=[row("b", 2)], to="C2"))
    linked.bank.at("C2", page(modified=[row("a", 3)], removed=["b"], to="C3"))
    gate.is_down = True
    running_mirror(host=gate.address)

    waiting = []
    for _ in range(3):
        linked.pull()
        waiting.append(len(linked.marks()))
    assert list(linked.live()) == ["a"]
    assert waiting[0] < waiting[1] == waiting[2]
    assert screen.firestore.documents() == {}
    gate.is_down = False
    eventually(clean, 40)

    assert {entry: row["amount"] for entry, row in screen.rows().items()} == {str(linked.entry("a")): "3"}
