"""Accounts over HTTP: closed, renumbered, chosen anew and linked again at a bank that behaves like Plaid's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sync.banks.accounts import refresh_accounts
from sync.banks.items import create_link_token, finish_update, unlink
from sync.banks.purge import purge_item
from sync.ledger.spend import list_months
from sync.pull.pull import pull_item
from sync.pull.sweep import remove_item
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import FIRST_PLATYPUS, PlaidServer
from tests.integration.linking.scene import Scene
from tests.integration.pull.vectors.conftest import Screen

CHECKING, SAVINGS = "0000", "1111"


@pytest.fixture
def scene(deps_for: DepsFor, database: Database, plaid_server: PlaidServer) -> Scene:
    """User u1, signed up, with no bank yet."""
    database.sql("insert into users (id) values ('u1')")
    return Scene(deps_for, database, plaid_server)


def joined(scene: Scene) -> UUID:
    """Links user_good's bank and pulls all of it."""
    item_id = scene.link()
    pull(scene, item_id)
    return item_id


def pull(scene: Scene, item_id: UUID) -> None:
    """Somebody wants this item, and a worker pulls it."""
    scene.database.sql("update item_pulls set wanted = wanted + 1 where item_id = %s", item_id)
    pull_item(scene.worker, item_id)


def bank(scene: Scene, what: str, item_id: UUID, mask: str) -> None:
    """The bank does something with an account."""
    plaid_id = scene.one("select plaid_item_id from items where id = %s", item_id)
    scene.plaid.admin(f"accounts/{what}", item_id=plaid_id, account=mask)


def choose(scene: Scene, item_id: UUID, *masks: str) -> None:
    """The user goes through update mode and shares these accounts from now on."""
    token = create_link_token(scene.api, "u1", item_id, account_selection=True)["linkToken"]
    scene.plaid.admin(
        "link/connect",
        link_token=token,
        institution_id=FIRST_PLATYPUS,
        username="user_good",
        password="pass_good",
        accounts=list(masks),
    )
    finish_update(scene.api, "u1", item_id)
    refresh_accounts(scene.worker, item_id)
    pull(scene, item_id)


def live(scene: Scene) -> dict[str, int]:
    """How many rows live on each account, by its mask."""
    return dict(
        scene.database.sql(
            "select a.mask, count(*) from transactions as t join accounts as a on a.id = t.account_id "
            "where t.removed_at is null group by 1"
        )
    )


def totals(scene: Scene) -> list[Any]:
    """What every month says of spend."""
    return [(month["month"], month["count"], month["currencies"]) for month in list_months(scene.api, "u1")]


def ids(scene: Scene) -> dict[str, UUID]:
    """The accounts by mask."""
    return dict(scene.database.sql("select mask, id from accounts where removed_at is null"))


def say(scene: Scene, item_id: UUID) -> tuple[UUID, tuple[Any, ...]]:
    """The user puts a row of its own kind into a category; answers its entry and what makes it one of its kind."""
    ((entry, *kind),) = scene.database.sql(
        "select max(t.entry_id::text)::uuid, t.name, t.amount, t.date from transactions as t "
        "join accounts as a on a.id = t.account_id where a.item_id = %s and t.removed_at is null and a.mask = %s "
        "group by t.name, t.amount, t.date having count(*) = 1 order by t.date desc, t.name limit 1",
        item_id,
        CHECKING,
    )
    scene.database.sql("update entries set user_category_id = 'TRAVEL' where id = %s", entry)
    return entry, tuple(kind)


def said_of(scene: Scene, entry: UUID) -> tuple[Any, ...]:
    """The live row of an entry, and what the user said of it."""
    rows = scene.database.sql(
        "select t.name, t.amount, t.date, e.user_category_id from entries as e "
        "join transactions as t on t.entry_id = e.id and t.removed_at is null where e.id = %s",
        entry,
    )
    return rows[0] if rows else ()


def test_an_account_that_the_bank_closed_is_shown_as_closed_and_keeps_its_rows(scene: Scene, screen: Screen) -> None:
    """Vector 49: account missing from /accounts/get."""
    item_id = joined(scene)
    before, spent = live(scene), totals(scene)

    bank(scene, "close", item_id, SAVINGS)
    refresh_accounts(scene.worker, item_id)
    pull(scene, item_id)

    documents = [told for path, told in screen.look().items() if path.startswith("accounts/")]
    assert {told["mask"]: told["closed"] for told in documents}[SAVINGS] is True
    assert sum(told["closed"] for told in documents) == 1
    assert (live(scene), totals(scene)) == (before, spent)


def test_an_account_under_a_new_id_stays_the_account_with_its_rows_and_edits(scene: Scene, screen: Screen) -> None:
    """Vector 50: same name and mask, new account_id; old rows removed, new rows added."""
    item_id = joined(scene)
    was, before, spent = ids(scene), live(scene), totals(scene)
    entry, kind = say(scene, item_id)
    documents = set(screen.look())

    bank(scene, "churn", item_id, CHECKING)
    pull(scene, item_id)

    assert (ids(scene), live(scene)) == (was, before)
    assert said_of(scene, entry) == (*kind, "TRAVEL")
    assert sum(count for _, count, _ in totals(scene)) == sum(count for _, count, _ in spent)
    assert set(screen.look()) == documents


def test_a_de_selected_account_is_gone_until_it_is_selected_again(scene: Scene, screen: Screen) -> None:
    """Vector 52: the user de-selects an account in update mode, later selects it again: a new account_id."""
    item_id = joined(scene)
    was, before = ids(scene), live(scene)
    entry, kind = say(scene, item_id)
    spent = totals(scene)
    others = [mask for mask in before if mask != CHECKING]

    choose(scene, item_id, *others)
    without = live(scene), set(ids(scene)), said_of(scene, entry)
    documents = [path for path in screen.look() if path == f"accounts/{was[CHECKING]}"]
    choose(scene, item_id, CHECKING, *others)

    assert without == ({mask: before[mask] for mask in others}, set(was) - {CHECKING}, ())
    assert documents == []
    assert (live(scene), ids(scene), totals(scene)) == (before, was, spent)
    assert said_of(scene, entry) == (*kind, "TRAVEL")


def test_after_a_relink_only_the_new_rows_are_live_and_carry_what_was_said(scene: Scene) -> None:
    """Vector 59: the bank is unlinked and linked again; all ids are new."""
    old = joined(scene)
    was, before, spent = ids(scene), live(scene), totals(scene)
    entry, kind = say(scene, old)
    told = scene.database.sql("select plaid_transaction_id from transactions")
    unlink(scene.api, "u1", old)
    remove_item(scene.worker, old)

    new = joined(scene)

    rows = scene.database.sql("select plaid_transaction_id from transactions where removed_at is null")
    assert not set(rows) & set(told)
    assert (ids(scene), live(scene)) == (was, before)
    assert said_of(scene, entry) == (*kind, "TRAVEL")
    assert [month[:2] for month in totals(scene)] == [month[:2] for month in spent]
    assert scene.database.sql("select distinct item_id from accounts") == [(new,)]


def test_a_broken_bank_that_is_linked_again_goes_on_under_its_new_link(scene: Scene, screen: Screen) -> None:
    """Vector 57: the same bank again while its sign-in is broken: history, edits and documents are kept."""
    old = joined(scene)
    was, spent = ids(scene), totals(scene)
    entry, kind = say(scene, old)
    documents = {path for path in screen.look() if path.startswith(("accounts/", "transactions/", "months/"))}
    scene.database.sql("update items set status = 'login_required', error_code = 'ITEM_LOGIN_REQUIRED'")

    new = joined(scene)

    assert (ids(scene), [month[:2] for month in totals(scene)]) == (was, [month[:2] for month in spent])
    assert said_of(scene, entry) == (*kind, "TRAVEL")
    shown = screen.look()
    assert {path for path in shown if path.startswith("items/")} == {f"items/{new}"}
    assert {path for path in shown if path.startswith(("accounts/", "transactions/", "months/"))} == documents


def test_an_account_whose_access_was_withdrawn_is_purged_alone(scene: Scene) -> None:
    """Vector 53: of one account, the permission is revoked: it and its rows are deleted, the others stay."""
    item_id = joined(scene)
    before = live(scene)
    bank(scene, "revoke", item_id, SAVINGS)
    scene.database.sql("update accounts set removed_at = now() where mask = %s", SAVINGS)
    purge_item(scene.worker, item_id)
    scene.wait(hours=25)

    purge_item(scene.worker, item_id)

    assert live(scene) == {mask: count for mask, count in before.items() if mask != SAVINGS}
    assert scene.one("select count(*) from accounts where mask = %s", SAVINGS) == 0
    assert Decimal(scene.one("select transactions from purges")) == before.get(SAVINGS, 0)
