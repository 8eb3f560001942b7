"""Purges: what has to be forgotten when access ends, and the record that it was.

An unlinked bank leaves the screen at once; a day later (PURGE_AFTER_HOURS) its transactions, entries with all that was
said of them, accounts, kept pages and webhooks are deleted. Access that the user withdrew at the bank ends the same
way, for a bank or for one account. What is owed is found in the ledger by each sweep and noted in `purges`; the work
runs in steps of bounded size, newest month first, each one transaction with its marks: rows and totals agree at every
moment, nobody waits long for the owner's lock, and a crash leaves steps for the next sweep. Worker only, but for
`tombstone`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from sync import log
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps
from sync.steps import step

_log = log.get(__name__)

# As many rows as leave the owner's lock free again within a quarter of a second; deletion takes what hangs on them too.
STEP_ROWS = 1000
_DELETED_AT_ONCE = 400
_LATE_HISTORY = timedelta(days=7)
_ALWAYS = datetime.max.replace(tzinfo=UTC)

_TOMBSTONES = (
    text("update items set removed_at = now() where id = :item_id and removed_at is null"),
    text("update accounts set removed_at = now() where item_id = :item_id and removed_at is null"),
)
_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtextextended('livespend purges asked', 0))")
# An item that a new link replaced is purged with the one that replaced it.
_ASK_UNLINKED = text("""
    with recursive unlinked as (
        select id, user_id, removed_at from items
        where removed_at is not null and successor_id is null and purged_at is null
          and (cast(:item_id as uuid) is null or id = :item_id)
        union
        select i.id, i.user_id, u.removed_at from unlinked as u join items as i on i.successor_id = u.id
    )
    insert into purges (user_id, item_id, reason, asked_at, due_at, delete_at)
    select u.user_id, u.id, 'unlinked', :now, :now, u.removed_at + make_interval(hours => :hours)
    from unlinked as u join items as i on i.id = u.id
    where i.purged_at is null and not exists (
        select from purges as p
        where p.item_id = u.id and p.reason = 'unlinked' and p.state in ('hide', 'delete'))
""")
_ASK_REVOKED = text("""
    insert into purges (user_id, item_id, reason, asked_at, due_at, delete_at)
    select i.user_id, i.id, 'permission-revoked', :now, d.delete_at, d.delete_at
    from items as i cross join (select cast(:now as timestamptz) + make_interval(hours => :hours) as delete_at) as d
    where i.status = 'revoked' and i.error_code = 'USER_PERMISSION_REVOKED' and i.removed_at is null
      and (cast(:item_id as uuid) is null or i.id = :item_id)
      and not exists (select from purges as p where p.item_id = i.id and p.reason = 'permission-revoked'
                      and p.state in ('hide', 'delete'))
""")
_ASK_REVOKED_ACCOUNTS = text("""
    insert into purges (user_id, item_id, account_id, reason, asked_at, due_at, delete_at)
    select a.user_id, a.item_id, a.id, 'account-revoked', :now, :now, a.removed_at + make_interval(hours => :hours)
    from accounts as a join items as i on i.id = a.item_id
    where a.removed_at is not null and a.deselected_at is null and i.removed_at is null
      and (cast(:item_id as uuid) is null or i.id = :item_id)
      and not exists (select from purges as p where p.account_id = a.id and p.state in ('hide', 'delete'))
""")
_DUE = text("""
    select item_id from purges where state in ('hide', 'delete') and due_at <= :now
    group by item_id order by min(due_at) limit :at_once
""")
_OPEN = text("""
    select p.id, p.user_id, p.item_id, p.account_id, p.reason, p.state, p.delete_at
    from purges as p
    where p.item_id = :item_id and p.state in ('hide', 'delete') and p.due_at <= :now
    order by p.id
""")
_NOT_WANTED = text("""
    select case :reason
        when 'permission-revoked' then i.removed_at is null and i.status <> 'revoked' or i.successor_id is not null
        when 'account-revoked' then not exists (
            select from accounts as a where a.id = :account_id and a.item_id = i.id
              and a.removed_at is not null and a.deselected_at is null)
        else false end
    from items as i where i.id = :item_id
""")
# Rows of the item's accounts; and of accounts that a later link took over after the user had taken this item away,
# those from before, once the later link has told all it has and taken over the entries that it knows.
_SCOPE = """
    scope as (
        select a.id as account_id, cast('infinity' as timestamptz) as until from accounts as a
        where a.item_id = :item_id and (cast(:account_id as uuid) is null or a.id = :account_id)
        union all
        select m.account_id, m.moved_at
        from account_moves as m
        join items as i on i.id = m.from_item_id and i.removed_at <= m.moved_at and i.successor_id is null
        join accounts as a on a.id = m.account_id and a.item_id <> i.id
        where m.from_item_id = :item_id and m.kind = 'relinked' and cast(:account_id as uuid) is null
          and (:moving or m.settled_at is not null or m.moved_at < :late)
    )"""
_HIDE = text(f"""
    with {_SCOPE}, next_rows as (
        select t.id from transactions as t join scope as s on s.account_id = t.account_id and t.created_at <= s.until
        where t.removed_at is null order by t.month desc, t.id limit :limit
    )
    update transactions as t set removed_at = now() from next_rows as n where t.id = n.id
""")  # noqa: S608 - a constant of ours
_NEXT = text(f"""
    with {_SCOPE}
    select t.id, t.entry_id
    from transactions as t join scope as s on s.account_id = t.account_id and t.created_at <= s.until
    where t.removed_at is not null order by t.month desc, t.id limit :limit
""")  # noqa: S608 - a constant of ours
_DELETE_ROWS = text("delete from transactions where id = any (cast(:ids as uuid[])) and removed_at is not null")
_DELETE_ENTRIES = text("""
    delete from entries as e
    where id = any (cast(:entries as uuid[])) and not exists (select from transactions as t where t.entry_id = e.id)
""")
_DELETE_OF_ACCOUNTS = tuple(
    text(f"""
        delete from {table} as o using accounts as a
        where a.id = o.{column} and a.item_id = :item_id and a.removed_at is not null
          and (cast(:account_id as uuid) is null or a.id = :account_id)
          and not exists (select from transactions as t where t.account_id = a.id)
    """)  # noqa: S608 - names of ours
    for table, column in {
        "balance_snapshots": "account_id",
        "balance_checks": "id",
        "recurring_streams": "account_id",
        "account_moves": "account_id",
    }.items()
)
_DELETE_ACCOUNTS = text("""
    delete from accounts as a
    where a.item_id = :item_id and a.removed_at is not null
      and (cast(:account_id as uuid) is null or a.id = :account_id)
      and not exists (select from transactions as t where t.account_id = a.id)
""")
_DELETE_OTHERS = (
    text("delete from plaid_pages where item_id = :item_id"),
    text("delete from page_keys where item_id = :item_id"),
    text("delete from imports where item_id = :item_id"),
    text("delete from recurring_streams where item_id = :item_id"),
    text("delete from sync_runs where item_id = :item_id"),
    text("delete from webhook_inbox where plaid_item_id = (select plaid_item_id from items where id = :item_id)"),
)
_FORGET_ITEM = text("""
    update items set institution_id = null, institution_name = null, error_message = null, consent_expires_at = null,
        cursor = null, purged_at = :now
    where id = :item_id and purged_at is null
""")
_STILL_MOVING = text(f"""
    with {_SCOPE} select from scope as s join transactions as t on t.account_id = s.account_id
    where s.until < 'infinity' and t.created_at <= s.until limit 1
""")
_TURN = text("update purges set state = 'delete', due_at = delete_at where id = :id and state = 'hide'")
_COUNT = text("""
    update purges set transactions = transactions + :transactions, entries = entries + :entries where id = :id
""")
_PUT_OFF = text("update purges set due_at = cast(:now as timestamptz) + interval '1 day' where id = :id")
_END = text("""
    update purges set state = :state, finished_at = :now, accounts = accounts + :accounts,
        other_rows = other_rows + :other_rows
    where id = :id and state in ('hide', 'delete')
""")


def tombstone(connection: Connection, item_id: UUID) -> None:
    """Takes an item and its accounts from the screen, and the newest of its rows; the sweep finds the others.

    The caller holds the owner's lock. Twice is safe: what is removed stays as it is.
    """
    for statement in _TOMBSTONES:
        connection.execute(statement, {"item_id": item_id})
    connection.execute(_HIDE, _bound(item_id))


def ask(deps: Deps, item_id: UUID | None = None) -> None:
    """Notes the purges that the ledger's state calls for, of one item or of all.

    Twice notes nothing twice, at the same time neither: who comes second waits and then sees what was noted.
    """
    bound = {"item_id": item_id, "now": deps.now(), "hours": deps.settings.purge_after_hours}
    with transaction(deps.engine) as connection:
        connection.execute(_ONE_AT_A_TIME)
        for statement in (_ASK_UNLINKED, _ASK_REVOKED, _ASK_REVOKED_ACCOUNTS):
            connection.execute(statement, bound)


def due(connection: Connection, now: datetime, at_once: int) -> list[UUID]:
    """Items with a purge that has something to do."""
    return list(connection.execute(_DUE, {"now": now, "at_once": at_once}).scalars())


def purge_item(deps: Deps, item_id: UUID) -> bool:
    """Does what is due of the item's purges; answers whether none is left open. Twice, and at once, is safe."""
    ask(deps, item_id)
    while purges := _open(deps, item_id):
        if not all(_run(deps, purge) for purge in purges):
            return False
    with transaction(deps.engine) as connection:
        return connection.execute(_OPEN, {"item_id": item_id, "now": _ALWAYS}).first() is None


def _open(deps: Deps, item_id: UUID) -> list[Row[Any]]:
    with transaction(deps.engine) as connection:
        return list(connection.execute(_OPEN, {"item_id": item_id, "now": deps.now()}))


def _run(deps: Deps, purge: Row[Any]) -> bool:
    """Does one state of one purge; answers False if it has to wait for something else."""
    work: Callable[[Deps, Row[Any]], int] = _hide_step if purge.state == "hide" else _delete_step
    while (done := work(deps, purge)) > 0:
        step("purge:step")
    return done == 0


@retrying
def _hide_step(deps: Deps, purge: Row[Any]) -> int:
    with transaction(deps.engine) as connection:
        if _cancelled(connection, deps, purge):
            return 0
        if purge.account_id is None:
            for statement in _TOMBSTONES:
                connection.execute(statement, {"item_id": purge.item_id})
        hidden = connection.execute(_HIDE, _bound(purge.item_id, purge.account_id)).rowcount
        if hidden == 0:
            connection.execute(_TURN, {"id": purge.id})
    return hidden


@retrying
def _delete_step(deps: Deps, purge: Row[Any]) -> int:
    bound = _bound(purge.item_id, purge.account_id) | {
        "moving": False,
        "late": deps.now() - _LATE_HISTORY,
        "limit": _DELETED_AT_ONCE,
    }
    with transaction(deps.engine) as connection:
        if _cancelled(connection, deps, purge):
            return 0
        doomed = connection.execute(_NEXT, bound).all()
        if not doomed:
            return _finish(connection, deps, purge, bound)
        found = {"ids": [row.id for row in doomed], "entries": list({row.entry_id for row in doomed})}
        rows = connection.execute(_DELETE_ROWS, found).rowcount
        entries = connection.execute(_DELETE_ENTRIES, found).rowcount
        connection.execute(_COUNT, {"id": purge.id, "transactions": rows, "entries": entries})
    return len(doomed)


def _finish(connection: Connection, deps: Deps, purge: Row[Any], bound: dict[str, Any]) -> int:
    """Deletes what hangs on the item itself; -1 if rows wait for the history of a later link."""
    others = sum(connection.execute(statement, bound).rowcount for statement in _DELETE_OF_ACCOUNTS)
    accounts = connection.execute(_DELETE_ACCOUNTS, bound).rowcount
    if connection.execute(_STILL_MOVING, bound | {"moving": True}).first() is not None:
        connection.execute(_PUT_OFF, {"id": purge.id, "now": deps.now()})
        return -1
    if purge.account_id is None:
        others += sum(connection.execute(statement, bound).rowcount for statement in _DELETE_OTHERS)
        connection.execute(_FORGET_ITEM, bound | {"now": deps.now()})
    ended = {"id": purge.id, "state": "done", "now": deps.now(), "accounts": accounts, "other_rows": others}
    connection.execute(_END, ended)
    _log.info("purged", item_id=str(purge.item_id), reason=purge.reason, accounts=accounts)
    return 0


def _cancelled(connection: Connection, deps: Deps, purge: Row[Any]) -> bool:
    """Locks the owner; ends the purge if access came back."""
    lock_owners(connection, [f"users/{purge.user_id}"])
    bound = {"reason": purge.reason, "item_id": purge.item_id, "account_id": purge.account_id}
    if not connection.execute(_NOT_WANTED, bound).scalar():
        return False
    ended = {"id": purge.id, "state": "cancelled", "now": deps.now(), "accounts": 0, "other_rows": 0}
    connection.execute(_END, ended)
    _log.info("purge_cancelled", item_id=str(purge.item_id), reason=purge.reason)
    return True


def _bound(item_id: UUID, account_id: UUID | None = None) -> dict[str, Any]:
    return {"item_id": item_id, "account_id": account_id, "limit": STEP_ROWS, "moving": True, "late": None}
