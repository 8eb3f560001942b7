"""Bank rows into the ledger: rows, lineage and cursor, inside the caller's one transaction.

What an update tells is copied into temporary tables and compared there, before the owner's lock is taken; under the
lock run only set-based statements, whatever the number of rows. The cursor moves by compare-and-set: a worker that read
an older cursor is refused (CursorMoved) and changes nothing, and a crash leaves either all of the transaction or none
of it. Rows whose content is the one stored write nothing, so the same update twice is safe. Bank columns only: what a
user or a rule set on an entry is never touched. Called by pull.py (an update at once), imports.py (a large one in
steps) and accounts.py (store_accounts).
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from sync import taxonomy
from sync.errors import PlaidContract
from sync.ledger import reviews, rules
from sync.pull import balances, relink
from sync.pull.fold import Update
from sync.pull.pages import BankAccount
from sync.pull.resync import stage_untold


class CursorMoved(Exception):
    """Another worker stored a newer cursor, or the item was removed, while this update was fetched."""


@dataclass(frozen=True)
class Applied:
    """What was changed; `unchanged` = rows that Plaid sent and the ledger held already."""

    added: int = 0
    modified: int = 0
    removed: int = 0
    unchanged: int = 0
    accounts: int = 0

    @property
    def changes(self) -> int:
        """Rows written, accounts aside."""
        return self.added + self.modified + self.removed

    def __add__(self, other: Applied) -> Applied:
        return Applied(*(mine + more for mine, more in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Target:
    """The item that an update belongs to, and the cursor at which it has to stand still when the update is stored.

    `resync`: the update tells everything from the beginning, so what it does not tell is gone.
    """

    item_id: UUID
    user_id: str
    cursor: str | None
    heals: bool = True
    resync: bool = False


@dataclass(frozen=True)
class Staged:
    """How much lies in the temporary tables: rows told, of them such that differ from the ledger, removals.

    `known`: of those that differ, such that the ledger has under their id; the others are new.
    """

    told: int
    differing: int
    removals: int
    known: int

    @property
    def counted(self) -> bool:
        """Whether the planner was told how much it is."""
        return self.known > 0 or self.removals > 0


NOTHING = Applied()

_STAGES = text("""
    create temporary table if not exists pulled_accounts (
        plaid_account_id text collate "C", persistent_account_id text, name text, official_name text, mask text,
        type text, subtype text, available_balance numeric, current_balance numeric, credit_limit numeric,
        iso_currency text, unofficial_currency text
    ) on commit delete rows;
    create temporary table if not exists pulled_rows (
        plaid_transaction_id text collate "C", plaid_account_id text collate "C", amount numeric, iso_currency text,
        unofficial_currency text, date date, authorized_date date, pending boolean,
        pending_transaction_id text collate "C", name text, merchant_name text,
        bank_category_primary text collate "C", bank_category_detailed text collate "C", bank_category_confidence text,
        payment_channel text, content_sha256 bytea,
        claims text collate "C", heir text collate "C", root text collate "C",
        entry_id uuid, new_entry boolean default true, known boolean default false
    ) on commit delete rows;
    create temporary table if not exists pulled_removals (plaid_transaction_id text collate "C") on commit delete rows;
""")
ROW_COLUMNS = (
    "plaid_transaction_id, plaid_account_id, amount, iso_currency, unofficial_currency, date, authorized_date, "
    "pending, pending_transaction_id, name, merchant_name, bank_category_primary, bank_category_detailed, "
    "bank_category_confidence, payment_channel, content_sha256, claims, heir, root, entry_id"
)

ACCOUNT_COLUMNS = ", ".join(BankAccount._fields)
_NO_ACCOUNTS = text("delete from pulled_accounts")

# What the ledger holds already needs nothing: equal content, live, or dead because another row, and not the one that it
# posts, lives on its entry. Each id is looked up by itself, so nobody has to count the rows first.
_COMPARE = text("""
    with found as materialized (
        select s.ctid as place, t.content_sha256 = s.content_sha256 and s.heir is null
            and (t.removed_at is null or exists (
                select from transactions as o where o.entry_id = t.entry_id and o.removed_at is null
                  and o.plaid_transaction_id is distinct from s.claims
                  and not exists (
                    select from pulled_removals as r where r.plaid_transaction_id = o.plaid_transaction_id))) as same
        from pulled_rows as s cross join lateral (
            select * from transactions as t where t.plaid_transaction_id = s.plaid_transaction_id limit 1) as t
    ), dropped as (
        delete from pulled_rows where ctid = any (array(select place from found where same)) returning 1
    )
    select (select count(*) from found), (select count(*) from dropped)
""")
# For statements that join what is staged with the ledger: else one row is planned like hundreds.
_COUNT = text("analyze pulled_rows (plaid_transaction_id), pulled_removals (plaid_transaction_id)")
_MOVE_CURSOR = text("""
    update items set
        cursor = :end_cursor,
        update_status = case when array_position(:statuses, :update_status) > array_position(:statuses, update_status)
            then :update_status else update_status end,
        status = case when :heals and status in ('login_required', 'error') then 'ok' else status end,
        error_code = case when :heals and status in ('login_required', 'error') then null else error_code end,
        error_message = case when :heals and status in ('login_required', 'error') then null else error_message end
    where id = :item_id and removed_at is null and cursor is not distinct from :cursor
    returning update_status
""")
_STATUSES = ["UNKNOWN", "NOT_READY", "INITIAL", "HISTORICAL"]

# The id follows from the item and Plaid's id, unless it is that of an account which has come under another id since.
_UPSERT_ACCOUNTS = text("""
    insert into accounts as a (id, user_id, item_id, plaid_account_id, persistent_account_id, name, official_name, mask,
        type, subtype, available_balance, current_balance, credit_limit, iso_currency, unofficial_currency)
    select case when exists (
            select from accounts as o
            where o.id = md5(cast(:item_id as text) || ':' || pulled_accounts.plaid_account_id)::uuid
              and o.plaid_account_id <> pulled_accounts.plaid_account_id)
        then gen_random_uuid() else md5(cast(:item_id as text) || ':' || plaid_account_id)::uuid end,
        :user_id, :item_id, plaid_account_id,
        persistent_account_id, name, official_name, mask, type, subtype, available_balance, current_balance,
        credit_limit, iso_currency, unofficial_currency
    from pulled_accounts
    on conflict (plaid_account_id) do update set
        persistent_account_id = excluded.persistent_account_id, name = excluded.name,
        official_name = excluded.official_name, mask = excluded.mask, type = excluded.type, subtype = excluded.subtype,
        available_balance = excluded.available_balance, current_balance = excluded.current_balance,
        credit_limit = excluded.credit_limit, iso_currency = excluded.iso_currency,
        unofficial_currency = excluded.unofficial_currency, closed_at = null, removed_at = null
    where a.item_id = excluded.item_id
      and (a.persistent_account_id, a.name, a.official_name, a.mask, a.type, a.subtype, a.available_balance,
           a.current_balance, a.credit_limit, a.iso_currency, a.unofficial_currency, a.closed_at, a.removed_at)
        is distinct from
          (excluded.persistent_account_id, excluded.name, excluded.official_name, excluded.mask, excluded.type,
           excluded.subtype, excluded.available_balance, excluded.current_balance, excluded.credit_limit,
           excluded.iso_currency, excluded.unofficial_currency, null::timestamptz, null::timestamptz)
""")
_REMOVE = text("""
    update transactions as t set removed_at = now(), superseded_by = s.plaid_transaction_id
    from pulled_removals as r left join pulled_rows as s on s.claims = r.plaid_transaction_id
    where t.plaid_transaction_id = r.plaid_transaction_id and t.removed_at is null and t.user_id = :user_id
""")
# All that decides which statements the staged rows need, in one look.
_LOOK = text(f"""
    select coalesce(bool_or(s.claims is not null or s.root <> s.plaid_transaction_id), false) as tied,
        coalesce(bool_or(s.pending), false) as pending, array_agg(distinct s.bank_category_detailed) as codes,
        exists (select from (select distinct plaid_account_id from pulled_rows) as n
                where not exists (select from accounts as a
                                  where a.plaid_account_id = n.plaid_account_id and a.item_id = :item_id)) as strange,
        exists ({relink.MOVING}) as moving, exists ({rules.RULES}) as rules, {reviews.QUESTIONS} as questions
    from pulled_rows as s
""")  # noqa: S608 - our own constants
# A row's entry: its own; else that of the first row of its chain; else that of the row which the chain claims, unless
# yet another live row holds it; else the new one that it was staged with, shared by the chain. Each id is looked up by
# itself (limit): while an import fills the table the planner knows too little of it, and would read all of a user's.
_OWN_ENTRIES = text("""
    update pulled_rows as s set known = true, new_entry = false, entry_id = own.entry_id
    from pulled_rows as p cross join lateral (
        select t.entry_id from transactions as t
        where t.plaid_transaction_id = p.plaid_transaction_id and t.user_id = :user_id limit 1) as own
    where p.plaid_transaction_id = s.plaid_transaction_id
""")
_ENTRIES_OF_CHAINS = text("""
    update pulled_rows as s set new_entry = false, entry_id = f.entry_id
    from (
        select s.plaid_transaction_id, coalesce(of_root.entry_id, claimed.entry_id) as entry_id
        from pulled_rows as s
        join pulled_rows as root on root.plaid_transaction_id = s.root
        left join lateral (
            select t.entry_id from transactions as t
            where t.plaid_transaction_id = nullif(s.root, s.plaid_transaction_id) and t.user_id = :user_id
            limit 1) as of_root on true
        left join lateral (
            select t.entry_id from transactions as t
            where t.plaid_transaction_id = root.claims and t.user_id = :user_id and not exists (
                select from transactions as o
                where o.entry_id = t.entry_id and o.removed_at is null and o.id <> t.id)
            limit 1) as claimed on true
        where not s.known and (s.claims is not null or s.root <> s.plaid_transaction_id)
    ) as f
    where f.plaid_transaction_id = s.plaid_transaction_id and f.entry_id is not null
""")
# The few accounts and categories of many rows are hashed; loops over them are what the planner takes for cheaper.
_FILED = """
    left join accounts as a on a.plaid_account_id = s.plaid_account_id and a.item_id = :item_id
    left join categories as detailed on detailed.id = s.bank_category_detailed and detailed.user_id is null
    left join categories as main on main.id = s.bank_category_primary and main.user_id is null
"""
_CATEGORY = "coalesce(detailed.id, main.id, 'UNCATEGORIZED')"
_SUPERSEDE = text("""
    update transactions as t
    set removed_at = coalesce(t.removed_at, now()), superseded_by = s.plaid_transaction_id
    from pulled_rows as s
    where t.plaid_transaction_id = s.claims and t.entry_id = s.entry_id and t.user_id = :user_id
      and (t.removed_at is null or t.superseded_by is distinct from s.plaid_transaction_id)
""")
_UPDATE = text(f"""
    update transactions as t set
        account_id = a.id, amount = s.amount, iso_currency = s.iso_currency,
        unofficial_currency = s.unofficial_currency, date = s.date, authorized_date = s.authorized_date,
        pending = s.pending, pending_transaction_id = s.pending_transaction_id, name = s.name,
        merchant_name = s.merchant_name, bank_category_id = {_CATEGORY},
        bank_category_primary = s.bank_category_primary, bank_category_detailed = s.bank_category_detailed,
        bank_category_confidence = s.bank_category_confidence, payment_channel = s.payment_channel,
        content_sha256 = s.content_sha256,
        removed_at = case when s.heir is null and not exists (
                select from transactions as o where o.entry_id = t.entry_id and o.id <> t.id and o.removed_at is null)
            then null else coalesce(t.removed_at, now()) end,
        superseded_by = case when s.heir is null and not exists (
                select from transactions as o where o.entry_id = t.entry_id and o.id <> t.id and o.removed_at is null)
            then null else coalesce(s.heir, t.superseded_by) end
    from pulled_rows as s {_FILED}
    where s.known and t.plaid_transaction_id = s.plaid_transaction_id
      and (t.content_sha256 is distinct from s.content_sha256 or (t.removed_at is null) <> (s.heir is null))
""")  # noqa: S608 - our own constants
# Without its default the id costs a tenth: gen_random_uuid reads the system's randomness row by row.
_INSERT = text(f"""
    insert into entries (id, user_id)
    select distinct entry_id, :user_id from pulled_rows where new_entry
    on conflict (id) do nothing;
    set local enable_nestloop = off;
    with stored as (
    insert into transactions (id, plaid_transaction_id, entry_id, user_id, account_id, source, amount, iso_currency,
        unofficial_currency, date, authorized_date, pending, pending_transaction_id, name, merchant_name,
        bank_category_id, bank_category_primary, bank_category_detailed, bank_category_confidence, payment_channel,
        content_sha256, removed_at, superseded_by)
    select md5(cast(:item_id as text) || '/' || s.plaid_transaction_id)::uuid, s.plaid_transaction_id, s.entry_id,
        :user_id, a.id, 'bank', s.amount, s.iso_currency, s.unofficial_currency, s.date, s.authorized_date, s.pending,
        s.pending_transaction_id, s.name, s.merchant_name, {_CATEGORY}, s.bank_category_primary,
        s.bank_category_detailed, s.bank_category_confidence, s.payment_channel, s.content_sha256,
        case when s.heir is not null then now() end, s.heir
    from pulled_rows as s {_FILED}
    where not s.known
    order by s.date
    returning 1)
    select count(*), set_config('enable_nestloop', 'on', true) from stored
""")  # noqa: S608 - our own constants


def open_stages(connection: Connection) -> None:
    """Makes the temporary tables if this connection has none; they are empty in each transaction."""
    connection.execute(_STAGES)


def stage(connection: Connection, target: Target, update: Update) -> Staged:
    """Copies a whole update beside the ledger and compares; takes no owner's lock."""
    open_stages(connection)
    copy_rows(connection, "pulled_accounts", ACCOUNT_COLUMNS, update.accounts)
    _copy_columns(connection, "pulled_rows", ROW_COLUMNS, _columns(target, update))
    copy_rows(connection, "pulled_removals", "plaid_transaction_id", ((plaid_id,) for plaid_id in update.removed))
    removals = len(update.removed)
    if target.resync and update.complete:
        removals += stage_untold(connection, target.item_id)
    return compare(connection, len(update.rows), removals)


def compare(connection: Connection, told: int, removals: int) -> Staged:
    """Takes staged rows away that the ledger holds already; takes no owner's lock."""
    found, dropped = connection.execute(_COMPARE).one()
    staged = Staged(told, told - dropped, removals, found - dropped)
    if staged.counted:
        connection.execute(_COUNT)
    return staged


def move_cursor(connection: Connection, target: Target, end_cursor: str | None, update_status: str) -> str:
    """Stores the end cursor and answers the item's update status; raises CursorMoved if it stands elsewhere."""
    moved = connection.execute(
        _MOVE_CURSOR,
        {
            "item_id": target.item_id,
            "cursor": target.cursor,
            "end_cursor": end_cursor,
            "update_status": update_status,
            "statuses": _STATUSES,
            "heals": target.heals,
        },
    ).scalar()
    if moved is None:
        raise CursorMoved
    return str(moved)


def store_accounts(connection: Connection, item_id: UUID, user_id: str, accounts: Sequence[BankAccount]) -> int:
    """Brings these accounts to what the bank tells and answers how many differed; the caller holds the owner's lock."""
    if not accounts:
        return 0
    open_stages(connection)
    connection.execute(_NO_ACCOUNTS)
    copy_rows(connection, "pulled_accounts", ACCOUNT_COLUMNS, accounts)
    return _store_staged_accounts(connection, {"item_id": item_id, "user_id": user_id})


def store(connection: Connection, target: Target, staged: Staged) -> Applied:
    """Brings the ledger to what is staged; the caller holds the owner's lock. Raises PlaidContract."""
    bound = {"item_id": target.item_id, "user_id": target.user_id}
    accounts = _store_staged_accounts(connection, bound)
    removed = connection.execute(_REMOVE, bound).rowcount if staged.removals else 0
    added, modified = _store_rows(connection, target, staged, bound) if staged.differing else (0, 0)
    if removed:
        reviews.reconsider(connection, target.user_id)
    return Applied(added, modified, removed, staged.told - added - modified, accounts)


def _store_staged_accounts(connection: Connection, bound: dict[str, Any]) -> int:
    written = connection.execute(_UPSERT_ACCOUNTS, bound).rowcount
    balances.snapshot(connection, bound["item_id"], bound["user_id"])
    return written


def _store_rows(connection: Connection, target: Target, staged: Staged, bound: dict[str, Any]) -> tuple[int, int]:
    look = connection.execute(_LOOK, bound).one()
    if look.strange:
        raise PlaidContract("a transaction names an account that Plaid did not send")
    known, tied, linked = staged.known > 0, look.tied or look.moving, look.pending or look.questions
    if (tied or look.rules or linked) and not staged.counted:
        connection.execute(_COUNT)
    if look.moving:
        relink.adopt(connection, target.item_id)
    if known:
        connection.execute(_OWN_ENTRIES, bound)
    if tied:
        connection.execute(_ENTRIES_OF_CHAINS, bound)
        connection.execute(_SUPERSEDE, bound)
    modified = connection.execute(_UPDATE, bound).rowcount if known else 0
    added = connection.execute(_INSERT, bound).scalar_one()
    taxonomy.warn_of_unknown(connection, look.codes)
    if look.rules:
        rules.apply_to_staged(connection, target.user_id)
    if known or linked:
        reviews.suggest(connection, target.item_id, target.user_id)
    return added, modified


def _columns(target: Target, update: Update) -> list[Sequence[Any]]:
    """The rows as ROW_COLUMNS, column by column."""
    if not update.rows:
        return []
    rows, claims, heirs, roots = zip(*update.rows, strict=True)
    return [*zip(*rows, strict=True), claims, heirs, roots, _new_entries(target, roots)]


def _new_entries(target: Target, roots: Sequence[str]) -> list[str]:
    # They follow from what the bank calls the rows: a ledger that is built again from the same pages has the same.
    digest, item = hashlib.md5, f"{target.item_id}:".encode()
    return [digest(item + root.encode(), usedforsecurity=False).hexdigest() for root in roots]


def copy_rows(connection: Connection, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    """Copies rows into a table in the order of `columns`, a list of names."""
    _copy_columns(connection, table, columns, zip(*rows, strict=True))


def _copy_columns(connection: Connection, table: str, columns: str, values: Iterable[Sequence[Any]]) -> None:
    written = [_written(column) for column in values]
    if written and written[0]:
        lines = "\n".join(map("\t".join, zip(*written, strict=True))).encode()
        cursor: Any = connection.connection.cursor()
        cursor.copy_expert(f"copy {table} ({columns}) from stdin", io.BytesIO(lines), size=_AT_ONCE)
        cursor.close()


_AT_ONCE = 1 << 17  # bytes handed to the driver in one piece
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

# How each kind of value is written in COPY's text format.
_WRITTEN: Mapping[type, Callable[[Any], str]] = {
    type(None): lambda _: "\\N",
    str: lambda value: value.translate(_ESCAPES),
    bool: lambda value: "t" if value else "f",
    bytes: lambda value: "\\\\x" + value.hex(),
    date: date.isoformat,
    Decimal: str,
}


def _written(column: Sequence[Any]) -> Sequence[str]:
    """A column in COPY's text format. Written as a whole, because its values are mostly of one kind and unescaped."""
    kinds = set(map(type, column))
    if kinds == {type(None)}:
        return ["\\N"] * len(column)
    if kinds == {str} and not _SPECIAL.search("".join(column)):
        return column
    if len(kinds) == 1:
        return list(map(_WRITTEN[kinds.pop()], column))
    return [_WRITTEN[type(value)](value) for value in column]
