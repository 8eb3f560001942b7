"""Rows from one ledger into another, as they are: what a rebuild cannot learn from the bank's pages.

What users said (categories, budgets, manual expenses, edits, splits, rules, answers to reviews) and what belongs to a
connection rather than to its pages (the item, its token, what is owed, the pages themselves). Rows stream through; the
source is read only. A crash leaves a target that is not whole: rebuild.py refuses it, begin with a new one. Called by
rebuild.py alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, exists, func, insert, or_, select, text, update

from sync.models import (
    accounts,
    balance_snapshots,
    budgets,
    categories,
    category_rules,
    entries,
    item_freshness,
    item_pulls,
    item_tokens,
    items,
    page_keys,
    plaid_pages,
    reviews,
    rule_passes,
    splits,
    transactions,
    users,
)

_AT_ONCE = 2_000
_UNTOUCHED = {
    "cursor": None,
    "update_status": "UNKNOWN",
    "removed_at": None,
    "successor_id": None,
    "purged_at": None,
    "status": "ok",
    "error_code": None,
    "error_message": None,
}
_OPEN_ACCOUNT = {"closed_at": None, "removed_at": None, "deselected_at": None, "hidden_at": None, "rows_moving": False}
# What a user or a rule can have said of an entry, and the time of it.
_WORDS = ("user_category_id", "rule_category_id", "note", "edited_at", "removed_at")
_NO_ACCOUNT = text("""
    delete from accounts as a
    where a.user_id = :user_id and a.id <> all (cast(:ids as uuid[]))
      and not exists (select from transactions as t where t.account_id = a.id)
      and not exists (select from account_moves as m where m.account_id = a.id)
""")
# A number is only one account's, and accounts may have exchanged theirs.
_FREE_NUMBERS = text("""
    update accounts set plaid_account_id = '~' || id where user_id = :user_id
""")


def carry_before(source: Connection, target: Connection, user_id: str) -> None:
    """The user, and all that the bank's rows will meet: items without a history, entries with the user's words.

    The words have to be there before the rows: which of two entries stays may depend on them.
    """
    _carry(source, target, users, users.c.id == user_id)
    for table in (categories, budgets):
        _carry(source, target, table, table.c.user_id == user_id)
    _carry(source, target, items, items.c.user_id == user_id, _UNTOUCHED)
    _carry(source, target, entries, (entries.c.user_id == user_id) & _said(), {"removed_at": None})
    _carry(source, target, splits, splits.c.user_id == user_id)
    manual = (transactions.c.user_id == user_id) & (transactions.c.source == "manual")
    _carry(source, target, transactions, manual)


def carry_account(source: Connection, target: Connection, account_id: Any, plaid_account_id: str, item_id: Any) -> None:
    """One account, open, as it was called when the bank first told of it."""
    called = {"plaid_account_id": plaid_account_id, "item_id": item_id}
    _carry(source, target, accounts, accounts.c.id == account_id, _OPEN_ACCOUNT | called)


def carry_after(source: Connection, target: Connection, user_id: str) -> None:
    """What was decided last: accounts and items as they stand, words, rules and answers, and what pulls go on from."""
    _settle_accounts(source, target, user_id)
    for item in _rows(source, items, items.c.user_id == user_id):
        last = {name: value for name, value in item.items() if name not in ("id", "cursor")}
        target.execute(update(items).where(items.c.id == item["id"]).values(last))
    for table in (reviews, splits, balance_snapshots):
        target.execute(delete(table).where(table.c.user_id == user_id))
        _carry(source, target, table, table.c.user_id == user_id)
    _settle_words(source, target, user_id)
    for table in (category_rules, rule_passes, item_tokens, item_pulls, item_freshness):
        _carry(source, target, table, table.c.user_id == user_id)
    for table in (page_keys, plaid_pages):
        of_user = select(items.c.id).where(items.c.user_id == user_id)
        _carry(source, target, table, table.c.item_id.in_(of_user))


def carry_cursor(source: Connection, target: Connection, item_id: Any) -> None:
    """The cursor, for an item that is the same in both ledgers: its next pull goes on from there."""
    cursor = source.execute(select(items.c.cursor).where(items.c.id == item_id)).scalar()
    target.execute(update(items).where(items.c.id == item_id).values(cursor=cursor))


def _settle_accounts(source: Connection, target: Connection, user_id: str) -> None:
    told = list(_rows(source, accounts, accounts.c.user_id == user_id))
    bound = {"user_id": user_id, "ids": [account["id"] for account in told]}
    here = set(target.execute(select(accounts.c.id).where(accounts.c.user_id == user_id)).scalars())
    target.execute(delete(balance_snapshots).where(balance_snapshots.c.user_id == user_id))
    target.execute(_NO_ACCOUNT, bound)
    target.execute(_FREE_NUMBERS, bound)
    for account in told:
        if account["id"] in here:
            target.execute(update(accounts).where(accounts.c.id == account["id"]).values(account))
        else:
            target.execute(insert(accounts).values(account))


def _settle_words(source: Connection, target: Connection, user_id: str) -> None:
    said = func.num_nonnulls(*(entries.c[name] for name in _WORDS)) > 0
    mine = (entries.c.user_id == user_id) & said
    target.execute(update(entries).where(mine).values(dict.fromkeys(_WORDS)))
    for entry in _rows(source, entries, mine):
        words = {name: entry[name] for name in _WORDS}
        target.execute(update(entries).where(entries.c.id == entry["id"]).values(words))


def _said() -> ColumnElement[bool]:
    sides = (reviews.c.pending_entry_id, reviews.c.posted_entry_id)
    return or_(
        func.num_nonnulls(entries.c.user_category_id, entries.c.note, entries.c.edited_at) > 0,
        exists().where(splits.c.entry_id == entries.c.id),
        exists().where(transactions.c.entry_id == entries.c.id, transactions.c.source == "manual"),
        exists().where(or_(*(side == entries.c.id for side in sides))),
    )


def _carry(
    source: Connection,
    target: Connection,
    table: Table,
    which: ColumnElement[bool],
    changed: dict[str, Any] | None = None,
) -> None:
    part: list[dict[str, Any]] = []
    for row in _rows(source, table, which):
        part.append(row | (changed or {}))
        if len(part) == _AT_ONCE:
            target.execute(insert(table), part)
            part = []
    if part:
        target.execute(insert(table), part)


def _rows(source: Connection, table: Table, which: ColumnElement[bool]) -> Any:
    found = source.execute(select(*_columns(table)).where(which), execution_options={"yield_per": _AT_ONCE})
    return (dict(row._mapping) for row in found)


def _columns(table: Table) -> Sequence[Column[Any]]:
    return [column for column in table.columns if column.computed is None and column.identity is None]
