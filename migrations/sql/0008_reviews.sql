-- Reviews of unmatched pendings, and pendings that never post.

-- A pending row that the bank neither removed nor posted in time: shown, in no total.
alter table transactions
    add column expired_at timestamptz,
    add column heard_on date;                                     -- the bank spoke of an expired row again: wait from here
-- The two questions asked of pendings; both indexes hold pending rows alone, so other rows cost them nothing.
create index ix_transactions_unmatched on transactions (account_id, date) where pending and superseded_by is null;
create index ix_transactions_expirable on transactions (date)
    where pending and removed_at is null and expired_at is null;
create index ix_transactions_expired on transactions (user_id, month)
    where removed_at is null and expired_at is not null;

-- "Is this posted row that pending one?" Asked once per pair, answered by a person, settled by the bank's own word.
create table reviews (
    id uuid constraint pk_reviews primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_reviews_user_id_users references users,
    pending_entry_id uuid not null constraint fk_reviews_pending_entry_id_entries references entries on delete cascade,
    posted_entry_id uuid not null constraint fk_reviews_posted_entry_id_entries references entries on delete cascade,
    state text not null default 'open',
    score numeric(4,3) not null,
    name text not null,                                           -- the pending row as it was when the question arose
    amount numeric(28,10) not null,
    iso_currency text,
    unofficial_currency text,
    date date not null,
    pending_words jsonb,                                          -- what the user had said of each entry before the
    posted_words jsonb,                                           -- two were joined: undo restores it
    created_at timestamptz not null default now(),
    decided_at timestamptz,
    shown_entry_id uuid generated always as (                     -- the entry whose transaction shows it
        case state when 'confirmed' then pending_entry_id when 'open' then posted_entry_id
                   when 'undone' then posted_entry_id end) stored,
    constraint uq_reviews_pending_entry_id_posted_entry_id unique (pending_entry_id, posted_entry_id),
    constraint ck_reviews_state check (state in ('open', 'confirmed', 'declined', 'undone', 'closed')),
    constraint ck_reviews_currency check (num_nonnulls(iso_currency, unofficial_currency) = 1),
    constraint ck_reviews_pair check (pending_entry_id <> posted_entry_id)
);
create index ix_reviews_user_id on reviews (user_id, created_at);
create index ix_reviews_posted_entry_id on reviews (posted_entry_id);
create index ix_reviews_shown_entry_id on reviews (shown_entry_id) where shown_entry_id is not null;
create index ix_reviews_unsettled on reviews (user_id) where state in ('open', 'confirmed', 'undone');

-- A review is shown on the transaction it asks about: that of the posted entry, or once they are one, of the pending.
create function marks_reviews() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op = 'INSERT' then
        select array_agg('users/' || user_id), array_agg('users/' || user_id || '/transactions/' || shown_entry_id)
        into changed_owners, changed_paths from new_rows where shown_entry_id is not null;
    elsif tg_op = 'DELETE' then
        select array_agg('users/' || user_id), array_agg('users/' || user_id || '/transactions/' || shown_entry_id)
        into changed_owners, changed_paths from old_rows where shown_entry_id is not null;
    else
        select array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/transactions/' || e.entry_id)
        into changed_owners, changed_paths
        from new_rows as n join old_rows as o on o.id = n.id
        cross join lateral (values (n.shown_entry_id), (o.shown_entry_id)) as e(entry_id)
        where e.entry_id is not null
          and (n.pending_entry_id, n.posted_entry_id, n.state, n.name, n.amount, n.iso_currency, n.unofficial_currency, n.date)
            is distinct from
              (o.pending_entry_id, o.posted_entry_id, o.state, o.name, o.amount, o.iso_currency, o.unofficial_currency, o.date);
    end if;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

-- As before, and a row that expires or comes back changes its document and its month's totals.
create or replace function marks_transactions() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
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
                (n.user_id, n.entry_id, n.amount, n.iso_currency, n.unofficial_currency, n.month, n.pending, n.bank_category_id,
                 n.removed_at, n.expired_at is null)
                is distinct from
                (o.user_id, o.entry_id, o.amount, o.iso_currency, o.unofficial_currency, o.month, o.pending, o.bank_category_id,
                 o.removed_at, o.expired_at is null)
                as moves_totals
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
            select user_id, 'users/' || user_id || '/months/' || to_char(month, 'YYYY-MM') from changed where moves_totals
            union
            select old_user_id, 'users/' || old_user_id || '/months/' || to_char(old_month, 'YYYY-MM') from changed where moves_totals)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    end if;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

create trigger marks_insert after insert on reviews referencing new table as new_rows
    for each statement execute function marks_reviews();
create trigger marks_update after update on reviews referencing old table as old_rows new table as new_rows
    for each statement execute function marks_reviews();
create trigger marks_delete after delete on reviews referencing old table as old_rows
    for each statement execute function marks_reviews();
create trigger refuses_truncate before truncate on reviews for each statement execute function refuse_truncate();
create trigger refuses_move before update of id, user_id on reviews for each row execute function refuse_move();
alter table reviews enable always trigger marks_insert, enable always trigger marks_update,
    enable always trigger marks_delete, enable always trigger refuses_truncate, enable always trigger refuses_move;

-- Rights. The worker asks and settles; the API answers, which moves the rows of two of the user's entries to each other.
grant create on schema public to livespend_marker;
alter function marks_reviews() owner to livespend_marker;
revoke all on function marks_reviews() from public;
revoke create on schema public from livespend_marker;
grant select, insert, update on reviews to livespend_worker;
grant select on reviews to livespend_mirror, livespend_api;
grant update (state, pending_words, posted_words, decided_at) on reviews to livespend_api;
grant update (entry_id) on transactions to livespend_api;

alter table reviews enable row level security;
create policy own_rows on reviews to livespend_api using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy worker_rows on reviews to livespend_worker using (true);
create policy mirror_rows on reviews to livespend_mirror using (true);
create policy marker_rows on reviews to livespend_marker using (true);
-- Foreign keys look past row-level security: without this, a row of one's own could be moved to another user's entry.
create policy own_kept_entry on transactions as restrictive for update to livespend_api using (true) with check (
    exists (select from entries as e where e.id = entry_id));
