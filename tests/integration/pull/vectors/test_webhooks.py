"""Webhooks at once, out of order, too early, and under keys that nobody knows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.errors import WebhookRejected
from sync.pull.sweep import sweep
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.integration.pull.bank import HISTORICAL, INITIAL, Bank, page, row
from tests.integration.pull.conftest import Linked, link


def news(item: str = "item-1", **fields: Any) -> bytes:
    told = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": item}
    return json.dumps(told | fields, indent=2).encode()


def test_five_equal_webhooks_at_once_are_one_change(linked: Linked, api: Deps) -> None:
    """Vector 14: the same webhook five times at once, five workers."""
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C1"))
    now = api.now().timestamp()
    signatures = [linked.bank.sign(news(), issued_at=now - second) for second in range(5)]

    def told_and_pulled(signature: str) -> None:
        receive(api, news(), signature)
        linked.pull_owed()

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(told_and_pulled, signatures))

    assert linked.database.sql("select state, count(*) from webhook_inbox group by 1") == [("done", 5)]
    assert linked.one("select count(*) from sync_runs where outcome = 'applied'") == 1
    assert linked.one("select count(distinct number) from changes where path like '%%/transactions/%%'") == 1
    assert (set(linked.live()), linked.owed("wanted = done")) == ({"a"}, True)


def test_news_told_twice_within_a_second_are_not_missed(linked: Linked, api: Deps) -> None:
    """Vector 14: a second webhook like the first may tell of what came after the first was pulled."""
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(added=[row("b")], to="C2"))
    now = api.now().timestamp()
    for _ in range(2):
        receive(api, news(), linked.bank.sign(news(), issued_at=now))
        linked.pull_owed()

    assert set(linked.live()) == {"a", "b"}


def test_webhooks_out_of_order_never_turn_the_history_back(linked: Linked, api: Deps) -> None:
    """Vector 15: the webhook with historical=true comes before the one with initial=true."""
    linked.bank.at(None, page(added=[row("a")], to="C1", status=HISTORICAL))
    linked.bank.at("C1", page(accounts=[], to="C1", status=INITIAL))
    for historical in (True, False):
        body = news(initial_update_complete=True, historical_update_complete=historical)
        receive(api, body, linked.bank.sign(body))
        linked.pull_owed()

    assert (linked.bank.calls, linked.item("update_status")) == (["", "C1"], "HISTORICAL")


def test_a_webhook_before_its_item_is_matched_once_the_item_is_there(
    deps_for: DepsFor, database: Database, bank: Bank
) -> None:
    """Vector 17: the webhook arrives before the exchange is committed."""
    first = link(deps_for, database, bank, plaid_item_id="another")
    api = deps_for("api", plaid=first.deps.plaid)
    assert receive(api, news("late"), bank.sign(news("late"))).state == "unmatched"
    linked = link(deps_for, database, bank, plaid_item_id="late")
    bank.at(None, page(added=[row("a")], to="C1"))
    bank.at("C1", page(accounts=[], to="C1"))

    linked.pull_owed()
    sweep(linked.deps)
    linked.pull_owed()

    assert (set(linked.live()), linked.owed("wanted = done")) == ({"a"}, True)
    assert linked.one("select state from webhook_inbox") == "done"


def test_strangers_keys_cost_a_bounded_number_of_fetches(linked: Linked, api: Deps) -> None:
    """Vector 21: a new kid is fetched once, then cached; random kids are fetched a bounded number of times."""
    for number in range(3):
        body = news(number=number)
        receive(api, body, linked.bank.sign(body, key_id="new"))
    assert linked.bank.key_fetches == ["new"]
    known = dict(linked.bank.keys)
    strangers = [linked.bank.sign(news(), key_id=f"stranger-{number}") for number in range(30)]
    linked.bank.keys = known

    for signature in strangers:
        with pytest.raises(WebhookRejected):
            receive(api, news(), signature)

    assert len(linked.bank.key_fetches) <= 10
    body = news(again="at last")
    assert receive(api, body, linked.bank.sign(body, key_id="new")).state == "new"
