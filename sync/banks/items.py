"""Items: linking a bank, repairing its sign-in, unlinking it; and what the user sees of banks and accounts.

Link is opened with a token that is bound to the user (link_sessions.py); what it ends in becomes an item in links.py,
or in update mode repairs the item there is, which keeps id and token. Plaid is never called while a transaction is open
here. Unlinking tombstones at once; the worker ends the item at Plaid and forgets its token afterwards. Who may call:
the API, and hosted_link.py for a session that ended without a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from sync.banks import link_sessions, links, tokens
from sync.banks.accounts import finish_choice, offer_choice
from sync.banks.inbox import Condition, condition_of_error, set_condition
from sync.banks.link_tokens import UpdateMode
from sync.banks.purge import tombstone
from sync.banks.twins import Told
from sync.db import Mark, edit, retrying, transaction
from sync.deps import Deps
from sync.errors import ItemNotFound, LinkSessionNotFound, PlaidError, PlaidItemGone, UpdateModeToken
from sync.keys.vault import Sealed, Vault
from sync.ledger import fields
from sync.mirror.documents import account_document, item_document
from sync.users import get_user

if TYPE_CHECKING:
    from sync.pull.plaid import Plaid

_ITEMS = text("""
    select i.id::text, i.institution_id, i.institution_name, i.status, i.error_code, i.error_message,
        i.consent_expires_at,
        case when i.status in ('ok', 'pending_disconnect') then coalesce(f.state, 'ok') else 'broken' end,
        f.bank_updated_at, f.changed_at
    from items as i left join item_freshness as f on f.id = i.id
    where i.removed_at is null and (cast(:id as uuid) is null or i.id = cast(:id as uuid))
    order by i.created_at, i.id
""")
_EVER = text("select from items where id = :id")
_ACCOUNTS = text("""
    select a.id::text, a.item_id::text, a.name, a.official_name, a.mask, a.type, a.subtype, a.iso_currency,
        a.unofficial_currency, a.current_balance, a.available_balance, a.credit_limit,
        a.closed_at is not null as closed, c.state, c.gap, c.since_day, c.likely, c.reason
    from accounts as a left join balance_checks as c on c.id = a.id
    where a.removed_at is null order by a.created_at, a.name, a.id
""")
_TO_UPDATE = text("""
    select i.error_code, t.key_id, t.nonce, t.ciphertext, t.wrapped_key
    from item_tokens as t join items as i on i.id = t.item_id
    where i.id = :id and i.removed_at is null
""")
_CONDITION = text("select status, error_code, error_message, consent_expires_at from items where id = :id")
_REPAIRED = text("""
    update items set status = 'ok', error_code = null, error_message = null, consent_expires_at = null,
        repaired_at = now()
    where id = :id and removed_at is null
""")
_WANT = text("""
    update item_pulls set wanted = wanted + 1, failures = 0, retry_at = null where item_id = :id
""")
# What the item's error says Link has to offer in update mode.
_ASK_FOR_ACCOUNTS = ("NEW_ACCOUNTS_AVAILABLE", "NO_ACCOUNTS")
_ASK_FOR_CONSENT = ("ADDITIONAL_CONSENT_REQUIRED", "ACCESS_NOT_GRANTED")
Item = dict[str, Any]
Account = dict[str, Any]


def create_link_token(
    deps: Deps,
    user_id: str,
    item_id: UUID | str | None = None,
    *,
    account_selection: bool = False,
    hosted: bool = False,
) -> dict[str, Any]:
    """A token that opens Link, for a new bank or, with `item_id`, in update mode; raises ItemNotFound, PlaidError.

    `account_selection` lets the user choose the item's accounts anew; it is on by itself when the bank told of new
    accounts or has none for us. `hosted` asks for an address of Plaid's to open instead of the page's own Link.
    """
    plaid, vault = _bank(deps)
    get_user(deps, user_id)
    key = None if item_id is None else fields.key(item_id, ItemNotFound)
    update = None if key is None else _update_mode(deps, vault, user_id, key, account_selection)
    try:
        link = plaid.link_token_create(user_id, update=update, hosted=hosted)
    except PlaidItemGone as gone:
        if key is not None and (why := tokens.explains(deps, user_id, key)) is not None:
            raise why from None
        if key is not None:  # or it would stand in the way of linking its bank again
            _note_error(deps, user_id, key, gone)
        raise
    if key is not None and update is not None and update.account_selection:
        with transaction(deps.engine, user_id) as connection:
            offer_choice(connection, key, deps.now())
    opened = link_sessions.remember(deps, user_id, link, key)
    return {
        "sessionId": str(opened.session_id),
        "linkToken": link.token,
        "expiration": link.expires_at,
        "hostedLinkUrl": link.hosted_url,
    }


def show_link_session(deps: Deps, user_id: str, session_id: UUID | str) -> dict[str, Any]:
    """How a use of Link stands; raises LinkSessionNotFound."""
    return link_sessions.show(deps, user_id, fields.key(session_id, LinkSessionNotFound))


def exchange(
    deps: Deps,
    user_id: str,
    public_token: str,
    *,
    link_token: str | None = None,
    institution_id: str | None = None,
    accounts: Sequence[Told] = (),
) -> tuple[Item, list[Mark]]:
    """Links a bank and asks for its first pull. Twice is safe: a public token is one item.

    `link_token` is the token that opened Link; institution and accounts are what Link told the page: they may only
    refuse a bank that is linked and works, before anything is spent. Raises ItemAlreadyLinked, LinkUnderWay,
    LinkSessionNotFound, UpdateModeToken, UserNotFound or PlaidError; then nothing is left at Plaid.
    """
    get_user(deps, user_id)
    session_id, mode = (None, "new") if link_token is None else link_sessions.of_token(deps, user_id, link_token)
    if mode == "update":
        raise UpdateModeToken
    item_id, marked = links.link(deps, user_id, session_id, public_token, (institution_id, accounts))
    with transaction(deps.engine, user_id) as connection:
        return _shown(_find(connection, item_id)), marked


def list_items(deps: Deps, user_id: str) -> list[Item]:
    """The linked banks."""
    with transaction(deps.engine, user_id) as connection:
        return [_shown(row) for row in connection.execute(_ITEMS, {"id": None})]


def list_accounts(deps: Deps, user_id: str) -> list[Account]:
    """The accounts of all linked banks, with the balances the bank last told."""
    with transaction(deps.engine, user_id) as connection:
        return [{"id": row.id, **account_document(row[1:])} for row in connection.execute(_ACCOUNTS)]


def unlink(deps: Deps, user_id: str, item_id: UUID | str) -> tuple[Item, list[Mark]]:
    """Takes a bank, its accounts and its newest transactions out of the ledger's live set; raises ItemNotFound.

    Twice is safe. The worker then takes the older transactions away, ends the item at Plaid and purges its data.
    """
    key = fields.key(item_id, ItemNotFound)
    marked = _tombstone(deps, user_id, key)
    deps.ring("purge_item", {"item_id": str(key)})
    deps.ring("remove_item", {"item_id": str(key)})
    return {"id": str(key)}, marked


def finish_update(
    deps: Deps, user_id: str, item_id: UUID | str, *, opening: links.Opening = edit
) -> tuple[Item, list[Mark]]:
    """After Link's update mode: the item is ok again and a pull is wanted; raises ItemNotFound. Twice is safe."""
    key = fields.key(item_id, ItemNotFound)
    item, marked = _repair(deps, user_id, key, opening)
    deps.ring("refresh_accounts", {"item_id": str(key)})
    deps.ring("pull_item", {"item_id": str(key)})
    return item, marked


@retrying
def _tombstone(deps: Deps, user_id: str, item_id: UUID) -> list[Mark]:
    with edit(deps.engine, user_id) as (connection, marked):
        if connection.execute(_EVER, {"id": item_id}).first() is None:
            raise ItemNotFound
        tombstone(connection, item_id)
    return marked


@retrying
def _repair(deps: Deps, user_id: str, item_id: UUID, opening: links.Opening) -> tuple[Item, list[Mark]]:
    with opening(deps.engine, user_id) as (connection, marked):
        connection.execute(_REPAIRED, {"id": item_id})
        shown = _shown(_find(connection, item_id))
        finish_choice(connection, item_id, deps.now())
        link_sessions.end_updates(connection, item_id)
        connection.execute(_WANT, {"id": item_id})
    return shown, marked


def _update_mode(deps: Deps, vault: Vault, user_id: str, item_id: UUID, account_selection: bool) -> UpdateMode:
    with transaction(deps.engine, user_id) as connection:
        row = connection.execute(_TO_UPDATE, {"id": item_id}).first()
    if row is None:
        raise ItemNotFound
    return UpdateMode(
        access_token=vault.decrypt(item_id, Sealed.of(row)),
        account_selection=account_selection or row.error_code in _ASK_FOR_ACCOUNTS,
        consent=row.error_code in _ASK_FOR_CONSENT,
    )


@retrying
def _note_error(deps: Deps, user_id: str, item_id: UUID, error: PlaidError) -> None:
    told = {"error_code": error.plaid_code, "display_message": error.display_message}
    with edit(deps.engine, user_id) as (connection, _):
        row = connection.execute(_CONDITION, {"id": item_id}).first()
        if row is not None:
            set_condition(connection, item_id, condition_of_error(told, Condition(*row)))


def _find(connection: Connection, item_id: UUID) -> Row[Any]:
    row = connection.execute(_ITEMS, {"id": item_id}).first()
    if row is None:
        raise ItemNotFound
    return row


def _shown(row: Row[Any]) -> Item:
    return {"id": row[0], **item_document(row[1:])}


def _bank(deps: Deps) -> tuple[Plaid, Vault]:
    assert deps.plaid is not None
    assert deps.vault is not None
    return deps.plaid, deps.vault
