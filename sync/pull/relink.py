"""Re-linked and renumbered accounts: they stay the accounts they were, and rows under new ids take over old entries.

A bank that is linked again comes under a new item with new account ids and new transaction ids. `merge_item` moves the
accounts in the transaction that stores the new item; `adopt`, inside each store step, lets the new rows claim the old
ones that they are, and takes old rows of days that the new item has told out of the live set, so that nothing counts
twice while its history is still arriving. Both run under the owner's lock in their caller's transaction, so a crash
leaves nothing half done. Who may call: whoever stores a new item (merge_item), apply.py (adopt), accounts.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, text

from sync.pull.pages import BankAccount

Known = TypeVar("Known", BankAccount, Row[Any])

# Accounts that a new item may take over; those of a broken item before those of a removed one, the newest link first.
_TAKEABLE = text("""
    select a.id, a.item_id, a.persistent_account_id, a.name, a.official_name, a.mask, a.type, a.subtype,
        a.iso_currency, a.unofficial_currency,
        i.removed_at is null and i.status not in ('ok', 'pending_disconnect') as broken
    from items as n
    join items as i on i.user_id = n.user_id and i.institution_id = n.institution_id and i.id <> n.id
    join accounts as a on a.item_id = i.id
    where n.id = :item_id and n.user_id = :user_id and i.purged_at is null
      and (i.removed_at is not null
           or (a.removed_at is null or a.deselected_at is not null)
              and (i.status not in ('ok', 'pending_disconnect') or a.closed_at is not null))
    order by i.removed_at is not null, i.created_at desc, i.id, a.created_at, a.id
""")
_NOTE_MOVES = text("""
    insert into account_moves (user_id, account_id, from_item_id, kind)
    select :user_id, id, item_id, 'relinked' from accounts where id = any (cast(:ids as uuid[]))
""")
# The rows of an item that the user took away stay away: only what the new item tells comes back.
_TAKE_OVER = text("""
    update accounts as a set item_id = :item_id, plaid_account_id = p.plaid_account_id, closed_at = null,
        removed_at = null, deselected_at = null, hidden_at = case when i.removed_at is null then a.hidden_at end,
        rows_moving = i.removed_at is null and a.hidden_at is not null
    from unnest(cast(:ids as uuid[]), cast(:plaid_ids as text[])) as p(id, plaid_account_id), items as i
    where a.id = p.id and i.id = a.item_id
""")
_BRING_ALONG = text("""
    update accounts set item_id = :item_id, closed_at = coalesce(closed_at, now())
    where item_id = any (cast(:retired as uuid[]))
""")
_RETIRE = text("""
    update items set removed_at = now(), successor_id = :item_id where id = any (cast(:retired as uuid[]))
""")

MOVING = """
    select from account_moves as m join accounts as a on a.id = m.account_id
    where a.item_id = :item_id and m.settled_at is null
"""
# Tables of their own, counted before they are joined: as parts of one statement the planner takes each for one row.
_SIDES = text("""
    create temporary table if not exists arriving_rows (
        plaid_transaction_id text collate "C", account_id uuid, date date, amount numeric, currency text, name text
    ) on commit delete rows;
    create temporary table if not exists former_rows (
        plaid_transaction_id text collate "C", entry_id uuid, account_id uuid, date date, amount numeric, currency text,
        name text, live boolean, replaced boolean
    ) on commit delete rows;
    delete from arriving_rows; delete from former_rows
""")
_ARRIVING = text("""
    insert into arriving_rows
    select s.plaid_transaction_id, a.id, s.date, s.amount, coalesce(s.iso_currency, '~' || s.unofficial_currency),
        s.name
    from pulled_rows as s
    join accounts as a on a.plaid_account_id = s.plaid_account_id and a.item_id = :item_id
    where s.root = s.plaid_transaction_id
      and exists (select from account_moves as m where m.account_id = a.id and m.settled_at is null)
      and not exists (select from transactions as k where k.plaid_transaction_id = s.plaid_transaction_id)
      and not exists (select from transactions as k where k.plaid_transaction_id = s.claims)
""")
# `replaced`: told by an item that will tell no more, so only what is told anew is still so.
_FORMER = text("""
    insert into former_rows
    select t.plaid_transaction_id, t.entry_id, t.account_id, t.date, t.amount,
        coalesce(t.iso_currency, '~' || t.unofficial_currency), t.name, t.removed_at is null,
        coalesce(t.created_at <= m.replaced_at, false)
    from (select account_id, min(date) as since from arriving_rows group by account_id) as a
    join (select account_id, max(moved_at) as moved_at, max(moved_at) filter (where kind <> 'renumbered') as replaced_at
          from account_moves where settled_at is null group by account_id) as m using (account_id)
    join transactions as t on t.account_id = a.account_id and t.date >= a.since and t.created_at <= m.moved_at
    where t.superseded_by is null
""")
_COUNT = text("analyze arriving_rows, former_rows")
_NOT_STAGED = (
    text("delete from former_rows as f using pulled_rows as s where s.plaid_transaction_id = f.plaid_transaction_id"),
    text("delete from former_rows as f using pulled_rows as s where s.claims = f.plaid_transaction_id"),
)
# Rows are the same when account, date, amount, currency and name are: one on each side, or as many as both sides have
# where it does not matter which is which, because nobody said anything of them or the same of all.
_CLAIM = text("""
    with free as (
        select f.*,
            case when num_nonnulls(e.user_category_id, e.note, e.removed_at, p.parts) > 0
                then jsonb_build_array(e.user_category_id, e.note, e.removed_at is not null, p.parts)::text
                end as words,
            bool_or(live) over (partition by account_id, date, amount, name, currency) as any_live
        from former_rows as f
        join (select distinct account_id, date, amount, name, currency from arriving_rows) as a
            using (account_id, date, amount, name, currency)
        join entries as e on e.id = f.entry_id
        left join lateral (
            select jsonb_agg(jsonb_build_array(category_id, amount, note) order by position) as parts
            from splits where entry_id = e.id) as p on true
        where f.live or not exists (
            select from transactions as o where o.entry_id = f.entry_id and o.removed_at is null)
    ), arriving as (
        select *, row_number() over (alike order by plaid_transaction_id) as place, count(*) over alike as many
        from arriving_rows window alike as (partition by account_id, date, amount, name, currency)
    ), former as (
        select *, row_number() over (alike order by plaid_transaction_id) as place, count(*) over alike as many,
            count(words) over alike as edited, min(words) over alike as least, max(words) over alike as most
        from free where live = any_live window alike as (partition by account_id, date, amount, name, currency)
    )
    update pulled_rows as s set claims = f.plaid_transaction_id
    from arriving as a join former as f using (account_id, date, amount, name, currency, place)
    where s.plaid_transaction_id = a.plaid_transaction_id
      and (f.edited = 0 or (f.edited = f.many and f.least = f.most and f.many >= a.many))
""")
_COUNT_CLAIMS = text("analyze pulled_rows (plaid_transaction_id, claims, root, plaid_account_id)")
# Plaid tells an item's history from some day on, whole; later updates only move that day back. What a former row said
# of such a day is told anew by now, or is not so any more.
_RETIRE_TOLD = text("""
    update transactions as t set removed_at = now()
    from former_rows as f left join pulled_rows as s on s.claims = f.plaid_transaction_id
    where t.plaid_transaction_id = f.plaid_transaction_id and f.live and f.replaced and s.claims is null
""")


@dataclass(frozen=True)
class Merged:
    """What a new item took over: Plaid's ids of accounts that need no new row, and the items it replaces."""

    taken_over: frozenset[str]
    retired: tuple[UUID, ...]


def merge_item(connection: Connection, user_id: str, item_id: UUID, told: Sequence[BankAccount]) -> Merged:
    """Gives a new item the user's accounts of the same bank whose old item is broken, revoked or removed.

    Call it in the transaction (the API's `edit`) that stores the item, after its row in `items` (with its
    institution_id) and before its accounts: those in `taken_over` have their row already, insert the others only.
    Ring `remove_item` for each of `retired` after the commit. An account that matches none, or several, is new; an
    item that is healthy is never taken from. Twice is safe: there is nothing left to take.
    """
    pairs: dict[str, UUID] = {}
    retired: list[UUID] = []
    for old_item, accounts in _by_item(connection, user_id, item_id):
        found = same_accounts([account for account in told if account.plaid_account_id not in pairs], accounts)
        if found and accounts[0].broken:
            retired.append(old_item)
        pairs |= found
    if pairs:
        bound = {"user_id": user_id, "item_id": item_id, "ids": list(pairs.values()), "plaid_ids": list(pairs)}
        connection.execute(_NOTE_MOVES, bound)
        connection.execute(_TAKE_OVER, bound)
    if retired:
        connection.execute(_BRING_ALONG, {"item_id": item_id, "retired": retired})
        connection.execute(_RETIRE, {"item_id": item_id, "retired": retired})
    return Merged(frozenset(pairs), tuple(retired))


def same_accounts(told: Iterable[BankAccount], old: Iterable[Row[Any]]) -> dict[str, UUID]:
    """Pairs accounts that are the same under a new id, by Plaid's new id: each where both sides have exactly one.

    The id that some banks keep for ever decides first, then all that an account is called by.
    """
    new, was = list(told), list(old)
    pairs: dict[str, UUID] = {}
    for key in (_lasting_id, _description):
        free = _singles((account for account in new if account.plaid_account_id not in pairs), key)
        left = _singles((account for account in was if account.id not in pairs.values()), key)
        pairs |= {
            free[at].plaid_account_id: left[at].id
            for at in free.keys() & left.keys()
            if not _contradict(free[at], left[at])
        }
    return pairs


def adopt(connection: Connection, item_id: UUID) -> None:
    """Lets staged rows of accounts that came under new ids claim the old rows that they are.

    Called inside the store step, under the owner's lock, before entries are resolved, for an item of which accounts
    are MOVING.
    """
    bound = {"item_id": item_id}
    connection.execute(_SIDES)
    if connection.execute(_ARRIVING, bound).rowcount == 0:
        return
    connection.execute(_FORMER)
    connection.execute(_COUNT)
    for statement in (*_NOT_STAGED, _CLAIM, _COUNT_CLAIMS, _RETIRE_TOLD):
        connection.execute(statement)


def _by_item(connection: Connection, user_id: str, item_id: UUID) -> list[tuple[UUID, list[Row[Any]]]]:
    items: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for account in connection.execute(_TAKEABLE, {"user_id": user_id, "item_id": item_id}):
        items[account.item_id].append(account)
    return list(items.items())


def _lasting_id(account: BankAccount | Row[Any]) -> Hashable:
    return account.persistent_account_id


def _description(account: BankAccount | Row[Any]) -> Hashable:
    return (
        account.name,
        account.official_name,
        account.mask,
        account.type,
        account.subtype,
        account.iso_currency,
        account.unofficial_currency,
    )


def _contradict(new: BankAccount, old: Row[Any]) -> bool:
    lasting = {new.persistent_account_id, old.persistent_account_id} - {None}
    return len(lasting) > 1


def _singles(accounts: Iterable[Known], key: Callable[[Known], Hashable]) -> dict[Hashable, Known]:
    by_key: dict[Hashable, list[Known]] = defaultdict(list)
    for account in accounts:
        by_key[key(account)].append(account)
    return {at: found[0] for at, found in by_key.items() if at is not None and len(found) == 1}
