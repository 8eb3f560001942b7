"""The cursor engine: windows, net effects, replays, mutations, exact amounts."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.plaid.conftest import Update, read_update
from tests.fixtures.plaid import PlaidServer, start_plaid, stop_plaid

_MUTATION = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
_EMPTY = {"override_accounts": [{"type": "depository", "subtype": "checking", "transactions": []}]}


@pytest.fixture
def item(plaid_server: PlaidServer) -> tuple[str, str]:
    """An item without a single transaction: (access_token, item_id)."""
    return plaid_server.custom_item(_EMPTY)


def _add(server: PlaidServer, item_id: str, count: int) -> list[str]:
    ids: list[str] = server.admin("transactions", item_id=item_id, count=count)["transaction_ids"]
    return ids


def _sync(server: PlaidServer, token: str, cursor: str = "", count: int = 100, **options: Any) -> dict[str, Any]:
    extra = {"options": options} if options else {}
    return server.call("/transactions/sync", access_token=token, cursor=cursor, count=count, **extra)


def test_pages_hold_count_changes_and_together_all_of_them(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    ids = _add(plaid_server, item[1], 1200)
    update = read_update(plaid_server, item[0])
    assert update.pages == 3
    assert update.added_ids == ids
    assert update.status == "HISTORICAL_UPDATE_COMPLETE"


def test_the_default_count_is_a_hundred(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    _add(plaid_server, item[1], 150)
    page = plaid_server.call("/transactions/sync", access_token=item[0])
    assert len(page["added"]) == 100
    assert page["has_more"] is True


def test_count_covers_all_three_kinds_together(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    ids = _add(plaid_server, item[1], 30)
    before = read_update(plaid_server, item[0])
    plaid_server.admin("remove", transaction_ids=ids[:5])
    for transaction_id in ids[5:10]:
        plaid_server.admin("modify", transaction_id=transaction_id, amount="1.00")
    _add(plaid_server, item[1], 5)
    page = _sync(plaid_server, item[0], before.cursor, 7)
    assert (len(page["removed"]), len(page["modified"]), len(page["added"])) == (5, 2, 0)
    rest = _sync(plaid_server, item[0], page["next_cursor"], 500)
    assert (len(rest["removed"]), len(rest["modified"]), len(rest["added"])) == (0, 3, 5)


def test_nothing_new_gives_empty_arrays_and_the_same_cursor(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    _add(plaid_server, item[1], 3)
    cursor = read_update(plaid_server, item[0]).cursor
    page = _sync(plaid_server, item[0], cursor)
    assert (page["added"], page["modified"], page["removed"], page["accounts"]) == ([], [], [], [])
    assert (page["next_cursor"], page["has_more"]) == (cursor, False)


def test_a_ready_item_without_transactions_has_a_cursor(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    page = _sync(plaid_server, item[0])
    assert page["next_cursor"] not in ("", None)
    ids = _add(plaid_server, item[1], 2)
    assert read_update(plaid_server, item[0], page["next_cursor"]).added_ids == ids


def test_a_replay_gives_the_identical_answer(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    _add(plaid_server, item[1], 250)
    first = _sync(plaid_server, item[0])
    second = _sync(plaid_server, item[0], first["next_cursor"])
    for cursor, answer in (("", first), (first["next_cursor"], second)):
        again = _sync(plaid_server, item[0], cursor)
        assert {**again, "request_id": ""} == {**answer, "request_id": ""}


def test_the_net_effect_of_a_window_counts(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    kept, changed, gone = _add(plaid_server, item[1], 3)
    cursor = read_update(plaid_server, item[0]).cursor
    new, passing, changed_new = _add(plaid_server, item[1], 3)
    plaid_server.admin("modify", transaction_id=changed, amount="2.00")
    plaid_server.admin("modify", transaction_id=changed, amount="3.00")
    plaid_server.admin("modify", transaction_id=changed_new, amount="4.00")
    plaid_server.admin("modify", transaction_id=gone, amount="5.00")
    plaid_server.admin("remove", transaction_ids=[gone, passing])
    update = read_update(plaid_server, item[0], cursor)
    assert update.added_ids == [new, changed_new]
    assert update.modified_ids == [changed]
    assert update.modified[0]["amount"] == Decimal("3.00")
    assert update.removed == [gone]
    assert kept not in update.added_ids + update.modified_ids


def test_a_touch_is_modified_yet_the_same(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    (transaction_id,) = _add(plaid_server, item[1], 1)
    first = read_update(plaid_server, item[0])
    plaid_server.admin("modify", transaction_id=transaction_id)
    assert read_update(plaid_server, item[0], first.cursor).modified == first.added


def test_a_change_inside_an_open_window_breaks_every_cursor_but_the_start(
    plaid_server: PlaidServer, item: tuple[str, str]
) -> None:
    _add(plaid_server, item[1], 5)
    start = read_update(plaid_server, item[0]).cursor
    ids = _add(plaid_server, item[1], 300)
    first = _sync(plaid_server, item[0], start)
    second = _sync(plaid_server, item[0], first["next_cursor"])
    newest = plaid_server.buy()
    for cursor in (first["next_cursor"], second["next_cursor"], first["next_cursor"]):
        assert _sync(plaid_server, item[0], cursor)["error_code"] == _MUTATION
    update = read_update(plaid_server, item[0], start)
    assert update.added_ids == [*ids, newest["transaction_id"]]


def test_a_change_after_the_last_page_breaks_nothing(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    _add(plaid_server, item[1], 150)
    cursor = read_update(plaid_server, item[0], count=100).cursor
    bought = plaid_server.buy()
    assert read_update(plaid_server, item[0], cursor).added_ids == [bought["transaction_id"]]


@pytest.mark.parametrize("spoil", [lambda text: text[:-6] + "AAAAA=", lambda text: "nonsense", lambda text: text + "A"])
def test_a_tampered_cursor_is_refused(plaid_server: PlaidServer, item: tuple[str, str], spoil: Any) -> None:
    cursor = read_update(plaid_server, item[0]).cursor
    answer = _sync(plaid_server, item[0], spoil(cursor))
    assert answer["error_code"] == "INVALID_FIELD"
    assert "cursor" in answer["error_message"]


def test_a_cursor_belongs_to_its_item(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    other, _ = plaid_server.custom_item(_EMPTY, user="user-2")
    cursor = read_update(plaid_server, item[0]).cursor
    assert _sync(plaid_server, other, cursor)["error_code"] == "INVALID_FIELD"


def test_one_account_has_a_stream_of_its_own(plaid_server: PlaidServer) -> None:
    token, item_id = plaid_server.item()
    account_ids = [account["account_id"] for account in plaid_server.look("items")["items"][0]["accounts"]]
    live = plaid_server.live(item_id)
    savings = read_update(plaid_server, token, account_id=account_ids[1])
    wanted = {key for key, transaction in live.items() if transaction["account_id"] == account_ids[1]}
    assert set(savings.added_ids) == wanted
    assert _sync(plaid_server, token, savings.cursor)["error_code"] == "INVALID_FIELD"


def test_accounts_are_those_with_transactions_in_the_answer(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    cursor = read_update(plaid_server, token).cursor
    plaid_server.buy(account="1111")
    page = _sync(plaid_server, token, cursor)
    assert [account["mask"] for account in page["accounts"]] == ["1111"]


def test_the_cursor_now_skips_the_history(plaid_server: PlaidServer) -> None:
    token, _ = plaid_server.item()
    page = _sync(plaid_server, token, "now")
    assert page["added"] == []
    bought = plaid_server.buy()
    assert read_update(plaid_server, token, page["next_cursor"]).added_ids == [bought["transaction_id"]]


def test_the_original_description_comes_only_when_asked_for(plaid_server: PlaidServer, item: tuple[str, str]) -> None:
    plaid_server.buy(description='CAFÉ "RIVA" \u0000 😀', amount="3.00")
    assert "original_description" not in _sync(plaid_server, item[0])["added"][0]
    shown = _sync(plaid_server, item[0], include_original_description=True)["added"][0]
    assert shown["original_description"] == 'CAFÉ "RIVA" \u0000 😀'


@pytest.mark.parametrize(
    "text",
    ["10.021521", "12", "0", "-0.01", "90071992547409.93", "0.00000001", "12.3400", "1.234", "-7500", "1e2", "500"],
)
def test_amounts_are_printed_exactly(plaid_server: PlaidServer, item: tuple[str, str], text: str) -> None:
    plaid_server.buy(amount=text, description="EXACT")
    body = {"client_id": plaid_server.client_id, "secret": plaid_server.secret, "access_token": item[0]}
    raw = plaid_server.http.request("POST", plaid_server.url + "/transactions/sync", body=json.dumps(body)).data
    printed = raw.decode().split('"amount":')[1].split(",")[0]
    assert printed == {"1e2": "100"}.get(text, text)


def test_days_requested_decides_how_far_history_goes_back(plaid_server: PlaidServer) -> None:
    oldest = {}
    for days in (30, 90, 730):
        token, _ = plaid_server.item(f"user-{days}", days=days)
        oldest[days] = min(transaction["authorized_date"] for transaction in read_update(plaid_server, token).added)
    assert oldest == {30: "2026-10-21", 90: "2026-08-22", 730: "2024-11-20"}


def test_same_seed_and_calls_give_the_same_bytes() -> None:
    answers = []
    for seed in ("one", "one", "two"):
        server = start_plaid(seed=seed)
        token, _ = server.item()
        server.buy()
        answers.append((token, read_update(server, token).added))
        stop_plaid(server)
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


@pytest.mark.parametrize("seed", range(6))
def test_a_reader_that_obeys_the_rules_always_ends_with_what_the_bank_holds(
    plaid_server: PlaidServer, item: tuple[str, str], seed: int
) -> None:
    dice, token, item_id = random.Random(seed), *item
    mirror: dict[str, dict[str, Any]] = {}
    cursor = ""
    for _ in range(12):
        _random_changes(plaid_server, item_id, dice)
        update = _obedient_read(plaid_server, token, cursor, item_id, dice)
        cursor = update.cursor
        for transaction in update.added:
            assert transaction["transaction_id"] not in mirror
            mirror[transaction["transaction_id"]] = transaction
        for transaction in update.modified:
            assert transaction["transaction_id"] in mirror
            mirror[transaction["transaction_id"]] = transaction
        for transaction_id in update.removed:
            del mirror[transaction_id]
    final = read_update(plaid_server, token, cursor)
    for transaction in [*final.added, *final.modified]:
        mirror[transaction["transaction_id"]] = transaction
    for transaction_id in final.removed:
        del mirror[transaction_id]
    assert mirror == plaid_server.live(item_id)


def _random_changes(server: PlaidServer, item_id: str, dice: random.Random) -> None:
    for _ in range(dice.randint(0, 4)):
        live = sorted(server.live(item_id))
        action = dice.choice(("add", "add", "buy", "modify", "touch", "remove", "post"))
        if action == "add":
            server.admin("transactions", item_id=item_id, count=dice.randint(1, 6))
        elif action == "buy" or not live:
            server.admin("purchases", item_id=item_id, pending=dice.random() < 0.7)
        elif action == "modify":
            server.admin("modify", transaction_id=dice.choice(live), amount=str(dice.randint(1, 999)))
        elif action == "touch":
            server.admin("modify", transaction_id=dice.choice(live))
        elif action == "remove":
            server.admin("remove", transaction_ids=[dice.choice(live)])
        elif pending := [key for key, transaction in sorted(server.live(item_id).items()) if transaction["pending"]]:
            server.admin("post", transaction_id=dice.choice(pending), link=dice.random() < 0.8)


def _obedient_read(server: PlaidServer, token: str, start: str, item_id: str, dice: random.Random) -> Update:
    """Reads page by page while the bank goes on; starts again from the start cursor after a mutation."""
    update = Update([], [], [], start, 0, "")
    while True:
        page = _sync(server, token, update.cursor, dice.randint(1, 5))
        if page.get("error_code") == _MUTATION:
            update = Update([], [], [], start, 0, "")
            continue
        update.added += page["added"]
        update.modified += page["modified"]
        update.removed += [gone["transaction_id"] for gone in page["removed"]]
        update.cursor = page["next_cursor"]
        if not page["has_more"]:
            return update
        if dice.random() < 0.1:
            _random_changes(server, item_id, dice)
