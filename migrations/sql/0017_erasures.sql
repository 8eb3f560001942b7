-- Erasing a user: what is under way, what was signed, and the functions that find and delete everything of a user.

create table erasures (
    id uuid not null default gen_random_uuid() constraint pk_erasures primary key,
    user_id text collate "C" constraint uq_erasures_user_id unique, -- null once nothing is left of the user
    user_sha256 bytea not null,
    asked_by text not null,
    asked_at timestamptz not null,
    step text not null default 'sign-in',
    step_at timestamptz not null,                                 -- since when it is at this step
    due_at timestamptz not null,                                  -- when to go on
    failures integer not null default 0,
    problem text,
    items uuid[] not null default '{}',                           -- by which rows without a user are found
    plaid_items text[] not null default '{}',
    deleted jsonb not null default '{}',
    epoch integer,                                                -- the counter's, when it was deleted
    finished_at timestamptz,
    record jsonb,
    signature bytea,
    signing_key_id uuid,
    constraint ck_erasures_asked_by check (asked_by in ('user', 'operator')),
    constraint ck_erasures_step check (
        step in ('sign-in', 'banks', 'rows', 'documents', 'head', 'wait', 'account', 'forget', 'read', 'done')),
    constraint ck_erasures_done check ((step = 'done') = (user_id is null)),
    constraint ck_erasures_signed check ((step = 'done') = (num_nonnulls(finished_at, record, signature, signing_key_id) = 4))
);
create index ix_erasures_user_sha256 on erasures (user_sha256);
create index ix_erasures_due_at on erasures (due_at) where user_id is not null;

-- Ed25519 keys that sign the records. The wrapped data key is the private key's seed; public keys are kept for good.
create table signing_keys (
    id uuid not null default gen_random_uuid() constraint pk_signing_keys primary key,
    public_key bytea not null constraint uq_signing_keys_public_key unique,
    key_id text not null,
    wrapped bytea not null,
    created_at timestamptz not null default now()
);
alter table erasures add constraint fk_erasures_signing_key_id_signing_keys
    foreign key (signing_key_id) references signing_keys;

-- Whether the API has to refuse this user. The worker goes on with a user's links and rows: it is what erases them.
create function being_erased(of_user text) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select session_user = 'livespend_api' and exists (select from erasures where user_id = of_user)
$$;

-- The current user asks to be erased. Null without a ledger; twice is the same erasure.
create function ask_erasure(asked_at timestamptz) returns uuid
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    own text := nullif(current_setting('app.user_id', true), '');
begin
    insert into erasures (user_id, user_sha256, asked_by, asked_at, step_at, due_at)
    select id, sha256(convert_to(id, 'UTF8')), 'user', ask_erasure.asked_at, ask_erasure.asked_at, ask_erasure.asked_at
    from users where id = own
    on conflict do nothing;
    return (select id from erasures where user_id = own);
end
$$;

-- A user's id that comes back must not be older than what a browser may still hold of it.
create function raise_epoch_of_reused() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    new.epoch := greatest(new.epoch, 1 + coalesce((
        select max(epoch) from erasures where user_sha256 = sha256(convert_to(substr(new.owner, 7), 'UTF8'))), 0));
    return new;
end
$$;
create trigger raises_epoch before insert on owners for each row execute function raise_epoch_of_reused();
alter table owners enable always trigger raises_epoch;

grant select on erasures to livespend_marker;
grant insert on erasures to livespend_marker;
create policy marker_rows on erasures to livespend_marker using (true);
grant create on schema public to livespend_marker;
do $$
declare
    marking regprocedure;
begin
    for marking in
        select oid::regprocedure from pg_proc
        where pronamespace = 'public'::regnamespace
          and proname in ('being_erased', 'ask_erasure', 'raise_epoch_of_reused')
    loop
        execute format('alter function %s owner to livespend_marker', marking);
        execute format('revoke all on function %s from public', marking);
    end loop;
end
$$;
revoke create on schema public from livespend_marker;
grant execute on function being_erased(text) to livespend_api, livespend_worker, livespend_mirror;
grant execute on function ask_erasure(timestamptz) to livespend_api;

-- Every table that can hold rows of a user, by its columns: a table that is added later is found without being named.
-- `stage` is the step that deletes it; a greater `place` is deleted earlier, for what refers to it is gone by then.
create function erasable_tables() returns table (table_name text, stage text, place integer, refers_to_itself boolean, rows_of text)
language sql stable set search_path = pg_catalog, public, pg_temp as $$
    with recursive tables as (
        select oid, relname::text as name,
            array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) as columns
        from pg_class as c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname <> 'erasures'
    ), depth (oid, deep) as (
        select oid, 0 from tables
        union
        select k.conrelid, d.deep + 1 from depth as d join pg_constraint as k on k.confrelid = d.oid
        where k.contype = 'f' and k.conrelid <> k.confrelid and d.deep < 50
    )
    select t.name,
        case when t.name = 'users' then 'head' when 'owner' = any (t.columns) then 'forget' else 'rows' end,
        (select max(deep) from depth as d where d.oid = t.oid),
        exists (select from pg_constraint as k where k.contype = 'f' and k.conrelid = t.oid and k.confrelid = t.oid),
        case when t.name = 'users' then 'id = $1'
            when 'user_id' = any (t.columns) then 'user_id = $1'
            when 'owner' = any (t.columns) then 'owner = ''users/'' || $1'
            when 'item_id' = any (t.columns)
                then 'item_id = any (select unnest(items) from erasures where user_id = $1)'
            else 'plaid_item_id = any (select unnest(plaid_items) from erasures where user_id = $1)' end
    from tables as t
    where t.name = 'users' or t.columns && array['user_id', 'owner', 'item_id', 'plaid_item_id']
$$;

-- Deletes some rows of a user whose erasure is at a step that deletes; answers how many of which table, {} when none
-- is left. Nobody else's rows can be named, and nobody's who is not being erased.
create function erase_rows(of_user text, most integer) returns jsonb
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    current_step text;
    doomed record;
    gone bigint;
    erased jsonb := '{}';
begin
    select step into current_step from erasures where user_id = of_user for update;
    if current_step is null or current_step not in ('rows', 'head', 'forget') then
        raise exception 'nothing of this user is to be erased now' using errcode = 'insufficient_privilege';
    end if;
    if current_step <> 'forget' then
        perform lock_owners(array['users/' || of_user]);
    end if;
    for doomed in select * from erasable_tables() where stage = current_step or current_step = 'forget' order by place desc, table_name loop
        execute format('delete from %1$I where ctid = any (array(select ctid from %1$I where %2$s limit %3$s))',
                       doomed.table_name, doomed.rows_of, case when doomed.refers_to_itself then 'all' else most::text end)
        using of_user;
        get diagnostics gone = row_count;
        if gone > 0 then
            erased := erased || jsonb_build_object(doomed.table_name, gone);
            most := most - least(gone, most);
        end if;
        exit when most = 0;
    end loop;
    return erased;
end
$$;

-- Reads every table once more: how many rows of the user each still has.
create function rows_left(of_user text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    read_table record;
    found_rows bigint;
    found jsonb := '{}';
begin
    for read_table in select * from erasable_tables() order by table_name loop
        execute format('select count(*) from %I where %s', read_table.table_name, read_table.rows_of)
        into found_rows using of_user;
        found := found || jsonb_build_object(read_table.table_name, found_rows);
    end loop;
    return found;
end
$$;
revoke all on function erasable_tables(), erase_rows(text, integer), rows_left(text) from public;
grant execute on function erase_rows(text, integer), rows_left(text) to livespend_worker;

grant select, insert, update on erasures, signing_keys to livespend_worker;
alter table erasures enable row level security;
create policy worker_rows on erasures to livespend_worker using (true);
