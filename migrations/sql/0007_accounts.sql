-- Closed, de-selected and re-linked accounts, and purges.

-- A de-selected account is removed with a reason, and its rows with the time kept here, by which they are found again.
alter table accounts
    add column deselected_at timestamptz,
    add column hidden_at timestamptz,
    add column rows_moving boolean not null default false;        -- not all rows have followed their account yet
create index ix_accounts_rows_moving on accounts (item_id) where rows_moving;

alter table items
    add column successor_id uuid,                                 -- the new link that replaced it
    add column purged_at timestamptz,                             -- nothing is left of it but this row
    add constraint uq_items_id_user_id unique (id, user_id),
    -- with its user, because foreign keys look past row-level security
    add constraint fk_items_successor_id_user_id_items foreign key (successor_id, user_id) references items (id, user_id);
create index ix_items_successor_id on items (successor_id) where successor_id is not null;
-- What each sweep asks for: ended access whose data is still here.
create index ix_items_removed_at on items (removed_at) where removed_at is not null and purged_at is null;
create index ix_items_revoked on items (id) where status = 'revoked' and removed_at is null;
create index ix_accounts_revoked on accounts (item_id) where removed_at is not null and deselected_at is null;

-- Asking the bank for its accounts: when next, and since when the user's own choice of accounts waits to be read.
alter table item_pulls
    add column accounts_due_at timestamptz not null default now() + interval '1 day',
    add column accounts_offered_at timestamptz,                   -- Link was opened with the choice of accounts
    add column accounts_chosen_at timestamptz;
update item_pulls set accounts_due_at = now() + random() * interval '1 day';
create index ix_item_pulls_accounts_due_at on item_pulls (accounts_due_at);

-- An account that came under a new id; until it is settled, new rows may claim those created before it moved.
create table account_moves (
    id bigint generated always as identity constraint pk_account_moves primary key,
    user_id text collate "C" not null constraint fk_account_moves_user_id_users references users,
    account_id uuid not null constraint fk_account_moves_account_id_accounts references accounts,
    from_item_id uuid not null constraint fk_account_moves_from_item_id_items references items,
    kind text not null,
    moved_at timestamptz not null default clock_timestamp(),      -- after the owner's lock was had, unlike now()
    settled_at timestamptz,
    constraint ck_account_moves_kind check (kind in ('relinked', 'renumbered', 'reopened'))
);
create index ix_account_moves_user_id on account_moves (user_id);
create index ix_account_moves_account_id on account_moves (account_id);
create index ix_account_moves_from_item_id on account_moves (from_item_id);

-- What was purged, why, when and how much of it: no word of what it said.
create table purges (
    id bigint generated always as identity constraint pk_purges primary key,
    user_id text collate "C" not null constraint fk_purges_user_id_users references users,
    item_id uuid not null constraint fk_purges_item_id_items references items,
    account_id uuid,                                              -- null: all of the item
    reason text not null,
    state text not null default 'hide',
    asked_at timestamptz not null,
    due_at timestamptz not null,                                  -- of what the state says
    delete_at timestamptz not null,
    transactions integer not null default 0,
    entries integer not null default 0,
    accounts integer not null default 0,
    other_rows integer not null default 0,
    finished_at timestamptz,
    constraint ck_purges_reason check (reason in ('unlinked', 'permission-revoked', 'account-revoked')),
    constraint ck_purges_state check (state in ('hide', 'delete', 'done', 'cancelled'))
);
create index ix_purges_user_id on purges (user_id);
create index ix_purges_item_id on purges (item_id);
create index ix_purges_open on purges (due_at) where state in ('hide', 'delete');

grant select, insert on account_moves to livespend_api;
grant select on purges to livespend_api;
grant update (item_id, plaid_account_id, closed_at, deselected_at, hidden_at, rows_moving) on accounts to livespend_api;
grant update (successor_id) on items to livespend_api;
grant update (accounts_due_at, accounts_offered_at, accounts_chosen_at) on item_pulls to livespend_api;
grant select, insert, update, delete on account_moves to livespend_worker;
grant select, insert, update on purges to livespend_worker;
grant delete on accounts, entries, transactions, sync_runs to livespend_worker;

do $$
declare
    owned text;
begin
    foreach owned in array array['account_moves', 'purges'] loop
        execute format('alter table %I enable row level security', owned);
        execute format('create policy worker_rows on %I to livespend_worker using (true)', owned);
        execute format('create policy own_rows on %I to livespend_api '
                       'using (user_id = nullif(current_setting(''app.user_id'', true), ''''))', owned);
    end loop;
end
$$;
-- Whatever goes wrong in a purge, it deletes nothing that is shown.
create policy removed_only on transactions as restrictive for delete to livespend_worker using (removed_at is not null);
create policy removed_only on accounts as restrictive for delete to livespend_worker using (removed_at is not null);
-- Foreign keys look past row-level security.
create policy own_account on account_moves as restrictive for insert to livespend_api with check (
    exists (select from accounts as a where a.id = account_id)
    and exists (select from items as i where i.id = from_item_id));
create policy own_item_kept on accounts as restrictive for update to livespend_api using (true) with check (
    exists (select from items as i where i.id = item_id));
