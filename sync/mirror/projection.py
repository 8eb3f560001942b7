"""The projection: the documents that the ledger says should exist, for any set of paths.

One set-based query per document kind, for all owners of a round at once, inside the caller's snapshot; documents.py
builds the documents purely from those rows. A path without a document in the answer should not exist. Version and time
fields are added by plan.py, which knows the marks. Nothing is cached and nothing is counted incrementally: a month is
summed from its own rows by index, whenever it is built. Called by mirror.py and reconcile.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sync.ledger.totals import totals_of
from sync.mirror.asked import (
    HOUSEHOLDS,
    Documents,
    FirstMonths,
    Keys,
    Reader,
    built,
    columns,
    in_window,
    is_shared,
    key_of,
    parse_month,
    uuids,
)
from sync.mirror.changes import Cursor, OwnerRow
from sync.mirror.documents import (
    Budget,
    Total,
    account_document,
    budget_document,
    head_document,
    import_document,
    item_document,
    month_name,
    receipt_document,
    recurring_document,
    transaction_document,
)
from sync.mirror.prepared import Statement
from sync.mirror.receipts import month_with_receipt, read_days
from sync.mirror.shared import SHARED_KINDS, shared_candidates, shared_months_of


class Place(NamedTuple):
    """A document's path taken apart; the head has the kind "" and no id. `user_id` is `households/{hid}` for theirs."""

    user_id: str
    kind: str
    id: str


def place(path: str) -> Place | None:
    """Takes a path apart; None for a path of no known shape (a newer process may know it)."""
    segments = path.split("/")
    kinds = _ROOTS.get(segments[0])
    if kinds is None or not all(segments):
        return None
    key = segments[1] if kinds is KINDS else f"{HOUSEHOLDS}{segments[1]}"
    if len(segments) == 2:
        return Place(key, "", "")
    return Place(key, *segments[2:]) if len(segments) == 4 and segments[2] in kinds else None


def project(cursor: Cursor, paths: Iterable[str], owners: Mapping[str, OwnerRow]) -> Documents:
    """Builds the documents of these paths as the snapshot's ledger has them; absent ones are left out."""
    wanted: dict[Reader, Keys] = defaultdict(list)
    asked: dict[str, tuple[str, Keys] | None] = {}
    documents: Documents = {}
    for path in paths:
        collection, _, name = path.rpartition("/")
        if collection not in asked:  # taken apart once: few collections have many documents
            found = place(f"{collection}/any")
            kinds = SHARED_KINDS if is_shared(path) else KINDS
            asked[collection] = (found.user_id, wanted[kinds[found.kind]]) if found and found.kind else None
        if name and (keys := asked[collection]):
            keys[1].append((keys[0], name))
        elif place(path) and owners[path].exists:
            documents[path] = head_document(owners[path])
    first_months = {key_of(owner.owner): owner.first_month for owner in owners.values()}
    for read, of_kind in wanted.items():
        documents.update(read(cursor, of_kind, first_months))
    return documents


def months_of(cursor: Cursor, paths: Sequence[str]) -> dict[str, date]:
    """Answers the month each transaction path falls in now, or fell in last; unknown ones are left out."""
    places = [found for path in paths if (found := place(path)) and found.kind == "transactions"]
    keys = [(found.user_id, found.id) for found in places if not is_shared(found.user_id)]
    shared = [(found.user_id, found.id) for found in places if is_shared(found.user_id)]
    rows = _MONTHS_OF.run(cursor, *columns(uuids(keys)))
    months = {f"users/{user_id}/transactions/{entry_id}": month for user_id, entry_id, month in rows}
    return {**months, **shared_months_of(cursor, shared)} if shared else months


# --- transactions ---

_MONTHS_OF = Statement("""
select w.user_id, w.id, coalesce(max(t.month) filter (where t.removed_at is null), max(t.month))
from unnest(%s::text[], %s::uuid[]) as w(user_id, id)
join transactions as t on t.entry_id = w.id and t.user_id = w.user_id
group by w.user_id, w.id
""", "text[]", "uuid[]")  # fmt: skip

# Each row is looked up by its key (the fences, offset 0): joined freely, a thousand keys are planned as a hash of
# everybody's transactions, which costs three times as much among 20,000 of them.
_TRANSACTIONS = Statement("""
select t.user_id, e.id::text, t.month, t.spent_on, t.date, t.authorized_date, t.name, t.merchant_name, t.amount,
    t.iso_currency, t.unofficial_currency, e.user_category_id, e.rule_category_id, t.bank_category_id,
    t.bank_category_detailed, e.note, t.pending, t.source, t.account_id::text, t.payment_channel,
    case when exists (select from splits as s where s.entry_id = e.id) then
        (select json_agg(json_build_array(s.category_id, s.amount::text, s.note) order by s.position)
         from splits as s where s.entry_id = e.id) end,
    t.expired_at is not null, r.id::text, r.state,
    (case r.state when 'confirmed' then r.posted_entry_id else r.pending_entry_id end)::text,
    r.name, r.amount, r.iso_currency, r.unofficial_currency, r.date
from unnest(%s::text[], %s::uuid[]) as w(user_id, id)
cross join lateral (select * from entries where id = w.id offset 0) as e
cross join lateral (select * from transactions where entry_id = w.id offset 0) as t
left join lateral (select * from reviews where shown_entry_id = w.id offset 0) as r on true
where t.user_id = w.user_id and t.removed_at is null and e.removed_at is null
""", "text[]", "uuid[]")  # fmt: skip


def _transactions(cursor: Cursor, keys: Keys, first_months: FirstMonths) -> Documents:
    """Those inside their owner's window: a join that said so would be planned as a loop over all of them."""
    return {
        f"users/{row[0]}/transactions/{row[1]}": built(transaction_document, row[2:], month=row[2])
        for row in _TRANSACTIONS.run(cursor, *columns(uuids(keys)))
        if (first_month := first_months.get(row[0])) is not None and row[2] >= first_month
    }


# --- months ---

_MONTHS = Statement(totals_of("select * from unnest(%s::text[], %s::date[]) as w(user_id, month)"), "text[]", "date[]")

_BUDGETS_OF = Statement("""
select user_id, id::text, category_id, iso_currency, limit_amount, starts_month from budgets
where user_id = any (%s) and removed_at is null order by user_id, id
""", "text[]")  # fmt: skip


def _months(cursor: Cursor, keys: Keys, first_months: FirstMonths) -> Documents:
    wanted = [(user_id, month) for user_id, name in keys if (month := parse_month(name)) is not None]
    totals: dict[tuple[str, date], list[Total]] = defaultdict(list)
    for user_id, month, *rest in _MONTHS.run(cursor, *columns(wanted)):
        totals[user_id, month].append(Total(*rest))
    budgets = _budgets_of(cursor, sorted({user_id for user_id, _ in totals}))
    days = read_days(cursor, [key for key in totals if in_window(*key, first_months)])
    return {
        f"users/{user_id}/months/{month_name(month)}": built(
            month_with_receipt,
            month,
            rows,
            budgets[user_id],
            first_months.get(user_id),
            days.get((user_id, month)),
            month=month,
        )
        for (user_id, month), rows in totals.items()
    }


def _budgets_of(cursor: Cursor, user_ids: list[str]) -> Mapping[str, list[Budget]]:
    budgets: dict[str, list[Budget]] = defaultdict(list)
    if user_ids:
        for user_id, *rest in _BUDGETS_OF.run(cursor, user_ids):
            budgets[user_id].append(Budget(*rest))
    return budgets


# --- accounts, items, categories, budgets ---

_ACCOUNTS = Statement("""
select a.user_id, a.id::text, a.item_id::text, a.name, a.official_name, a.mask, a.type, a.subtype, a.iso_currency,
    a.unofficial_currency, a.current_balance, a.available_balance, a.credit_limit, a.closed_at is not null,
    c.state, c.gap, c.since_day, c.likely, c.reason
from unnest(%s::text[], %s::uuid[]) as w(user_id, id)
join accounts as a on a.id = w.id and a.user_id = w.user_id and a.removed_at is null
left join balance_checks as c on c.id = a.id
""", "text[]", "uuid[]")  # fmt: skip


def _accounts(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    rows = _ACCOUNTS.run(cursor, *columns(uuids(keys)))
    return {f"users/{row[0]}/accounts/{row[1]}": built(account_document, row[2:]) for row in rows}


_ITEMS = Statement("""
select i.user_id, i.id::text, i.institution_id, i.institution_name, i.status, i.error_code, i.error_message,
    i.consent_expires_at,
    case when i.status in ('ok', 'pending_disconnect') then coalesce(f.state, 'ok') else 'broken' end,
    f.bank_updated_at, f.changed_at
from unnest(%s::text[], %s::uuid[]) as w(user_id, id)
join items as i on i.id = w.id and i.user_id = w.user_id and i.removed_at is null
left join item_freshness as f on f.id = i.id
""", "text[]", "uuid[]")  # fmt: skip


def _items(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    rows = _ITEMS.run(cursor, *columns(uuids(keys)))
    return {f"users/{row[0]}/items/{row[1]}": item_document(row[2:]) for row in rows}


_CATEGORIES = Statement("""
select c.user_id, c.id, c.name
from unnest(%s::text[], %s::text[]) as w(user_id, id)
join categories as c on c.id = w.id and c.user_id = w.user_id and c.removed_at is null
""", "text[]", "text[]")  # fmt: skip


def _categories(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    rows = _CATEGORIES.run(cursor, *columns(keys))
    return {f"users/{row[0]}/categories/{row[1]}": {"name": row[2]} for row in rows}


_BUDGETS = Statement("""
select b.user_id, b.id::text, b.category_id, b.iso_currency, b.limit_amount, b.starts_month
from unnest(%s::text[], %s::uuid[]) as w(user_id, id)
join budgets as b on b.id = w.id and b.user_id = w.user_id and b.removed_at is null
""", "text[]", "uuid[]")  # fmt: skip


def _budgets(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    rows = _BUDGETS.run(cursor, *columns(uuids(keys)))
    return {f"users/{row[0]}/budgets/{row[1]}": built(budget_document, Budget(*row[1:])) for row in rows}


_IMPORTS = Statement("""
select i.user_id, i.item_id::text, i.phase, i.pages, i.rows, i.rows_stored, i.stored_from, i.started_at, i.finished_at
from unnest(%s::text[], %s::uuid[]) as w(user_id, id)
join imports as i on i.item_id = w.id and i.user_id = w.user_id
""", "text[]", "uuid[]")  # fmt: skip


def _imports(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    rows = _IMPORTS.run(cursor, *columns(uuids(keys)))
    return {f"users/{row[0]}/imports/{row[1]}": import_document(row[2:]) for row in rows}


_RECURRING = Statement("""
select r.user_id, r.id::text, r.account_id::text, r.direction, r.description, r.merchant_name, r.frequency, r.status,
    r.active, r.first_date, r.last_date, r.next_date, r.average_amount, r.last_amount, r.iso_currency,
    r.unofficial_currency, r.bank_category_id, r.transaction_count
from unnest(%s::text[], %s::uuid[]) as w(user_id, id)
join recurring_streams as r on r.id = w.id and r.user_id = w.user_id and r.removed_at is null
""", "text[]", "uuid[]")  # fmt: skip


def _recurring(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    rows = _RECURRING.run(cursor, *columns(uuids(keys)))
    return {f"users/{row[0]}/recurring/{row[1]}": built(recurring_document, row[2:]) for row in rows}


_RECEIPTS = """
select i.user_id, i.id::text, i.device, i.sequence, i.kind, i.outcome, i.reason, i.detail, i.marked, i.applied_at
from unnest(%s::text[], %s::uuid[]) as w(user_id, id)
join intents_applied as i on i.user_id = w.user_id and i.id = w.id
"""


def _receipts(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    cursor.execute(_RECEIPTS, columns(uuids(keys)))
    return {f"users/{row[0]}/receipts/{row[1]}": receipt_document(row[2:]) for row in cursor.fetchall()}


KINDS: Mapping[str, Reader] = {
    "transactions": _transactions,
    "months": _months,
    "accounts": _accounts,
    "items": _items,
    "imports": _imports,
    "recurring": _recurring,
    "categories": _categories,
    "budgets": _budgets,
    "receipts": _receipts,
}

_ROOTS = {"users": KINDS, "households": SHARED_KINDS}


# --- all paths of an owner (for comparing, not for mirroring) ---

_EXPECTED = """
select 'users/' || id from users where id = any (%(users)s)
union all select 'users/' || user_id || '/transactions/' || entry_id
    from transactions where user_id = any (%(users)s) and removed_at is null
union select 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM')
    from transactions where user_id = any (%(users)s) and removed_at is null
union all select 'users/' || user_id || '/accounts/' || id from accounts where user_id = any (%(users)s)
union all select 'users/' || user_id || '/items/' || id from items where user_id = any (%(users)s)
union all select 'users/' || user_id || '/imports/' || item_id from imports where user_id = any (%(users)s)
union all select 'users/' || user_id || '/recurring/' || id from recurring_streams where user_id = any (%(users)s)
union all select 'users/' || user_id || '/categories/' || id from categories where user_id = any (%(users)s)
union all select 'users/' || user_id || '/budgets/' || id from budgets where user_id = any (%(users)s)
union all select 'users/' || user_id || '/receipts/' || id from intents_applied where user_id = any (%(users)s)
"""


def candidates(cursor: Cursor, owners: Sequence[str]) -> set[str]:
    """Answers every path of these owners that may have a document in the snapshot; `project` decides which has."""
    keys = [key_of(owner) for owner in owners]
    cursor.execute(_EXPECTED, {"users": [key for key in keys if not is_shared(key)]})
    paths = {path for (path,) in cursor.fetchall()}
    return paths | shared_candidates(cursor, [key for key in keys if is_shared(key)])
