-- As before, and the one look that everybody pays for is made by the statement's own function: a call less.

create or replace function shares_transactions() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    of_households text[];
    of_entries uuid[];
    of_months date[];
begin
    if tg_op = 'INSERT' then
        if not exists (select from household_members where user_id = any (array(select distinct user_id from new_rows))) then
            return null;
        end if;
        select array_agg(m.household_id), array_agg(n.entry_id), array_agg(n.month) into of_households, of_entries, of_months
        from new_rows as n join household_members as m on m.user_id = n.user_id
        left join household_shares as s
            on s.household_id = m.household_id and s.user_id = m.user_id and s.account_id = n.account_id
        where n.removed_at is null and (m.shares_all or s.account_id is not null);
    elsif tg_op = 'DELETE' then
        if not exists (select from household_members where user_id = any (array(select distinct user_id from old_rows))) then
            return null;
        end if;
        select array_agg(m.household_id), array_agg(n.entry_id), array_agg(n.month) into of_households, of_entries, of_months
        from old_rows as n join household_members as m on m.user_id = n.user_id
        left join household_shares as s
            on s.household_id = m.household_id and s.user_id = m.user_id and s.account_id = n.account_id
        where n.removed_at is null and (m.shares_all or s.account_id is not null);
    else
        if not exists (select from household_members where user_id = any (array(select distinct user_id from new_rows))) then
            return null;
        end if;
        with changed as (
            select n.user_id, n.account_id, n.entry_id, n.month, n.removed_at,
                o.account_id as old_account_id, o.entry_id as old_entry_id, o.month as old_month, o.removed_at as old_removed_at
            from new_rows as n join old_rows as o on o.id = n.id
            where (n.entry_id, n.account_id, n.amount, n.iso_currency, n.unofficial_currency, n.spent_on, n.pending, n.name,
                   n.merchant_name, n.bank_category_id, n.removed_at, n.expired_at is null)
                is distinct from
                  (o.entry_id, o.account_id, o.amount, o.iso_currency, o.unofficial_currency, o.spent_on, o.pending, o.name,
                   o.merchant_name, o.bank_category_id, o.removed_at, o.expired_at is null)),
        sides as (
            select user_id, account_id, entry_id, month from changed where removed_at is null
            union
            select user_id, old_account_id, old_entry_id, old_month from changed where old_removed_at is null)
        select array_agg(m.household_id), array_agg(n.entry_id), array_agg(n.month) into of_households, of_entries, of_months
        from sides as n join household_members as m on m.user_id = n.user_id
        left join household_shares as s
            on s.household_id = m.household_id and s.user_id = m.user_id and s.account_id = n.account_id
        where m.shares_all or s.account_id is not null;
    end if;
    perform mark_shared(of_households, of_entries, of_months);
    return null;
end
$$;

-- A note is its writer's own, and shown to nobody else.
create or replace function shares_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from household_members where user_id = any (array(select distinct user_id from new_rows))) then
        return null;
    end if;
    perform mark_shared(array_agg(t.household_id), array_agg(t.entry_id), array_agg(t.month))
    from new_rows as n join old_rows as o on o.id = n.id
    join shared_transactions as t on t.user_id = n.user_id and t.entry_id = n.id
    where (n.user_category_id, n.rule_category_id, n.removed_at) is distinct from (o.user_category_id, o.rule_category_id, o.removed_at);
    return null;
end
$$;

create or replace function shares_splits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    touched uuid[];
begin
    if not exists (select from household_members) then
        return null;
    end if;
    if tg_op = 'INSERT' then
        select array_agg(distinct entry_id) into touched from new_rows;
    elsif tg_op = 'DELETE' then
        select array_agg(distinct entry_id) into touched from old_rows;
    else
        select array_agg(distinct e.entry_id) into touched
        from new_rows as n join old_rows as o on o.id = n.id cross join lateral (values (n.entry_id), (o.entry_id)) as e(entry_id)
        where (n.entry_id, n.position, n.category_id, n.amount) is distinct from (o.entry_id, o.position, o.category_id, o.amount);
    end if;
    if exists (select from household_members where user_id = any (array(select distinct user_id from entries where id = any (touched)))) then
        perform mark_shared(array_agg(t.household_id), array_agg(t.entry_id), array_agg(t.month))
        from entries as e join shared_transactions as t on t.user_id = e.user_id and t.entry_id = e.id where e.id = any (touched);
    end if;
    return null;
end
$$;

drop function is_anyone_sharing(text[]);
