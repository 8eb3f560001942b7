-- Plaid's raw pages, kept encrypted; updates too large for one transaction, and how far they have come.

-- One data key per item seals its pages: deleting the row shreds them. Beside it the item's chain of pages: how many
-- there were, the digest over them, and up to where the oldest were deleted.
create table page_keys (
    item_id uuid constraint pk_page_keys primary key constraint fk_page_keys_item_id_items references items,
    key_id text not null,
    wrapped bytea not null,
    created_at timestamptz not null default now(),
    chained bigint not null default 0,                            -- pages in the chain, deleted ones included
    chain_sha256 bytea not null default ''::bytea,
    forgotten bigint not null default 0,                          -- of them deleted, the oldest
    forgotten_sha256 bytea not null default ''::bytea             -- the chain's digest up to there
);

-- A window is the pages of one update. Its pages have no place in the chain until they are in the ledger: they are
-- open, fetched one by one and committed one by one.
create table plaid_pages (
    item_id uuid not null constraint fk_plaid_pages_item_id_items references items,
    window_id uuid not null,
    ordinal integer not null,                                     -- from 1, in the order they were fetched
    position bigint,                                              -- in the item's chain, from 1; null: open
    start_cursor text collate "C",                                -- the cursor it was asked with
    next_cursor text collate "C" not null,
    has_more boolean not null,
    request_id text not null,
    fetched_at timestamptz not null,
    rows integer not null,                                        -- told by it: added, modified and removed
    sha256 bytea not null,                                        -- of the raw page
    chain_sha256 bytea,                                           -- of the chain's digest before it, and sha256
    sealed bytea not null,                                        -- the raw page, compressed, then sealed
    constraint pk_plaid_pages primary key (item_id, window_id, ordinal),
    constraint uq_plaid_pages_item_id_position unique (item_id, position),
    constraint ck_plaid_pages_chained check ((position is null) = (chain_sha256 is null))
);
alter table plaid_pages alter column sealed set storage external;
create index ix_plaid_pages_fetched_at on plaid_pages (fetched_at);

-- How far a large update has come: a document that the page shows.
create table imports (
    item_id uuid constraint pk_imports primary key constraint fk_imports_item_id_items references items,
    user_id text collate "C" not null constraint fk_imports_user_id_users references users,
    window_id uuid not null,
    phase text not null,
    pages integer not null,                                       -- fetched so far
    rows integer not null,                                        -- told by them
    rows_stored integer not null default 0,
    stored_from date,                                             -- the oldest month with stored rows
    started_at timestamptz not null,
    told_at timestamptz not null,
    storing_since timestamptz,                                    -- the database's time at the first step
    finished_at timestamptz,
    constraint ck_imports_phase check (phase in ('fetching', 'storing', 'done')),
    constraint ck_imports_stored_from check (extract(day from stored_from) = 1)
);

-- A row of a table without an id is known by its item.
create or replace function refuse_move() returns trigger
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
declare
    now_row jsonb := to_jsonb(new);
    former_row jsonb := to_jsonb(old);
begin
    if (coalesce(now_row -> 'id', now_row -> 'item_id'), now_row -> 'user_id')
        is distinct from (coalesce(former_row -> 'id', former_row -> 'item_id'), former_row -> 'user_id') then
        raise exception 'a row of % keeps its id and its owner: insert a new one', tg_table_name
            using errcode = 'feature_not_supported';
    end if;
    return new;
end
$$;

create function marks_imports() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/imports/' || item_id)) from new_rows;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/imports/' || item_id)) from old_rows;
    else
        perform mark_documents(array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/imports/' || n.item_id))
        from new_rows as n join old_rows as o on o.item_id = n.item_id
        where (n.phase, n.pages, n.rows, n.rows_stored, n.stored_from, n.started_at, n.finished_at)
            is distinct from (o.phase, o.pages, o.rows, o.rows_stored, o.stored_from, o.started_at, o.finished_at);
    end if;
    return null;
end
$$;
grant create on schema public to livespend_marker;
alter function marks_imports() owner to livespend_marker;
revoke all on function marks_imports() from public;
revoke create on schema public from livespend_marker;

create trigger marks_insert after insert on imports referencing new table as new_rows
    for each statement execute function marks_imports();
create trigger marks_update after update on imports referencing old table as old_rows new table as new_rows
    for each statement execute function marks_imports();
create trigger marks_delete after delete on imports referencing old table as old_rows
    for each statement execute function marks_imports();
create trigger refuses_truncate before truncate on imports for each statement execute function refuse_truncate();
create trigger refuses_move before update of item_id, user_id on imports
    for each row execute function refuse_move();
alter table imports enable always trigger marks_insert, enable always trigger marks_update,
    enable always trigger marks_delete, enable always trigger refuses_truncate, enable always trigger refuses_move;

grant select, insert, update, delete on page_keys, plaid_pages, imports to livespend_worker;
grant select on imports to livespend_mirror, livespend_api;

alter table imports enable row level security;
create policy own_rows on imports to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy worker_rows on imports to livespend_worker using (true);
create policy mirror_rows on imports to livespend_mirror using (true);
create policy marker_rows on imports to livespend_marker using (true);
