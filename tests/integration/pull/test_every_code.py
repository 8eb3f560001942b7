"""Every webhook code on every status, and every error code: what the tables say is what happens to a real item."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from sync.banks.webhook_codes import WEBHOOKS, Beside, WebhookRule
from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.pull.conditions import STATUSES, TRANSITIONS, Event, after
from sync.pull.plaid_codes import CODES, ErrorRule
from tests.integration.pull.bank import account, error, page, row
from tests.integration.pull.conftest import Linked

ITEM_WEBHOOKS = [(code, rule) for code, rule in WEBHOOKS.items() if rule.beside is not Beside.LINK_SESSION]


@pytest.fixture
def api(linked: Linked) -> Deps:
    """The API's dependencies: its own role, the scripted bank."""
    return linked.deps_for("api", plaid=linked.deps.plaid)


@pytest.mark.parametrize(("code", "rule"), ITEM_WEBHOOKS, ids=[code for (_, code), _ in ITEM_WEBHOOKS])
@pytest.mark.parametrize("status", STATUSES)
def test_a_webhook_does_to_each_status_what_the_table_says(
    linked: Linked, api: Deps, code: tuple[str, str], rule: WebhookRule, status: str
) -> None:
    linked.bank.at(None, error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500))
    _put(linked, status)

    receipt = _tell(linked, api, *code)
    wanted = linked.owed("wanted > done")
    linked.pull_owed()

    expected = status if rule.event is None else after(status, rule.event)
    assert linked.item("status") == expected
    assert receipt == ("new" if rule.acts else "ignored")
    assert wanted is rule.acts
    if rule.pulls and expected in ("ok", "pending_disconnect"):
        assert linked.bank.calls != []
    if not rule.acts or expected == "revoked":
        assert linked.bank.calls == []


@pytest.mark.parametrize(("code", "rule"), CODES.items(), ids=CODES)
def test_an_error_does_to_the_item_and_the_retry_what_the_table_says(
    linked: Linked, code: str, rule: ErrorRule
) -> None:
    linked.bank.at(None, error(code, status=429 if "LIMIT" in code else 400, said="The bank's words."))
    before = linked.deps.now()

    linked.pull()

    status = "ok" if rule.event is None else after("ok", rule.event)
    told = None if rule.event is None else code
    assert (linked.item("status"), linked.item("error_code")) == (status, told)
    assert linked.item("error_message") == (None if rule.event is None else "The bank's words.")
    assert (linked.item("cursor"), linked.live()) == (None, {})
    assert linked.run("error_code") == code
    retry_at = linked.owed("retry_at")
    if rule.wait is None and rule.event is not None:
        assert (retry_at, linked.owed("wanted = done")) == (None, True)
    else:
        assert retry_at - before >= timedelta(seconds=rule.wait or 0)


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "revoked"])
def test_a_good_pull_does_to_each_status_what_the_table_says(linked: Linked, status: str) -> None:
    linked.bank.at(None, page(added=[row("a")], accounts=[account()]))
    _put(linked, status)

    linked.pull()

    assert linked.item("status") == after(status, Event.PULLED)


def test_a_revoked_item_is_not_pulled_whoever_asks(linked: Linked) -> None:
    _put(linked, "revoked")

    linked.pull()

    assert (linked.bank.calls, linked.item("status"), linked.owed("wanted = done")) == ([], "revoked", True)


def test_every_event_says_what_it_makes_of_every_status() -> None:
    assert set(TRANSITIONS) == set(Event)
    assert [event for event, moves in TRANSITIONS.items() if set(moves) != set(STATUSES)] == []
    assert [to for moves in TRANSITIONS.values() for to in moves.values() if to not in STATUSES] == []


def test_news_of_a_broken_login_from_before_the_repair_breaks_nothing(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    _put(linked, "login_required")
    _tell(linked, api, "ITEM", "ERROR", issued_at=linked.deps.now().timestamp() - 60)
    linked.database.sql("update items set status = 'ok', repaired_at = now() where id = %s", linked.item_id)

    linked.pull_owed()

    assert (linked.item("status"), set(linked.live())) == ("ok", {"a"})


def test_news_of_a_broken_login_from_after_the_repair_counts(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    linked.database.sql("update items set repaired_at = now() - interval '1 minute' where id = %s", linked.item_id)
    _tell(linked, api, "ITEM", "ERROR")

    linked.pull_owed()

    assert linked.item("status") == "login_required"


def _put(linked: Linked, status: str) -> None:
    linked.database.sql("update items set status = %s where id = %s", status, linked.item_id)
    linked.database.sql("update item_pulls set done = wanted where item_id = %s", linked.item_id)


def _tell(linked: Linked, api: Deps, kind: str, code: str, issued_at: float | None = None) -> str:
    told: dict[str, Any] = {"webhook_type": kind, "webhook_code": code, "item_id": "item-1", "environment": "sandbox"}
    if (kind, code) == ("ITEM", "ERROR"):
        told["error"] = {"error_code": "ITEM_LOGIN_REQUIRED"}
    raw = json.dumps(told, indent=2).encode()
    return receive(api, raw, linked.bank.sign(raw, issued_at=issued_at)).state
