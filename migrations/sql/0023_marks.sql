-- Cheaper marks, and marks that cost the same per row however many rows a statement writes.

-- As before, without sorting the marks twice: they are grouped already.
create or replace function mark_documents(mark_owners text[], documents text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
declare
    turned_dirty text;
    trace text[] := regexp_match(current_setting('app.trace', true), '^([0-9a-f]{32}) (\S+) (.+)$');
begin
    if coalesce(cardinality(mark_owners), 0) = 0 then
        return;
    end if;
    perform lock_owners(array(select distinct unnest(mark_owners)));
    for turned_dirty in
        with before as (
            select owner, dirty from owners where owner = any (mark_owners)
        ), bumped as (
            update owners set number = number + 1, dirty = true, dirty_since = coalesce(dirty_since, clock_timestamp())
            where owner = any (mark_owners)
            returning owner
        )
        select before.owner from before join bumped using (owner) where not before.dirty
    loop
        perform pg_notify('livespend_dirty', turned_dirty);
    end loop;
    insert into changes as c (owner, path, epoch, number, marked_at, trace_id, began_at, origin)
    select m.owner, m.path, o.epoch, o.number, clock_timestamp(), trace[1], trace[2]::timestamptz, trace[3]
    from (select owner, path from unnest(mark_owners, documents) as u(owner, path) group by owner, path) as m
    join owners as o on o.owner = m.owner
    order by m.owner, m.path
    on conflict (owner, path) do update
        set epoch = excluded.epoch, number = excluded.number, marked_at = excluded.marked_at,
            trace_id = excluded.trace_id, began_at = excluded.began_at, origin = excluded.origin;
end
$$;

-- As before; the keys of new and of deleted rows are told apart by mark_documents alone.
create or replace function marks_transactions() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = off as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op = 'INSERT' then
        with keys as (
            select user_id, 'users/' || user_id || '/transactions/' || entry_id as path from new_rows where removed_at is null
            union all
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM')
            from new_rows where removed_at is null group by user_id, month)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    elsif tg_op = 'DELETE' then
        with keys as (
            select user_id, 'users/' || user_id || '/transactions/' || entry_id as path from old_rows where removed_at is null
            union all
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM')
            from old_rows where removed_at is null group by user_id, month)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    else
        with changed as (
            select n.user_id, o.user_id as old_user_id, n.entry_id, o.entry_id as old_entry_id, n.month, o.month as old_month,
                (n.user_id, n.entry_id, n.amount, n.iso_currency, n.unofficial_currency, n.spent_on, n.pending, n.name,
                 n.merchant_name, n.bank_category_id, n.removed_at, n.expired_at is null)
                is distinct from
                (o.user_id, o.entry_id, o.amount, o.iso_currency, o.unofficial_currency, o.spent_on, o.pending, o.name,
                 o.merchant_name, o.bank_category_id, o.removed_at, o.expired_at is null)
                as moves_month
            from new_rows as n join old_rows as o on o.id = n.id
            where (n.user_id, n.entry_id, n.account_id, n.source, n.amount, n.iso_currency, n.unofficial_currency, n.date,
                   n.authorized_date, n.pending, n.name, n.merchant_name, n.bank_category_id, n.bank_category_detailed,
                   n.payment_channel, n.removed_at, n.expired_at is null)
                is distinct from
                  (o.user_id, o.entry_id, o.account_id, o.source, o.amount, o.iso_currency, o.unofficial_currency, o.date,
                   o.authorized_date, o.pending, o.name, o.merchant_name, o.bank_category_id, o.bank_category_detailed,
                   o.payment_channel, o.removed_at, o.expired_at is null)
              and not (n.removed_at is not null and o.removed_at is not null)),
        keys as (
            select user_id, 'users/' || user_id || '/transactions/' || entry_id as path from changed
            union
            select old_user_id, 'users/' || old_user_id || '/transactions/' || old_entry_id from changed
            union
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM') from changed where moves_month
            union
            select old_user_id, 'users/' || old_user_id || '/months/' || to_char(old_month, 'YYYY-MM') from changed where moves_month)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    end if;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

-- A function's plan is made once per session, by its first call: one with a row or none, maybe while there are no
-- transactions at all. So the rows of a statement are never joined one by one, and an entry's live transaction is looked
-- up by itself, by the index of entries: the fence (offset 0) keeps partial indexes out of it, which look cheaper to
-- read whole as long as nobody has counted their rows.
create or replace function marks_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_nestloop = off set enable_seqscan = off as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op <> 'UPDATE' then
        return null;
    end if;
    with changed as (
        select n.id, n.user_id,
            (n.user_category_id, n.rule_category_id, n.removed_at) is distinct from
            (o.user_category_id, o.rule_category_id, o.removed_at) as moves_totals
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.user_category_id, n.rule_category_id, n.note, n.removed_at)
            is distinct from (o.user_category_id, o.rule_category_id, o.note, o.removed_at)),
    keys as (
        select user_id, 'users/' || user_id || '/transactions/' || id as path from changed
        union all
        select c.user_id, 'users/' || c.user_id || '/months/' || to_char(t.month, 'YYYY-MM')
        from changed as c cross join lateral (
            select month from (select month, removed_at from transactions where entry_id = c.id offset 0) as own
            where removed_at is null limit 1) as t
        where c.moves_totals group by c.user_id, t.month)
    select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

create or replace function marks_splits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_nestloop = off set enable_seqscan = off as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op = 'INSERT' then
        with touched as (
            select distinct entry_id from new_rows),
        shown as (
            select t.user_id, c.entry_id, t.month
            from touched as c cross join lateral (
                select user_id, month from (select user_id, month, removed_at from transactions where entry_id = c.entry_id offset 0) as own
                where removed_at is null limit 1) as t),
        keys as (
            select user_id, 'users/' || user_id || '/transactions/' || entry_id as path from shown
            union all
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM') from shown group by user_id, month)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    elsif tg_op = 'DELETE' then
        with touched as (
            select distinct entry_id from old_rows),
        shown as (
            select t.user_id, c.entry_id, t.month
            from touched as c cross join lateral (
                select user_id, month from (select user_id, month, removed_at from transactions where entry_id = c.entry_id offset 0) as own
                where removed_at is null limit 1) as t),
        keys as (
            select user_id, 'users/' || user_id || '/transactions/' || entry_id as path from shown
            union all
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM') from shown group by user_id, month)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    else
        with changed as (
            select n.entry_id, o.entry_id as old_entry_id,
                (n.entry_id, n.category_id, n.amount) is distinct from (o.entry_id, o.category_id, o.amount) as moves_totals
            from new_rows as n join old_rows as o on o.id = n.id
            where (n.entry_id, n.position, n.category_id, n.amount, n.note)
                is distinct from (o.entry_id, o.position, o.category_id, o.amount, o.note)),
        touched as (
            select entry_id, bool_or(moves_totals) as moves_totals
            from (select entry_id, moves_totals from changed union all select old_entry_id, moves_totals from changed) as c
            group by entry_id),
        shown as (
            select t.user_id, c.entry_id, t.month, c.moves_totals
            from touched as c cross join lateral (
                select user_id, month from (select user_id, month, removed_at from transactions where entry_id = c.entry_id offset 0) as own
                where removed_at is null limit 1) as t),
        keys as (
            select user_id, 'users/' || user_id || '/transactions/' || entry_id as path from shown
            union all
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM')
            from shown where moves_totals group by user_id, month)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    end if;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

alter function marks_users() set enable_nestloop = off;
alter function marks_items() set enable_nestloop = off;
alter function marks_categories() set enable_nestloop = off;
alter function marks_reviews() set enable_nestloop = off;
alter function marks_balance_checks() set enable_nestloop = off;
alter function marks_recurring_streams() set enable_nestloop = off;
alter function marks_budgets() set enable_nestloop = off;
alter function marks_item_freshness() set enable_nestloop = off;
alter function marks_imports() set enable_nestloop = off;
alter function marks_intents_applied() set enable_nestloop = off;
