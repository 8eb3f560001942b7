-- A statement's old and new rows are joined without loops, as in every marking function: a plan is made once, maybe for
-- one row. What they call looks rows up by index and says so, for a setting of the caller's holds for them too.
alter function marks_households() set enable_nestloop = off;
alter function marks_household_members() set enable_nestloop = off;
alter function marks_household_budgets() set enable_nestloop = off;
alter function mark_shared(text[], uuid[], date[]) set enable_nestloop = on;
alter function mark_sharing(text, text, uuid[]) set enable_nestloop = on;
alter function forget_shared_categories(text, text) set enable_nestloop = on;

create function mark_household_budgets(touched jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
begin
    perform lock_owners(array(select 'households/' || (t ->> 'h') from jsonb_array_elements(touched) as t));
    perform mark_documents(array_agg('households/' || k.h), array_agg('households/' || k.h || k.path)) from (
        select t ->> 'h' as h, '/budgets/' || (t ->> 'id') as path from jsonb_array_elements(touched) as t
        union
        select t ->> 'h', '/months/' || to_char(s.month, 'YYYY-MM')
        from jsonb_array_elements(touched) as t
        join shared_transactions as s on s.household_id = t ->> 'h' and s.month >= (t ->> 'since')::date) as k;
end
$$;

create or replace function marks_household_budgets() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = off as $$
declare
    touched jsonb;
begin
    if tg_op = 'INSERT' then
        select jsonb_agg(jsonb_build_object('h', household_id, 'id', id, 'since', starts_month)) into touched from new_rows;
    elsif tg_op = 'DELETE' then
        select jsonb_agg(jsonb_build_object('h', household_id, 'id', id, 'since', starts_month)) into touched from old_rows;
    else
        select jsonb_agg(jsonb_build_object('h', n.household_id, 'id', n.id, 'since', least(n.starts_month, o.starts_month))) into touched
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.category_id, n.iso_currency, n.limit_amount, n.starts_month, n.removed_at)
            is distinct from (o.category_id, o.iso_currency, o.limit_amount, o.starts_month, o.removed_at);
    end if;
    perform mark_household_budgets(touched);
    return null;
end
$$;

do $$
begin
    grant create on schema public to livespend_marker;
    alter function mark_household_budgets(jsonb) owner to livespend_marker;
    revoke all on function mark_household_budgets(jsonb) from public;
    revoke create on schema public from livespend_marker;
end
$$;
