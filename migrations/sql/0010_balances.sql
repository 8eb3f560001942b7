-- Balances per account and day, whether the transactions explain them, and the recurring streams that the bank sees.

create table balance_snapshots (
    account_id uuid not null constraint fk_balance_snapshots_account_id_accounts references accounts,
    day date not null,                                            -- UTC
    user_id text collate "C" not null constraint fk_balance_snapshots_user_id_users references users,
    current_balance numeric(28,10) not null,
    available_balance numeric(28,10),
    iso_currency text,
    unofficial_currency text,
    taken_at timestamptz not null,                                -- when the day's last one was taken
    constraint pk_balance_snapshots primary key (account_id, day)
);

-- One row per account whose balance was held against its transactions. No row: never checked.
create table balance_checks (
    id uuid constraint pk_balance_checks primary key constraint fk_balance_checks_id_accounts references accounts,
    user_id text collate "C" not null constraint fk_balance_checks_user_id_users references users,
    state text not null,
    gap numeric(28,10),                                           -- money that the rows do not explain; out positive
    since_day date,                                               -- the snapshot that was still explained
    until_day date not null,                                      -- the snapshot that was held against it
    likely uuid[] not null default '{}',                          -- entries that would explain it, best first
    reason text,
    proven boolean not null default false,                        -- it balanced once over days that had rows
    checked_at timestamptz not null,
    constraint ck_balance_checks_state check (state in ('unknown', 'balanced', 'gap')),
    constraint ck_balance_checks_gap check ((state = 'gap') = (gap is not null))
);
create index ix_balance_checks_user_id on balance_checks (user_id);

create table recurring_streams (
    id uuid constraint pk_recurring_streams primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_recurring_streams_user_id_users references users,
    item_id uuid not null constraint fk_recurring_streams_item_id_items references items,
    account_id uuid not null constraint fk_recurring_streams_account_id_accounts references accounts,
    plaid_stream_id text collate "C" not null,
    direction text not null,                                      -- in out
    description text not null,
    merchant_name text,
    frequency text not null,                                      -- Plaid's word
    status text not null,                                         -- Plaid's word
    active boolean not null,
    first_date date not null,
    last_date date not null,
    next_date date,                                               -- predicted by Plaid
    average_amount numeric(28,10),
    last_amount numeric(28,10),
    iso_currency text,
    unofficial_currency text,
    bank_category_id text collate "C" not null
        constraint fk_recurring_streams_bank_category_id_categories references categories,
    transaction_count integer not null,
    content_sha256 bytea not null,
    created_at timestamptz not null default now(),
    removed_at timestamptz,
    constraint uq_recurring_streams_item_id_plaid_stream_id unique (item_id, plaid_stream_id),
    constraint ck_recurring_streams_direction check (direction in ('in', 'out'))
);
create index ix_recurring_streams_user_id on recurring_streams (user_id);
create index ix_recurring_streams_account_id on recurring_streams (account_id);
create index ix_balance_snapshots_user_id on balance_snapshots (user_id);

-- When an item's recurring streams are read next; null: nobody asks for them.
alter table item_pulls add column recurring_due_at timestamptz;

create function marks_balance_checks() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/accounts/' || id))
        from new_rows where state <> 'unknown';
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/accounts/' || id))
        from old_rows where state <> 'unknown';
    else
        perform mark_documents(array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/accounts/' || n.id))
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.state, n.gap, n.since_day, n.likely, n.reason) is distinct from (o.state, o.gap, o.since_day, o.likely, o.reason);
    end if;
    return null;
end
$$;

create function marks_recurring_streams() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/recurring/' || id))
        from new_rows where removed_at is null;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/recurring/' || id))
        from old_rows where removed_at is null;
    else
        perform mark_documents(array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/recurring/' || n.id))
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.content_sha256, n.bank_category_id, n.account_id, n.removed_at)
            is distinct from (o.content_sha256, o.bank_category_id, o.account_id, o.removed_at);
    end if;
    return null;
end
$$;

do $$
declare
    projected text;
begin
    grant create on schema public to livespend_marker;
    foreach projected in array array['balance_checks', 'recurring_streams'] loop
        execute format('alter function marks_%s() owner to livespend_marker', projected);
        execute format('revoke all on function marks_%s() from public', projected);
        execute format('create trigger marks_insert after insert on %1$I referencing new table as new_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger marks_update after update on %1$I referencing old table as old_rows new table as new_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger marks_delete after delete on %1$I referencing old table as old_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger refuses_truncate before truncate on %I '
                       'for each statement execute function refuse_truncate()', projected);
        execute format('create trigger refuses_move before update of id, user_id on %I '
                       'for each row execute function refuse_move()', projected);
        execute format('alter table %I enable always trigger marks_insert, enable always trigger marks_update, '
                       'enable always trigger marks_delete, enable always trigger refuses_truncate, '
                       'enable always trigger refuses_move', projected);
    end loop;
    revoke create on schema public from livespend_marker;
end
$$;

grant select on balance_snapshots, balance_checks, recurring_streams to livespend_api;
grant select on balance_checks, recurring_streams to livespend_mirror;
grant select, insert, update, delete on balance_snapshots, balance_checks, recurring_streams to livespend_worker;

do $$
declare
    owned text;
begin
    foreach owned in array array['balance_snapshots', 'balance_checks', 'recurring_streams'] loop
        execute format('alter table %I enable row level security', owned);
        execute format('create policy own_rows on %I to livespend_api '
                       'using (user_id = nullif(current_setting(''app.user_id'', true), ''''))', owned);
        execute format('create policy worker_rows on %I to livespend_worker using (true)', owned);
    end loop;
    foreach owned in array array['balance_checks', 'recurring_streams'] loop
        execute format('create policy mirror_rows on %I to livespend_mirror using (true)', owned);
        execute format('create policy marker_rows on %I to livespend_marker using (true)', owned);
    end loop;
end
$$;
