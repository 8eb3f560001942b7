-- Who may do what. The API sees the rows of one user per transaction: set local app.user_id = '<uid>'.

grant usage on schema public to livespend_api, livespend_worker, livespend_mirror, livespend_marker;

-- the marker: owns the marking functions, keeps the marks
grant select on users, items, entries, transactions, item_pulls to livespend_marker;
grant select, insert, update on owners, changes to livespend_marker;
grant update (wanted, last_webhook_at) on item_pulls to livespend_marker;
grant create on schema public to livespend_marker;
do $$
declare
    marking regprocedure;
begin
    for marking in
        select oid::regprocedure from pg_proc
        where pronamespace = 'public'::regnamespace and prosecdef
    loop
        execute format('alter function %s owner to livespend_marker', marking);
        execute format('revoke all on function %s from public', marking);
    end loop;
end
$$;
revoke create on schema public from livespend_marker;

-- the API: column by column, so that nothing it runs can overwrite what the bank tells
grant execute on function lock_own_counter(), marked_since(bigint), want_pull(text) to livespend_api;
grant select, insert on users, items, item_tokens, item_pulls, accounts, entries, transactions, categories, budgets,
    idempotency_keys to livespend_api;
grant update (email, display_name) on users to livespend_api;
grant update (status, error_code, error_message, consent_expires_at, removed_at) on items to livespend_api;
grant update (wanted, failures, retry_at) on item_pulls to livespend_api;
grant update (removed_at) on accounts, transactions to livespend_api;
grant update (user_category_id, note, edited_at, removed_at) on entries to livespend_api;
grant update (name, removed_at) on categories to livespend_api;
grant update (limit_amount, starts_month, removed_at) on budgets to livespend_api;
grant insert on webhook_inbox to livespend_api;
grant select on spend_exclusions, mirror_window to livespend_api;

-- the worker
grant execute on function lock_owners(text[]), want_pull(text) to livespend_worker;
grant select on users to livespend_worker;
grant select, insert, update on accounts, entries, transactions to livespend_worker;
grant select, update on items, item_pulls to livespend_worker;
grant select, delete on item_tokens to livespend_worker;
grant select on categories, budgets, spend_exclusions to livespend_worker;
grant select, update, delete on webhook_inbox to livespend_worker;
grant select, insert on sync_runs to livespend_worker;
grant select, delete on idempotency_keys to livespend_worker;
grant select, insert, update on mirror_window to livespend_worker;
grant select on owners, changes, mirror_state, parked_documents to livespend_worker;

-- the mirror
grant select on users, items, accounts, entries, transactions, categories, budgets, spend_exclusions, mirror_window
    to livespend_mirror;
grant execute on function lock_owners(text[]) to livespend_mirror;
grant select, update on owners to livespend_mirror;
grant select, delete, update on changes to livespend_mirror;
grant select, insert, update, delete on mirror_state, parked_documents to livespend_mirror;

-- row-level security: one policy for the API's user, one each for the roles that serve all users
do $$
declare
    owned text;
    server_role text;
begin
    foreach owned in array array['users', 'items', 'item_tokens', 'item_pulls', 'accounts', 'entries', 'transactions',
                                 'categories', 'budgets', 'idempotency_keys'] loop
        execute format('alter table %I enable row level security', owned);
        execute format(
            'create policy own_rows on %1$I to livespend_api using (%2$s = nullif(current_setting(''app.user_id'', true), ''''))',
            owned, case owned when 'users' then 'id' else 'user_id' end);
        foreach server_role in array array['livespend_worker', 'livespend_mirror', 'livespend_marker'] loop
            execute format('create policy %2$s_rows on %1$I to %3$I using (true)',
                           owned, replace(server_role, 'livespend_', ''), server_role);
        end loop;
    end loop;
end
$$;
create policy taxonomy on categories for select to livespend_api using (user_id is null);
alter table webhook_inbox enable row level security;
create policy receive on webhook_inbox for insert to livespend_api with check (true);
create policy worker_rows on webhook_inbox to livespend_worker using (true);

-- Foreign keys look past row-level security: without these, a row of one's own could point at another user's.
create policy own_category on entries as restrictive for update to livespend_api using (true) with check (
    user_category_id is null or exists (select from categories as c where c.id = user_category_id));
create policy own_new_category on entries as restrictive for insert to livespend_api with check (
    rule_category_id is null
    and (user_category_id is null or exists (select from categories as c where c.id = user_category_id)));
create policy own_entry on transactions as restrictive for insert to livespend_api with check (
    source = 'manual'
    and exists (select from entries as e where e.id = entry_id)
    and exists (select from categories as c where c.id = bank_category_id));
create policy own_category on budgets as restrictive for insert to livespend_api with check (
    exists (select from categories as c where c.id = category_id));
do $$
declare
    owned text;
begin
    foreach owned in array array['item_tokens', 'item_pulls', 'accounts'] loop
        execute format('create policy own_item on %I as restrictive for insert to livespend_api with check ('
                       'exists (select from items as i where i.id = item_id))', owned);
    end loop;
end
$$;
