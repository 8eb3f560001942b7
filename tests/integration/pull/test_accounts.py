"""The accounts of an item as the bank has them: closed, renumbered, de-selected, selected again."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from sync.banks.accounts import STEP_ROWS, Refreshed, refresh_accounts
from sync.banks.items import create_link_token, finish_update, list_accounts
from sync.deps import Deps
from sync.pull.sweep import sweep
from tests.integration.pull.bank import account, error, page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.vectors.conftest import Spend

SAVINGS = account("sav", name="Savings", mask="7777")
BOTH = [account(), SAVINGS]


@pytest.fixture
def api(linked: Linked) -> Deps:
    """The API's dependencies."""
    return linked.deps_for("api", plaid=linked.deps.plaid)


@pytest.fixture
def spend(api: Deps) -> Spend:
    """User u1's months."""
    return Spend(api)


@pytest.fixture
def two(linked: Linked) -> Linked:
    """An item with two accounts and a row of 10 and one of 3."""
    linked.bank.at(None, page(added=[row("a", 10), row("s", 3, account_id="sav")], accounts=BOTH))
    linked.bank.at("C1", page(accounts=[], to="C1"))
    linked.pull()
    return linked


def choose(two: Linked, api: Deps, *shared: dict[str, Any]) -> Refreshed | None:
    """The user goes through update mode and shares these accounts from now on."""
    two.bank.others["/link/token/create"] = [{"link_token": f"link-{uuid4()}", "expiration": "2026-11-20T16:00:00Z"}]
    create_link_token(api, "u1", two.item_id, account_selection=True)
    two.bank.has(*shared)
    finish_update(api, "u1", two.item_id)
    return refresh_accounts(two.deps, two.item_id)


def shown(api: Deps) -> dict[str, bool]:
    """The accounts that the API answers, and whether they are closed."""
    return {told["name"]: told["closed"] for told in list_accounts(api, "u1")}


def test_an_account_that_the_bank_does_not_tell_is_closed_and_its_rows_stay(two: Linked, api: Deps) -> None:
    two.bank.has(account())

    refreshed = refresh_accounts(two.deps, two.item_id)

    assert refreshed == Refreshed(told=1, closed=1)
    assert (shown(api), set(two.live())) == ({"Checking": False, "Savings": True}, {"a", "s"})


def test_a_closed_account_that_is_told_again_is_open(two: Linked, api: Deps) -> None:
    two.bank.has(account())
    refresh_accounts(two.deps, two.item_id)
    two.bank.has(*BOTH)

    refresh_accounts(two.deps, two.item_id)

    assert shown(api) == {"Checking": False, "Savings": False}


def test_a_bank_without_accounts_has_closed_them_all(two: Linked, api: Deps) -> None:
    two.bank.at("C1", error("NO_ACCOUNTS"))
    two.bank.others["/accounts/get"] = [error("NO_ACCOUNTS")]
    two.deps_for.bells.clear()

    two.pull()
    sweep(two.deps)

    assert ("refresh_accounts", {"item_id": str(two.item_id)}) in two.deps_for.bells
    assert refresh_accounts(two.deps, two.item_id) == Refreshed(closed=2)
    assert (shown(api), len(two.live())) == ({"Checking": True, "Savings": True}, 2)


def test_a_de_selected_account_takes_its_rows_and_totals_along(two: Linked, api: Deps, spend: Spend) -> None:
    refreshed = choose(two, api, account())

    assert refreshed == Refreshed(told=1, deselected=1)
    assert (shown(api), set(two.live()), spend.total()) == ({"Checking": False}, {"a"}, 10)
    assert two.one("select deselected_at is not null from accounts where plaid_account_id = 'sav'")


def test_a_selected_account_brings_them_back_as_they_were(two: Linked, api: Deps, spend: Spend) -> None:
    two.categorise("s", "TRAVEL")
    choose(two, api, account())

    refreshed = choose(two, api, *BOTH)

    assert refreshed == Refreshed(told=2, selected=1)
    assert (set(two.live()), spend.by_category()) == ({"a", "s"}, {"FOOD_AND_DRINK": 10, "TRAVEL": 3})


def test_a_selected_account_under_a_new_id_is_the_one_it_was(two: Linked, api: Deps, spend: Spend) -> None:
    two.categorise("s", "TRAVEL")
    was, entry = two.one("select id from accounts where plaid_account_id = 'sav'"), two.entry("s")
    choose(two, api, account())
    again = account("sav-2", name="Savings", mask="7777")

    choose(two, api, account(), again)
    back = spend.total()
    told = [row("s2", 3, account_id="sav-2", name="Shop s"), row("n", 4, account_id="sav-2")]
    two.bank.at("C1", page(added=told, accounts=[again], to="C2"))
    two.pull()

    assert (back, spend.total()) == (13, 17)
    assert two.one("select id from accounts where plaid_account_id = 'sav-2'") == was
    assert (two.entry("s2"), set(two.live())) == (entry, {"a", "s2", "n"})
    assert spend.by_category()["TRAVEL"] == 3


def test_rows_told_before_the_account_is_back_count_once(two: Linked, api: Deps, spend: Spend) -> None:
    choose(two, api, account())
    again = account("sav-2", name="Savings", mask="7777")
    two.bank.has(account(), again)
    told = [row("s2", 3, account_id="sav-2", name="Shop s")]
    two.bank.at("C1", page(added=told, accounts=[again], to="C2"))

    two.pull()

    assert (set(two.live()), spend.total()) == ({"a", "s2"}, 13)


def test_a_row_that_the_bank_removed_meanwhile_does_not_come_back(two: Linked, api: Deps) -> None:
    two.bank.at("C1", page(removed=["s"], accounts=[], to="C2"))
    two.pull()
    choose(two, api, account())

    choose(two, api, *BOTH)

    assert set(two.live()) == {"a"}


def test_without_the_choice_a_missing_account_is_closed_not_de_selected(two: Linked, api: Deps) -> None:
    two.bank.has(account())

    finish_update(api, "u1", two.item_id)
    refresh_accounts(two.deps, two.item_id)

    assert (shown(api), set(two.live())) == ({"Checking": False, "Savings": True}, {"a", "s"})


def test_thousands_of_rows_leave_and_come_back_in_steps(linked: Linked, api: Deps, spend: Spend) -> None:
    count = 2 * STEP_ROWS + 1
    rows = [row(f"s{n}", 1, account_id="sav", date=f"2026-{n % 11 + 1:02}-01") for n in range(count)]
    linked.bank.at(None, page(added=rows, accounts=BOTH))
    linked.pull()

    choose(linked, api, account())
    gone = len(linked.live())
    choose(linked, api, *BOTH)

    assert (gone, len(linked.live())) == (0, count)
    assert linked.one("select count(*) from accounts where rows_moving or hidden_at is not null") == 0


def test_rows_that_a_crash_left_behind_are_found_by_the_sweep(two: Linked, api: Deps) -> None:
    choose(two, api, account())
    two.database.sql("update transactions set removed_at = null")
    two.database.sql("update accounts set rows_moving = true where deselected_at is not null")
    two.deps_for.bells.clear()

    sweep(two.deps)

    assert ("refresh_accounts", {"item_id": str(two.item_id)}) in two.deps_for.bells
    refresh_accounts(two.deps, two.item_id)
    assert set(two.live()) == {"a"}


def test_the_sweep_asks_for_the_accounts_of_each_healthy_item_about_once_a_day(two: Linked) -> None:
    def rung(**passed: float) -> bool:
        two.deps_for.bells.clear()
        later = two.deps.now() + timedelta(**passed)
        sweep(dataclasses.replace(two.deps, now=lambda: later))
        return ("refresh_accounts", {"item_id": str(two.item_id)}) in two.deps_for.bells

    refresh_accounts(two.deps, two.item_id)

    assert (rung(hours=21), rung(hours=27)) == (False, True)
    two.database.sql("update items set status = 'login_required'")
    assert rung(hours=27) is False


def test_a_failure_is_put_off_and_changes_nothing(two: Linked) -> None:
    two.bank.others["/accounts/get"] = [error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500)]
    two.database.sql("delete from changes")

    assert refresh_accounts(two.deps, two.item_id) is None

    wait = two.owed("accounts_due_at") - two.deps.now()
    assert timedelta(minutes=25) < wait < timedelta(minutes=95)
    assert (two.marks(), len(two.live())) == ({}, 2)


def test_unchanged_accounts_mark_nothing(two: Linked) -> None:
    two.database.sql("delete from changes")

    assert refresh_accounts(two.deps, two.item_id) == Refreshed(told=2)

    assert two.marks() == {}


def test_a_pull_of_known_accounts_asks_for_none(two: Linked) -> None:
    two.bank.at("C1", page(added=[row("b")], accounts=[account()], to="C2"))

    two.pull()

    assert "/accounts/get" not in [path for path, _ in two.bank.requests]


def test_a_page_with_an_account_that_is_not_here_asks_for_the_accounts_first(two: Linked) -> None:
    third = account("third", name="Third")
    two.bank.has(*BOTH, third)
    two.bank.at("C1", page(added=[row("t", account_id="third")], accounts=[], to="C2"))

    two.pull()

    assert (two.item("cursor"), "t" in two.live()) == ("C2", True)


def test_an_account_that_nobody_tells_is_a_broken_contract(two: Linked) -> None:
    two.bank.at("C1", page(added=[row("t", account_id="third")], accounts=[], to="C2"))

    two.pull()

    assert (two.item("cursor"), two.run("error_code")) == ("C1", "plaid-contract")


def test_an_answer_from_before_an_account_came_does_not_close_it(two: Linked) -> None:
    third = account("third", name="Third")

    def told_late() -> Any:
        two.bank.has(*BOTH, third)
        two.bank.at("C1", page(added=[row("t", account_id="third")], accounts=[third], to="C2"))
        two.pull()
        return {"accounts": BOTH, "item": {}, "request_id": "r"}

    two.bank.others["/accounts/get"] = [told_late]
    refresh_accounts(two.deps, two.item_id)

    assert two.database.sql("select closed_at from accounts where plaid_account_id = 'third'") == [(None,)]


def test_two_accounts_that_swap_places_stay_two(two: Linked) -> None:
    ids = {name: two.one("select id from accounts where name = %s", name) for name in ("Checking", "Savings")}
    two.bank.has(account("acc-9"), account("sav-9", name="Savings", mask="7777"))

    refreshed = refresh_accounts(two.deps, two.item_id)

    assert refreshed == Refreshed(told=2, renumbered=2)
    rows = two.database.sql("select plaid_account_id, id from accounts")
    assert dict(rows) == {"acc-9": ids["Checking"], "sav-9": ids["Savings"]}


def test_a_former_id_that_comes_back_beside_the_new_one_is_an_account_of_its_own(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    linked.pull()
    linked.bank.has(account("acc-9"))
    refresh_accounts(linked.deps, linked.item_id)
    linked.bank.has(account("acc-9"), account())

    refreshed = refresh_accounts(linked.deps, linked.item_id)

    assert refreshed == Refreshed(told=2)
    assert linked.one("select count(distinct id) from accounts where closed_at is null") == 2


def test_rows_of_a_renumbered_account_that_the_bank_keeps_are_kept(two: Linked) -> None:
    moved = account("acc-9")
    two.bank.has(moved, SAVINGS)
    told = [row("b", 4, account_id="acc-9"), row("a", 10, account_id="acc-9", name="Shop a", date="2026-11-05")]
    two.bank.at("C1", page(added=told[:1], modified=told[1:], accounts=[moved], to="C2"))

    two.pull()

    assert two.live() == {"a": Decimal(10), "b": Decimal(4), "s": Decimal(3)}


def test_a_move_is_settled_a_day_after_the_bank_has_told_all(two: Linked) -> None:
    two.bank.has(account("acc-9"), SAVINGS)
    refresh_accounts(two.deps, two.item_id)
    open_at_first = two.one("select count(*) from account_moves where settled_at is null")

    later = two.deps.now() + timedelta(hours=25)
    refresh_accounts(dataclasses.replace(two.deps, now=lambda: later), two.item_id)

    assert (open_at_first, two.one("select count(*) from account_moves where settled_at is null")) == (1, 0)
