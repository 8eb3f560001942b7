"""What households show: the documents below `households/{hid}`, read from the rows that members share.

A row is shown while its user is a member who shares its account, or everything. As in projection.py, which calls this,
one set-based query per kind, inside the caller's snapshot. Households have one shape (docs/shapes.md is about users).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from sync.ledger.totals import shared_totals
from sync.mirror.asked import (
    HOUSEHOLDS,
    Documents,
    FirstMonths,
    Keys,
    Reader,
    built,
    columns,
    in_window,
    parse_month,
    uuids,
)
from sync.mirror.changes import Cursor
from sync.mirror.documents import (
    Budget,
    Total,
    budget_document,
    member_document,
    month_name,
    shared_transaction_document,
)
from sync.mirror.prepared import Statement
from sync.mirror.receipts import month_with_receipt, read_days


def _ids(keys: Keys) -> Keys:
    """With the household's plain id."""
    return [(key.removeprefix(HOUSEHOLDS), name) for key, name in keys]


_TRANSACTIONS = Statement("""
select w.household_id, e.id::text, t.user_id, t.month, t.spent_on, t.name, t.merchant_name, t.amount, t.iso_currency,
    t.unofficial_currency, coalesce(e.user_category_id, e.rule_category_id, t.bank_category_id), t.pending,
    (select json_agg(json_build_array(s.category_id, s.amount::text) order by s.position)
     from splits as s where s.entry_id = e.id),
    t.expired_at is not null
from unnest(%s::text[], %s::uuid[]) as w(household_id, id)
join entries as e on e.id = w.id and e.removed_at is null
join transactions as t on t.entry_id = e.id and t.removed_at is null
join household_members as m on m.household_id = w.household_id and m.user_id = t.user_id
where m.shares_all or exists (
    select from household_shares as s
    where s.household_id = m.household_id and s.user_id = m.user_id and s.account_id = t.account_id)
""", "text[]", "uuid[]")  # fmt: skip


def _transactions(cursor: Cursor, keys: Keys, first_months: FirstMonths) -> Documents:
    return {
        f"{HOUSEHOLDS}{row[0]}/transactions/{row[1]}": built(shared_transaction_document, row[2:], month=row[3])
        for row in _TRANSACTIONS.run(cursor, *columns(_ids(uuids(keys))))
        if in_window(f"{HOUSEHOLDS}{row[0]}", row[3], first_months)
    }


_MONTHS = Statement(shared_totals(), "text[]", "date[]")
_BUDGETS_OF = Statement("""
select household_id, id::text, category_id, iso_currency, limit_amount, starts_month from household_budgets
where household_id = any (%s) and removed_at is null order by household_id, id
""", "text[]")  # fmt: skip


def _months(cursor: Cursor, keys: Keys, first_months: FirstMonths) -> Documents:
    wanted = [(name, month) for name, text in _ids(keys) if (month := parse_month(text)) is not None]
    totals: dict[tuple[str, date], list[Total]] = defaultdict(list)
    for household_id, month, *rest in _MONTHS.run(cursor, *columns(wanted)):
        totals[household_id, month].append(Total(*rest))
    budgets: dict[str, list[Budget]] = defaultdict(list)
    for household_id, *rest in _BUDGETS_OF.run(cursor, sorted({name for name, _ in totals})):
        budgets[household_id].append(Budget(*rest))
    windowed = [key for key in totals if in_window(f"{HOUSEHOLDS}{key[0]}", key[1], first_months)]
    days = read_days(cursor, windowed, shared=True)
    return {
        f"{HOUSEHOLDS}{name}/months/{month_name(month)}": built(
            month_with_receipt,
            month,
            rows,
            budgets[name],
            first_months.get(f"{HOUSEHOLDS}{name}"),
            days.get((name, month)),
            month=month,
        )
        for (name, month), rows in totals.items()
    }


_MEMBERS = """
select m.household_id, m.user_id, u.display_name, m.role, m.shares_all, m.joined_at
from unnest(%s::text[], %s::text[]) as w(household_id, user_id)
join household_members as m on m.household_id = w.household_id and m.user_id = w.user_id
join users as u on u.id = m.user_id
"""


def _members(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    cursor.execute(_MEMBERS, columns(_ids(keys)))
    return {f"{HOUSEHOLDS}{row[0]}/members/{row[1]}": member_document(row[2:]) for row in cursor.fetchall()}


_CATEGORIES = """
select h.household_id, h.category_id, c.name
from unnest(%s::text[], %s::text[]) as w(household_id, category_id)
join household_categories as h on h.household_id = w.household_id and h.category_id = w.category_id
join categories as c on c.id = h.category_id and c.removed_at is null
"""


def _categories(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    cursor.execute(_CATEGORIES, columns(_ids(keys)))
    return {f"{HOUSEHOLDS}{row[0]}/categories/{row[1]}": {"name": row[2]} for row in cursor.fetchall()}


_BUDGETS = """
select b.household_id, b.id::text, b.category_id, b.iso_currency, b.limit_amount, b.starts_month
from unnest(%s::text[], %s::uuid[]) as w(household_id, id)
join household_budgets as b on b.id = w.id and b.household_id = w.household_id and b.removed_at is null
"""


def _budgets(cursor: Cursor, keys: Keys, _: FirstMonths) -> Documents:
    cursor.execute(_BUDGETS, columns(_ids(uuids(keys))))
    return {
        f"{HOUSEHOLDS}{row[0]}/budgets/{row[1]}": built(budget_document, Budget(*row[1:])) for row in cursor.fetchall()
    }


SHARED_KINDS: Mapping[str, Reader] = {
    "members": _members,
    "transactions": _transactions,
    "months": _months,
    "categories": _categories,
    "budgets": _budgets,
}

_MONTHS_OF = """
select w.household_id, w.id::text, coalesce(max(t.month) filter (where t.removed_at is null), max(t.month))
from unnest(%s::text[], %s::uuid[]) as w(household_id, id) join transactions as t on t.entry_id = w.id
group by w.household_id, w.id
"""


def shared_months_of(cursor: Cursor, keys: Keys) -> dict[str, date]:
    """The month that each of these transactions falls in now, or fell in last, whether it is still shared or not."""
    cursor.execute(_MONTHS_OF, columns(_ids(uuids(keys))))
    return {f"{HOUSEHOLDS}{name}/transactions/{entry_id}": month for name, entry_id, month in cursor.fetchall()}


_EXPECTED = """
select 'households/' || id from households where id = any (%(ids)s)
union all select 'households/' || household_id || '/members/' || user_id
    from household_members where household_id = any (%(ids)s)
union all select 'households/' || household_id || '/transactions/' || entry_id
    from shared_transactions where household_id = any (%(ids)s)
union select 'households/' || household_id || '/months/' || to_char(month, 'YYYY-MM')
    from shared_transactions where household_id = any (%(ids)s)
union all select 'households/' || household_id || '/categories/' || category_id
    from household_categories where household_id = any (%(ids)s)
union all select 'households/' || household_id || '/budgets/' || id
    from household_budgets where household_id = any (%(ids)s)
"""


def shared_candidates(cursor: Cursor, keys: Sequence[str]) -> set[str]:
    """Every path of these households that may have a document; none if none is asked."""
    if not keys:
        return set()
    cursor.execute(_EXPECTED, {"ids": [key.removeprefix(HOUSEHOLDS) for key in keys]})
    return {path for (path,) in cursor.fetchall()}
