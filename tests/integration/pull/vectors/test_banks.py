"""Banks and accounts that come, change and go: churned ids, more accounts, two owners, the end of an item."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sync.banks.items import exchange, finish_update, unlink
from sync.banks.purge import purge_item
from sync.banks.webhooks import receive
from sync.deps import Deps
from sync.pull.pull import pull_item
from sync.pull.sweep import remove_item, sweep
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PlaidServer
from tests.integration.pull.bank import account, error, page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.vectors.conftest import Screen, Spend


def test_an_account_under_a_new_id_counts_nothing_twice(linked: Linked, spend: Spend) -> None:
    """Vector 50: same name and mask, new account_id; old rows removed, new rows added."""
    linked.bank.at(None, page(added=[row("a", 10), row("b", 5)], to="C1"))
    moved = [row("a2", 10, account_id="acc-9"), row("b2", 5, account_id="acc-9")]
    linked.bank.at("C1", page(added=moved, removed=["a", "b"], accounts=[account("acc-9")], to="C2"))
    linked.pull()
    before = spend.total()

    linked.pull()

    assert linked.live() == {"a2": Decimal(10), "b2": Decimal(5)}
    assert before == spend.total() == 15


def test_an_account_added_in_update_mode_brings_its_rows(linked: Linked, api: Deps) -> None:
    """Vector 51: NEW_ACCOUNTS_AVAILABLE, then update mode adds an account."""
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C1"))
    token = linked.database.sql("select * from item_tokens")
    body = json.dumps({"webhook_type": "ITEM", "webhook_code": "NEW_ACCOUNTS_AVAILABLE", "item_id": "item-1"}).encode()
    receive(api, body, linked.bank.sign(body))
    linked.pull_owed()
    flagged = linked.item("error_code")
    added = page(added=[row("b", account_id="acc-2")], accounts=[account(), account("acc-2")], to="C2")
    linked.bank.at("C1", added)

    finish_update(api, "u1", linked.item_id)
    linked.pull_owed()

    assert (flagged, linked.item("error_code")) == ("NEW_ACCOUNTS_AVAILABLE", None)
    assert (set(linked.live()), linked.one("select count(*) from accounts")) == ({"a", "b"}, 2)
    assert (linked.item("plaid_item_id"), linked.database.sql("select * from item_tokens")) == ("item-1", token)


def test_a_disconnected_bank_leaves_the_screen_first_and_plaid_in_the_end(
    linked: Linked, api: Deps, screen: Screen
) -> None:
    """Vector 55: the user disconnects, /item/remove answers 500, 500, 200."""
    linked.bank.at(None, page(added=[row("a")]))
    linked.pull()
    assert len(screen.rows()) == 1
    down = error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500)
    linked.bank.removal = [down, down, {"request_id": "r"}]

    unlink(api, "u1", linked.item_id)
    assert not [path for path in screen.look() if path.startswith(("transactions/", "months/", "accounts/", "items/"))]
    assert linked.one("select count(*) from item_tokens") == 1
    ended = [remove_item(linked.deps, linked.item_id)]
    for hours in (2, 4):
        later = linked.deps.now() + timedelta(hours=hours)
        deps = linked.deps_for("worker", plaid=linked.deps.plaid, now=lambda later=later: later)
        linked.deps_for.bells.clear()
        sweep(deps)
        assert ("remove_item", {"item_id": str(linked.item_id)}) in linked.deps_for.bells
        ended.append(remove_item(deps, linked.item_id))
    purged = [purge_item(linked.deps, linked.item_id), purge_item(later_by(linked, hours=25), linked.item_id)]

    assert (ended, purged) == ([False, False, True], [False, True])
    assert linked.one("select count(*) from item_tokens") == 0
    kept = {table: linked.one(f"select count(*) from {table}") for table in ("transactions", "entries", "accounts")}
    assert kept == {"transactions": 0, "entries": 0, "accounts": 0}
    assert [
        path for path in screen.look() if path.startswith(("transactions/", "months/", "accounts/", "items/"))
    ] == []


def later_by(linked: Linked, **passed: float) -> Deps:
    """A worker some time from now."""
    then = linked.deps.now() + timedelta(**passed)
    return linked.deps_for("worker", plaid=linked.deps.plaid, now=lambda: then)


def joined(api: Deps, worker: Deps, plaid_server: PlaidServer, user: str) -> UUID:
    """Links user_good's bank for a user and pulls it."""
    item, _ = exchange(api, user, plaid_server.link(user))
    assert pull_item(worker, UUID(item["id"])).outcome == "applied"
    return UUID(item["id"])


def live(database: Database, item_id: UUID) -> list[str]:
    rows = database.sql(
        "select t.plaid_transaction_id from transactions as t join accounts as a on a.id = t.account_id "
        "where a.item_id = %s and t.removed_at is null order by 1",
        item_id,
    )
    return [plaid_id for (plaid_id,) in rows]


def test_two_users_of_one_joint_account_have_a_ledger_each(
    deps_for: DepsFor, database: Database, plaid_server: PlaidServer
) -> None:
    """Vector 58: two users link the same joint account."""
    database.sql("insert into users (id) values ('u1'), ('u2')")
    api, worker = deps_for("api"), deps_for("worker")

    first, second = (live(database, joined(api, worker, plaid_server, user)) for user in ("u1", "u2"))

    assert len(first) == len(second) > 10
    assert not set(first) & set(second)
    assert database.sql(
        "select user_id, count(*) from transactions where removed_at is null group by 1 order by 1"
    ) == [
        ("u1", len(first)),
        ("u2", len(second)),
    ]
