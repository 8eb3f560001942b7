"""Linking, repairing and unlinking a bank, against the local Plaid."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sync.banks import items
from sync.errors import (
    ItemAlreadyLinked,
    ItemNotFound,
    LivespendError,
    PlaidError,
    TransactionNotFound,
    UserNotFound,
    VaultFailed,
)
from sync.keys.vault import Sealed
from sync.ledger import ledger
from tests.fixtures.deps import DepsFor
from tests.fixtures.plaid import PLAID_TODAY, PlaidServer
from tests.integration.ledger.conftest import Scene, paths


@pytest.fixture
def bank(plaid_server: PlaidServer, scene: Scene) -> PlaidServer:
    """The local Plaid, wired into the scene."""
    return plaid_server


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_linking_a_bank_stores_item_sealed_token_accounts_and_a_wanted_pull(
    bank: PlaidServer, scene: Scene, deps_for: DepsFor
) -> None:
    token = items.create_link_token(scene.deps, "alice")["linkToken"]
    item, marked = items.exchange(scene.deps, "alice", bank.connect(token))

    accounts = items.list_accounts(scene.deps, "alice")
    assert (item["status"], item["institutionName"]) == ("ok", "First Platypus Bank")
    assert [item] == items.list_items(scene.deps, "alice")
    assert accounts != []
    assert {account["itemId"] for account in accounts} == {item["id"]}
    assert sorted([*(f"accounts/{id_}" for id_ in ids(accounts)), f"items/{item['id']}"]) == paths(marked)
    assert [("pull_item", {"item_id": item["id"]})] == deps_for.bells
    assert scene.database.sql("select wanted, done from item_pulls") == [(1, 0)]
    assert scene.database.sql("select count(*) from item_tokens where ciphertext::text like '%access-%'") == [(0,)]


def test_link_asks_for_two_years_of_transactions_and_names_our_webhook(bank: PlaidServer, scene: Scene) -> None:
    token = items.create_link_token(scene.deps, "alice")["linkToken"]
    items.exchange(scene.deps, "alice", bank.connect(token))

    item = bank.look("items")["items"][0]
    oldest = min(date.fromisoformat(row["date"]) for row in bank.live(item["item_id"]).values())
    assert (item["user"], item["webhook"]) == ("alice", scene.deps.settings.plaid_webhook_url)
    assert (PLAID_TODAY - oldest).days > 600


def test_a_bank_linked_by_somebody_already_is_a_conflict_and_stays_linked(bank: PlaidServer, scene: Scene) -> None:
    first, _ = items.exchange(scene.deps, "alice", bank.link("alice"))
    plaid_item_id = scene.database.sql("select plaid_item_id from items")[0][0]
    again = dataclasses.replace(scene.deps, plaid=_Answering(scene.deps.plaid, plaid_item_id))

    for user_id in ("alice", "bob"):
        with pytest.raises(ItemAlreadyLinked):
            items.exchange(again, user_id, bank.link(user_id))

    assert ids(items.list_items(scene.deps, "alice")) == [first["id"]]
    assert items.list_items(scene.deps, "bob") == []
    assert bank.requests("/item/remove") == []


class _Answering:
    """The real client, whose exchange answers an item id that is linked already."""

    def __init__(self, plaid: Any, plaid_item_id: str) -> None:
        self._plaid, self._plaid_item_id = plaid, plaid_item_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plaid, name)

    def exchange(self, public_token: str) -> tuple[str, str]:
        return self._plaid.exchange(public_token)[0], self._plaid_item_id


def test_an_item_that_cannot_be_stored_is_removed_at_the_bank_again(bank: PlaidServer, scene: Scene) -> None:
    bank.fault("error", path="/accounts/get", error_code="PRODUCTS_NOT_SUPPORTED")

    with pytest.raises(PlaidError):
        items.exchange(scene.deps, "alice", bank.link("alice"))

    assert len(bank.requests("/item/remove")) == 1
    assert scene.database.sql("select count(*) from items") == [(0,)]


def test_a_user_without_a_ledger_exchanges_nothing(bank: PlaidServer, scene: Scene) -> None:
    public_token = bank.link("nobody")

    with pytest.raises(UserNotFound):
        items.exchange(scene.deps, "nobody", public_token)

    assert len(bank.requests("/item/public_token/exchange")) == 0


def test_a_spent_public_token_is_a_clear_error(bank: PlaidServer, scene: Scene) -> None:
    with pytest.raises(LivespendError) as refused:
        items.exchange(scene.deps, "alice", "public-sandbox-00000000-0000-0000-0000-000000000000")

    assert refused.value.code == "plaid-public-token"


def test_unlinking_takes_the_bank_its_accounts_and_its_transactions_away(scene: Scene, deps_for: DepsFor) -> None:
    item_id, account_id = scene.link("alice")
    kept_item, kept_account = scene.link("alice")
    gone, kept = scene.bank_row("alice", account_id), scene.bank_row("alice", kept_account)
    scene.forget_marks()

    _, marked = items.unlink(scene.deps, "alice", item_id)

    assert sorted([f"accounts/{account_id}", f"items/{item_id}", "months/2026-11", f"transactions/{gone}"]) == paths(
        marked
    )
    assert ids(items.list_items(scene.deps, "alice")) == [str(kept_item)]
    assert ids(items.list_accounts(scene.deps, "alice")) == [str(kept_account)]
    assert ledger.get_transaction(scene.deps, "alice", kept)["id"] == kept
    with pytest.raises(TransactionNotFound):
        ledger.get_transaction(scene.deps, "alice", gone)
    assert [(task, {"item_id": str(item_id)}) for task in ("purge_item", "remove_item")] == deps_for.bells
    assert items.unlink(scene.deps, "alice", item_id)[1] == []


def test_a_repaired_item_is_ok_again_and_pulled(scene: Scene, deps_for: DepsFor) -> None:
    item_id, _ = scene.link("alice")
    scene.database.sql("update items set status = 'login_required', error_code = 'ITEM_LOGIN_REQUIRED'")
    scene.database.sql("update item_pulls set done = 1, failures = 3, retry_at = now() + interval '1 hour'")
    scene.forget_marks()

    item, marked = items.finish_update(scene.deps, "alice", item_id)

    assert (item["status"], item["errorCode"]) == ("ok", None)
    assert [f"items/{item_id}"] == paths(marked)
    assert scene.database.sql("select wanted, done, failures, retry_at from item_pulls") == [(2, 1, 0, None)]
    assert [(task, {"item_id": str(item_id)}) for task in ("refresh_accounts", "pull_item")] == deps_for.bells
    assert items.finish_update(scene.deps, "alice", item_id)[1] == []


def test_update_mode_repairs_the_item_itself(bank: PlaidServer, scene: Scene) -> None:
    item, _ = items.exchange(scene.deps, "alice", bank.link("alice"))
    plaid_item_id = bank.look("items")["items"][0]["item_id"]
    bank.admin("break", item_id=plaid_item_id)

    bank.connect(items.create_link_token(scene.deps, "alice", item["id"])["linkToken"])

    assert [(one["item_id"], one["error"]) for one in bank.look("items")["items"]] == [(plaid_item_id, None)]


def test_anothers_item_answers_like_an_unknown_one(bank: PlaidServer, scene: Scene, deps_for: DepsFor) -> None:
    item_id, _ = scene.link("alice")
    removed, _ = scene.link("bob")
    items.unlink(scene.deps, "bob", removed)
    deps_for.bells.clear()
    attempts: list[Callable[[Any], object]] = [
        lambda target: items.create_link_token(scene.deps, "bob", target),
        lambda target: items.finish_update(scene.deps, "bob", target),
        lambda target: items.unlink(scene.deps, "bob", target),
    ]

    for attempt in attempts:
        for target in (item_id, uuid.uuid4(), "not-an-id"):
            with pytest.raises(ItemNotFound) as refused:
                attempt(target)
            assert refused.value.detail == ItemNotFound().detail
    for attempt in attempts[:2]:
        with pytest.raises(ItemNotFound):
            attempt(removed)
    assert deps_for.bells == []


def test_a_token_copied_to_another_item_does_not_open(bank: PlaidServer, scene: Scene) -> None:
    mine, _ = scene.link("alice")
    other, _ = scene.link("alice")
    scene.database.sql(
        "update item_tokens as t set ciphertext = o.ciphertext, nonce = o.nonce, key_id = o.key_id, "
        "wrapped_key = o.wrapped_key from item_tokens as o "
        "where t.item_id = %s and o.item_id = %s",
        str(mine),
        str(other),
    )

    with pytest.raises(VaultFailed):
        items.create_link_token(scene.deps, "alice", mine)
    assert isinstance(scene.deps.vault.encrypt(mine, "x") if scene.deps.vault else None, Sealed)
