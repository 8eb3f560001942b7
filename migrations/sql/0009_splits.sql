-- Splits and category rules.

-- Parts that a user carves out of an entry, in its transaction's currency. What is left stays in the entry's category.
create table splits (
    id uuid constraint pk_splits primary key default gen_random_uuid(),
    entry_id uuid not null constraint fk_splits_entry_id_entries references entries on delete cascade,
    user_id text collate "C" not null constraint fk_splits_user_id_users references users,
    position integer not null,
    category_id text collate "C" not null constraint fk_splits_category_id_categories references categories,
    amount numeric(28,10) not null,
    note text,
    constraint uq_splits_entry_id_position unique (entry_id, position),
    constraint ck_splits_position check (position >= 1),
    constraint ck_splits_amount check (amount <> 0),
    constraint ck_splits_note check (length(note) between 1 and 500)
);
create index ix_splits_user_id on splits (user_id);

-- The first rule in position whose conditions all hold decides a bank row's category; a condition that is null holds.
create table category_rules (
    id uuid constraint pk_category_rules primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_category_rules_user_id_users references users,
    position integer not null,
    name_match text,                                              -- how name_text is found in merchant or name
    name_text text,
    account_id uuid constraint fk_category_rules_account_id_accounts references accounts on delete cascade,
    direction text,
    min_amount numeric(28,10),                                    -- of the amount without its sign, both ends included
    max_amount numeric(28,10),
    bank_category_id text collate "C" constraint fk_category_rules_bank_category_id_categories references categories,
    category_id text collate "C" not null constraint fk_category_rules_category_id_categories references categories,
    created_at timestamptz not null default now(),
    removed_at timestamptz,
    constraint ck_category_rules_name_match check (name_match in ('contains', 'equals', 'starts')),
    constraint ck_category_rules_name_text check (
        (name_match is null) = (name_text is null) and length(name_text) between 1 and 200),
    constraint ck_category_rules_direction check (direction in ('in', 'out')),
    constraint ck_category_rules_amounts check (min_amount >= 0 and max_amount >= min_amount),
    constraint ck_category_rules_conditions check (
        num_nonnulls(name_text, account_id, direction, min_amount, max_amount, bank_category_id) > 0)
);
create index ix_category_rules_user_id on category_rules (user_id, position) where removed_at is null;
create index ix_category_rules_account_id on category_rules (account_id) where account_id is not null;

-- A pass of a user's rules over their older entries is owed while wanted > done. No marking trigger.
create table rule_passes (
    user_id text collate "C" constraint pk_rule_passes primary key
        constraint fk_rule_passes_user_id_users references users,
    wanted bigint not null default 1,
    done bigint not null default 0
);
create index ix_rule_passes_open on rule_passes (user_id) where wanted > done;

-- A part moves money between two categories of its entry's month; without a live transaction there is no document.
create function marks_splits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op = 'INSERT' then
        with keys as (
            select t.user_id, 'users/' || t.user_id || '/transactions/' || t.entry_id as path
            from new_rows as n join transactions as t on t.entry_id = n.entry_id and t.removed_at is null
            union
            select t.user_id, 'users/' || t.user_id || '/months/' || to_char(t.month, 'YYYY-MM')
            from new_rows as n join transactions as t on t.entry_id = n.entry_id and t.removed_at is null)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    elsif tg_op = 'DELETE' then
        with keys as (
            select t.user_id, 'users/' || t.user_id || '/transactions/' || t.entry_id as path
            from old_rows as o join transactions as t on t.entry_id = o.entry_id and t.removed_at is null
            union
            select t.user_id, 'users/' || t.user_id || '/months/' || to_char(t.month, 'YYYY-MM')
            from old_rows as o join transactions as t on t.entry_id = o.entry_id and t.removed_at is null)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    else
        with changed as (
            select n.entry_id, o.entry_id as old_entry_id,
                (n.entry_id, n.category_id, n.amount) is distinct from (o.entry_id, o.category_id, o.amount) as moves_totals
            from new_rows as n join old_rows as o on o.id = n.id
            where (n.entry_id, n.position, n.category_id, n.amount, n.note)
                is distinct from (o.entry_id, o.position, o.category_id, o.amount, o.note)),
        touched as (
            select entry_id, moves_totals from changed union select old_entry_id, moves_totals from changed),
        keys as (
            select t.user_id, 'users/' || t.user_id || '/transactions/' || t.entry_id as path
            from touched as c join transactions as t on t.entry_id = c.entry_id and t.removed_at is null
            union
            select t.user_id, 'users/' || t.user_id || '/months/' || to_char(t.month, 'YYYY-MM')
            from touched as c join transactions as t on t.entry_id = c.entry_id and t.removed_at is null
            where c.moves_totals)
        select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    end if;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

create trigger marks_insert after insert on splits referencing new table as new_rows
    for each statement execute function marks_splits();
create trigger marks_update after update on splits referencing old table as old_rows new table as new_rows
    for each statement execute function marks_splits();
create trigger marks_delete after delete on splits referencing old table as old_rows
    for each statement execute function marks_splits();
create trigger refuses_truncate before truncate on splits for each statement execute function refuse_truncate();
create trigger refuses_move before update of id, user_id on splits for each row execute function refuse_move();
alter table splits enable always trigger marks_insert, enable always trigger marks_update,
    enable always trigger marks_delete, enable always trigger refuses_truncate, enable always trigger refuses_move;

-- As before, and the months in which a part of a transaction is in a category that enters or leaves spend.
create or replace function marks_spend_exclusions() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    changed_categories text[];
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op = 'INSERT' then
        select array_agg(category_id) into changed_categories from new_rows;
    elsif tg_op = 'DELETE' then
        select array_agg(category_id) into changed_categories from old_rows;
    else
        select array_agg(category_id) into changed_categories
        from (select category_id from new_rows union select category_id from old_rows) as both_rows;
    end if;
    with keys as (
        select distinct t.user_id, 'users/' || t.user_id || '/months/' || to_char(t.month, 'YYYY-MM') as path
        from transactions as t join entries as e on e.id = t.entry_id
        where t.removed_at is null and e.removed_at is null
          and (coalesce(e.user_category_id, e.rule_category_id, t.bank_category_id) = any (changed_categories)
               or exists (select from splits as s where s.entry_id = e.id and s.category_id = any (changed_categories))))
    select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

-- Rights. Splits are all the user's: the API may write every column but the keys, and delete. The worker changes no
-- word of the user's, but carries them from one entry to another when the bank tells late that two are one: it keeps the
-- columns of an entry that this takes, and no others. A rule's category on an entry is written by the worker as rows
-- arrive, and by the API when the user changes a rule. That gives the API no power it lacks: it may set the user's
-- category of the same rows and make any rule, and row-level security holds it to rows and categories of its own user;
-- the bank's columns stay out of its reach. That a pass over older entries is owed is the API's to say (wanted), that it
-- is done the worker's.
grant create on schema public to livespend_marker;
alter function marks_splits() owner to livespend_marker;
revoke all on function marks_splits() from public;
revoke create on schema public from livespend_marker;
grant select on splits to livespend_marker, livespend_mirror;
grant select, insert, delete on splits to livespend_worker;
revoke update on entries from livespend_worker;
grant update (user_category_id, rule_category_id, note, removed_at) on entries to livespend_worker;
grant select, insert, delete on splits to livespend_api;
grant update (category_id, amount, note) on splits to livespend_api;
grant select, insert on category_rules, rule_passes to livespend_api;
grant update (position, name_match, name_text, account_id, direction, min_amount, max_amount, bank_category_id,
    category_id, removed_at) on category_rules to livespend_api;
grant update (rule_category_id) on entries to livespend_api;
grant update (wanted) on rule_passes to livespend_api;
grant select on category_rules, rule_passes to livespend_worker;
grant update (done) on rule_passes to livespend_worker;

do $$
declare
    owned text;
    server_role text;
begin
    foreach owned in array array['splits', 'category_rules', 'rule_passes'] loop
        execute format('alter table %I enable row level security', owned);
        execute format('create policy own_rows on %I to livespend_api '
                       'using (user_id = nullif(current_setting(''app.user_id'', true), ''''))', owned);
        foreach server_role in array array['livespend_worker', 'livespend_mirror', 'livespend_marker'] loop
            execute format('create policy %2$s_rows on %1$I to %3$I using (true)',
                           owned, replace(server_role, 'livespend_', ''), server_role);
        end loop;
    end loop;
end
$$;
create policy own_rule_category on entries as restrictive for update to livespend_api using (true) with check (
    rule_category_id is null or exists (select from categories as c where c.id = rule_category_id));
create policy own_entry_and_category on splits as restrictive for insert to livespend_api with check (
    exists (select from entries as e where e.id = entry_id)
    and exists (select from categories as c where c.id = category_id));
create policy own_category on splits as restrictive for update to livespend_api using (true) with check (
    exists (select from categories as c where c.id = category_id));
do $$
declare
    command text;
begin
    foreach command in array array['insert', 'update'] loop
        execute format(
            'create policy own_targets_%1$s on category_rules as restrictive for %1$s to livespend_api %2$s with check ('
            'exists (select from categories as c where c.id = category_id) '
            'and (bank_category_id is null or exists (select from categories as c where c.id = bank_category_id)) '
            'and (account_id is null or exists (select from accounts as a where a.id = account_id)))',
            command, case command when 'update' then 'using (true)' else '' end);
    end loop;
end
$$;
