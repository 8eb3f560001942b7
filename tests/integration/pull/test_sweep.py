"""The sweep finds what no doorbell told of; removal at Plaid goes on until Plaid has let go."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from sync.banks.webhooks import receive
from sync.pull.sweep import remove_item, sweep
from tests.integration.pull.bank import error, page, row
from tests.integration.pull.conftest import TOKEN, Linked


def swept(linked: Linked, later: timedelta = timedelta()) -> list[Any]:
    now = linked.deps.now() + later
    return sweep(linked.deps_for("worker", plaid=linked.deps.plaid, now=lambda: now))


def test_an_item_whose_doorbell_was_lost_is_found(linked: Linked) -> None:
    assert swept(linked) == [linked.item_id]
    assert linked.deps_for.bells == [("pull_item", {"item_id": str(linked.item_id)})]


def test_an_item_that_is_owed_nothing_is_left_alone_until_its_look_is_due(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    linked.pull_owed()

    assert swept(linked, timedelta(hours=7)) == []


def test_an_item_that_nobody_asked_about_is_looked_at_within_three_quarters_of_the_promise(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    linked.pull_owed()

    assert swept(linked, timedelta(hours=9)) == [linked.item_id]
    assert linked.owed("wanted - done") == 1
    swept(linked, timedelta(hours=9))
    assert linked.owed("wanted - done") == 1


@pytest.mark.parametrize("status", ["login_required", "revoked"])
def test_an_item_that_only_its_user_can_mend_is_not_pulled_by_the_clock(linked: Linked, status: str) -> None:
    linked.database.sql("update items set status = %s", status)
    linked.database.sql("update item_pulls set done = wanted")

    assert swept(linked, timedelta(days=2)) == []


def test_a_retry_is_rung_when_it_is_due_and_not_before(linked: Linked) -> None:
    linked.bank.at(None, error("TRANSACTIONS_SYNC_LIMIT", kind="RATE_LIMIT_EXCEEDED", status=429))
    linked.pull_owed()

    assert swept(linked, timedelta(seconds=50)) == []
    assert swept(linked, timedelta(seconds=80)) == [linked.item_id]


def test_a_webhook_that_came_before_its_item_is_matched_later(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    linked.pull_owed()
    linked.database.sql("update items set plaid_item_id = 'not-linked-yet'")
    raw = json.dumps({"webhook_type": "ITEM", "webhook_code": "LOGIN_REPAIRED", "item_id": "item-1"}).encode()
    receive(linked.deps_for("api", plaid=linked.deps.plaid), raw, linked.bank.sign(raw))
    linked.database.sql("update items set plaid_item_id = 'item-1', status = 'login_required'")

    assert swept(linked) == [linked.item_id]
    linked.bank.at("C1", page(accounts=[]))
    linked.pull_owed()

    assert linked.item("status") == "ok"
    assert linked.one("select state from webhook_inbox") == "done"


def test_a_removed_item_is_ended_at_plaid_until_it_succeeds_and_its_token_goes(linked: Linked) -> None:
    linked.database.sql("update items set removed_at = now()")
    down = error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500)
    linked.bank.removal = [down, down, {"request_id": "r"}]

    first = remove_item(linked.deps, linked.item_id)
    assert swept(linked) == []
    assert "remove_item" not in dict(linked.deps_for.bells)
    assert swept(linked, timedelta(hours=2)) == []
    assert ("remove_item", {"item_id": str(linked.item_id)}) in linked.deps_for.bells
    second, third = (remove_item(linked.deps, linked.item_id) for _ in range(2))

    assert (first, second, third) == (False, False, True)
    assert linked.one("select count(*) from item_tokens") == 0
    assert {request["access_token"] for path, request in linked.bank.requests if path == "/item/remove"} == {TOKEN}
    assert remove_item(linked.deps, linked.item_id) is True


@pytest.mark.parametrize("code", ["INVALID_ACCESS_TOKEN", "ITEM_NOT_FOUND"])
def test_an_item_that_plaid_does_not_know_any_more_counts_as_removed(linked: Linked, code: str) -> None:
    linked.database.sql("update items set removed_at = now()")
    linked.bank.removal = [error(code)]

    assert remove_item(linked.deps, linked.item_id) is True
    assert linked.one("select count(*) from item_tokens") == 0


def test_an_item_that_is_still_linked_is_not_ended(linked: Linked) -> None:
    assert remove_item(linked.deps, linked.item_id) is True
    assert linked.bank.requests == []
    assert linked.one("select count(*) from item_tokens") == 1
