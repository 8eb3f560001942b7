"""Readiness, the dynamic user's refresh, pending to posted, faults, and what survives a kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.plaid import server as plaid_process
from local.plaid.server import Config, RunningPlaid
from tests.conformance.plaid.conftest import Receiver, read_update
from tests.fixtures.plaid import PlaidServer, start_plaid, stop_plaid


@pytest.fixture
def waiting_server() -> Iterator[PlaidServer]:
    """A stand-in whose new items stay NOT_READY until told."""
    started = start_plaid(manual_readiness=True)
    yield started
    stop_plaid(started)


def test_the_first_sync_of_a_fresh_item_is_empty_and_has_no_cursor(waiting_server: PlaidServer) -> None:
    token, _ = waiting_server.item()
    answer = waiting_server.call("/transactions/sync", access_token=token)
    assert answer["transactions_update_status"] == "NOT_READY"
    assert (answer["next_cursor"], answer["has_more"]) == ("", False)
    assert answer["added"] == answer["accounts"] == []


def test_thirty_days_come_first_and_the_rest_on_the_same_cursor(
    waiting_server: PlaidServer, receiver: Receiver
) -> None:
    token, item_id = waiting_server.item(webhook=receiver.url)
    assert read_update(waiting_server, token).cursor == ""
    bought = waiting_server.admin("purchases", user="user-1")
    waiting_server.admin("readiness", user="user-1", to="INITIAL_UPDATE_COMPLETE")
    receiver.wait_for_codes("INITIAL_UPDATE", "SYNC_UPDATES_AVAILABLE")
    initial = read_update(waiting_server, token)
    assert initial.status == "INITIAL_UPDATE_COMPLETE"
    assert min(transaction["authorized_date"] for transaction in initial.added) == "2026-10-21"
    assert bought["transaction"]["transaction_id"] in initial.added_ids
    waiting_server.admin("readiness", user="user-1", to="HISTORICAL_UPDATE_COMPLETE")
    receiver.wait_for_codes("HISTORICAL_UPDATE")
    rest = read_update(waiting_server, token, initial.cursor)
    assert rest.status == "HISTORICAL_UPDATE_COMPLETE"
    assert set(initial.added_ids).isdisjoint(rest.added_ids)
    assert {*initial.added_ids, *rest.added_ids} == set(waiting_server.live(item_id))


def test_a_purchase_between_initial_and_historical_brings_only_itself(waiting_server: PlaidServer) -> None:
    token, _ = waiting_server.item()
    waiting_server.admin("readiness", user="user-1", to="INITIAL_UPDATE_COMPLETE")
    cursor = read_update(waiting_server, token).cursor
    bought = waiting_server.buy()
    assert read_update(waiting_server, token, cursor).added == [bought]


def test_timings_move_an_item_along_by_themselves(receiver: Receiver) -> None:
    started = start_plaid(readiness=(0.05, 0.1))
    token, _ = started.item(webhook=receiver.url)
    receiver.wait_for_codes("INITIAL_UPDATE", "HISTORICAL_UPDATE")
    assert read_update(started, token).status == "HISTORICAL_UPDATE_COMPLETE"
    stop_plaid(started)


@pytest.fixture
def dynamic(plaid_server: PlaidServer) -> tuple[str, str]:
    return plaid_server.item(username="user_transactions_dynamic", password="anything")


def test_a_refresh_posts_pending_rows_brings_new_ones_and_changes_an_old_one(
    plaid_server: PlaidServer, dynamic: tuple[str, str]
) -> None:
    token, _ = dynamic
    before = read_update(plaid_server, token)
    pending = {transaction["transaction_id"] for transaction in before.added if transaction["pending"]}
    amounts = {transaction["transaction_id"]: transaction["amount"] for transaction in before.added}
    assert len(before.added) == 50
    assert pending
    assert any(amount != round(amount, 2) for amount in amounts.values())
    plaid_server.call("/transactions/refresh", access_token=token)
    after = read_update(plaid_server, token, before.cursor)
    posted = [transaction for transaction in after.added if not transaction["pending"]]
    assert set(after.removed) == pending
    assert {transaction["pending_transaction_id"] for transaction in posted} == pending
    assert any(transaction["pending"] for transaction in after.added)
    (modified,) = after.modified
    assert modified["amount"] == amounts[modified["transaction_id"]] + Decimal("1.00")


def test_a_refresh_of_the_static_user_changes_nothing(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    cursor = read_update(plaid_server, token).cursor
    assert set(plaid_server.call("/transactions/refresh", access_token=token)) == {"request_id"}
    assert read_update(plaid_server, token, cursor).cursor == cursor


def test_the_static_user_has_believable_history_with_pending_rows(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    added = read_update(plaid_server, token).added
    months = {transaction["date"][:7] for transaction in added}
    primaries = {transaction["personal_finance_category"]["primary"] for transaction in added}
    assert len(months) >= 24
    assert {"INCOME", "TRANSFER_OUT", "LOAN_PAYMENTS", "FOOD_AND_DRINK", "RENT_AND_UTILITIES", "TRAVEL"} <= primaries
    assert "OTHER" not in primaries
    assert any(transaction["pending"] for transaction in added)


def test_posting_gives_a_new_id_tied_to_the_old_one(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    bought = plaid_server.buy(pending=True, amount="20.00", description="TRATTORIA VOLTA")
    cursor = read_update(plaid_server, token).cursor
    posted = plaid_server.admin("post", transaction_id=bought["transaction_id"], amount="24.00", name="TRATTORIA TIP")
    update = read_update(plaid_server, token, cursor)
    assert update.removed == [bought["transaction_id"]]
    assert update.added == [posted["transaction"]]
    (shown,) = update.added
    assert shown["pending_transaction_id"] == bought["transaction_id"]
    assert (shown["amount"], shown["name"], shown["pending"]) == (Decimal("24.00"), "TRATTORIA TIP", False)


def test_posting_without_a_link_on_demand(plaid_server: PlaidServer) -> None:
    plaid_server.item()
    bought = plaid_server.buy(pending=True)
    posted = plaid_server.admin("post", transaction_id=bought["transaction_id"], link=False)["transaction"]
    assert posted["pending_transaction_id"] is None


def test_created_sandbox_transactions_appear_in_checking(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    cursor = read_update(plaid_server, token).cursor
    row = {
        "date_transacted": "2026-11-18",
        "date_posted": "2026-11-20",
        "amount": Decimal("7.123"),
        "description": "STARBUCKS STORE 1",
    }
    plaid_server.call("/sandbox/transactions/create", access_token=token, transactions=[row])
    update = read_update(plaid_server, token, cursor)
    (shown,) = update.added
    assert (shown["authorized_date"], shown["date"], shown["amount"]) == ("2026-11-18", "2026-11-20", Decimal("7.123"))
    assert shown["personal_finance_category"]["detailed"] == "FOOD_AND_DRINK_COFFEE"
    too_old = plaid_server.call(
        "/sandbox/transactions/create", access_token=token, transactions=[{**row, "date_transacted": "2026-11-05"}]
    )
    assert too_old["error_code"] == "INVALID_FIELD"


def test_a_purchase_goes_to_the_users_newest_living_item(plaid_server: PlaidServer) -> None:
    _, first = plaid_server.item("ada")
    token, second = plaid_server.item("ada")
    plaid_server.item("bea")
    assert plaid_server.admin("purchases", user="ada")["item_id"] == second
    plaid_server.call("/item/remove", access_token=token)
    assert plaid_server.admin("purchases", user="ada")["item_id"] == first


def test_a_purchase_says_what_it_is_told(plaid_server: PlaidServer) -> None:
    plaid_server.item()
    bought = plaid_server.buy(
        amount="-3.50", description="ZARA RETURN", currency="EUR", date="2026-10-02", account="3333", pending=True
    )
    assert (bought["amount"], bought["iso_currency_code"]) == (Decimal("-3.50"), "EUR")
    assert (bought["authorized_date"], bought["pending"]) == ("2026-10-02", True)
    assert bought["personal_finance_category"]["detailed"] == "GENERAL_MERCHANDISE_CLOTHING_AND_ACCESSORIES"
    unofficial = plaid_server.buy(amount="0.01234567", currency="BTC")
    assert (unofficial["iso_currency_code"], unofficial["unofficial_currency_code"]) == (None, "BTC")


def test_strange_rows_on_demand(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    cursor = read_update(plaid_server, token).cursor
    rows = [
        {"amount": "1", "description": "NO CATEGORY", "raw": {"personal_finance_category": None}},
        {"amount": "2", "description": "NEW FIELD", "raw": {"moon_phase": "full", "payment_channel": "by owl"}},
        {"amount": "3", "description": "BROKEN", "without": ["amount", "name"]},
    ]
    plaid_server.admin("transactions", item_id=item_id, rows=rows)
    none, new, broken = read_update(plaid_server, token, cursor).added
    assert none["personal_finance_category"] is None
    assert (new["moon_phase"], new["payment_channel"]) == ("full", "by owl")
    assert "amount" not in broken
    assert "name" not in broken


# --- faults ---------------------------------------------------------------------------------------------------------


def _sync(server: PlaidServer, token: str, **body: Any) -> dict[str, Any]:
    return server.call("/transactions/sync", access_token=token, **body)


def test_a_mutation_on_a_page_kills_the_window_for_real(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    plaid_server.fault("mutation", page=2)
    first = _sync(plaid_server, token, count=100)
    for _ in range(2):
        answer = _sync(plaid_server, token, count=100, cursor=first["next_cursor"])
        assert answer["error_code"] == "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
    assert len(read_update(plaid_server, token).added) == len(
        plaid_server.live(plaid_server.look("items")["items"][0]["item_id"])
    )


def test_an_error_strikes_the_call_it_was_armed_for(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    plaid_server.fault("error", error_code="TRANSACTIONS_SYNC_LIMIT", after=1)
    assert "error_code" not in _sync(plaid_server, token)
    limited = plaid_server.http.request(
        "POST",
        plaid_server.url + "/transactions/sync",
        body=f'{{"access_token": "{token}"}}',
        headers={"PLAID-CLIENT-ID": plaid_server.client_id, "PLAID-SECRET": plaid_server.secret},
    )
    assert limited.status == 429
    assert limited.json()["error_type"] == "RATE_LIMIT_EXCEEDED"
    assert "error_code" not in _sync(plaid_server, token)


def test_a_fault_bound_to_an_item_spares_the_others(plaid_server: PlaidServer) -> None:
    ada, _ = plaid_server.item("ada")
    bea, _ = plaid_server.item("bea")
    plaid_server.fault("error", user="ada", error_code="INSTITUTION_DOWN")
    assert "error_code" not in _sync(plaid_server, bea)
    assert _sync(plaid_server, ada)["error_code"] == "INSTITUTION_DOWN"


def test_a_bad_gateway_an_empty_answer_and_a_dropped_connection_on_demand(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    body = f'{{"access_token": "{token}"}}'
    keys = {"PLAID-CLIENT-ID": plaid_server.client_id, "PLAID-SECRET": plaid_server.secret}

    def raw() -> urllib3.BaseHTTPResponse:
        return plaid_server.http.request(
            "POST", plaid_server.url + "/transactions/sync", body=body, headers=keys, retries=False
        )

    plaid_server.fault("html")
    answer = raw()
    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (502, "text/html")
    plaid_server.fault("empty")
    assert raw().data == b""
    for when in ("before", "after"):
        plaid_server.fault("drop", when=when)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            raw()
    assert raw().status == 200


def test_a_call_dropped_after_it_was_processed_has_happened(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    plaid_server.fault("drop", path="/item/remove", when="after")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        plaid_server.call("/item/remove", access_token=token)
    assert _sync(plaid_server, token)["error_code"] == "ITEM_NOT_FOUND"


def test_a_delay_holds_one_call_and_no_other(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    client = plaid_server.client()
    plaid_server.fault("delay", seconds=5)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        client.transactions_sync({"access_token": token}, _request_timeout=(1, 0.2))
    assert "error_code" not in _sync(plaid_server, token)


def test_faults_are_listed_and_disarmed(plaid_server: PlaidServer) -> None:
    plaid_server.fault("error", error_code="RATE_LIMIT")
    assert [fault["error_code"] for fault in plaid_server.look("faults")["faults"]] == ["RATE_LIMIT"]
    plaid_server.http.request("DELETE", plaid_server.url + "/_local/faults")
    assert plaid_server.look("faults")["faults"] == []


def test_the_request_log_shows_cursors_and_no_secrets(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    update = read_update(plaid_server, token)
    log = plaid_server.requests("/transactions/sync")
    assert [entry["page"] for entry in log] == list(range(1, update.pages + 1))
    assert (log[0]["cursor"], log[0]["item_id"]) == ("", item_id)
    shown = str(plaid_server.look("requests"))
    assert token not in shown
    assert plaid_server.secret not in shown


# --- process --------------------------------------------------------------------------------------------------------


@contextmanager
def _process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], PlaidServer]]:
    command = [sys.executable, "-m", "local.plaid", "--port", "0", "--data", str(folder), "--today", "2026-11-20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        banner = process.stdout.readline()
        assert "STAND-IN" in banner
        url = next(word for word in banner.split() if word.startswith("http://"))
        config = Config(plaid_process.CLIENT_ID, plaid_process.SECRET)
        server = PlaidServer(RunningPlaid(config, url), urllib3.PoolManager())
        try:
            yield process, server
        finally:
            server.http.clear()
            process.kill()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with _process(tmp_path) as (process, server):
        token, item_id = server.item()
        first = server.call("/transactions/sync", access_token=token, count=500)
        kid = server.admin("rotate-key")["key_id"]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with _process(tmp_path) as (process, server):
        second = server.call("/transactions/sync", access_token=token, count=500, cursor=first["next_cursor"])
        assert len(second["added"]) == 500
        cursor = read_update(server, token).cursor
        bought = server.buy()
        assert read_update(server, token, cursor).added == [bought]
        assert server.call("/webhook_verification_key/get", key_id=kid)["key"]["kid"] == kid
        assert server.call("/item/get", access_token=token)["item"]["item_id"] == item_id
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize("secret", ["0123456789abcdef0123456789abcd", "my-production-secret"])
def test_keys_that_look_real_are_refused(secret: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local.plaid", "--port", "0", "--secret", secret],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "made-up" in ended.stderr
    assert secret not in ended.stderr


def test_a_data_folder_keeps_its_seed(tmp_path: Path) -> None:
    stop_plaid(start_plaid(data=tmp_path, seed="one"))
    with pytest.raises(ValueError, match="seed"):
        start_plaid(data=tmp_path, seed="two")


def test_pages_of_this_machine_may_call_and_foreign_ones_may_not(plaid_server: PlaidServer) -> None:
    def preflight(origin: str) -> urllib3.BaseHTTPResponse:
        return plaid_server.http.request(
            "OPTIONS",
            plaid_server.url + "/_local/purchases",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
        )

    for origin in ("http://127.0.0.1:5002", "http://localhost:5173"):
        answer = preflight(origin)
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "content-type" in answer.headers["Access-Control-Allow-Headers"]
    assert preflight("https://evil.example").status == 403
    assert preflight("http://localhost.evil.example").status == 403
