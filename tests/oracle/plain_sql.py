"""What Firestore should hold, said a second time and by other means: one plain SQL statement per kind of document.

Nothing here is shared with `sync/mirror/projection.py`. Versions and times are left out: they say when, not what.
"""

from __future__ import annotations

from typing import Any

import psycopg2

_LIVE = """
with live as (
    select t.*, e.user_category_id, e.rule_category_id, e.note,
           coalesce(e.user_category_id, e.rule_category_id, t.bank_category_id) as category,
           coalesce(t.authorized_date, t.date) as day,
           case coalesce(t.iso_currency, '')
               when '' then null when 'JPY' then 0 when 'KWD' then 3 else 2 end as places
    from transactions t join entries e on e.id = t.entry_id
    where t.removed_at is null and e.removed_at is null),
-- Every live row in the pieces that its user cut it into: the parts, and what is left if anything is.
pieces as (
    select live.*, s.category_id as piece_of, s.amount as piece from live join splits s on s.entry_id = live.entry_id
    union all
    select live.*, live.category, live.amount - cut.amount
    from live cross join lateral (
        select coalesce(sum(s.amount), 0) as amount, count(*) as parts
        from splits s where s.entry_id = live.entry_id) cut
    where cut.parts = 0 or cut.amount <> live.amount)
"""

_TRANSACTIONS = (
    _LIVE
    + """
select 'users/' || user_id || '/transactions/' || entry_id, jsonb_build_object(
    'month', to_char(day, 'YYYY-MM'), 'date', day::text, 'bankDate', date::text,
    'authorizedDate', authorized_date::text,
    'name', name, 'merchantName', merchant_name,
    'amountMinor', round(amount * (10::numeric ^ places))::bigint, 'amount', trim_scale(amount)::text,
    'currency', iso_currency, 'unofficialCurrency', unofficial_currency, 'currencyDigits', places,
    'categoryId', category,
    'categoryOwner', case when user_category_id is not null then 'user'
                          when rule_category_id is not null then 'rule' else 'bank' end,
    'bankCategory', bank_category_detailed, 'note', note, 'pending', pending, 'source', source,
    'accountId', account_id::text, 'paymentChannel', payment_channel, 'expired', expired_at is not null,
    'splits', coalesce((
        select jsonb_agg(jsonb_build_object('categoryId', s.category_id, 'amount', trim_scale(s.amount)::text,
            'amountMinor', round(s.amount * (10::numeric ^ places))::bigint, 'note', s.note) order by s.position)
        from splits s where s.entry_id = live.entry_id), '[]'),
    'remainder', trim_scale(amount - cut)::text,
    'remainderMinor', round((amount - cut) * (10::numeric ^ places))::bigint,
    'splitsExceed', case when cut > 0 then amount < cut when cut < 0 then amount > cut else false end,
    'review', (
        select jsonb_build_object('id', r.id, 'state', r.state,
            'otherEntryId', case r.state when 'confirmed' then r.posted_entry_id else r.pending_entry_id end,
            'name', r.name, 'amount', trim_scale(r.amount)::text, 'currency', r.iso_currency,
            'unofficialCurrency', r.unofficial_currency, 'date', r.date::text,
            'currencyDigits', case r.iso_currency when 'JPY' then 0 when 'KWD' then 3 else r.digits end,
            'amountMinor', round(r.amount * (10::numeric ^ case r.iso_currency
                when 'JPY' then 0 when 'KWD' then 3 else r.digits end))::bigint)
        from (select *, case when iso_currency is null then null else 2 end as digits from reviews) r
        where r.posted_entry_id = live.entry_id and r.state in ('open', 'undone')
           or r.pending_entry_id = live.entry_id and r.state = 'confirmed'))
from live cross join lateral (
    select coalesce(sum(s.amount), 0) as cut from splits s where s.entry_id = live.entry_id) as parts
where day >= (select first_month from owners where owner = 'users/' || user_id)
"""
)

_MONTHS = (
    _LIVE
    + """
, by_category as (
    select user_id, to_char(day, 'YYYY-MM') as month, iso_currency, unofficial_currency, piece_of as category,
           exists (select from spend_exclusions x where x.category_id = piece_of) as outside,
           sum(piece) as amount, count(distinct entry_id) as rows, max(places) as places
    from pieces where expired_at is null group by 1, 2, 3, 4, 5),
whole as (
    select user_id, to_char(day, 'YYYY-MM') as month, coalesce(iso_currency, unofficial_currency) as currency,
           count(*) as rows, count(*) filter (where pending) as waiting
    from live where expired_at is null group by 1, 2, 3),
by_currency as (
    select c.user_id, c.month, iso_currency, jsonb_build_object(
        'digits', max(places),
        'spendMinor', round(coalesce(sum(amount) filter (where not outside), 0) * (10::numeric ^ max(places)))::bigint,
        'spend', trim_scale(coalesce(sum(amount) filter (where not outside), 0))::text,
        'count', max(w.rows), 'pendingCount', max(w.waiting),
        'categories', coalesce(jsonb_object_agg(category, jsonb_build_object(
            'minor', round(amount * (10::numeric ^ places))::bigint, 'amount', trim_scale(amount)::text,
            'count', c.rows))
            filter (where not outside), '{}'),
        'outside', coalesce(jsonb_object_agg(category, jsonb_build_object(
            'minor', round(amount * (10::numeric ^ places))::bigint, 'amount', trim_scale(amount)::text,
            'count', c.rows))
            filter (where outside), '{}')) as document
    from by_category c join whole w on (w.user_id, w.month, w.currency) = (c.user_id, c.month, c.iso_currency)
    group by 1, 2, 3),
by_code as (
    select c.user_id, c.month, unofficial_currency, jsonb_build_object(
        'spend', trim_scale(coalesce(sum(amount) filter (where not outside), 0))::text,
        'count', max(w.rows)) as document
    from by_category c join whole w on (w.user_id, w.month, w.currency) = (c.user_id, c.month, c.unofficial_currency)
    group by 1, 2, 3),
months as (
    select user_id, to_char(day, 'YYYY-MM') as month, count(*) filter (where expired_at is null) as rows,
           count(*) filter (where expired_at is null and pending) as waiting, count(expired_at) as expired
    from live group by 1, 2)
select 'users/' || m.user_id || '/months/' || m.month, jsonb_build_object(
    'month', m.month,
    'currencies', coalesce((select jsonb_object_agg(iso_currency, document) from by_currency c
                            where (c.user_id, c.month) = (m.user_id, m.month)), '{}'),
    'unofficial', coalesce((select jsonb_object_agg(unofficial_currency, document) from by_code c
                            where (c.user_id, c.month) = (m.user_id, m.month)), '{}'),
    'count', m.rows, 'pendingCount', m.waiting, 'expiredCount', m.expired,
    'budgets', coalesce((
        select jsonb_agg(jsonb_build_object(
            'budgetId', b.id, 'categoryId', b.category_id, 'currency', b.iso_currency,
            'limitMinor', round(b.limit_amount * b.units)::bigint,
            'limit', trim_scale(b.limit_amount)::text,
            'spentMinor', round(spent.amount * b.units)::bigint,
            'spent', trim_scale(spent.amount)::text) order by b.id::text)
        from (select *, case iso_currency when 'JPY' then 1 when 'KWD' then 1000 else 100 end as units from budgets) b
        cross join lateral (
            select coalesce(sum(amount), 0) as amount from by_category c
            where (c.user_id, c.month) = (m.user_id, m.month)
              and (c.iso_currency, c.category) = (b.iso_currency, b.category_id)) spent
        where b.user_id = m.user_id and b.removed_at is null and to_char(b.starts_month, 'YYYY-MM') <= m.month), '[]'),
    'inWindow', m.month >= (
        select to_char(first_month, 'YYYY-MM') from owners where owner = 'users/' || m.user_id), 'complete', true)
from months m
"""
)

_ACCOUNTS = """
select 'users/' || user_id || '/accounts/' || id, jsonb_build_object('itemId', item_id, 'name', name, 'mask', mask,
    'type', type, 'subtype', subtype, 'currency', iso_currency, 'current', trim_scale(current_balance)::text,
    'closed', closed_at is not null, 'gap', trim_scale(gap)::text,
    'balanceState', case when state in ('balanced', 'gap') then state end)
from accounts left join balance_checks using (id, user_id) where removed_at is null
"""
_ITEMS = """
select 'users/' || user_id || '/items/' || id, jsonb_build_object('institutionId', institution_id,
    'institutionName', institution_name, 'status', status, 'errorCode', error_code, 'freshness',
    case when status in ('login_required', 'revoked', 'error') then 'broken' else coalesce(state, 'ok') end)
from items left join item_freshness using (id, user_id) where removed_at is null
"""
_IMPORTS = """
select 'users/' || user_id || '/imports/' || item_id, jsonb_build_object('phase', phase, 'pages', pages, 'rows', rows,
    'rowsStored', rows_stored, 'storedFrom', to_char(stored_from, 'YYYY-MM'))
from imports
"""
_RECURRING = """
select 'users/' || user_id || '/recurring/' || id, jsonb_build_object('accountId', account_id, 'direction', direction,
    'description', description, 'active', active, 'nextDate', next_date, 'last', trim_scale(last_amount)::text)
from recurring_streams where removed_at is null
"""
_CATEGORIES = """
select 'users/' || user_id || '/categories/' || id, jsonb_build_object('name', name)
from categories where user_id is not null and removed_at is null
"""
_BUDGETS = """
select 'users/' || user_id || '/budgets/' || id, jsonb_build_object('categoryId', category_id, 'currency', iso_currency,
    'limit', trim_scale(limit_amount)::text, 'startsMonth', to_char(starts_month, 'YYYY-MM'))
from budgets where removed_at is null
"""
_HEADS = """
select 'users/' || id, jsonb_build_object('schemaVersion', 1, 'email', email, 'displayName', display_name,
    'window', (select jsonb_build_object('firstMonth', to_char(first_month, 'YYYY-MM')) from owners
        where owner = 'users/' || users.id))
from users
"""

_SHOWN = """
shown as (
    select h.household_id, live.* from live, household_members h
    where h.user_id = live.user_id and (h.shares_all or live.account_id in (
        select s.account_id from household_shares s
        where s.household_id = h.household_id and s.user_id = h.user_id)))
"""
_SHARED_TRANSACTIONS = f"""
{_LIVE}, {_SHOWN}
select 'households/' || household_id || '/transactions/' || entry_id, jsonb_build_object(
    'memberId', user_id, 'month', to_char(day, 'YYYY-MM'), 'date', day::text, 'name', name,
    'merchantName', merchant_name, 'amount', trim_scale(amount)::text,
    'amountMinor', round(amount * (10::numeric ^ places))::bigint, 'currency', iso_currency,
    'unofficialCurrency', unofficial_currency, 'currencyDigits', places, 'categoryId', category, 'pending', pending,
    'expired', expired_at is not null,
    'splits', coalesce((
        select jsonb_agg(jsonb_build_object('categoryId', s.category_id, 'amount', trim_scale(s.amount)::text,
            'amountMinor', round(s.amount * (10::numeric ^ places))::bigint) order by s.position)
        from splits s where s.entry_id = shown.entry_id), '[]'),
    'remainder', trim_scale(amount - cut)::text,
    'remainderMinor', round((amount - cut) * (10::numeric ^ places))::bigint,
    'splitsExceed', case when cut > 0 then amount < cut when cut < 0 then amount > cut else false end)
from shown cross join lateral (
    select coalesce(sum(s.amount), 0) as cut from splits s where s.entry_id = shown.entry_id) as parts
where day >= (select first_month from owners where owner = 'households/' || household_id)
"""


def _shared_months() -> str:
    """A household's months are those of somebody who has all that is shown there, with the household's budgets."""
    mine = _MONTHS.partition(", by_category as (")[2]
    for one, other in (
        ("from pieces where", "from pieces join of using (entry_id) where"),
        ("from live where", "from live join of using (entry_id) where"),
        ("from live group", "from live join of using (entry_id) group"),
        ("user_id", "household_id"),
        ("'users/'", "'households/'"),
        ("as units from budgets)", "as units from household_budgets)"),
    ):
        assert one in mine, one
        mine = mine.replace(one, other)
    return f"{_LIVE}, {_SHOWN}, of as (select household_id, entry_id from shown), by_category as ({mine}"


_MEMBERS = """
select 'households/' || household_id || '/members/' || user_id, jsonb_build_object('displayName', display_name,
    'role', role, 'sharesAll', shares_all)
from household_members join users on users.id = user_id
"""
_SHARED_BUDGETS = """
select 'households/' || household_id || '/budgets/' || id, jsonb_build_object('categoryId', category_id,
    'currency', iso_currency, 'limit', trim_scale(limit_amount)::text, 'startsMonth', to_char(starts_month, 'YYYY-MM'))
from household_budgets where removed_at is null
"""
_HOUSEHOLDS = """
select 'households/' || id, jsonb_build_object('schemaVersion', 1, 'name', name,
    'window', (select jsonb_build_object('firstMonth', to_char(first_month, 'YYYY-MM')) from owners
        where owner = 'households/' || households.id))
from households
"""
# All that are shown, and those that were shown once by somebody who still shares something.
_SHARED_CATEGORIES = f"""
{_LIVE}, {_SHOWN}
select 'households/' || household_id || '/categories/' || c.id, jsonb_build_object('name', c.name)
from household_categories h join categories c on c.id = h.category_id
join household_members using (household_id, user_id) where c.removed_at is null
union
select 'households/' || household_id || '/categories/' || c.id, jsonb_build_object('name', c.name)
from shown join categories c on c.user_id = shown.user_id and (c.id in (user_category_id, rule_category_id)
    or exists (select from splits s where s.entry_id = shown.entry_id and s.category_id = c.id))
"""
_SHARED = (_SHARED_TRANSACTIONS, _shared_months(), _MEMBERS, _SHARED_BUDGETS, _SHARED_CATEGORIES, _HOUSEHOLDS)

_ALL = (_TRANSACTIONS, _MONTHS, _ACCOUNTS, _ITEMS, _IMPORTS, _RECURRING, _CATEGORIES, _BUDGETS, _HEADS, *_SHARED)


def documents(database_url: str) -> dict[str, dict[str, Any]]:
    """Answers every document that should exist for everybody, by path."""
    expected: dict[str, dict[str, Any]] = {}
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        for statement in _ALL:
            cursor.execute(statement)
            expected.update(cursor.fetchall())
    return expected
