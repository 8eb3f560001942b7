-- Marking: statement triggers note, in the writer's own transaction, which documents may differ now.
-- Every function here is SECURITY DEFINER with a pinned search_path and belongs to livespend_marker, who sees all rows.

-- The one lock order: users before households, ascending within each. Creates missing counters, in that order too.
create function lock_owners(wanted_owners text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into owners (owner)
    select distinct_owner from (select distinct unnest(wanted_owners) as distinct_owner) as wanted
    where not exists (select from owners where owners.owner = distinct_owner)
    order by distinct_owner like 'households/%', distinct_owner
    on conflict do nothing;
    perform 1 from owners where owner = any (wanted_owners)
    order by owner like 'households/%', owner
    for update;
end
$$;

-- Marks documents[i] of mark_owners[i]; one new number per owner and call; rings when an owner turns dirty.
create function mark_documents(mark_owners text[], documents text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    turned_dirty text;
begin
    if coalesce(cardinality(mark_owners), 0) = 0 then
        return;
    end if;
    perform lock_owners(array(select distinct unnest(mark_owners)));
    for turned_dirty in
        with before as (
            select owner, dirty from owners where owner = any (mark_owners)
        ), bumped as (
            update owners set number = number + 1, dirty = true, dirty_since = coalesce(dirty_since, clock_timestamp())
            where owner = any (mark_owners)
            returning owner
        )
        select before.owner from before join bumped using (owner) where not before.dirty
    loop
        perform pg_notify('livespend_dirty', turned_dirty);
    end loop;
    insert into changes as c (owner, path, epoch, number, marked_at)
    select distinct m.owner, m.path, o.epoch, o.number, clock_timestamp()
    from (select owner, path from unnest(mark_owners, documents) as u(owner, path) group by owner, path) as m
    join owners as o on o.owner = m.owner
    order by m.owner, m.path
    on conflict (owner, path) do update
        set epoch = excluded.epoch, number = excluded.number, marked_at = excluded.marked_at;
end
$$;

-- What the API tells the browser after an edit: the documents of this user marked after a number.
create function marked_since(after_number bigint) returns table (path text, epoch integer, number bigint)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select c.path, c.epoch, c.number from changes as c
    where c.owner = 'users/' || nullif(current_setting('app.user_id', true), '') and c.number > after_number
    order by c.path
$$;

-- Locks the current user's own counter before an edit and answers its number.
create function lock_own_counter() returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    own text := 'users/' || nullif(current_setting('app.user_id', true), '');
begin
    if own is null then
        raise exception 'app.user_id is not set' using errcode = 'insufficient_privilege';
    end if;
    perform lock_owners(array[own]);
    return (select number from owners where owner = own);
end
$$;

-- A webhook wants a pull: no ledger row is touched. Answers the item, or null when Plaid's id is unknown here.
create function want_pull(of_plaid_item_id text) returns uuid
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    update item_pulls set wanted = wanted + 1, last_webhook_at = now()
    where item_id = (select id from items where plaid_item_id = of_plaid_item_id)
    returning item_id
$$;

create function refuse_truncate() returns trigger
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    raise exception 'TRUNCATE % marks nothing; use DELETE, whose trigger does', tg_table_name
        using errcode = 'feature_not_supported';
end
$$;

-- Marks are found by id and owner: a row that changed either would leave its former document behind.
create function refuse_move() returns trigger
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    if (to_jsonb(new) -> 'id', to_jsonb(new) -> 'user_id') is distinct from (to_jsonb(old) -> 'id', to_jsonb(old) -> 'user_id') then
        raise exception 'a row of % keeps its id and its owner: insert a new one', tg_table_name
            using errcode = 'feature_not_supported';
    end if;
    return new;
end
$$;

create function marks_users() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || id), array_agg('users/' || id)) from new_rows;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || id), array_agg('users/' || id)) from old_rows;
    else
        perform mark_documents(array_agg('users/' || n.id), array_agg('users/' || n.id))
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.email, n.display_name) is distinct from (o.email, o.display_name);
    end if;
    return null;
end
$$;

create function marks_items() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/items/' || id)) from new_rows;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/items/' || id)) from old_rows;
    else
        perform mark_documents(array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/items/' || n.id))
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.institution_id, n.institution_name, n.status, n.error_code, n.error_message, n.consent_expires_at, n.removed_at)
            is distinct from
              (o.institution_id, o.institution_name, o.status, o.error_code, o.error_message, o.consent_expires_at, o.removed_at);
    end if;
    return null;
end
$$;

create function marks_accounts() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/accounts/' || id)) from new_rows;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/accounts/' || id)) from old_rows;
    else
        perform mark_documents(array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/accounts/' || n.id))
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.item_id, n.name, n.official_name, n.mask, n.type, n.subtype, n.available_balance, n.current_balance,
               n.credit_limit, n.iso_currency, n.unofficial_currency, n.closed_at, n.removed_at)
            is distinct from
              (o.item_id, o.name, o.official_name, o.mask, o.type, o.subtype, o.available_balance, o.current_balance,
               o.credit_limit, o.iso_currency, o.unofficial_currency, o.closed_at, o.removed_at);
    end if;
    return null;
end
$$;

-- Taxonomy categories are no documents; the client knows them from the API.
create function marks_categories() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/categories/' || id))
        from new_rows where user_id is not null;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/categories/' || id))
        from old_rows where user_id is not null;
    else
        perform mark_documents(array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/categories/' || n.id))
        from new_rows as n join old_rows as o on o.id = n.id
        where n.user_id is not null and (n.name, n.removed_at) is distinct from (o.name, o.removed_at);
    end if;
    return null;
end
$$;

-- A budget's progress is shown in each month from its start that has live transactions.
create function documents_of_budget(of_user text, of_budget uuid, from_month date) returns table (owner text, path text)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'users/' || of_user, 'users/' || of_user || '/budgets/' || of_budget
    union
    select 'users/' || of_user, 'users/' || of_user || '/months/' || to_char(t.month, 'YYYY-MM')
    from transactions as t
    where t.user_id = of_user and t.month >= from_month and t.removed_at is null
$$;

create function marks_budgets() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op = 'INSERT' then
        select array_agg(d.owner), array_agg(d.path) into changed_owners, changed_paths
        from new_rows as n cross join lateral documents_of_budget(n.user_id, n.id, n.starts_month) as d;
    elsif tg_op = 'DELETE' then
        select array_agg(d.owner), array_agg(d.path) into changed_owners, changed_paths
        from old_rows as o cross join lateral documents_of_budget(o.user_id, o.id, o.starts_month) as d;
    else
        select array_agg(d.owner), array_agg(d.path) into changed_owners, changed_paths
        from new_rows as n join old_rows as o on o.id = n.id
        cross join lateral documents_of_budget(n.user_id, n.id, least(n.starts_month, o.starts_month)) as d
        where (n.category_id, n.iso_currency, n.limit_amount, n.starts_month, n.removed_at)
            is distinct from (o.category_id, o.iso_currency, o.limit_amount, o.starts_month, o.removed_at);
    end if;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

-- An entry without a transaction projects nothing, and its transaction's own triggers mark: inserts and deletes
-- find no live transaction by the foreign key, so only updates mark.
create function marks_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op <> 'UPDATE' then
        return null;
    end if;
    with changed as (
        select n.id, n.user_id,
            (n.user_category_id, n.rule_category_id, n.removed_at) is distinct from
            (o.user_category_id, o.rule_category_id, o.removed_at) as moves_totals
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.user_category_id, n.rule_category_id, n.note, n.removed_at)
            is distinct from (o.user_category_id, o.rule_category_id, o.note, o.removed_at)),
    keys as (
        select user_id, 'users/' || user_id || '/transactions/' || id as path from changed
        union
        select c.user_id, 'users/' || c.user_id || '/months/' || to_char(t.month, 'YYYY-MM')
        from changed as c join transactions as t on t.entry_id = c.id and t.removed_at is null
        where c.moves_totals)
    select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

create function marks_transactions() returns trigger
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
                (n.user_id, n.entry_id, n.amount, n.iso_currency, n.unofficial_currency, n.month, n.pending, n.bank_category_id, n.removed_at)
                is distinct from
                (o.user_id, o.entry_id, o.amount, o.iso_currency, o.unofficial_currency, o.month, o.pending, o.bank_category_id, o.removed_at)
                as moves_totals
            from new_rows as n join old_rows as o on o.id = n.id
            where (n.user_id, n.entry_id, n.account_id, n.source, n.amount, n.iso_currency, n.unofficial_currency, n.date,
                   n.authorized_date, n.pending, n.name, n.merchant_name, n.bank_category_id, n.bank_category_detailed,
                   n.payment_channel, n.removed_at)
                is distinct from
                  (o.user_id, o.entry_id, o.account_id, o.source, o.amount, o.iso_currency, o.unofficial_currency, o.date,
                   o.authorized_date, o.pending, o.name, o.merchant_name, o.bank_category_id, o.bank_category_detailed,
                   o.payment_channel, o.removed_at)
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

-- Which categories count as spend decides the totals of every month that has a row in them.
create function marks_spend_exclusions() returns trigger
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
          and coalesce(e.user_category_id, e.rule_category_id, t.bank_category_id) = any (changed_categories))
    select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

-- Moving the window marks the months that enter or leave it with their transactions, and every head.
create function marks_mirror_window() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    from_month date;
    to_month date;
    changed_owners text[];
    changed_paths text[];
begin
    if tg_op = 'UPDATE' then
        select least(n.first_month, o.first_month), greatest(n.first_month, o.first_month) into from_month, to_month
        from new_rows as n, old_rows as o where n.first_month <> o.first_month;
    elsif tg_op = 'INSERT' then
        select first_month, 'infinity'::date into from_month, to_month from new_rows;
    else
        select first_month, 'infinity'::date into from_month, to_month from old_rows;
    end if;
    if from_month is null then
        return null;
    end if;
    with keys as (
        select t.user_id, 'users/' || t.user_id || '/transactions/' || t.entry_id as path
        from transactions as t where t.removed_at is null and t.month >= from_month and t.month < to_month
        union
        select t.user_id, 'users/' || t.user_id || '/months/' || to_char(t.month, 'YYYY-MM')
        from transactions as t where t.removed_at is null and t.month >= from_month and t.month < to_month
        union
        select id, 'users/' || id from users)
    select array_agg('users/' || user_id), array_agg(path) into changed_owners, changed_paths from keys;
    perform mark_documents(changed_owners, changed_paths);
    return null;
end
$$;

do $$
declare
    projected text;
begin
    foreach projected in array array['users', 'items', 'accounts', 'categories', 'budgets', 'entries', 'transactions',
                                     'spend_exclusions', 'mirror_window'] loop
        execute format('create trigger marks_insert after insert on %1$I referencing new table as new_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger marks_update after update on %1$I referencing old table as old_rows new table as new_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger marks_delete after delete on %1$I referencing old table as old_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger refuses_truncate before truncate on %I '
                       'for each statement execute function refuse_truncate()', projected);
        execute format('alter table %I enable always trigger marks_insert, enable always trigger marks_update, '
                       'enable always trigger marks_delete, enable always trigger refuses_truncate', projected);
    end loop;
end
$$;

do $$
declare
    projected text;
begin
    foreach projected in array array['users', 'items', 'accounts', 'categories', 'budgets', 'entries', 'transactions'] loop
        execute format('create trigger refuses_move before update of id%2$s on %1$I for each row execute function refuse_move()',
                       projected, case projected when 'users' then '' else ', user_id' end);
        execute format('alter table %I enable always trigger refuses_move', projected);
    end loop;
end
$$;
