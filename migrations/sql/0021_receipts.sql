-- A month's receipt covers what its transactions show: the day, names, amount, category, whether they are pending or expired,
-- and their parts. So a new day, name or merchant, which moves no total, marks the month too. A note still does not.
create or replace function marks_transactions() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = off as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op = 'INSERT' then
        with keys as (
            select user_id, 'users/' || user_id || '/transactions/' || entry_id as path from new_rows where removed_at is null
            union
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM') from new_rows where removed_at is null)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    elsif tg_op = 'DELETE' then
        with keys as (
            select user_id, 'users/' || user_id || '/transactions/' || entry_id as path from old_rows where removed_at is null
            union
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM') from old_rows where removed_at is null)
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

-- As before, and the owner is audited next: what the ledger has never had is found by reading all that is there.
create or replace function request_repair(of_month date, of_days date[], shown uuid[], most int) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    own text := 'users/' || nullif(current_setting('app.user_id', true), '');
    paths text[];
begin
    if own is null then
        raise exception 'app.user_id is not set' using errcode = 'insufficient_privilege';
    end if;
    perform lock_owners(array[own]);
    if (select count(*) from repair_requests as r
        where r.owner = own and r.requested_at > clock_timestamp() - interval '1 hour') >= most then
        return null;
    end if;
    select array_agg(p.path) into paths from (
        select own || '/months/' || to_char(of_month, 'YYYY-MM') as path
        union
        select own || '/transactions/' || t.entry_id from transactions as t
        where t.user_id = substr(own, 7) and t.month = of_month and t.spent_on = any (of_days) and t.removed_at is null
          and t.month >= (select o.first_month from owners as o where o.owner = own)
        union
        select own || '/transactions/' || s.id from unnest(shown) as s(id)) as p;
    insert into repair_requests (owner, month, days, documents) values (own, of_month, of_days, cardinality(paths));
    insert into mirror_audits (owner) values (own) on conflict (owner) do update set audited_at = null, full_at = null;
    perform mark_documents(array_fill(own, array[cardinality(paths)]), paths);
    return cardinality(paths);
end
$$;
grant select, insert, update on mirror_audits to livespend_marker;
