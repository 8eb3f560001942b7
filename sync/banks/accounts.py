"""The accounts of an item as the bank has them now: closed, renumbered, de-selected, and back again.

/accounts/get is asked outside any transaction; what it says is stored in one, under the owner's lock. An account that
is not told any more is closed, and its transactions stay; if the user chose accounts in Link since, it is de-selected,
and its transactions leave the live set until it is selected again. Rows leave and come back in steps of bounded size,
newest month first, each with its marks: rows and totals agree at every moment, and a crash leaves steps for the next
sweep. Called by the worker: by pull.py when an update names accounts that are not here, and about once a day.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from sync import log
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps
from sync.errors import PlaidError, VaultFailed
from sync.keys.vault import Sealed
from sync.pull.apply import store_accounts
from sync.pull.pages import BankAccount, read_account
from sync.pull.relink import same_accounts

_log = log.get(__name__)

# As many rows as leave the owner's lock free again within a quarter of a second.
STEP_ROWS = 1000
_NO_ACCOUNTS = "NO_ACCOUNTS"

_ITEM = text("""
    select i.id, i.user_id, p.accounts_chosen_at, t.key_id, t.nonce, t.ciphertext, t.wrapped_key
    from items as i join item_pulls as p on p.item_id = i.id join item_tokens as t on t.item_id = i.id
    where i.id = :item_id and i.removed_at is null
""")
_LIVE = text("select from items where id = :item_id and removed_at is null")
_HERE = text("""
    select id, plaid_account_id, persistent_account_id, name, official_name, mask, type, subtype, iso_currency,
        unofficial_currency, closed_at, removed_at, deselected_at
    from accounts where item_id = :item_id
    order by created_at, id
""")
_NOTE_MOVES = text("""
    insert into account_moves (user_id, account_id, from_item_id, kind)
    select user_id, id, item_id,
        case when coalesce(closed_at, deselected_at) is null then 'renumbered' else 'reopened' end
    from accounts where id = any (cast(:ids as uuid[]))
""")
_RENUMBER = text("""
    update accounts as a set plaid_account_id = p.plaid_account_id, closed_at = null, removed_at = null,
        deselected_at = null, rows_moving = a.hidden_at is not null
    from unnest(cast(:ids as uuid[]), cast(:plaid_ids as text[])) as p(id, plaid_account_id)
    where a.id = p.id
""")
_SELECT = text("""
    update accounts set removed_at = null, deselected_at = null, closed_at = null, rows_moving = true
    where item_id = :item_id and deselected_at is not null and plaid_account_id = any (cast(:named as text[]))
""")
_CLOSE = text("update accounts set closed_at = now() where id = any (cast(:ids as uuid[])) and closed_at is null")
_DESELECT = text("""
    update accounts set removed_at = now(), deselected_at = now(), hidden_at = now(), rows_moving = true
    where id = any (cast(:ids as uuid[])) and removed_at is null
""")
_REFRESHED = text("""
    update item_pulls set
        accounts_due_at = cast(:now as timestamptz) + interval '1 day' * (0.9 + 0.2 * random()),
        accounts_chosen_at = case when accounts_chosen_at is distinct from :chosen_at then accounts_chosen_at end
    where item_id = :item_id
""")
_POSTPONE = text("""
    update item_pulls set accounts_due_at = cast(:now as timestamptz) + interval '1 hour' * (0.5 + random())
    where item_id = :item_id
""")
# A move is over once the bank has told all it has, and a day has passed for what it tells late.
_SETTLE_MOVES = text("""
    update account_moves as m set settled_at = :now
    from accounts as a join items as i on i.id = a.item_id join item_pulls as p on p.item_id = i.id
    where a.id = m.account_id and i.id = :item_id and m.settled_at is null
      and (m.moved_at < cast(:now as timestamptz) - interval '1 day'
             and i.update_status = 'HISTORICAL' and p.wanted = p.done
           or m.moved_at < cast(:now as timestamptz) - interval '7 days')
""")
_OFFER = text("update item_pulls set accounts_offered_at = :now where item_id = :item_id")
_WANT = text("""
    update item_pulls set accounts_due_at = :now, accounts_offered_at = null,
        accounts_chosen_at = case when accounts_offered_at > cast(:now as timestamptz) - interval '4 hours'
            then cast(:now as timestamptz) else accounts_chosen_at end
    where item_id = :item_id
""")
_LOOK_AGAIN = text("update item_pulls set accounts_due_at = :now where item_id = :item_id")
_DUE = text("""
    select i.id
    from item_pulls as p join items as i on i.id = p.item_id
    where p.accounts_due_at <= :now and i.removed_at is null
      and (i.status not in ('login_required', 'revoked') or i.error_code = 'NO_ACCOUNTS')
    order by p.accounts_due_at
    limit :at_once
""")
_UNSETTLED = text("""
    select distinct a.item_id
    from accounts as a join items as i on i.id = a.item_id
    where a.rows_moving and i.removed_at is null
    limit :at_once
""")
_HIDE_ROWS = text("""
    with next_rows as (
        select t.id, a.hidden_at
        from transactions as t join accounts as a on a.id = t.account_id
        where a.item_id = :item_id and a.deselected_at is not null and t.removed_at is null
        order by t.month desc, t.id
        limit :limit
    )
    update transactions as t set removed_at = n.hidden_at from next_rows as n where t.id = n.id
""")
# A row comes back if it went with the account, unless a newer one took its entry over, or the bank has told its day
# anew since the account came under a new id.
_SHOW_ROWS = text("""
    with next_rows as (
        select t.id
        from transactions as t join accounts as a on a.id = t.account_id
        where a.item_id = :item_id and a.deselected_at is null and t.removed_at = a.hidden_at
          and t.superseded_by is null
          and not exists (select from transactions as o where o.entry_id = t.entry_id and o.removed_at is null)
          and not exists (
            select from account_moves as m join transactions as n on n.account_id = m.account_id
            where m.account_id = a.id and m.kind <> 'renumbered' and t.created_at <= m.moved_at
              and n.created_at > m.moved_at and n.date <= t.date)
        order by t.month desc, t.id
        limit :limit
    )
    update transactions as t set removed_at = null from next_rows as n where t.id = n.id
""")
_MOVING = text("select user_id from accounts where item_id = :item_id and rows_moving limit 1")
_ALL_MOVED = text("""
    update accounts set rows_moving = false, hidden_at = case when deselected_at is not null then hidden_at end
    where item_id = :item_id and rows_moving
""")
_HELD = text("""
    select user_id from accounts
    where item_id = :item_id and deselected_at is not null and plaid_account_id = any (cast(:named as text[]))
    limit 1
""")


@dataclass(frozen=True)
class Refreshed:
    """What asking the bank for its accounts changed; `told` counts the accounts it has."""

    told: int = 0
    renumbered: int = 0
    closed: int = 0
    deselected: int = 0
    selected: int = 0


def refresh_accounts(deps: Deps, item_id: UUID) -> Refreshed | None:
    """Asks the bank for the item's accounts and stores what it says; None when that has to wait. Twice is safe.

    A failure is recorded with its retry, which the sweep rings; what it means for the item the next pull finds out.
    """
    try:
        return refresh(deps, item_id)
    except (PlaidError, VaultFailed) as error:
        with transaction(deps.engine) as connection:
            connection.execute(_POSTPONE, {"item_id": item_id, "now": deps.now()})
        _log.warning("accounts_postponed", item_id=str(item_id), reason=str(error))
        return None


def refresh(deps: Deps, item_id: UUID) -> Refreshed:
    """As refresh_accounts, but raises PlaidError and VaultFailed."""
    with transaction(deps.engine) as connection:
        item = connection.execute(_ITEM, {"item_id": item_id}).first()
        known = frozenset(row.plaid_account_id for row in connection.execute(_HERE, {"item_id": item_id}))
    if item is None:
        return Refreshed()
    refreshed = _store(deps, item, known, _ask(deps, item))
    settle_rows(deps, item_id)
    _log.info("accounts_refreshed", item_id=str(item_id), **refreshed.__dict__)
    return refreshed


def meet(deps: Deps, item_id: UUID, told: Collection[str], named: Collection[str]) -> None:
    """Asks the bank for its accounts first if an update names one that the item does not show; raises PlaidError.

    `told` are the accounts that the update describes, `named` those of its transactions, both by Plaid's id. An item
    that has no accounts yet has none to mistake the new ones for: it takes them from the update. Call it before the
    update is stored.
    """
    with transaction(deps.engine) as connection:
        here = connection.execute(_HERE, {"item_id": item_id}).all()
    wanted = {*told, *named}
    shown = {row.plaid_account_id for row in here if row.removed_at is None}
    if wanted <= shown or (not here and wanted <= set(told)):
        return
    refresh(deps, item_id)
    _select(deps, item_id, wanted)


def offer_choice(connection: Connection, item_id: UUID, now: datetime) -> None:
    """Notes that Link is being opened with the choice of accounts; the caller's own transaction."""
    connection.execute(_OFFER, {"item_id": item_id, "now": now})


def finish_choice(connection: Connection, item_id: UUID, now: datetime) -> None:
    """Has the accounts asked for after Link's update mode; if it offered the choice, what is missing is de-selected.

    The caller's own transaction; ring `refresh_accounts` after it. Twice is safe.
    """
    connection.execute(_WANT, {"item_id": item_id, "now": now})


def look_again(connection: Connection, item_id: UUID, now: datetime) -> None:
    """Has the item's accounts asked for by the next sweep; the caller's own transaction."""
    connection.execute(_LOOK_AGAIN, {"item_id": item_id, "now": now})


def due(connection: Connection, now: datetime, at_once: int) -> list[UUID]:
    """Items whose accounts should be asked for, or whose rows have not all followed their account yet."""
    asked = connection.execute(_DUE, {"now": now, "at_once": at_once}).scalars()
    unsettled = connection.execute(_UNSETTLED, {"at_once": at_once}).scalars()
    return list(dict.fromkeys([*asked, *unsettled]))


def settle_rows(deps: Deps, item_id: UUID) -> None:
    """Brings the rows of de-selected and re-selected accounts to where their account is. Twice is safe."""
    while _settle_step(deps, item_id):
        pass


def _ask(deps: Deps, item: Row[Any]) -> list[BankAccount]:
    assert deps.plaid is not None
    assert deps.vault is not None
    token = deps.vault.decrypt(item.id, Sealed.of(item))
    try:
        return [read_account(account) for account in deps.plaid.accounts_get(token)]
    except PlaidError as error:
        if error.plaid_code == _NO_ACCOUNTS:
            return []
        raise


@retrying
def _store(deps: Deps, item: Row[Any], known: Collection[str], told: Sequence[BankAccount]) -> Refreshed:
    now = deps.now()
    bound = {"item_id": item.id, "now": now, "chosen_at": item.accounts_chosen_at}
    with transaction(deps.engine) as connection:
        lock_owners(connection, [f"users/{item.user_id}"])
        if connection.execute(_LIVE, bound).first() is None:
            return Refreshed()
        here = connection.execute(_HERE, bound).all()
        renumbered = _renumber(connection, here, told)
        named = [account.plaid_account_id for account in told]
        selected = connection.execute(_SELECT, bound | {"named": named}).rowcount
        store_accounts(connection, item.id, item.user_id, told)
        gone = [row.id for row in _absent(here, told) if row.plaid_account_id in known and row.id not in renumbered]
        chosen = item.accounts_chosen_at is not None
        left = connection.execute(_DESELECT if chosen else _CLOSE, {"ids": gone}).rowcount if gone else 0
        connection.execute(_SETTLE_MOVES, bound)
        connection.execute(_REFRESHED, bound)
    return Refreshed(len(told), len(renumbered), 0 if chosen else left, left if chosen else 0, selected)


def _renumber(connection: Connection, here: Sequence[Row[Any]], told: Sequence[BankAccount]) -> set[UUID]:
    """Gives accounts that came under a new id that id; one whose access was revoked is not taken for another's."""
    ours = {row.plaid_account_id for row in here}
    fresh = [account for account in told if account.plaid_account_id not in ours]
    lost = [row for row in _absent(here, told) if row.removed_at is None or row.deselected_at is not None]
    pairs = same_accounts(fresh, lost)
    if pairs:
        bound = {"ids": list(pairs.values()), "plaid_ids": list(pairs)}
        connection.execute(_NOTE_MOVES, bound)
        connection.execute(_RENUMBER, bound)
    return set(pairs.values())


def _absent(here: Sequence[Row[Any]], told: Sequence[BankAccount]) -> list[Row[Any]]:
    named = {account.plaid_account_id for account in told}
    return [row for row in here if row.plaid_account_id not in named]


@retrying
def _select(deps: Deps, item_id: UUID, named: Collection[str]) -> None:
    """Accounts whose transactions the bank delivers are selected, whatever /accounts/get said a moment ago."""
    bound = {"item_id": item_id, "named": list(named)}
    with transaction(deps.engine) as connection:
        user_id = connection.execute(_HELD, bound).scalar()
        if user_id is None:
            return
        lock_owners(connection, [f"users/{user_id}"])
        connection.execute(_SELECT, bound)
    settle_rows(deps, item_id)


@retrying
def _settle_step(deps: Deps, item_id: UUID) -> bool:
    """Moves some rows; answers whether there may be more."""
    bound = {"item_id": item_id, "limit": STEP_ROWS}
    with transaction(deps.engine) as connection:
        user_id = connection.execute(_MOVING, bound).scalar()
        if user_id is None:
            return False
        lock_owners(connection, [f"users/{user_id}"])
        moved = connection.execute(_HIDE_ROWS, bound).rowcount + connection.execute(_SHOW_ROWS, bound).rowcount
        if moved == 0:
            connection.execute(_ALL_MOVED, bound)
    return moved > 0
