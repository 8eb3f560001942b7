-- Stamping looks each row up by its id, whatever a session planned before: a plan is made once, maybe while the tables
-- are empty, and joined row by row or read whole they would cost more with every edit that anybody ever made.
create or replace function stamps_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_nestloop = off set enable_seqscan = off as $$
declare
    subjects uuid[];
    fields text[];
    of_users text[];
begin
    if tg_op = 'DELETE' then
        delete from field_versions where subject_id = any (array(select id from old_rows));
        return null;
    end if;
    select array_agg(c.id), array_agg(c.field), array_agg(c.user_id) into subjects, fields, of_users
    from (select n.id, n.user_id, unnest(array[
                case when n.user_category_id is distinct from o.user_category_id then 'category' end,
                case when n.note is distinct from o.note then 'note' end,
                case when n.removed_at is distinct from o.removed_at then 'removed' end]) as field
          from new_rows as n join old_rows as o on o.id = n.id
          where (n.user_category_id, n.note, n.removed_at) is distinct from (o.user_category_id, o.note, o.removed_at)) as c
    where c.field is not null;
    if subjects is not null then
        perform stamp_fields(subjects, fields, of_users);
    end if;
    return null;
end
$$;

-- A part that goes with its entry has nothing to say: the entry is no longer there to be found.
create or replace function stamps_splits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_nestloop = off set enable_seqscan = off as $$
declare
    touched uuid[];
    subjects uuid[];
    of_users text[];
begin
    if tg_op = 'INSERT' then
        select array_agg(distinct entry_id) into touched from new_rows;
    elsif tg_op = 'DELETE' then
        select array_agg(distinct entry_id) into touched from old_rows;
    else
        select array_agg(distinct n.entry_id) into touched from new_rows as n join old_rows as o on o.id = n.id
        where (n.position, n.category_id, n.amount, n.note) is distinct from (o.position, o.category_id, o.amount, o.note);
    end if;
    select array_agg(id), array_agg(user_id) into subjects, of_users from entries where id = any (touched);
    if subjects is not null then
        perform stamp_fields(subjects, array_fill('splits'::text, array[cardinality(subjects)]), of_users);
    end if;
    return null;
end
$$;

create or replace function stamps_budgets() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_nestloop = off set enable_seqscan = off as $$
declare
    subjects uuid[];
    of_users text[];
begin
    if tg_op = 'DELETE' then
        delete from field_versions where subject_id = any (array(select id from old_rows));
        return null;
    end if;
    select array_agg(n.id), array_agg(n.user_id) into subjects, of_users
    from new_rows as n join old_rows as o on o.id = n.id
    where (n.limit_amount, n.starts_month, n.removed_at) is distinct from (o.limit_amount, o.starts_month, o.removed_at);
    if subjects is not null then
        perform stamp_fields(subjects, array_fill('budget'::text, array[cardinality(subjects)]), of_users);
    end if;
    return null;
end
$$;
