"""A newly linked bank: what Plaid tells of it, and the rows that it becomes.

`ask` calls Plaid, `store` writes in the caller's transaction, under the owner's lock; between the two nothing is kept.
An item that is in the ledger already, or that is the twin of one that works, is refused; the accounts of one that is
broken move over to the new item (relink.py). Called by links.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Connection, text

from sync import log
from sync.banks.twins import Told, healthy_twin
from sync.errors import ItemAlreadyLinked, PlaidError
from sync.keys.vault import Sealed
from sync.pull.pages import BankAccount, read_account
from sync.pull.relink import Merged, merge_item

if TYPE_CHECKING:
    from sync.pull.plaid import Plaid

_log = log.get(__name__)

_NEW_ITEM = text("""
    insert into items (id, user_id, plaid_item_id, institution_id, institution_name, consent_expires_at)
    values (:id, :user_id, :plaid_item_id, :institution_id, :institution_name, :consent_expires_at)
    on conflict do nothing
""")
_OWN = text("select id from items where plaid_item_id = :plaid_item_id and user_id = :user_id and removed_at is null")
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


class VeryItem(ItemAlreadyLinked):
    """The very item is in the ledger, of this user or another: ending it at Plaid would cut somebody off."""


@dataclass(frozen=True)
class LinkedBank:
    """What Plaid told about a new item."""

    plaid_item_id: str
    institution_id: str | None
    institution_name: str | None
    consent_expires_at: str | None
    accounts: Sequence[BankAccount]


def ask(plaid: Plaid, access_token: str, plaid_item_id: str) -> LinkedBank:
    """Asks Plaid for the bank and its accounts; raises PlaidError."""
    bank = plaid.item_get(access_token)
    return LinkedBank(
        plaid_item_id=plaid_item_id,
        institution_id=bank.get("institution_id"),
        institution_name=_institution_name(plaid, bank),
        consent_expires_at=bank.get("consent_expiration_time"),
        accounts=[read_account(account) for account in plaid.accounts_get(access_token)],
    )


def store(connection: Connection, user_id: str, item_id: UUID, bank: LinkedBank, sealed: Sealed) -> Merged:
    """Stores item, token, first wanted pull and accounts; answers what it took over from broken items.

    Raises ItemAlreadyLinked for the twin of an item that works, VeryItem when the item itself is there already.
    """
    bound = {"id": item_id, "user_id": user_id}
    item = {name: getattr(bank, name) for name in ("institution_id", "institution_name", "consent_expires_at")}
    named = {"plaid_item_id": bank.plaid_item_id}
    if connection.execute(_NEW_ITEM, bound | named | item).rowcount == 0:
        raise VeryItem(connection.execute(_OWN, bound | named).scalar())
    told = [Told(a.name, a.mask, a.type, a.subtype, a.persistent_account_id) for a in bank.accounts]
    if (twin := healthy_twin(connection, user_id, bank.institution_id, told)) is not None:
        raise ItemAlreadyLinked(twin)
    connection.execute(_NEW_TOKEN, bound | sealed.__dict__)
    connection.execute(_NEW_PULL, bound)
    merged = merge_item(connection, user_id, item_id, bank.accounts)
    _add_accounts(connection, bound, [a for a in bank.accounts if a.plaid_account_id not in merged.taken_over])
    return merged


def _add_accounts(connection: Connection, bound: dict[str, Any], accounts: Sequence[BankAccount]) -> None:
    if accounts:
        columns = {name: [getattr(account, name) for account in accounts] for name in BankAccount._fields}
        connection.execute(_NEW_ACCOUNTS, bound | columns)


def _institution_name(plaid: Plaid, bank: dict[str, Any]) -> str | None:
    name, institution_id = bank.get("institution_name"), bank.get("institution_id")
    if name or not institution_id:
        return name
    try:
        return str(plaid.institution(institution_id)["name"])
    except PlaidError as error:  # a bank without a name on screen is better than no bank
        _log.warning("institution_unnamed", institution_id=institution_id, reason=error.code)
        return None
