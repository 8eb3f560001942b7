"""Failures by kind: what is tried again and when, what the user is told, and that nothing partial is ever stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.pull.bank import account, error, page, row
from tests.integration.pull.conftest import TOKEN, Linked


def assert_nothing_stored(linked: Linked) -> None:
    assert (linked.live(), linked.item("cursor")) == ({}, None)
    assert linked.one("select count(*) from accounts") == 0


@pytest.mark.parametrize("on_page", [1, 2])
def test_a_login_that_is_required_is_told_and_not_retried(linked: Linked, on_page: int) -> None:
    broken = error("ITEM_LOGIN_REQUIRED", said="Please sign in to your bank.")
    linked.bank.at(None, broken if on_page == 1 else page(added=[row("a")], to="P1", more=True))
    linked.bank.at("P1", broken)

    linked.pull()

    assert_nothing_stored(linked)
    assert (linked.item("status"), linked.item("error_code")) == ("login_required", "ITEM_LOGIN_REQUIRED")
    assert linked.item("error_message") == "Please sign in to your bank."
    assert linked.owed("wanted = done and retry_at is null and failures = 0") is True
    assert (linked.run("outcome"), linked.run("error_code")) == ("failed", "ITEM_LOGIN_REQUIRED")
    assert f"users/u1/items/{linked.item_id}" in linked.marks()


def test_a_later_pull_that_works_heals_the_item(linked: Linked) -> None:
    linked.bank.at(None, error("ITEM_LOGIN_REQUIRED"), page(added=[row("a")]))
    linked.pull()

    linked.pull()

    assert (linked.item("status"), linked.item("error_code"), set(linked.live())) == ("ok", None, {"a"})


def test_a_rate_limit_is_waited_out_for_a_minute_at_least(linked: Linked) -> None:
    linked.bank.at(None, error("TRANSACTIONS_SYNC_LIMIT", kind="RATE_LIMIT_EXCEEDED", status=429))
    before = linked.deps.now()

    linked.pull()

    assert_nothing_stored(linked)
    assert linked.bank.calls == [""]
    assert linked.owed("retry_at") >= before + timedelta(seconds=60)
    assert linked.owed("wanted > done") is True


def test_no_doorbell_pulls_before_the_retry_is_due(linked: Linked) -> None:
    linked.bank.at(
        None, error("TRANSACTIONS_SYNC_LIMIT", kind="RATE_LIMIT_EXCEEDED", status=429), page(added=[row("a")])
    )
    linked.pull()

    early = linked.pull()
    later = linked.deps.now() + timedelta(minutes=5)
    due = linked.pull_owed(now=lambda: later)

    assert (early.outcome, due.outcome) == ("idle", "applied")
    assert linked.owed("wanted = done and failures = 0 and retry_at is null") is True


def test_the_wait_grows_with_every_failure(linked: Linked) -> None:
    linked.bank.at(None, error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500))
    clock = [linked.deps.now()]
    waits = []
    for _ in range(6):
        linked.database.sql("update item_pulls set wanted = wanted + 1")
        result = linked.pull_owed(now=lambda: clock[0])
        assert result.retry_at is not None
        waits.append((result.retry_at - clock[0]).total_seconds())
        clock[0] = result.retry_at

    assert waits[0] < 10
    assert waits[5] > 60
    assert linked.owed("failures") == 6


def test_a_bank_that_is_down_is_left_alone_for_a_while(linked: Linked) -> None:
    linked.bank.at(None, error("INSTITUTION_DOWN", kind="INSTITUTION_ERROR"))

    linked.pull()

    assert linked.bank.calls == [""]
    assert linked.owed("retry_at") >= linked.deps.now() + timedelta(minutes=14)
    assert linked.item("status") == "ok"


@pytest.mark.parametrize("code", ["ITEM_NOT_FOUND", "INVALID_ACCESS_TOKEN", "USER_PERMISSION_REVOKED"])
def test_an_item_that_is_gone_is_never_asked_for_again(linked: Linked, code: str) -> None:
    linked.bank.at(None, error(code))
    linked.pull()

    linked.pull()

    assert linked.item("status") == "revoked"
    assert linked.bank.calls == [""]
    assert linked.owed("wanted = done") is True


def test_a_bank_that_is_no_longer_supported_is_told_and_not_retried(linked: Linked) -> None:
    linked.bank.at(None, error("INSTITUTION_NO_LONGER_SUPPORTED", kind="INSTITUTION_ERROR"))

    linked.pull()

    assert linked.item("status") == "error"
    assert linked.owed("wanted = done and retry_at is null") is True


def test_wrong_keys_of_ours_are_not_the_users_trouble(linked: Linked) -> None:
    linked.bank.at(None, error("INVALID_API_KEYS", kind="INVALID_REQUEST"))

    linked.pull()

    assert linked.item("status") == "ok"
    assert linked.owed("retry_at") >= linked.deps.now() + timedelta(minutes=59)


def without(body: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != key}


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (without(page(), "next_cursor"), "plaid-contract"),
        (page(added=[without(row("b"), "amount")]), "plaid-contract"),
        (page(added=[row("b", 10**18)]), "plaid-contract"),
        (page(to="", more=True), "plaid-contract"),
        (page(to="P1", more=True), "plaid-contract"),
        ((200, b"[]"), "plaid-contract"),
        ((200, b"<html>maintenance</html>"), "plaid-unavailable"),
        ((502, b"<html>Bad Gateway</html>"), "plaid-unavailable"),
        ((0, b""), "plaid-unavailable"),
    ],
)
def test_a_broken_answer_on_page_two_stores_nothing(linked: Linked, broken: Any, code: str) -> None:
    linked.bank.at(None, page(added=[row("a")], to="P1", more=True))
    linked.bank.at("P1", broken)

    linked.pull()

    assert_nothing_stored(linked)
    assert (linked.run("outcome"), linked.run("error_code")) == ("failed", code)
    assert linked.owed("failures = 1 and retry_at is not null and wanted > done") is True


def test_a_row_of_an_account_that_the_bank_does_not_know_itself_stores_no_row(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="P1", more=True))
    linked.bank.at("P1", page(added=[row("b", account_id="nowhere")]))

    linked.pull()

    assert (linked.live(), linked.item("cursor"), linked.run("error_code")) == ({}, None, "plaid-contract")


def test_a_row_that_the_ledger_refuses_is_put_off_and_quoted_nowhere(
    linked: Linked, capfd: pytest.CaptureFixture[str]
) -> None:
    linked.database.sql("insert into users (id) values ('u2')")
    linked.database.sql("insert into items (user_id, plaid_item_id) values ('u2', 'item-2')")
    linked.database.sql(
        "insert into accounts (user_id, item_id, plaid_account_id, name, type) "
        "select 'u2', id, 'acc-2', 'x', 'depository' from items where plaid_item_id = 'item-2'"
    )
    linked.bank.at(None, page(added=[row("a", name="Private Shop", account_id="acc-2")], accounts=[account("acc-2")]))

    linked.pull()

    assert (linked.one("select count(*) from transactions"), linked.item("cursor"), linked.owed("failures")) == (
        0,
        None,
        1,
    )
    assert "Private Shop" not in capfd.readouterr().out


def test_a_token_that_does_not_open_is_a_failed_run(linked: Linked) -> None:
    linked.database.sql("update item_tokens set ciphertext = '\\x00'")

    result = linked.pull()

    assert (result.outcome, linked.run("error_code"), linked.bank.calls) == ("failed", "vault-failed", [])


def test_a_token_rotated_meanwhile_is_read_again(linked: Linked) -> None:
    assert linked.deps.vault is not None
    fresh = linked.deps.vault.encrypt(linked.item_id, "access-sandbox-fresh")

    def rotate() -> Any:
        linked.database.sql(
            "update item_tokens set nonce = %s, ciphertext = %s, wrapped_key = %s",
            fresh.nonce, fresh.ciphertext, fresh.wrapped_key,
        )  # fmt: skip
        return error("INVALID_ACCESS_TOKEN", kind="INVALID_INPUT")

    linked.bank.at(None, rotate, page(added=[row("a")]))

    linked.pull()

    assert set(linked.live()) == {"a"}
    assert [request["access_token"] for _, request in linked.bank.requests] == [TOKEN, "access-sandbox-fresh"]


def test_the_token_is_nowhere_but_in_the_vault(linked: Linked, capfd: pytest.CaptureFixture[str]) -> None:
    linked.bank.at(None, error("ITEM_LOGIN_REQUIRED"), page(added=[row("a")]), (200, b"{}"))
    for _ in range(3):
        linked.pull()
    linked.bank.at("C1", (500, json.dumps({"error_code": TOKEN, "error_message": TOKEN}).encode()))
    linked.pull()

    tables = [name for (name,) in linked.database.sql("select tablename from pg_tables where schemaname = 'public'")]
    dump = "".join(str(linked.database.sql(f"select t::text from {table} as t")) for table in tables)
    out, err = capfd.readouterr()
    assert TOKEN not in out + err
    assert dump.count(TOKEN) == 0


def test_a_removed_item_is_not_pulled(linked: Linked) -> None:
    linked.database.sql("update items set removed_at = now()")

    linked.pull()

    assert (linked.bank.calls, linked.owed("wanted = done")) == ([], True)


def test_an_item_removed_while_its_pages_were_fetched_gets_no_rows(linked: Linked) -> None:
    def unlink() -> Any:
        linked.database.sql("update items set removed_at = now()")
        return page(added=[row("a")])

    linked.bank.at(None, unlink)

    linked.pull()

    assert_nothing_stored(linked)
    assert linked.owed("wanted = done") is True
