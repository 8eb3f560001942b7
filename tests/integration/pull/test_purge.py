"""What is deleted when access ends, when, in which steps, and what is left."""

from __future__ import annotations

import dataclasses
import itertools
import json
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from sync.banks import linked_bank, purge
from sync.banks.items import finish_update, unlink
from sync.banks.linked_bank import LinkedBank
from sync.banks.purge import STEP_ROWS, purge_item
from sync.banks.webhooks import receive
from sync.db import edit
from sync.deps import Deps
from sync.ledger.spend import list_months
from sync.pull.pages import parse_json, read_account
from sync.pull.sweep import remove_item, sweep
from tests.integration.pull.bank import account, error, page, pending, row
from tests.integration.pull.conftest import TOKEN, Linked, link
from tests.integration.pull.process import ROOT, environment

SAVINGS = account("sav", name="Savings", mask="7777")
_PURGE = """
import sys, uuid
from sync.banks.purge import purge_item
from workers.app import deps
purge_item(deps(), uuid.UUID(sys.argv[1]))
"""


@pytest.fixture
def two(linked: Linked) -> Linked:
    """An item with two accounts, a pending row that posted, and things said of rows."""
    linked.bank.at(None, page(added=[pending("p", 9), row("s", 3, account_id="sav")], accounts=[account(), SAVINGS]))
    linked.bank.at("C1", page(added=[row("a", 10, pending_transaction_id="p")], removed=["p"], to="C2"))
    linked.bank.at("C2", page(accounts=[], to="C2"))
    linked.pull()
    linked.pull()
    linked.database.sql("update entries set note = 'a secret'")
    linked.database.sql(
        "insert into splits (entry_id, user_id, position, category_id, amount) values (%s, 'u1', 1, 'TRAVEL', 1)",
        linked.entry("a"),
    )
    linked.database.sql("update items set institution_id = 'ins_1', institution_name = 'Bank'")
    return linked


@pytest.fixture
def api(two: Linked) -> Deps:
    """The API's dependencies."""
    return two.deps_for("api", plaid=two.deps.plaid)


def later(two: Linked, **passed: float) -> Deps:
    """A worker some time from now."""
    then = two.deps.now() + timedelta(**passed)
    return dataclasses.replace(two.deps, now=lambda: then)


def told(two: Linked, api: Deps, code: str, **fields: Any) -> None:
    """A webhook about the item arrives, and the worker reads it."""
    body = json.dumps({"webhook_type": "ITEM", "webhook_code": code, "item_id": "item-1", **fields}).encode()
    receive(api, body, two.bank.sign(body))
    two.pull_owed()


def counted(two: Linked, *tables: str) -> dict[str, int]:
    """How many rows each table has."""
    return {table: two.one(f"select count(*) from {table}") for table in tables}


EMPTIED = (
    "transactions", "entries", "splits", "accounts", "account_moves", "sync_runs", "plaid_pages", "page_keys",
    "imports", "webhook_inbox",
)  # fmt: skip


def test_a_purge_that_several_ask_for_at_once_is_noted_once(two: Linked, api: Deps) -> None:
    unlink(api, "u1", two.item_id)
    askers = 4
    together = threading.Barrier(askers)

    def ask(_: int) -> None:
        together.wait()
        purge.ask(two.deps)

    with ThreadPoolExecutor(askers) as beside:
        list(beside.map(ask, range(askers)))

    assert two.database.sql("select reason, state from purges") == [("unlinked", "hide")]


def test_a_day_after_a_bank_was_unlinked_nothing_of_it_is_left(two: Linked, api: Deps) -> None:
    two.bank.at("C2", page(added=[row("b")], to="C3"))
    told(two, api, "WEBHOOK_UPDATE_ACKNOWLEDGED")
    unlink(api, "u1", two.item_id)

    early = purge_item(later(two, hours=23), two.item_id)
    before = counted(two, "transactions", "entries", "accounts")
    done = purge_item(later(two, hours=49), two.item_id)

    assert (early, before, done) == (False, {"transactions": 3, "entries": 2, "accounts": 2}, True)
    assert counted(two, *EMPTIED) == dict.fromkeys(EMPTIED, 0)
    assert two.database.sql("select institution_id, institution_name, error_message, cursor from items") == [
        (None,) * 4
    ]
    assert two.item("purged_at") is not None


def test_the_record_of_a_purge_says_how_much_and_nothing_of_what(two: Linked, api: Deps) -> None:
    unlink(api, "u1", two.item_id)
    purge_item(later(two, hours=25), two.item_id)

    purge_item(later(two, hours=50), two.item_id)

    columns = "user_id, item_id, account_id, reason, state, transactions, entries, accounts, finished_at is not null"
    assert two.database.sql(f"select {columns} from purges") == [
        ("u1", two.item_id, None, "unlinked", "done", 3, 2, 2, True)
    ]
    assert two.one("select other_rows from purges") >= 3


def test_at_zero_hours_it_is_deleted_at_once(two: Linked, api: Deps) -> None:
    settings = dataclasses.replace(two.deps.settings, purge_after_hours=0)
    unlink(api, "u1", two.item_id)

    assert purge_item(dataclasses.replace(two.deps, settings=settings), two.item_id) is True

    assert counted(two, *EMPTIED) == dict.fromkeys(EMPTIED, 0)


def test_what_belongs_to_another_bank_or_user_is_not_touched(two: Linked, api: Deps) -> None:
    other = link(two.deps_for, two.database, two.bank, "u2", "item-2")
    two.bank.at(None, page(added=[row("x", account_id="o")], accounts=[account("o")]))
    other.pull()
    kept = link(two.deps_for, two.database, two.bank, "u1", "item-3")
    two.bank.at(None, page(added=[row("y", account_id="k")], accounts=[account("k")]))
    kept.pull()
    two.database.sql(
        "with e as (insert into entries (user_id) values ('u1') returning id) insert into transactions "
        "(entry_id, user_id, source, amount, iso_currency, date, pending, name, bank_category_id) "
        "select id, 'u1', 'manual', 1, 'USD', '2026-11-01', false, 'cash', 'OTHER' from e"
    )
    unlink(api, "u1", two.item_id)

    purge_item(later(two, hours=25), two.item_id)
    purge_item(later(two, hours=50), two.item_id)

    names = two.database.sql("select coalesce(plaid_transaction_id, name) from transactions order by 1")
    assert names == [("cash",), ("x",), ("y",)]
    assert counted(two, "entries", "accounts") == {"entries": 3, "accounts": 2}
    assert two.one("select count(*) from sync_runs where item_id = %s", kept.item_id) == 1


def test_a_sweep_finds_what_is_to_be_hidden_and_later_what_is_to_be_deleted(two: Linked, api: Deps) -> None:
    def rung(**passed: float) -> bool:
        two.deps_for.bells.clear()
        sweep(later(two, **passed))
        return ("purge_item", {"item_id": str(two.item_id)}) in two.deps_for.bells

    unlink(api, "u1", two.item_id)
    at_once = rung()
    purge_item(two.deps, two.item_id)

    assert (at_once, rung(hours=1), rung(hours=25)) == (True, False, True)
    purge_item(later(two, hours=25), two.item_id)
    assert rung(hours=100) is False


def test_a_large_bank_leaves_the_screen_in_steps_and_rows_and_totals_agree_in_each(two: Linked, api: Deps) -> None:
    count = 3 * STEP_ROWS
    many = [
        row(f"m{n}", 1, date=f"2026-{n % 10 + 1:02}-10", authorized_date=None, name=f"Shop {n}") for n in range(count)
    ]
    two.bank.at("C2", page(added=many, to="C3"))
    two.pull()
    sizes: list[int] = []
    months: list[list[str]] = []

    def look(*_: Any) -> None:
        live = len(two.live())
        if not sizes or live != sizes[-1]:
            sizes.append(live)
            shown = list_months(api, "u1")
            months.append([told["month"] for told in shown])
            assert sum(told["count"] for told in shown) == live

    unlink(api, "u1", two.item_id)
    look()
    event.listen(two.deps.engine, "commit", look)
    try:
        purge_item(two.deps, two.item_id)
    finally:
        event.remove(two.deps.engine, "commit", look)
    look()

    steps = [before - after for before, after in itertools.pairwise([count + 2, *sizes])]
    newest = [max(left, default="") for left in months]
    assert (sizes[-1], max(steps), len(steps) >= 4) == (0, STEP_ROWS, True)
    assert newest == sorted(newest, reverse=True)
    assert {min(left) for left in months if left} == {"2026-01"}


@pytest.mark.parametrize("hours", [0, 25], ids=["while hiding", "while deleting"])
def test_a_worker_killed_between_two_steps_leaves_them_for_the_next(two: Linked, api: Deps, hours: int) -> None:
    many = [row(f"m{n}", 1, authorized_date=None) for n in range(2 * STEP_ROWS)]
    two.bank.at("C2", page(added=many, to="C3"))
    two.pull()
    unlink(api, "u1", two.item_id)
    if hours:
        purge_item(two.deps, two.item_id)
        two.database.sql("update purges set due_at = now()")
    command = [sys.executable, "-c", _PURGE, str(two.item_id)]
    killed = subprocess.run(command, cwd=ROOT, env=environment(two, LIVESPEND_CRASH_AT="purge:step"), timeout=60)

    left = len(two.live()), two.one("select count(*) from transactions")
    purge_item(two.deps, two.item_id)
    done = purge_item(later(two, hours=25), two.item_id)

    assert killed.returncode == -signal.SIGKILL
    assert left[1 if hours else 0] > 0
    assert (done, counted(two, *EMPTIED)) == (True, dict.fromkeys(EMPTIED, 0))


def test_access_withdrawn_at_the_bank_is_shown_for_a_day_and_then_forgotten(two: Linked, api: Deps) -> None:
    told(two, api, "USER_PERMISSION_REVOKED")
    calls = len(two.bank.requests)
    sweep(two.deps)
    purge_item(two.deps, two.item_id)
    before = two.item("status"), set(two.live()), two.item("removed_at")

    purge_item(later(two, hours=25), two.item_id)

    assert before == ("revoked", {"a", "s"}, None)
    assert len(two.bank.requests) == calls
    assert counted(two, *EMPTIED) == dict.fromkeys(EMPTIED, 0)
    assert two.item("removed_at") is not None
    assert two.one("select reason || ' ' || state from purges") == "permission-revoked done"


def test_access_given_back_in_time_keeps_everything(two: Linked, api: Deps) -> None:
    told(two, api, "USER_PERMISSION_REVOKED")
    purge_item(two.deps, two.item_id)
    finish_update(api, "u1", two.item_id)

    assert purge_item(later(two, hours=25), two.item_id) is True

    assert (set(two.live()), two.one("select state from purges")) == ({"a", "s"}, "cancelled")


def test_an_item_that_plaid_merely_does_not_know_keeps_its_data(two: Linked) -> None:
    two.bank.at("C2", error("INVALID_ACCESS_TOKEN", kind="INVALID_INPUT"))
    two.pull()
    sweep(two.deps)

    assert purge_item(later(two, hours=100), two.item_id) is True

    assert (two.item("status"), set(two.live()), two.one("select count(*) from purges")) == ("revoked", {"a", "s"}, 0)


def test_one_account_whose_access_was_withdrawn_is_forgotten_alone(two: Linked, api: Deps) -> None:
    told(two, api, "USER_ACCOUNT_REVOKED", account_id="sav")
    at_once = set(two.live())
    purge_item(two.deps, two.item_id)

    purge_item(later(two, hours=25), two.item_id)

    assert at_once == {"a"}
    assert two.database.sql("select plaid_account_id from accounts") == [("acc-1",)]
    assert two.database.sql("select plaid_transaction_id from transactions order by 1") == [("a",), ("p",)]
    assert (two.item("institution_name"), two.one("select count(*) > 0 from sync_runs")) == ("Bank", True)
    assert two.one("select reason || ' ' || state || ' ' || transactions from purges") == "account-revoked done 1"


def test_a_removal_that_plaid_does_not_confirm_does_not_hold_up_the_purge(two: Linked, api: Deps) -> None:
    two.bank.removal = [error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500), {"request_id": "r"}]
    unlink(api, "u1", two.item_id)
    purge_item(two.deps, two.item_id)

    first = remove_item(two.deps, two.item_id)
    purge_item(later(two, hours=25), two.item_id)
    second = remove_item(two.deps, two.item_id)

    assert (first, second, counted(two, "transactions", "item_tokens")) == (
        False, True, {"transactions": 0, "item_tokens": 0},
    )  # fmt: skip


def linked_again(two: Linked, api: Deps, plaid_item_id: str = "item-2") -> Linked:
    """The bank is linked anew, as the API stores it."""
    item_id, accounts = uuid4(), [account("new-1"), account("new-2", name="Savings", mask="7777")]
    shown = [read_account(parse_json(json.dumps(told).encode())) for told in accounts]
    assert api.vault is not None
    with edit(api.engine, "u1") as (connection, _):
        bank = LinkedBank(plaid_item_id, "ins_1", "Bank", None, shown)
        linked_bank.store(connection, "u1", item_id, bank, api.vault.encrypt(item_id, TOKEN))
    rows = [row("new a", 10, account_id="new-1", name="Shop a")]
    two.bank.at(None, page(added=rows, accounts=accounts))
    new = Linked(two.bank, two.database, two.deps_for, item_id, two.deps)
    new.pull()
    return new


def settled(two: Linked) -> None:
    two.database.sql("update account_moves set settled_at = now()")


def test_after_a_bank_was_linked_again_only_what_the_new_link_did_not_take_over_is_deleted(
    two: Linked, api: Deps
) -> None:
    entry = two.entry("a")
    unlink(api, "u1", two.item_id)
    new = linked_again(two, api)

    waits = purge_item(later(two, hours=25), two.item_id)
    settled(two)
    done = purge_item(later(two, hours=50), two.item_id)

    assert (waits, done) == (False, True)
    assert two.database.sql("select plaid_transaction_id, entry_id from transactions") == [("new a", entry)]
    assert two.database.sql("select note from entries") == [("a secret",)]
    assert two.database.sql("select plaid_account_id from accounts order by 1") == [("new-1",), ("new-2",)]
    assert two.one("select purged_at is null from items where id = %s", new.item_id)


def test_what_a_new_link_replaced_goes_with_it(two: Linked, api: Deps) -> None:
    two.database.sql("update items set status = 'login_required'")
    new = linked_again(two, api)
    two.database.sql("update items set institution_id = null where false")
    unlink(api, "u1", new.item_id)

    purge_item(later(two, hours=0), new.item_id)
    for deps in (later(two, hours=25), later(two, hours=50)):
        two.deps_for.bells.clear()
        sweep(deps)
        for task, arguments in two.deps_for.bells:
            if task == "purge_item":
                purge_item(deps, UUID(arguments["item_id"]))

    assert counted(two, *EMPTIED) == dict.fromkeys(EMPTIED, 0)
    assert two.database.sql("select institution_name, purged_at is not null from items") == [(None, True)] * 2


def test_a_replaced_item_whose_successor_lives_is_not_purged(two: Linked, api: Deps) -> None:
    two.database.sql("update items set status = 'revoked', error_code = 'USER_PERMISSION_REVOKED'")
    purge_item(two.deps, two.item_id)
    linked_again(two, api)

    assert purge_item(later(two, hours=25), two.item_id) is True

    assert two.one("select state from purges") == "cancelled"
    assert two.one("select count(*) from accounts where removed_at is null") == 2


def test_every_table_that_points_at_purged_rows_is_purged_too(two: Linked) -> None:
    """Fails for a new table with a foreign key that neither cascades nor is named by the purge."""
    held = two.database.sql(
        "select conrelid::regclass::text, confrelid::regclass::text from pg_constraint where contype = 'f' "
        "and confdeltype = 'a' and confrelid in ('transactions'::regclass, 'entries'::regclass, 'accounts'::regclass)"
    )

    emptied = {str(statement).split()[2] for statement in purge._DELETE_OF_ACCOUNTS}
    assert set(held) == {("transactions", "entries"), ("transactions", "accounts")} | {
        (table, "accounts") for table in emptied
    }


# Of an item, its row stays, and with it what says nothing of its user's money.
STAYS = {"accounts", "account_moves", "item_tokens", "item_pulls", "items", "purges", "link_sessions"}


def test_every_table_that_points_at_an_item_is_emptied_or_says_nothing_of_its_rows(two: Linked) -> None:
    pointing = {
        table
        for (table,) in two.database.sql(
            "select conrelid::regclass::text from pg_constraint where contype = 'f' and confrelid = 'items'::regclass"
        )
    }
    emptied = {str(statement).split()[2] for statement in purge._DELETE_OTHERS}

    assert pointing - emptied - STAYS == {"token_rotations", "item_freshness"}
