-- Intents: edits that a client left in Firestore while it could not reach the API, each applied once.

-- One row per intent that was answered, written in the transaction that applies it; its receipt document is built from
-- it. Kept longer than the oldest intent that is accepted, so that none can come back after it.
create table intents_applied (
    id uuid not null,                                             -- the intent document's own id
    user_id text collate "C" not null constraint fk_intents_applied_user_id_users references users,
    device text collate "C" not null,                             -- empty: not told in a form that is understood
    sequence bigint not null,
    kind text not null,
    outcome text not null,
    reason text,                                                  -- an error's code
    detail text,                                                  -- the same in words
    marked jsonb not null default '[]',                           -- what the API would have answered
    subject_id uuid,                                              -- whose field it was
    field text,
    epoch integer,                                                -- the version of that field after this intent
    number bigint,
    made_at timestamptz,                                          -- by the client's clock
    applied_at timestamptz not null default now(),
    constraint pk_intents_applied primary key (user_id, id),
    constraint ck_intents_applied_outcome check (outcome in ('applied', 'superseded', 'rejected')),
    constraint ck_intents_applied_reason check ((outcome = 'applied') = (reason is null))
);
create index ix_intents_applied_device on intents_applied (user_id, device, sequence);
create index ix_intents_applied_user_id on intents_applied (user_id, applied_at);
create index ix_intents_applied_applied_at on intents_applied (applied_at);

-- At which version a user's own field was last changed, whoever changed it: what an intent's author may not have seen.
create table field_versions (
    subject_id uuid not null,                                     -- an entry or a budget
    field text not null,                                          -- category note splits removed budget
    user_id text collate "C" not null constraint fk_field_versions_user_id_users references users,
    epoch integer not null,
    number bigint not null,
    constraint pk_field_versions primary key (subject_id, field)
);
create index ix_field_versions_user_id on field_versions (user_id);

create function marks_intents_applied() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/receipts/' || id)) from new_rows;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/receipts/' || id)) from old_rows;
    else
        perform mark_documents(array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/receipts/' || n.id))
        from new_rows as n join old_rows as o on o.user_id = n.user_id and o.id = n.id
        where n is distinct from o;
    end if;
    return null;
end
$$;

-- Looks versions up row by row; its callers join the rows of a whole statement and must not.
create function stamp_fields(subjects uuid[], fields text[], of_users text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
begin
    insert into field_versions as v (subject_id, field, user_id, epoch, number)
    select distinct s.subject_id, s.field, s.user_id, o.epoch, o.number
    from unnest(subjects, fields, of_users) as s(subject_id, field, user_id)
    join owners as o on o.owner = 'users/' || s.user_id
    order by s.subject_id, s.field
    on conflict (subject_id, field) do update set epoch = excluded.epoch, number = excluded.number;
end
$$;

-- These fire after the marking triggers of the same statement (by name): the counter then stands at the edit's version.
create function stamps_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = off as $$
declare
    subjects uuid[];
    fields text[];
    of_users text[];
begin
    if tg_op = 'DELETE' then
        delete from field_versions as v using old_rows as o where v.subject_id = o.id;
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
create function stamps_splits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    subjects uuid[];
    of_users text[];
begin
    if tg_op = 'INSERT' then
        select array_agg(e.id), array_agg(e.user_id) into subjects, of_users
        from (select distinct entry_id from new_rows) as n join entries as e on e.id = n.entry_id;
    elsif tg_op = 'DELETE' then
        select array_agg(e.id), array_agg(e.user_id) into subjects, of_users
        from (select distinct entry_id from old_rows) as o join entries as e on e.id = o.entry_id;
    else
        select array_agg(e.id), array_agg(e.user_id) into subjects, of_users
        from (select distinct n.entry_id from new_rows as n join old_rows as o on o.id = n.id
              where (n.position, n.category_id, n.amount, n.note) is distinct from (o.position, o.category_id, o.amount, o.note)
             ) as c join entries as e on e.id = c.entry_id;
    end if;
    if subjects is not null then
        perform stamp_fields(subjects, array_fill('splits'::text, array[cardinality(subjects)]), of_users);
    end if;
    return null;
end
$$;

create function stamps_budgets() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    subjects uuid[];
    of_users text[];
begin
    if tg_op = 'DELETE' then
        delete from field_versions as v using old_rows as o where v.subject_id = o.id;
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

create trigger marks_insert after insert on intents_applied referencing new table as new_rows
    for each statement execute function marks_intents_applied();
create trigger marks_update after update on intents_applied referencing old table as old_rows new table as new_rows
    for each statement execute function marks_intents_applied();
create trigger marks_delete after delete on intents_applied referencing old table as old_rows
    for each statement execute function marks_intents_applied();
create trigger refuses_truncate before truncate on intents_applied for each statement execute function refuse_truncate();
create trigger refuses_move before update of id, user_id on intents_applied for each row execute function refuse_move();
alter table intents_applied enable always trigger marks_insert, enable always trigger marks_update,
    enable always trigger marks_delete, enable always trigger refuses_truncate, enable always trigger refuses_move;

create trigger stamps_update after update on entries referencing old table as old_rows new table as new_rows
    for each statement execute function stamps_entries();
create trigger stamps_delete after delete on entries referencing old table as old_rows
    for each statement execute function stamps_entries();
create trigger stamps_insert after insert on splits referencing new table as new_rows
    for each statement execute function stamps_splits();
create trigger stamps_update after update on splits referencing old table as old_rows new table as new_rows
    for each statement execute function stamps_splits();
create trigger stamps_delete after delete on splits referencing old table as old_rows
    for each statement execute function stamps_splits();
create trigger stamps_update after update on budgets referencing old table as old_rows new table as new_rows
    for each statement execute function stamps_budgets();
create trigger stamps_delete after delete on budgets referencing old table as old_rows
    for each statement execute function stamps_budgets();
alter table entries enable always trigger stamps_update, enable always trigger stamps_delete;
alter table splits enable always trigger stamps_insert, enable always trigger stamps_update,
    enable always trigger stamps_delete;
alter table budgets enable always trigger stamps_update, enable always trigger stamps_delete;

-- Rights: intents are applied with the API's role, which sees one user and cannot rewrite a receipt; the worker forgets.
do $$
declare
    name text;
begin
    grant create on schema public to livespend_marker;
    foreach name in array array['marks_intents_applied()', 'stamp_fields(uuid[], text[], text[])', 'stamps_entries()',
                                'stamps_splits()', 'stamps_budgets()'] loop
        execute format('alter function %s owner to livespend_marker', name);
        execute format('revoke all on function %s from public', name);
    end loop;
    revoke create on schema public from livespend_marker;
end
$$;
grant select, insert, update, delete on field_versions to livespend_marker;
grant select on field_versions to livespend_api;
grant select, insert on intents_applied to livespend_api;
grant select, delete on intents_applied to livespend_worker;
grant select on intents_applied to livespend_mirror, livespend_marker;

alter table intents_applied enable row level security;
alter table field_versions enable row level security;
create policy own_rows on intents_applied to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy own_rows on field_versions to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy worker_rows on intents_applied to livespend_worker using (true);
create policy mirror_rows on intents_applied to livespend_mirror using (true);
create policy marker_rows on intents_applied to livespend_marker using (true);
create policy marker_rows on field_versions to livespend_marker using (true);
