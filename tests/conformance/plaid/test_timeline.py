"""The clock goes on: rows post, banks bring news, logins and consents run out, histories get ready."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.plaid import schema
from tests.conformance.plaid.conftest import Receiver, read_update
from tests.fixtures.plaid import PlaidServer, start_plaid, stop_plaid


@pytest.fixture
def lively() -> Iterator[PlaidServer]:
    """A stand-in whose banks bring news as the clock goes on."""
    started = start_plaid(knobs={"bank_updates": True})
    yield started
    stop_plaid(started)


def _item(server: PlaidServer, token: str) -> dict[str, Any]:
    answer = server.call("/item/get", access_token=token)
    assert schema.problems("ItemGetResponse", answer) == []
    return answer


def _hook(receiver: Receiver, code: str) -> dict[str, Any]:
    receiver.wait_for_codes(code)
    hook = next(hook for hook in receiver.got if hook.code == code)
    assert schema.hook_problems(hook.body) == []
    body: dict[str, Any] = json.loads(hook.body)
    return body


# --- posting --------------------------------------------------------------------------------------------------------


def test_a_custom_users_future_row_posts_when_its_day_comes(plaid_server: PlaidServer, receiver: Receiver) -> None:
    row = {"date_transacted": "2026-11-19", "date_posted": "2026-11-23", "amount": Decimal("7.50"), "description": "X"}
    config = {"override_accounts": [{"type": "depository", "transactions": [row]}]}
    token, _ = plaid_server.custom_item(config, webhook=receiver.url)
    first = read_update(plaid_server, token)
    (pending,) = first.added
    assert pending["pending"] is True
    plaid_server.admin("clock", days=2)
    assert read_update(plaid_server, token, first.cursor).cursor == first.cursor
    plaid_server.admin("clock", days=1)
    receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS_REMOVED")
    update = read_update(plaid_server, token, first.cursor)
    assert update.removed == [pending["transaction_id"]]
    (posted,) = update.added
    assert (posted["pending"], posted["date"], posted["amount"]) == (False, "2026-11-23", Decimal("7.50"))
    assert posted["pending_transaction_id"] == pending["transaction_id"]


def test_a_card_purchase_posts_a_day_or_more_later(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    waiting = {key for key, row in plaid_server.live(item_id).items() if row["pending"]}
    assert waiting
    cursor = read_update(plaid_server, token).cursor
    plaid_server.admin("clock", days=4)
    update = read_update(plaid_server, token, cursor)
    assert set(update.removed) == waiting
    assert {row["pending_transaction_id"] for row in update.added} == waiting
    assert not any(row["pending"] for row in plaid_server.live(item_id).values())


def test_a_purchase_may_say_when_it_posts_and_a_posted_one_does_not_post_again(plaid_server: PlaidServer) -> None:
    _token, item_id = plaid_server.custom_item({"override_accounts": [{"type": "depository", "transactions": []}]})
    first = plaid_server.buy(amount="1", pending=True, posts_on="2026-11-22")
    second = plaid_server.buy(amount="2", pending=True, posts_on="2026-11-22")
    plaid_server.buy(amount="3", pending=True)
    plaid_server.admin("post", transaction_id=first["transaction_id"])
    plaid_server.admin("remove", transaction_ids=[second["transaction_id"]])
    plaid_server.admin("clock", days=10)
    assert {str(row["amount"]): row["pending"] for row in plaid_server.live(item_id).values()} == {
        "1": False,
        "3": True,
    }


def test_what_fell_due_behind_a_broken_login_posts_with_the_repair(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    bought = plaid_server.buy(amount="5", pending=True, posts_on="2026-11-22")
    cursor = read_update(plaid_server, token).cursor
    plaid_server.admin("break", item_id=item_id)
    plaid_server.admin("clock", days=5)
    assert plaid_server.live(item_id)[bought["transaction_id"]]["pending"] is True
    plaid_server.admin("repair", item_id=item_id)
    update = read_update(plaid_server, token, cursor)
    assert bought["transaction_id"] in update.removed
    posted = next(row for row in update.added if row["pending_transaction_id"] == bought["transaction_id"])
    assert posted["date"] == "2026-11-22"


def test_posting_days_go_with_a_churned_account_and_with_a_login_linked_again(plaid_server: PlaidServer) -> None:
    _, item_id = plaid_server.item("ada")
    plaid_server.buy("ada", amount="4321", pending=True, posts_on="2026-11-24", account="0000")
    plaid_server.admin("accounts/churn", item_id=item_id, account="0000")
    _, again = plaid_server.item("ada")
    plaid_server.admin("clock", days=5)
    for one in (item_id, again):
        (row,) = [row for row in plaid_server.live(one).values() if row["amount"] == 4321]
        assert (row["pending"], row["date"]) == (False, "2026-11-24")


def test_posting_can_be_switched_off(plaid_server: PlaidServer) -> None:
    token, _item_id = plaid_server.item()
    cursor = read_update(plaid_server, token).cursor
    plaid_server.admin("knobs", posting=False)
    plaid_server.admin("clock", days=10)
    assert read_update(plaid_server, token, cursor).cursor == cursor


# --- news -----------------------------------------------------------------------------------------------------------


def test_nothing_new_comes_by_itself_unless_asked_for(plaid_server: PlaidServer) -> None:
    _token, item_id = plaid_server.custom_item("{}")
    before = {row["authorized_date"] for row in plaid_server.live(item_id).values()}
    plaid_server.admin("clock", days=20)
    assert {row["authorized_date"] for row in plaid_server.live(item_id).values()} == before


@pytest.mark.parametrize("user", ["user_good", "user_yuppie"])
def test_banks_bring_the_days_that_pass(lively: PlaidServer, receiver: Receiver, user: str) -> None:
    token, _item_id = lively.item(username=user, password="pass_good", webhook=receiver.url)
    cursor = read_update(lively, token).cursor
    lively.admin("clock", days=9)
    receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")
    update = read_update(lively, token, cursor)
    fresh = {row["authorized_date"] for row in update.added}
    assert {"2026-11-22", "2026-11-25", "2026-11-28"} <= fresh
    status = _item(lively, token)["status"]
    assert status["transactions"]["last_successful_update"] > "2026-11-28"
    assert status["transactions"]["last_failed_update"] is None


def test_a_bank_without_news_is_looked_at_all_the_same(plaid_server: PlaidServer) -> None:
    """Or an idle demo would call every bank stale after a day and a half."""
    token, item_id = plaid_server.item()
    names = {row["name"] for row in plaid_server.live(item_id).values()}
    plaid_server.admin("clock", days=3)
    status = _item(plaid_server, token)["status"]["transactions"]
    assert status["last_successful_update"] > "2026-11-22"
    assert {row["name"] for row in plaid_server.live(item_id).values()} <= names


def test_a_jump_of_days_ends_as_the_same_days_one_by_one() -> None:
    ends = []
    for steps in ([6], [1] * 6, [2, 1, 3]):
        server = start_plaid(knobs={"bank_updates": True})
        _, item_id = server.item()
        for days in steps:
            server.admin("clock", days=days)
        rows = server.live(item_id).values()
        ends.append(sorted((row["date"], row["name"], str(row["amount"]), row["pending"]) for row in rows))
        stop_plaid(server)
    assert ends[0] == ends[1] == ends[2]


def test_a_bank_behind_a_broken_login_fails_and_its_news_come_with_the_repair(lively: PlaidServer) -> None:
    token, item_id = lively.item()
    cursor = read_update(lively, token).cursor
    lively.admin("break", item_id=item_id)
    lively.admin("clock", days=5)
    status = _item(lively, token)["status"]["transactions"]
    assert status["last_failed_update"] > status["last_successful_update"]
    lively.admin("repair", item_id=item_id)
    assert "2026-11-24" in {row["authorized_date"] for row in read_update(lively, token, cursor).added}


def test_a_clock_that_runs_brings_news_by_itself(receiver: Receiver) -> None:
    server = start_plaid(knobs={"bank_updates": True}, clock_rate=86_400)
    token, _ = server.item(webhook=receiver.url)
    server.call("/transactions/sync", access_token=token)
    receiver.wait_for_codes("SYNC_UPDATES_AVAILABLE")
    stop_plaid(server)


def test_the_clocks_lead_survives_a_restart_and_no_day_happens_twice(tmp_path: Path) -> None:
    server = start_plaid(data=tmp_path, knobs={"bank_updates": True})
    _token, item_id = server.item()
    server.admin("clock", days=1)
    count = len(server.live(item_id))
    stop_plaid(server)
    server = start_plaid(data=tmp_path)
    assert len(server.live(item_id)) == count
    server.admin("clock", days=3)
    assert len(server.live(item_id)) > count
    stop_plaid(server)


# --- terms ----------------------------------------------------------------------------------------------------------


def test_a_login_must_be_renewed_after_thirty_days(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token, item_id = plaid_server.item(webhook=receiver.url)
    plaid_server.admin("clock", days=29)
    assert _item(plaid_server, token)["item"]["error"] is None
    plaid_server.admin("clock", days=1)
    assert _hook(receiver, "ERROR")["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
    assert plaid_server.call("/transactions/sync", access_token=token)["error_code"] == "ITEM_LOGIN_REQUIRED"
    plaid_server.admin("repair", item_id=item_id)
    plaid_server.admin("clock", days=29)
    assert _item(plaid_server, token)["item"]["error"] is None


def test_a_login_lasts_for_ever_when_told_so(plaid_server: PlaidServer) -> None:
    plaid_server.admin("knobs", login_days=None)
    token, _ = plaid_server.item()
    plaid_server.admin("clock", days=400)
    assert _item(plaid_server, token)["item"]["error"] is None


def test_a_british_consent_ends_after_half_a_year_and_a_week_before_that_is_told(receiver: Receiver) -> None:
    server = start_plaid(knobs={"login_days": None})
    token, item_id = server.item(webhook=receiver.url, institution_id="ins_116834")
    assert _item(server, token)["item"]["consent_expiration_time"] == "2027-05-19T12:00:00Z"
    server.admin("clock", days=173)
    assert _hook(receiver, "PENDING_EXPIRATION")["consent_expiration_time"] == "2027-05-19T12:00:00Z"
    server.admin("clock", days=6)
    assert "error_code" not in server.call("/transactions/sync", access_token=token)
    server.admin("clock", days=1)
    error = _hook(receiver, "ERROR")["error"]
    assert (error["error_code"], error["error_code_reason"]) == ("ITEM_LOGIN_REQUIRED", "OAUTH_CONSENT_EXPIRED")
    assert [hook.code for hook in receiver.got].count("PENDING_EXPIRATION") == 1
    server.admin("repair", item_id=item_id)
    assert _item(server, token)["item"]["consent_expiration_time"] == "2027-11-15T12:00:00Z"
    stop_plaid(server)


def test_a_consent_of_a_few_days_is_told_at_once(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token, item_id = plaid_server.item(webhook=receiver.url)
    assert _item(plaid_server, token)["item"]["consent_expiration_time"] is None
    made = plaid_server.admin("consent", item_id=item_id, days=3)
    assert _hook(receiver, "PENDING_EXPIRATION")["consent_expiration_time"] == made["consent_expiration_time"]


def test_a_bank_that_disconnects_says_so_first(plaid_server: PlaidServer, receiver: Receiver) -> None:
    token, item_id = plaid_server.item(webhook=receiver.url)
    made = plaid_server.admin("disconnect", item_id=item_id, days=7, reason="INSTITUTION_TOKEN_EXPIRATION")
    told = _hook(receiver, "PENDING_DISCONNECT")
    assert (told["reason"], told["disconnect_time"]) == ("INSTITUTION_TOKEN_EXPIRATION", made["disconnect_time"])
    plaid_server.admin("clock", days=6)
    assert "error_code" not in plaid_server.call("/transactions/sync", access_token=token)
    plaid_server.admin("clock", days=1)
    assert plaid_server.call("/transactions/sync", access_token=token)["error_code"] == "ITEM_LOGIN_REQUIRED"
    plaid_server.admin("repair", item_id=item_id)
    plaid_server.admin("clock", days=8)
    assert "error_code" not in plaid_server.call("/transactions/sync", access_token=token)


def test_the_readiness_timeline_is_on_the_clock(receiver: Receiver) -> None:
    server = start_plaid(readiness=(3600, 7200))
    token, _ = server.item(webhook=receiver.url)
    assert read_update(server, token).status == "NOT_READY"
    server.admin("clock", seconds=3600)
    assert read_update(server, token).status == "INITIAL_UPDATE_COMPLETE"
    server.admin("clock", seconds=3600)
    assert read_update(server, token).status == "HISTORICAL_UPDATE_COMPLETE"
    receiver.wait_for_codes("INITIAL_UPDATE", "HISTORICAL_UPDATE")
    stop_plaid(server)


def test_plaid_may_remove_an_item_by_itself(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    plaid_server.admin("remove-item", item_id=item_id)
    for path in ("/item/get", "/transactions/sync", "/item/remove"):
        assert plaid_server.call(path, access_token=token)["error_code"] == "ITEM_NOT_FOUND"


@pytest.mark.parametrize("user", [("user_good", "pass_good"), ("user_thousands", "500")])
def test_a_bank_may_give_fewer_days_than_asked_for(plaid_server: PlaidServer, user: tuple[str, str]) -> None:
    plaid_server.admin("knobs", most_days=60)
    token, _ = plaid_server.item(username=user[0], password=user[1], days=730)
    assert min(row["authorized_date"] for row in read_update(plaid_server, token).added) == "2026-09-21"
