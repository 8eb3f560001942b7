"""The digest of a ledger: two ledgers that hold the same have the same, wherever, whenever and in which order made.

One SHA-256 over what the banks told (accounts, transactions, which of them are one entry, which are live), one over
what the users and their rules said (docs/operations.md has the definition). Postgres writes each row as one line of
JSON and hashes it; here run the sums, so a million rows need no memory. One snapshot, read only; nothing is locked.
Called by the operator's commands, by rebuild.py and incident.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, TextClause, text

from sync.db import snapshot
from sync.errors import UserNotFound

_SECONDS = 3600.0
_AT_ONCE = 5_000

_USERS = text("""select id from users where :user_id is null or id = :user_id order by id""")
_ITEMS = text("""
    select id, plaid_item_id from items where user_id = :user_id order by plaid_item_id
""")
_ACCOUNT_LINES = """
    select jsonb_build_array('account', plaid_account_id, persistent_account_id, name, official_name, mask, type,
        subtype, trim_scale(available_balance)::text, trim_scale(current_balance)::text, trim_scale(credit_limit)::text,
        iso_currency, unofficial_currency, closed_at is not null, removed_at is not null)::text as line
    from accounts where item_id = :item_id
"""
# An entry is called by the ids of all its rows: that is what one real-world transaction is, whatever we number it.
_ROW_LINES = """
    select (jsonb_build_array('transaction', plaid_transaction_id, plaid_account_id, trim_scale(amount)::text,
        iso_currency, unofficial_currency, date::text, authorized_date::text, pending, pending_transaction_id, name,
        merchant_name, bank_category_id, bank_category_primary, bank_category_detailed, bank_category_confidence,
        payment_channel, live, superseded_by, members) || case when :exact
            then jsonb_build_array(entry_id::text, encode(content_sha256, 'hex')) else '[]' end)::text as line
    from (
        select t.*, a.plaid_account_id, t.removed_at is null as live,
            jsonb_agg(t.plaid_transaction_id) over (
                partition by t.entry_id order by t.plaid_transaction_id
                rows between unbounded preceding and unbounded following) as members
        from transactions as t join accounts as a on a.id = t.account_id
        where a.item_id = :item_id
    ) as t
"""
_OWN_LINES = """
    select jsonb_build_array('category', id, name, removed_at is not null)::text as line
    from categories where user_id = :user_id
    union all
    select jsonb_build_array('budget', id, category_id, iso_currency, trim_scale(limit_amount)::text,
        starts_month::text, removed_at is not null)::text
    from budgets where user_id = :user_id
    union all
    select jsonb_build_array('rule', id, position, name_match, name_text, account_id, direction,
        trim_scale(min_amount)::text, trim_scale(max_amount)::text, bank_category_id, category_id,
        removed_at is not null)::text
    from category_rules where user_id = :user_id
    union all
    select jsonb_build_array('review', pending_entry_id, posted_entry_id, state)::text
    from reviews where user_id = :user_id
    union all
    select jsonb_build_array('expense', t.id, t.entry_id, trim_scale(t.amount)::text, t.iso_currency,
        t.unofficial_currency, t.date::text, t.name, t.merchant_name, t.bank_category_id,
        t.removed_at is not null)::text
    from transactions as t where t.user_id = :user_id and t.source = 'manual'
    union all
    select jsonb_build_array('entry', e.id, e.user_category_id, e.rule_category_id, e.note, e.removed_at is not null,
        (select coalesce(jsonb_agg(jsonb_build_array(s.category_id, trim_scale(s.amount)::text, s.note)
                                   order by s.position), '[]') from splits as s where s.entry_id = e.id),
        (select coalesce(jsonb_agg(t.plaid_transaction_id order by t.plaid_transaction_id), '[]')
         from transactions as t where t.entry_id = e.id))::text
    from entries as e
    where e.user_id = :user_id
      and (num_nonnulls(e.user_category_id, e.rule_category_id, e.note, e.removed_at) > 0
           or exists (select from splits as s where s.entry_id = e.id))
"""
_HASHED = "select sha256(convert_to(line, 'UTF8')) as hash from ({lines}) as lines order by hash"
_BANK_LINES = f"{_ACCOUNT_LINES} union all {_ROW_LINES}"
_BANK_HASHES, _OWN_HASHES = (text(_HASHED.format(lines=lines)) for lines in (_BANK_LINES, _OWN_LINES))
_BANK = text(_BANK_LINES)


@dataclass(frozen=True)
class ItemDigest:
    """What one bank told; `lines` = accounts and transactions, removed ones too."""

    item_id: UUID
    plaid_item_id: str
    bank: str
    lines: int


@dataclass(frozen=True)
class UserDigest:
    """A user's ledger: what all their banks told, and what they and their rules said."""

    user_id: str
    bank: str
    own: str
    items: tuple[ItemDigest, ...]


@dataclass(frozen=True)
class LedgerDigest:
    """All users' ledgers, by user id."""

    bank: str
    own: str
    users: tuple[UserDigest, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def digest_ledger(engine: Engine, user_id: str | None = None) -> LedgerDigest:
    """The digests of one user's ledger or of all, as of one moment; raises UserNotFound for a user it does not have."""
    with snapshot(engine, statement_seconds=_SECONDS) as connection:
        return digest_on(connection, user_id)


def digest_on(connection: Connection, user_id: str | None = None) -> LedgerDigest:
    """The same on a snapshot that the caller holds."""
    found = list(connection.execute(_USERS, {"user_id": user_id}).scalars())
    if user_id is not None and not found:
        raise UserNotFound
    users = tuple(_digest_user(connection, one) for one in found)
    return LedgerDigest(
        bank=_sum_of([user.user_id, user.bank] for user in users),
        own=_sum_of([user.user_id, user.own] for user in users),
        users=users,
    )


def digest_item(connection: Connection, item: Row[Any], *, exact: bool = True) -> ItemDigest:
    """The digest of one item (a row with id and plaid_item_id).

    Not `exact` leaves out what is no word of a row's own: the id of its entry and the hash of Plaid's whole object.
    """
    digest, lines = _sum_lines(_hashes(connection, _BANK_HASHES, item_id=item.id, exact=exact))
    return ItemDigest(item.id, item.plaid_item_id, digest, lines)


def bank_lines(connection: Connection, item_id: UUID) -> Iterator[list[Any]]:
    """The lines of one item's digest that is not exact, in no order."""
    for (line,) in _stream(connection, _BANK, {"item_id": item_id, "exact": False}):
        yield json.loads(line)


def sum_of_lines(lines: Iterable[list[Any]]) -> str:
    """The digest of lines that are not in a ledger; they have to fit into memory as hashes."""
    return _sum_lines(iter(sorted(hashlib.sha256(_line(line).encode()).digest() for line in lines)))[0]


def _digest_user(connection: Connection, user_id: str) -> UserDigest:
    items = connection.execute(_ITEMS, {"user_id": user_id}).all()
    digests = tuple(digest_item(connection, item) for item in items)
    return UserDigest(
        user_id=user_id,
        bank=_sum_of([item.plaid_item_id, item.bank] for item in digests),
        own=_sum_lines(_hashes(connection, _OWN_HASHES, user_id=user_id))[0],
        items=digests,
    )


def _hashes(connection: Connection, query: TextClause, **bound: Any) -> Iterator[bytes]:
    return (bytes(row.hash) for row in _stream(connection, query, bound))


def _stream(connection: Connection, query: TextClause, bound: dict[str, Any]) -> Iterator[Row[Any]]:
    return iter(connection.execute(query, bound, execution_options={"yield_per": _AT_ONCE}))


def _sum_lines(hashes: Iterator[bytes]) -> tuple[str, int]:
    total, count = hashlib.sha256(), 0
    for one in hashes:
        total.update(one)
        count += 1
    return total.hexdigest(), count


def _sum_of(parts: Iterable[list[str]]) -> str:
    return hashlib.sha256("\n".join(_line(part) for part in parts).encode()).hexdigest()


def _line(values: list[Any]) -> str:
    """One line as Postgres writes a jsonb array."""
    return json.dumps(values, ensure_ascii=False)
