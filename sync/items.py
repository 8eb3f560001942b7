"""Items: linking a bank, repairing its sign-in, unlinking it; and what the user sees of banks and accounts.

Linking exchanges Link's public token, then stores item, sealed token, accounts and the first wanted pull in one
transaction, so a first pull finds everything in place. Plaid is never called while a transaction is open here. If
storing fails, the item is removed at Plaid again (best effort), or it would cost money unseen. Unlinking tombstones at
once; the worker ends the item at Plaid and forgets its token afterwards. Who may call: the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from sync import fields, log
from sync.db import Mark, edit, retrying, transaction
from sync.deps import Deps
from sync.documents import account_document
from sync.errors import ItemAlreadyLinked, ItemNotFound, PlaidError
from sync.pages import BankAccount, read_account
from sync.users import get_user
from sync.vault import Sealed, Vault

if TYPE_CHECKING:
    from sync.plaid import Plaid

_log = log.get(__name__)

_ITEMS = text("""
    select id::text, institution_id, institution_name, status, error_code, error_message, consent_expires_at
    from items
    where removed_at is null and (cast(:id as uuid) is null or id = cast(:id as uuid))
    order by created_at, id
""")
_EVER = text("select from items where id = :id")
_ACCOUNTS = text("""
    select id::text, item_id::text, name, official_name, mask, type, subtype, iso_currency, unofficial_currency,
        current_balance, available_balance, credit_limit, closed_at is not null as closed
    from accounts where removed_at is null order by created_at, name, id
""")
_TOKEN = text("""
    select t.key_id, t.nonce, t.ciphertext, t.wrapped_key
    from item_tokens as t join items as i on i.id = t.item_id
    where i.id = :id and i.removed_at is null
""")
_NEW_ITEM = text("""
    insert into items (id, user_id, plaid_item_id, institution_id, institution_name, consent_expires_at)
    values (:id, :user_id, :plaid_item_id, :institution_id, :institution_name, :consent_expires_at)
    on conflict do nothing
""")
_NEW_TOKEN = text("""
    insert into item_tokens (item_id, user_id, key_id, nonce, ciphertext, wrapped_key)
    values (:id, :user_id, :key_id, :nonce, :ciphertext, :wrapped_key)
""")
_NEW_PULL = text("insert into item_pulls (item_id, user_id, wanted) values (:id, :user_id, 1)")
# One statement for all accounts: one number, and one mark each.
_NEW_ACCOUNTS = text("""
    insert into accounts (user_id, item_id, plaid_account_id, persistent_account_id, name, official_name, mask, type,
        subtype, available_balance, current_balance, credit_limit, iso_currency, unofficial_currency)
    select :user_id, :id, a.*
    from unnest(cast(:plaid_account_id as text[]), cast(:persistent_account_id as text[]), cast(:name as text[]),
        cast(:official_name as text[]), cast(:mask as text[]), cast(:type as text[]), cast(:subtype as text[]),
        cast(:available_balance as numeric[]), cast(:current_balance as numeric[]), cast(:credit_limit as numeric[]),
        cast(:iso_currency as text[]), cast(:unofficial_currency as text[])) as a
""")
_REPAIRED = text("""
    update items set status = 'ok', error_code = null, error_message = null, consent_expires_at = null,
        repaired_at = now()
    where id = :id and removed_at is null
""")
_WANT = text("""
    update item_pulls set wanted = wanted + 1, failures = 0, retry_at = null where item_id = :id
""")
_REMOVE_ITEM = text("update items set removed_at = now() where id = :id and removed_at is null")
_REMOVE_ACCOUNTS = text("update accounts set removed_at = now() where item_id = :id and removed_at is null")
_REMOVE_TRANSACTIONS = text("""
    update transactions set removed_at = now()
    where account_id in (select id from accounts where item_id = :id) and removed_at is null
""")
_SHOWN = ("id", "institutionId", "institutionName", "status", "errorCode", "message", "consentExpiresAt")

Item = dict[str, Any]
Account = dict[str, Any]


@dataclass(frozen=True)
class _Linked:
    """What Plaid told about a new item."""

    plaid_item_id: str
    institution_id: str | None
    institution_name: str | None
    consent_expires_at: str | None
    accounts: Sequence[BankAccount]


def create_link_token(deps: Deps, user_id: str, item_id: UUID | str | None = None) -> dict[str, str]:
    """A token that opens Link, for a new bank or, with `item_id`, to repair one; raises ItemNotFound, PlaidError."""
    plaid, vault = _bank(deps)
    access_token = None if item_id is None else _access_token(deps, vault, user_id, fields.key(item_id, ItemNotFound))
    link = plaid.link_token_create(user_id, access_token=access_token)
    return {"linkToken": link["link_token"], "expiration": link["expiration"]}


def exchange(deps: Deps, user_id: str, public_token: str) -> tuple[Item, list[Mark]]:
    """Links a bank and asks for its first pull; raises ItemAlreadyLinked, UserNotFound or PlaidError.

    A public token can be exchanged once. If this fails after the exchange the item is removed at Plaid, best effort.
    """
    plaid, vault = _bank(deps)
    get_user(deps, user_id)
    access_token, plaid_item_id = plaid.exchange(public_token)
    item_id = uuid4()
    with _removed_on_failure(plaid, access_token):
        linked = _ask(plaid, access_token, plaid_item_id)
        item, marked = _store(deps, user_id, item_id, linked, vault.encrypt(item_id, access_token))
    deps.ring("pull_item", {"item_id": str(item_id)})
    return item, marked


def list_items(deps: Deps, user_id: str) -> list[Item]:
    """The linked banks."""
    with transaction(deps.engine, user_id) as connection:
        return [_shown(row) for row in connection.execute(_ITEMS, {"id": None})]


def list_accounts(deps: Deps, user_id: str) -> list[Account]:
    """The accounts of all linked banks, with the balances the bank last told."""
    with transaction(deps.engine, user_id) as connection:
        return [{"id": row.id, **account_document(row[1:])} for row in connection.execute(_ACCOUNTS)]


def unlink(deps: Deps, user_id: str, item_id: UUID | str) -> tuple[Item, list[Mark]]:
    """Takes a bank, its accounts and its transactions out of the ledger's live set; raises ItemNotFound.

    Twice is safe: the second marks nothing. The worker then ends the item at Plaid.
    """
    key = fields.key(item_id, ItemNotFound)
    marked = _tombstone(deps, user_id, key)
    deps.ring("remove_item", {"item_id": str(key)})
    return {"id": str(key)}, marked


def finish_update(deps: Deps, user_id: str, item_id: UUID | str) -> tuple[Item, list[Mark]]:
    """After Link's update mode: the item is ok again and a pull is wanted; raises ItemNotFound. Twice is safe."""
    key = fields.key(item_id, ItemNotFound)
    item, marked = _repair(deps, user_id, key)
    deps.ring("pull_item", {"item_id": str(key)})
    return item, marked


@retrying
def _store(deps: Deps, user_id: str, item_id: UUID, linked: _Linked, sealed: Sealed) -> tuple[Item, list[Mark]]:
    bound = {"id": item_id, "user_id": user_id}
    item = {
        "plaid_item_id": linked.plaid_item_id,
        "institution_id": linked.institution_id,
        "institution_name": linked.institution_name,
        "consent_expires_at": linked.consent_expires_at,
    }
    with edit(deps.engine, user_id) as (connection, marked):
        if connection.execute(_NEW_ITEM, bound | item).rowcount == 0:
            raise ItemAlreadyLinked
        connection.execute(_NEW_TOKEN, bound | sealed.__dict__)
        connection.execute(_NEW_PULL, bound)
        if linked.accounts:
            columns = {name: [getattr(account, name) for account in linked.accounts] for name in BankAccount._fields}
            connection.execute(_NEW_ACCOUNTS, bound | columns)
        shown = _shown(_find(connection, item_id))
    return shown, marked


@retrying
def _tombstone(deps: Deps, user_id: str, item_id: UUID) -> list[Mark]:
    with edit(deps.engine, user_id) as (connection, marked):
        if connection.execute(_EVER, {"id": item_id}).first() is None:
            raise ItemNotFound
        for statement in (_REMOVE_TRANSACTIONS, _REMOVE_ACCOUNTS, _REMOVE_ITEM):
            connection.execute(statement, {"id": item_id})
    return marked


@retrying
def _repair(deps: Deps, user_id: str, item_id: UUID) -> tuple[Item, list[Mark]]:
    with edit(deps.engine, user_id) as (connection, marked):
        connection.execute(_REPAIRED, {"id": item_id})
        shown = _shown(_find(connection, item_id))
        connection.execute(_WANT, {"id": item_id})
    return shown, marked


def _ask(plaid: Plaid, access_token: str, plaid_item_id: str) -> _Linked:
    bank = plaid.item_get(access_token)
    return _Linked(
        plaid_item_id=plaid_item_id,
        institution_id=bank.get("institution_id"),
        institution_name=_institution_name(plaid, bank),
        consent_expires_at=bank.get("consent_expiration_time"),
        accounts=[read_account(account) for account in plaid.accounts_get(access_token)],
    )


def _institution_name(plaid: Plaid, bank: dict[str, Any]) -> str | None:
    name, institution_id = bank.get("institution_name"), bank.get("institution_id")
    if name or not institution_id:
        return name
    try:
        return str(plaid.institution(institution_id)["name"])
    except PlaidError as error:  # a bank without a name on screen is better than no bank
        _log.warning("institution_unnamed", institution_id=institution_id, reason=error.code)
        return None


@contextmanager
def _removed_on_failure(plaid: Plaid, access_token: str) -> Iterator[None]:
    try:
        yield
    except ItemAlreadyLinked:  # the item is somebody's: removing it would cut them off
        raise
    except BaseException:
        try:
            plaid.item_remove(access_token)
        except PlaidError as error:
            _log.error("item_left_behind", reason=error.code, request_id=error.request_id)
        raise


def _access_token(deps: Deps, vault: Vault, user_id: str, item_id: UUID) -> str:
    with transaction(deps.engine, user_id) as connection:
        row = connection.execute(_TOKEN, {"id": item_id}).first()
    if row is None:
        raise ItemNotFound
    return vault.decrypt(item_id, Sealed.of(row))


def _find(connection: Connection, item_id: UUID) -> Row[Any]:
    row = connection.execute(_ITEMS, {"id": item_id}).first()
    if row is None:
        raise ItemNotFound
    return row


def _shown(row: Row[Any]) -> Item:
    return dict(zip(_SHOWN, row, strict=True))


def _bank(deps: Deps) -> tuple[Plaid, Vault]:
    assert deps.plaid is not None
    assert deps.vault is not None
    return deps.plaid, deps.vault
