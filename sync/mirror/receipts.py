"""The screen receipt: digests in each month document over what a page shows of the month, recomputable by the page.

A page holds the rows that it shows against the digest of their day, and the totals that it shows against their own; the
ledger makes both from its rows, in the snapshot of the claim (docs/consistency.md, section 8). Canonical form, the same
here, in the page (receipt.ts) and in tests/data/receipts.json, which both are held to: a row is its fields joined by
U+001F, absent ones empty, truths as 0 and 1; a day is its rows in order of their ids, one per line; a digest is the
first 16 hex digits of SHA-256 over UTF-8. Not covered: notes, whose edits write one document only, and what a page
does not show: a row whose document an operator dropped (parked.py) is in the totals alone. Called by projection.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, TypeAlias

from sync.ledger.totals import SHARED_MONTHS, SHARED_ONLY
from sync.mirror.changes import Cursor
from sync.mirror.documents import Budget, Document, Total, month_document
from sync.mirror.prepared import Statement

Months: TypeAlias = Sequence[tuple[str, date]]

_UNIT = "\x1f"

# One sort for all, by what is cheap to compare: 0.4 ms for a month of 100 rows, 0.8 ms for 400, of which a half is the
# scan that the totals do, too. Whoever has no split pays for one look into an index.
_DAYS = """
with wanted as materialized (
    select w.*, exists (select from splits as s where s.user_id = w.user_id) as has_splits, array(
        select split_part(p.path, '/', 4) from parked_documents as p
        where p.owner = {owner} and p.dropped_at is not null
          and starts_with(split_part(p.path, '/', 3), 'transactions')) as dropped
    from {wanted}
),
lines as (
    select w.place, t.spent_on, e.id, concat_ws(
        E'\\x1f', e.id, t.name, coalesce(t.merchant_name, ''), trim_scale(t.amount),
        coalesce(t.iso_currency, ''), coalesce(t.unofficial_currency, ''),
        coalesce(e.user_category_id, e.rule_category_id, t.bank_category_id), t.pending::int,
        (t.expired_at is not null)::int, case when w.has_splits then (
            select string_agg(part, E'\\x1f' order by part collate "C")
            from (select s.category_id || ' ' || trim_scale(s.amount) as part
                  from splits as s where s.entry_id = e.id) as parts) end) as line
    from wanted as w
    join transactions as t on t.user_id = w.user_id and t.month = w.month and t.removed_at is null{only}
    join entries as e on e.id = t.entry_id and e.removed_at is null
        and (cardinality(w.dropped) = 0 or e.id::text <> all (w.dropped))
    order by w.place, t.spent_on, e.id
),
days as (
    select place, spent_on, left(encode(sha256(convert_to(string_agg(line, E'\\n' order by id),
        'UTF8')), 'hex'), 16) as day
    from lines group by place, spent_on
)
select place, string_agg(to_char(spent_on, 'DD') || ':' || day, ' ' order by spent_on) from days group by place
"""
_OWN_DAYS = Statement(
    _DAYS.format(
        wanted="unnest(%s::text[], %s::date[]) with ordinality as w(user_id, month, place)",
        owner="'users/' || w.user_id", only="",
    ),
    "text[]", "date[]",
)  # fmt: skip
_SHARED_DAYS = Statement(
    _DAYS.format(wanted=f"({SHARED_MONTHS}) as w", owner="'households/' || w.household_id", only=SHARED_ONLY),
    "text[]", "date[]",
)  # fmt: skip


def read_days(cursor: Cursor, months: Months, *, shared: bool = False) -> dict[tuple[str, date], str]:
    """The digests of these months' days: `05:0123456789abcdef 07:…`; months without a row are left out.

    Months of users, or with `shared` of households, by their plain ids.
    """
    if not months:
        return {}
    columns = [owner for owner, _ in months], [month for _, month in months]
    return {months[place - 1]: days for place, days in (_SHARED_DAYS if shared else _OWN_DAYS).run(cursor, *columns)}


def month_with_receipt(
    month: date, totals: Sequence[Total], budgets: Sequence[Budget], first: date | None, days: str | None
) -> Document:
    """A month's document with the digests of what it tells."""
    document = month_document(month, totals, budgets, first)
    return {**document, "receipt": {"days": days, "totals": totals_digest(document)}}


def totals_digest(month: dict[str, Any]) -> str:
    """The digest of the totals and budgets that a month document tells."""
    text = "\n".join(sorted(_UNIT.join(map(str, line)) for line in _totals(month)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _totals(month: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    yield "month", month["month"], month["count"], month["pendingCount"], month["expiredCount"]
    for iso, totals in month["currencies"].items():
        yield "currency", iso, totals["spend"], totals["spendMinor"], totals["count"], totals["pendingCount"]
        for kind in ("categories", "outside"):
            for category, total in totals[kind].items():
                yield kind, iso, category, total["amount"], total["minor"], total["count"]
    for code, totals in month["unofficial"].items():
        yield "unofficial", code, totals["spend"], totals["count"]
    for budget in month["budgets"]:
        yield ("budget", budget["budgetId"], budget["categoryId"], budget["currency"], budget["limit"],
               budget["limitMinor"], budget["spent"], budget["spentMinor"])  # fmt: skip
