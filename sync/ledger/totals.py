"""The one statement that sums months, for the mirror's documents and for the API alike.

A live row counts whole in the effective category of its entry; then splits move their parts out of it into categories
of their own, so that the sum over all categories is the bank's, whatever was split. Expired pendings are counted, and
are in no sum. Users without splits pay for one look into an index. Pure text; projection.py and spend.py run it, each
with the months it wants.
"""

from __future__ import annotations

# Live is decided here, once for both halves.
_LIVE = """
    select {columns}, w.month, t.entry_id, t.iso_currency, t.unofficial_currency, t.amount, t.pending, c.category_id
    from {months} as w
    join transactions as t on t.user_id = w.user_id and t.month = w.month and t.removed_at is null{only}
        and t.expired_at is null
    join entries as e on e.id = t.entry_id and e.removed_at is null
    cross join lateral (select coalesce(e.user_category_id, e.rule_category_id, t.bank_category_id)) as c(category_id)
"""

# A transaction is one of the rows of its entry's category, and one of the parts of each category it has money in.
_TOTALS = """
with wanted as not materialized ({wanted}),
with_splits as materialized (
    select w.* from wanted as w where exists (select from splits as s where s.user_id = w.user_id)
),
whole as (
    select {key}, month, iso_currency, unofficial_currency, category_id, sum(amount) as amount, count(*) as rows,
        count(*) filter (where pending) as pending, count(*) as parts
    from ({live}) as l
    group by {key}, month, iso_currency, unofficial_currency, category_id
),
moved as (
    select l.{key}, l.month, l.iso_currency, l.unofficial_currency, p.category_id, sum(p.amount) as amount,
        case when p.category_id <> l.category_id then 1
             when bool_or(p.is_part) or l.amount <> sum(s.amount) then 0
             else -1 end as parts
    from ({live_with_splits}) as l
    join splits as s on s.entry_id = l.entry_id and s.user_id = l.user_id
    cross join lateral (values (s.category_id, s.amount, true), (l.category_id, -s.amount, false))
        as p(category_id, amount, is_part)
    group by l.entry_id, p.category_id, l.category_id, l.amount, l.month, l.{key}, l.iso_currency,
        l.unofficial_currency
)
select c.{key}, c.month, c.iso_currency, c.unofficial_currency, c.category_id, x.category_id is not null,
    sum(c.amount), sum(c.rows)::bigint, sum(c.pending)::bigint, sum(c.parts)::bigint, sum(c.expired)::bigint
from (
    select *, 0 as expired from whole
    union all
    select {key}, month, iso_currency, unofficial_currency, category_id, amount, 0, 0, parts, 0 from moved
    union all
    select w.{key}, w.month, t.iso_currency, t.unofficial_currency, t.bank_category_id, 0, 0, 0, 0, 1
    from wanted as w
    join transactions as t on t.user_id = w.user_id and t.month = w.month and t.removed_at is null{only}
        and t.expired_at is not null
    join entries as e on e.id = t.entry_id and e.removed_at is null
) as c
left join spend_exclusions as x on x.category_id = c.category_id
group by c.{key}, c.month, c.iso_currency, c.unofficial_currency, c.category_id, x.category_id
order by c.{key}, c.month, c.iso_currency, c.unofficial_currency, c.category_id
"""


# A household's months are those of its members, of the accounts that each shows.
SHARED_MONTHS = """
    select w.place, w.month, m.household_id, m.user_id, m.shares_all, array(
        select s.account_id from household_shares as s
        where s.household_id = m.household_id and s.user_id = m.user_id) as accounts
    from unnest(%s::text[], %s::date[]) with ordinality as w(household_id, month, place)
    join household_members as m on m.household_id = w.household_id
"""
SHARED_ONLY = " and (w.shares_all or t.account_id = any (w.accounts))"


def totals_of(wanted: str) -> str:
    """The statement for the months that `wanted` selects as (user_id, month)."""
    return _statement("user_id", "w.user_id", wanted, "")


def shared_totals() -> str:
    """The statement for months of households."""
    return _statement("household_id", "w.household_id, w.user_id", SHARED_MONTHS, SHARED_ONLY)


def _statement(key: str, columns: str, wanted: str, only: str) -> str:
    live, live_with_splits = (
        _LIVE.format(months=months, columns=columns, only=only) for months in ("wanted", "with_splits")
    )
    return _TOTALS.format(key=key, wanted=wanted, only=only, live=live, live_with_splits=live_with_splits)
