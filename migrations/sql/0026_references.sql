-- What rows that come by the thousand refer to is checked once per statement, not row by row. The foreign keys stay
-- declared, not enforced. What keeps two transactions from missing each other is the owner's counter: whoever inserts a
-- row and whoever deletes what it refers to lock it first and look then, each statement of a function with a snapshot of
-- its own. So a reference stays inside one user's rows, which is more than a foreign key says. Where Postgres is older
-- than 18 a foreign key cannot be declared without being enforced: there it stays as it was, row by row.

-- Taken before a look: the counters of these users. A snapshot older than the lock would see what was there before it.
create function lock_references(of_users text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'rows that others refer to are written in READ COMMITTED transactions only'
            using errcode = 'feature_not_supported';
    end if;
    perform lock_owners(array(select distinct 'users/' || of_user from unnest(of_users) as of_user));
end
$$;

create function refuse_reference(of_table text, of_constraint text, reason text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    raise exception 'table % violates foreign key %: %', of_table, of_constraint, reason
        using errcode = 'foreign_key_violation', schema = 'public', table = of_table, constraint = of_constraint;
end
$$;

-- Each row is looked up by its id and nothing else: a plan is made once per session, maybe while the tables are empty.
create function refers_transactions() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    perform lock_references(array(select distinct user_id from new_rows));
    if exists (select from new_rows as n
               where (select e.user_id from entries as e where e.id = n.entry_id) is distinct from n.user_id) then
        perform refuse_reference('transactions', 'fk_transactions_entry_id_entries', 'the user has no such entry');
    end if;
    if exists (select from (select distinct user_id, account_id from new_rows where account_id is not null) as n
               where (select a.user_id from accounts as a where a.id = n.account_id) is distinct from n.user_id) then
        perform refuse_reference('transactions', 'fk_transactions_account_id_accounts', 'the user has no such account');
    end if;
    if exists (select from (select distinct user_id, bank_category_id from new_rows) as n
               where not exists (select from categories as c
                                 where c.id = n.bank_category_id and (c.user_id is null or c.user_id = n.user_id))) then
        perform refuse_reference('transactions', 'fk_transactions_bank_category_id_categories', 'there is no such category');
    end if;
    return null;
end
$$;

-- The same for one row whose references change; few do.
create function refers_transaction() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform lock_references(array[new.user_id]);
    if not exists (select from entries as e where e.id = new.entry_id and e.user_id = new.user_id) then
        perform refuse_reference('transactions', 'fk_transactions_entry_id_entries', 'the user has no such entry');
    end if;
    if new.account_id is not null
        and not exists (select from accounts as a where a.id = new.account_id and a.user_id = new.user_id) then
        perform refuse_reference('transactions', 'fk_transactions_account_id_accounts', 'the user has no such account');
    end if;
    if not exists (select from categories as c
                   where c.id = new.bank_category_id and (c.user_id is null or c.user_id = new.user_id)) then
        perform refuse_reference('transactions', 'fk_transactions_bank_category_id_categories', 'there is no such category');
    end if;
    return null;
end
$$;

create function refers_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform lock_references(array(select distinct user_id from new_rows));
    if exists (select from (select distinct user_id from new_rows) as n
               where not exists (select from users as u where u.id = n.user_id)) then
        perform refuse_reference('entries', 'fk_entries_user_id_users', 'there is no such user');
    end if;
    return null;
end
$$;

-- The other side. A transaction's user is that of its entry, so a user who has no entries has no transactions.
create function referred_users() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    perform lock_references(array(select id from old_rows));
    if exists (select from old_rows as o where exists (select from entries as e where e.user_id = o.id)) then
        perform refuse_reference('entries', 'fk_entries_user_id_users', 'the user still has entries');
    end if;
    return null;
end
$$;

create function referred_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    perform lock_references(array(select distinct user_id from old_rows));
    if exists (select from old_rows as o where exists (select from transactions as t where t.entry_id = o.id)) then
        perform refuse_reference('transactions', 'fk_transactions_entry_id_entries', 'the entry still has transactions');
    end if;
    return null;
end
$$;

create function referred_accounts() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    perform lock_references(array(select distinct user_id from old_rows));
    if exists (select from old_rows as o where exists (select from transactions as t where t.account_id = o.id)) then
        perform refuse_reference('transactions', 'fk_transactions_account_id_accounts', 'the account still has transactions');
    end if;
    return null;
end
$$;

-- A category of the taxonomy is everybody's: no counter stands for all users, so no row may come meanwhile.
create function referred_categories() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    perform lock_references(array(select distinct user_id from old_rows where user_id is not null));
    if exists (select from old_rows where user_id is null) then
        lock table transactions in share mode;
    end if;
    if exists (select from old_rows as o where o.user_id is null
                   and exists (select from transactions as t where t.bank_category_id = o.id))
        or exists (select from old_rows as o join entries as e on e.user_id = o.user_id
                   join transactions as t on t.entry_id = e.id where t.bank_category_id = o.id) then
        perform refuse_reference('transactions', 'fk_transactions_bank_category_id_categories', 'the category is still in use');
    end if;
    return null;
end
$$;

-- Called below, and by hand (`select check_references_by_statement()`, as livespend_owner) after an upgrade to Postgres 18.
create function check_references_by_statement() returns void
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
declare
    referred text;
begin
    execute 'alter table transactions
        alter constraint fk_transactions_entry_id_entries not enforced,
        alter constraint fk_transactions_user_id_users not enforced,
        alter constraint fk_transactions_account_id_accounts not enforced,
        alter constraint fk_transactions_bank_category_id_categories not enforced';
    execute 'alter table entries alter constraint fk_entries_user_id_users not enforced';
    create trigger refers_insert after insert on transactions referencing new table as new_rows
        for each statement execute function refers_transactions();
    create trigger refers_update after update of entry_id, account_id, bank_category_id on transactions for each row
        when ((old.entry_id, old.account_id, old.bank_category_id)
              is distinct from (new.entry_id, new.account_id, new.bank_category_id))
        execute function refers_transaction();
    create trigger refers_insert after insert on entries referencing new table as new_rows
        for each statement execute function refers_entries();
    foreach referred in array array['users', 'entries', 'accounts', 'categories'] loop
        execute format('create trigger referred_delete after delete on %1$I referencing old table as old_rows
            for each statement execute function %2$I()', referred, 'referred_' || referred);
    end loop;
    execute 'grant maintain on transactions to livespend_marker';   -- to lock it, when a category of the taxonomy goes
end
$$;

do $$
declare
    name text;
begin
    grant create on schema public to livespend_marker;
    foreach name in array array['lock_references(text[])', 'refuse_reference(text, text, text)', 'refers_transactions()',
                                'refers_transaction()', 'refers_entries()', 'referred_users()', 'referred_entries()',
                                'referred_accounts()', 'referred_categories()'] loop
        execute format('alter function %s owner to livespend_marker', name);
        execute format('revoke all on function %s from public', name);
    end loop;
    revoke create on schema public from livespend_marker;
end
$$;
grant select on accounts, categories to livespend_marker;
revoke all on function check_references_by_statement() from public;

do $$
begin
    if current_setting('server_version_num')::int >= 180000 then
        perform check_references_by_statement();
    end if;
end
$$;

-- As it was, and the marks are not sorted any more: their owners are locked, so nobody meets them in another order.
create or replace function mark_documents(mark_owners text[], documents text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
declare
    turned_dirty text[];
    owner_turned text;
    trace text[] := regexp_match(current_setting('app.trace', true), '^([0-9a-f]{32}) (\S+) (.+)$');
begin
    if coalesce(cardinality(mark_owners), 0) = 0 then
        return;
    end if;
    perform lock_owners(array(select distinct unnest(mark_owners)));
    with before as (
        select owner, dirty from owners where owner = any (mark_owners)
    ), bumped as (
        update owners set number = number + 1, dirty = true, dirty_since = coalesce(dirty_since, clock_timestamp())
        where owner = any (mark_owners)
        returning owner
    )
    select array_agg(before.owner) into turned_dirty from before join bumped using (owner) where not before.dirty;
    if turned_dirty is not null and current_setting('app.doorbell', true) = 'redis' then
        raise notice 'livespend_dirty %', to_json(turned_dirty);
    elsif turned_dirty is not null then
        foreach owner_turned in array turned_dirty loop
            perform pg_notify('livespend_dirty', owner_turned);
        end loop;
    end if;
    insert into changes as c (owner, path, epoch, number, marked_at, trace_id, began_at, origin)
    select m.owner, m.path, o.epoch, o.number, clock_timestamp(), trace[1], trace[2]::timestamptz, trace[3]
    from (select owner, path from unnest(mark_owners, documents) as u(owner, path) group by owner, path) as m
    join owners as o on o.owner = m.owner
    on conflict (owner, path) do update
        set epoch = excluded.epoch, number = excluded.number, marked_at = excluded.marked_at,
            trace_id = excluded.trace_id, began_at = excluded.began_at, origin = excluded.origin;
end
$$;
