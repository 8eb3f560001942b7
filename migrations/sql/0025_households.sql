-- Households: members who show each other the accounts that they choose (docs/households.md).
-- A household is an owner of documents: it has a counter, a head and a lock of its own. Its members' writers take their
-- own counters first, then the household's; nobody who holds a household's counter waits for a user's.

create table households (
    id text collate "C" constraint pk_households primary key default gen_random_uuid(),
    name text not null,
    created_at timestamptz not null default now(),
    constraint ck_households_id check (id ~ '^[A-Za-z0-9-]{1,64}$'),
    constraint ck_households_name check (length(name) between 1 and 60)
);

-- A member changes only under the counters of the user and of the household: whoever holds either sees them stay.
create table household_members (
    household_id text collate "C" not null constraint fk_household_members_household_id_households references households on delete cascade,
    user_id text collate "C" not null constraint fk_household_members_user_id_users references users,
    role text not null default 'member',
    shares_all boolean not null default false,                    -- every account, also later ones, and manual expenses
    joined_at timestamptz not null default now(),
    constraint pk_household_members primary key (household_id, user_id),
    constraint ck_household_members_role check (role in ('owner', 'member'))
);
create index ix_household_members_user_id on household_members (user_id);

-- One row per account that a member shows.
create table household_shares (
    household_id text collate "C" not null,
    user_id text collate "C" not null,
    account_id uuid not null constraint fk_household_shares_account_id_accounts references accounts on delete cascade,
    constraint pk_household_shares primary key (household_id, user_id, account_id),
    constraint fk_household_shares_household_id_user_id_household_members foreign key (household_id, user_id)
        references household_members on delete cascade
);
create index ix_household_shares_account_id on household_shares (account_id);

create table household_budgets (
    id uuid constraint pk_household_budgets primary key default gen_random_uuid(),
    household_id text collate "C" not null constraint fk_household_budgets_household_id_households references households on delete cascade,
    category_id text collate "C" not null constraint fk_household_budgets_category_id_categories references categories,
    iso_currency text not null,
    limit_amount numeric(28,10) not null,
    starts_month date not null,
    created_at timestamptz not null default now(),
    removed_at timestamptz,
    constraint ck_household_budgets_limit_amount check (limit_amount > 0),
    constraint ck_household_budgets_starts_month check (extract(day from starts_month) = 1)
);
create index ix_household_budgets_household_id on household_budgets (household_id);
create unique index uq_household_budgets_household_id_category_id_iso_currency
    on household_budgets (household_id, category_id, iso_currency) where removed_at is null;

-- Members' own categories that a shared transaction shows or has shown; their names are documents of the household.
create table household_categories (
    household_id text collate "C" not null constraint fk_household_categories_household_id_households references households on delete cascade,
    category_id text collate "C" not null constraint fk_household_categories_category_id_categories references categories on delete cascade,
    constraint pk_household_categories primary key (household_id, category_id)
);
create index ix_household_categories_category_id on household_categories (category_id);

-- The code itself is nowhere: whoever was told it shows it once.
create table household_invitations (
    code_sha256 bytea constraint pk_household_invitations primary key,
    household_id text collate "C" not null constraint fk_household_invitations_household_id_households references households on delete cascade,
    user_id text collate "C" not null constraint fk_household_invitations_user_id_users references users, -- who invites
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index ix_household_invitations_household_id on household_invitations (household_id);
create index ix_household_invitations_user_id on household_invitations (user_id);

-- The live transactions that a household is shown.
create view shared_transactions with (security_invoker = true) as
    select m.household_id, t.user_id, t.entry_id, t.month
    from household_members as m join transactions as t on t.user_id = m.user_id and t.removed_at is null
    where m.shares_all or exists (
        select from household_shares as s
        where s.household_id = m.household_id and s.user_id = m.user_id and s.account_id = t.account_id);

-- Which users' documents the household's depend on: an erasure ends when these are gone, too.
alter table erasures add column households jsonb not null default '{}';    -- owner -> its counter when the user had left
alter table audit_walk add column collection text not null default 'users';

-- As it was, and a row keeps its household as well.
create or replace function refuse_move() returns trigger
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    if (to_jsonb(new) -> 'id', to_jsonb(new) -> 'user_id', to_jsonb(new) -> 'household_id')
        is distinct from (to_jsonb(old) -> 'id', to_jsonb(old) -> 'user_id', to_jsonb(old) -> 'household_id') then
        raise exception 'a row of % keeps its id and its owner: insert a new one', tg_table_name
            using errcode = 'feature_not_supported';
    end if;
    return new;
end
$$;

-- ---- marking ----

-- Marks what households show of these entries, and these months; notes the members' own categories that they name.
create function mark_shared(of_households text[], of_entries uuid[], of_months date[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
declare
    changed_owners text[];
    changed_paths text[];
begin
    if coalesce(cardinality(of_households), 0) = 0 then
        return;
    end if;
    perform lock_owners(array(select distinct 'households/' || unnest(of_households)));
    insert into household_categories (household_id, category_id)
    select distinct k.household_id, c.id
    from (select distinct household_id, entry_id from unnest(of_households, of_entries) as u(household_id, entry_id)) as k
    join entries as e on e.id = k.entry_id and e.removed_at is null
    cross join lateral (
        select coalesce(e.user_category_id, e.rule_category_id)
        union all
        select s.category_id from splits as s where s.entry_id = e.id) as used(category_id)
    join categories as c on c.id = used.category_id and c.user_id is not null
    where exists (select from shared_transactions as t where t.household_id = k.household_id and t.user_id = e.user_id and t.entry_id = e.id)
    on conflict do nothing;
    with keys as (
        select household_id, '/transactions/' || entry_id as path
        from unnest(of_households, of_entries) as u(household_id, entry_id) where entry_id is not null
        union all
        select household_id, '/months/' || to_char(month, 'YYYY-MM')
        from unnest(of_households, of_months) as u(household_id, month) where month is not null group by household_id, month)
    select array_agg('households/' || household_id), array_agg('households/' || household_id || path)
    into changed_owners, changed_paths from keys;
    perform mark_documents(changed_owners, changed_paths);
end
$$;

-- Marks all that a household is shown of a user's accounts (null: of all), inside its window; and their months.
create function mark_sharing(of_household text, of_user text, of_accounts uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
declare
    since date := (select first_month from owners where owner = 'households/' || of_household);
begin
    perform mark_shared(array_agg(of_household), array_agg(case when t.month >= since then t.entry_id end), array_agg(t.month))
    from transactions as t
    where t.user_id = of_user and t.removed_at is null and (of_accounts is null or t.account_id = any (of_accounts));
end
$$;

-- Members' own categories are forgotten with what named them.
create function forget_shared_categories(of_household text, of_user text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
begin
    delete from household_categories as h using categories as c
    where h.household_id = of_household and c.id = h.category_id and c.user_id = of_user and not exists (
        select from shared_transactions as t join entries as e on e.id = t.entry_id and e.removed_at is null
        where t.household_id = of_household and t.user_id = of_user
          and (coalesce(e.user_category_id, e.rule_category_id) = c.id
               or exists (select from splits as s where s.entry_id = e.id and s.category_id = c.id)));
end
$$;

-- A statement's old and new rows are joined without loops, as in every marking function: a plan is made once, maybe for
-- one row. What these call looks rows up by index and says so, for a setting of the caller's holds for them too.
create function marks_households() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = off as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('households/' || id), array_agg('households/' || id)) from new_rows;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('households/' || id), array_agg('households/' || id)) from old_rows;
    else
        perform mark_documents(array_agg('households/' || n.id), array_agg('households/' || n.id))
        from new_rows as n join old_rows as o on o.id = n.id where n.name is distinct from o.name;
    end if;
    return null;
end
$$;

-- The users' counters first: what they write meanwhile is seen here, or sees this.
create function marks_household_members() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = off as $$
declare
    touched jsonb;
    one record;
begin
    if tg_op = 'INSERT' then
        select jsonb_agg(jsonb_build_object('h', household_id, 'u', user_id, 'rows', shares_all)) into touched from new_rows;
    elsif tg_op = 'DELETE' then
        select jsonb_agg(jsonb_build_object('h', household_id, 'u', user_id, 'rows', shares_all)) into touched from old_rows;
    else
        select jsonb_agg(jsonb_build_object('h', n.household_id, 'u', n.user_id, 'rows', n.shares_all <> o.shares_all)) into touched
        from new_rows as n join old_rows as o using (household_id, user_id)
        where (n.role, n.shares_all, n.joined_at) is distinct from (o.role, o.shares_all, o.joined_at);
    end if;
    perform lock_owners(array(select 'users/' || (t ->> 'u') from jsonb_array_elements(touched) as t
                              union select 'households/' || (t ->> 'h') from jsonb_array_elements(touched) as t));
    perform mark_documents(array_agg('households/' || (t ->> 'h')), array_agg('households/' || (t ->> 'h') || '/members/' || (t ->> 'u')))
    from jsonb_array_elements(touched) as t;
    for one in select t ->> 'h' as household_id, t ->> 'u' as user_id from jsonb_array_elements(touched) as t where (t ->> 'rows')::boolean loop
        perform mark_sharing(one.household_id, one.user_id, null);
    end loop;
    if tg_op <> 'INSERT' then
        perform forget_shared_categories(t ->> 'h', t ->> 'u') from jsonb_array_elements(touched) as t;
    end if;
    return null;
end
$$;

create function marks_household_shares() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    touched jsonb;
begin
    if tg_op = 'INSERT' then
        select jsonb_agg(to_jsonb(s)) into touched from (
            select household_id as h, user_id as u, array_agg(account_id) as a from new_rows group by 1, 2) as s;
    elsif tg_op = 'DELETE' then
        select jsonb_agg(to_jsonb(s)) into touched from (
            select household_id as h, user_id as u, array_agg(account_id) as a from old_rows group by 1, 2) as s;
    else
        select jsonb_agg(to_jsonb(s)) into touched from (
            select household_id as h, user_id as u, array_agg(account_id) as a
            from (select * from new_rows union select * from old_rows) as b group by 1, 2) as s;
    end if;
    perform lock_owners(array(select 'users/' || (t ->> 'u') from jsonb_array_elements(touched) as t
                              union select 'households/' || (t ->> 'h') from jsonb_array_elements(touched) as t));
    perform mark_sharing(t ->> 'h', t ->> 'u', array(select jsonb_array_elements_text(t -> 'a')::uuid)) from jsonb_array_elements(touched) as t;
    if tg_op <> 'INSERT' then
        perform forget_shared_categories(t ->> 'h', t ->> 'u') from jsonb_array_elements(touched) as t;
    end if;
    return null;
end
$$;

create function mark_household_budgets(touched jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
begin
    perform lock_owners(array(select 'households/' || (t ->> 'h') from jsonb_array_elements(touched) as t));
    perform mark_documents(array_agg('households/' || k.h), array_agg('households/' || k.h || k.path)) from (
        select t ->> 'h' as h, '/budgets/' || (t ->> 'id') as path from jsonb_array_elements(touched) as t
        union
        select t ->> 'h', '/months/' || to_char(s.month, 'YYYY-MM')
        from jsonb_array_elements(touched) as t
        join shared_transactions as s on s.household_id = t ->> 'h' and s.month >= (t ->> 'since')::date) as k;
end
$$;

create function marks_household_budgets() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = off as $$
declare
    touched jsonb;
begin
    if tg_op = 'INSERT' then
        select jsonb_agg(jsonb_build_object('h', household_id, 'id', id, 'since', starts_month)) into touched from new_rows;
    elsif tg_op = 'DELETE' then
        select jsonb_agg(jsonb_build_object('h', household_id, 'id', id, 'since', starts_month)) into touched from old_rows;
    else
        select jsonb_agg(jsonb_build_object('h', n.household_id, 'id', n.id, 'since', least(n.starts_month, o.starts_month))) into touched
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.category_id, n.iso_currency, n.limit_amount, n.starts_month, n.removed_at)
            is distinct from (o.category_id, o.iso_currency, o.limit_amount, o.starts_month, o.removed_at);
    end if;
    perform mark_household_budgets(touched);
    return null;
end
$$;

create function marks_household_categories() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('households/' || household_id), array_agg('households/' || household_id || '/categories/' || category_id))
        from new_rows;
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('households/' || household_id), array_agg('households/' || household_id || '/categories/' || category_id))
        from old_rows;
    else
        perform mark_documents(array_agg('households/' || b.household_id), array_agg('households/' || b.household_id || '/categories/' || b.category_id))
        from (select * from new_rows union select * from old_rows) as b;
    end if;
    return null;
end
$$;

-- What follows fires after the marking triggers of the same statement (by name), so the users' counters are locked and
-- their memberships stay. Whoever is in no household pays for one look: the first "return null".
create function shares_transactions() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    of_households text[];
    of_entries uuid[];
    of_months date[];
begin
    if tg_op = 'INSERT' then
        if not exists (select from household_members where user_id = any (array(select distinct user_id from new_rows))) then
            return null;
        end if;
        select array_agg(m.household_id), array_agg(n.entry_id), array_agg(n.month) into of_households, of_entries, of_months
        from new_rows as n join household_members as m on m.user_id = n.user_id
        left join household_shares as s
            on s.household_id = m.household_id and s.user_id = m.user_id and s.account_id = n.account_id
        where n.removed_at is null and (m.shares_all or s.account_id is not null);
    elsif tg_op = 'DELETE' then
        if not exists (select from household_members where user_id = any (array(select distinct user_id from old_rows))) then
            return null;
        end if;
        select array_agg(m.household_id), array_agg(n.entry_id), array_agg(n.month) into of_households, of_entries, of_months
        from old_rows as n join household_members as m on m.user_id = n.user_id
        left join household_shares as s
            on s.household_id = m.household_id and s.user_id = m.user_id and s.account_id = n.account_id
        where n.removed_at is null and (m.shares_all or s.account_id is not null);
    else
        if not exists (select from household_members where user_id = any (array(select distinct user_id from new_rows))) then
            return null;
        end if;
        with changed as (
            select n.user_id, n.account_id, n.entry_id, n.month, n.removed_at,
                o.account_id as old_account_id, o.entry_id as old_entry_id, o.month as old_month, o.removed_at as old_removed_at
            from new_rows as n join old_rows as o on o.id = n.id
            where (n.entry_id, n.account_id, n.amount, n.iso_currency, n.unofficial_currency, n.spent_on, n.pending, n.name,
                   n.merchant_name, n.bank_category_id, n.removed_at, n.expired_at is null)
                is distinct from
                  (o.entry_id, o.account_id, o.amount, o.iso_currency, o.unofficial_currency, o.spent_on, o.pending, o.name,
                   o.merchant_name, o.bank_category_id, o.removed_at, o.expired_at is null)),
        sides as (
            select user_id, account_id, entry_id, month from changed where removed_at is null
            union
            select user_id, old_account_id, old_entry_id, old_month from changed where old_removed_at is null)
        select array_agg(m.household_id), array_agg(n.entry_id), array_agg(n.month) into of_households, of_entries, of_months
        from sides as n join household_members as m on m.user_id = n.user_id
        left join household_shares as s
            on s.household_id = m.household_id and s.user_id = m.user_id and s.account_id = n.account_id
        where m.shares_all or s.account_id is not null;
    end if;
    perform mark_shared(of_households, of_entries, of_months);
    return null;
end
$$;

-- A note is its writer's own, and shown to nobody else.
create function shares_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from household_members where user_id = any (array(select distinct user_id from new_rows))) then
        return null;
    end if;
    perform mark_shared(array_agg(t.household_id), array_agg(t.entry_id), array_agg(t.month))
    from new_rows as n join old_rows as o on o.id = n.id
    join shared_transactions as t on t.user_id = n.user_id and t.entry_id = n.id
    where (n.user_category_id, n.rule_category_id, n.removed_at) is distinct from (o.user_category_id, o.rule_category_id, o.removed_at);
    return null;
end
$$;

create function shares_splits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    touched uuid[];
begin
    if not exists (select from household_members) then
        return null;
    end if;
    if tg_op = 'INSERT' then
        select array_agg(distinct entry_id) into touched from new_rows;
    elsif tg_op = 'DELETE' then
        select array_agg(distinct entry_id) into touched from old_rows;
    else
        select array_agg(distinct e.entry_id) into touched
        from new_rows as n join old_rows as o on o.id = n.id cross join lateral (values (n.entry_id), (o.entry_id)) as e(entry_id)
        where (n.entry_id, n.position, n.category_id, n.amount) is distinct from (o.entry_id, o.position, o.category_id, o.amount);
    end if;
    if exists (select from household_members where user_id = any (array(select distinct user_id from entries where id = any (touched)))) then
        perform mark_shared(array_agg(t.household_id), array_agg(t.entry_id), array_agg(t.month))
        from entries as e join shared_transactions as t on t.user_id = e.user_id and t.entry_id = e.id where e.id = any (touched);
    end if;
    return null;
end
$$;

create function shares_users() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform mark_documents(array_agg('households/' || m.household_id), array_agg('households/' || m.household_id || '/members/' || m.user_id))
    from new_rows as n join old_rows as o on o.id = n.id join household_members as m on m.user_id = n.id
    where n.display_name is distinct from o.display_name;
    return null;
end
$$;

create function shares_categories() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform mark_documents(array_agg('households/' || h.household_id), array_agg('households/' || h.household_id || '/categories/' || h.category_id))
    from new_rows as n join old_rows as o on o.id = n.id join household_categories as h on h.category_id = n.id
    where (n.name, n.removed_at) is distinct from (o.name, o.removed_at);
    return null;
end
$$;

-- Which categories count as spend decides the totals of every month.
create function shares_spend_exclusions() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    perform mark_documents(array_agg('households/' || t.household_id), array_agg('households/' || t.household_id || '/months/' || to_char(t.month, 'YYYY-MM')))
    from (select distinct household_id, month from shared_transactions) as t;
    return null;
end
$$;

-- As it was, for households too: an owner's window that moves marks the head, and the months that enter or leave it.
create or replace function marks_window() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    from_month date := least(coalesce(old.first_month, 'infinity'), coalesce(new.first_month, 'infinity'));
    to_month date := greatest(coalesce(old.first_month, 'infinity'), coalesce(new.first_month, 'infinity'));
    changed_paths text[];
begin
    with moved as (
        select entry_id, month from transactions
        where new.owner like 'users/%' and user_id = substr(new.owner, 7) and removed_at is null
          and month >= from_month and month < to_month
        union all
        select entry_id, month from shared_transactions
        where new.owner like 'households/%' and household_id = substr(new.owner, 12)
          and month >= from_month and month < to_month)
    select array_agg(path) into changed_paths from (
        select new.owner || '/transactions/' || entry_id from moved
        union select new.owner || '/months/' || to_char(month, 'YYYY-MM') from moved
        union select new.owner) as paths(path);
    perform mark_documents(array_fill(new.owner, array[cardinality(changed_paths)]), changed_paths);
    return null;
end
$$;

-- ---- what the API may do: everything that touches somebody else's row is done by these ----

-- The current user's households, or those that they own.
create function own_households(as_owner boolean) returns setof text
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select household_id from household_members
    where user_id = nullif(current_setting('app.user_id', true), '') and (role = 'owner' or not as_owner)
$$;

-- Locks a household before an edit, after the current user's own counter, or after those of all its members; answers its
-- number, null for whoever is no member.
create function lock_household(of_household text, with_everybody boolean) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    me text := nullif(current_setting('app.user_id', true), '');
    people text[];
begin
    select array_agg(user_id) into people from household_members where household_id = of_household;
    if me is null or people is null or me <> all (people) then
        return null;
    end if;
    if with_everybody then
        perform lock_owners(array(select 'users/' || unnest(people)) || ('households/' || of_household));
    else
        perform lock_owners(array['users/' || me, 'households/' || of_household]);
    end if;
    if with_everybody and exists (select from household_members where household_id = of_household and user_id <> all (people)) then
        raise exception 'somebody joined meanwhile' using errcode = 'serialization_failure';
    end if;
    return (select o.number from owners as o join household_members as m on m.household_id = of_household and m.user_id = me
            where o.owner = 'households/' || of_household);
end
$$;

create function marked_in_household(of_household text, after_number bigint) returns table (path text, epoch integer, number bigint)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select c.path, c.epoch, c.number from changes as c
    where c.owner = 'households/' || of_household and c.number > after_number
      and of_household in (select own_households(false))
    order by c.path
$$;

-- The members of the current user's households, with the names that they gave themselves.
create function household_people() returns table (household_id text, user_id text, display_name text, role text, shares_all boolean, joined_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select m.household_id, m.user_id, u.display_name, m.role, m.shares_all, m.joined_at
    from household_members as m join users as u on u.id = m.user_id
    where m.household_id in (select own_households(false)) order by m.household_id, m.joined_at, m.user_id
$$;

-- Makes a household of the current user, who owns it; null if they are in `most` already.
create function create_household(named text, most integer) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    me text := nullif(current_setting('app.user_id', true), '');
    made text := gen_random_uuid();
begin
    perform lock_owners(array['users/' || me, 'households/' || made]);
    if (select count(*) from household_members where user_id = me) >= most then
        return null;
    end if;
    insert into households (id, name) values (made, named);
    insert into household_members (household_id, user_id, role) values (made, me, 'owner');
    return made;
end
$$;

-- The current user joins by an invitation: which household it was, and how it went. Twice is the same membership.
create function join_household(of_code_sha256 bytea, at timestamptz, most_members integer, most_households integer,
                               out joined text, out outcome text)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    me text := nullif(current_setting('app.user_id', true), '');
begin
    outcome := 'invalid';
    select household_id into joined from household_invitations where code_sha256 = of_code_sha256;
    if joined is null or me is null then
        return;
    end if;
    perform lock_owners(array['users/' || me, 'households/' || joined]);
    if exists (select from household_members where household_id = joined and user_id = me) then
        outcome := 'joined';
        return;
    end if;
    if not exists (select from household_invitations where code_sha256 = of_code_sha256 and used_at is null and expires_at > at) then
        return;
    end if;
    if (select count(*) from household_members where household_id = joined) >= most_members
        or (select count(*) from household_members where user_id = me) >= most_households then
        outcome := 'full';
        return;
    end if;
    update household_invitations set used_at = at where code_sha256 = of_code_sha256;
    insert into household_members (household_id, user_id) values (joined, me);
    outcome := 'joined';
end
$$;

-- Takes a member out under the locks of `lock_household(…, true)`. The eldest member follows an owner who goes; with the
-- last member goes the household.
create function take_out(of_household text, of_user text) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from household_members where household_id = of_household and user_id = of_user;
    if not exists (select from household_members where household_id = of_household) then
        delete from households where id = of_household;
    elsif not exists (select from household_members where household_id = of_household and role = 'owner') then
        update household_members set role = 'owner' where household_id = of_household and user_id = (
            select user_id from household_members where household_id = of_household order by joined_at, user_id limit 1);
    end if;
end
$$;

-- The current user leaves, or as an owner removes a member; answers whether that member was there and may be removed.
create function leave_household(of_household text, of_user text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if of_household not in (select own_households(of_user <> current_setting('app.user_id', true)))
        or not exists (select from household_members where household_id = of_household and user_id = of_user) then
        return false;
    end if;
    perform take_out(of_household, of_user);
    return true;
end
$$;

create function dissolve_household(of_household text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if of_household not in (select own_households(true)) then
        return false;
    end if;
    delete from households where id = of_household;
    return true;
end
$$;

-- A user who is being erased leaves every household; the erasure remembers which, and their counters.
create function leave_households(of_user text) returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    mine text[];
    one text;
begin
    if not exists (select from erasures where user_id = of_user and step = 'rows') then
        raise exception 'this user is not to leave now' using errcode = 'insufficient_privilege';
    end if;
    select coalesce(array_agg(household_id), '{}') into mine from household_members where user_id = of_user;
    perform lock_owners(array(
        select 'users/' || user_id from household_members where household_id = any (mine)
        union select 'users/' || of_user union select 'households/' || unnest(mine)));
    if exists (select from household_members where user_id = of_user and household_id <> all (mine)) then
        raise exception 'joined meanwhile' using errcode = 'serialization_failure';
    end if;
    foreach one in array mine loop
        perform take_out(one, of_user);
    end loop;
    update erasures as e set households = e.households || coalesce((
        select jsonb_object_agg(o.owner, o.number) from owners as o where o.owner = any (array(select 'households/' || unnest(mine)))), '{}')
    where e.user_id = of_user;
    return cardinality(mine);
end
$$;

-- ---- triggers, owners, rights ----

do $$
declare
    projected text;
    kept text;
begin
    foreach projected in array array['households', 'household_members', 'household_shares', 'household_budgets', 'household_categories'] loop
        kept := case projected when 'households' then 'id' when 'household_budgets' then 'id, household_id'
                               when 'household_categories' then 'household_id' else 'household_id, user_id' end;
        execute format('create trigger marks_insert after insert on %1$I referencing new table as new_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger marks_update after update on %1$I referencing old table as old_rows new table as new_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger marks_delete after delete on %1$I referencing old table as old_rows '
                       'for each statement execute function marks_%1$s()', projected);
        execute format('create trigger refuses_truncate before truncate on %I '
                       'for each statement execute function refuse_truncate()', projected);
        execute format('create trigger refuses_move before update of %2$s on %1$I '
                       'for each row execute function refuse_move()', projected, kept);
        execute format('alter table %I enable always trigger marks_insert, enable always trigger marks_update, '
                       'enable always trigger marks_delete, enable always trigger refuses_truncate, '
                       'enable always trigger refuses_move', projected);
        execute format('grant select, insert, update, delete on %I to livespend_marker', projected);
        execute format('grant select on %I to livespend_mirror', projected);
    end loop;
    foreach projected in array array['transactions', 'splits', 'spend_exclusions'] loop
        execute format('create trigger shares_insert after insert on %1$I referencing new table as new_rows '
                       'for each statement execute function shares_%1$s()', projected);
        execute format('create trigger shares_delete after delete on %1$I referencing old table as old_rows '
                       'for each statement execute function shares_%1$s()', projected);
        execute format('alter table %I enable always trigger shares_insert, enable always trigger shares_delete', projected);
    end loop;
    foreach projected in array array['transactions', 'splits', 'spend_exclusions', 'entries', 'users', 'categories'] loop
        execute format('create trigger shares_update after update on %1$I referencing old table as old_rows new table as new_rows '
                       'for each statement execute function shares_%1$s()', projected);
        execute format('alter table %I enable always trigger shares_update', projected);
    end loop;
end
$$;

grant select on categories to livespend_marker;
grant select on splits to livespend_marker;
grant select, update on household_invitations to livespend_marker;
grant select, update on erasures to livespend_marker;
grant select on shared_transactions to livespend_marker, livespend_mirror, livespend_worker;
grant select on household_members, household_shares to livespend_worker;
grant select on households, household_members, household_shares, household_budgets to livespend_api;
grant update (name) on households to livespend_api;
grant update (shares_all) on household_members to livespend_api;
grant insert, delete on household_shares to livespend_api;
grant insert on household_budgets, household_invitations to livespend_api;
grant update (limit_amount, starts_month, removed_at) on household_budgets to livespend_api;

grant create on schema public to livespend_marker;
do $$
declare
    name text;
begin
    foreach name in array array['mark_shared(text[], uuid[], date[])', 'mark_sharing(text, text, uuid[])',
        'forget_shared_categories(text, text)', 'marks_households()', 'marks_household_members()',
        'marks_household_shares()', 'mark_household_budgets(jsonb)', 'marks_household_budgets()', 'marks_household_categories()', 'shares_transactions()',
        'shares_entries()', 'shares_splits()', 'shares_users()', 'shares_categories()', 'shares_spend_exclusions()',
        'take_out(text, text)', 'leave_households(text)', 'own_households(boolean)', 'lock_household(text, boolean)',
        'marked_in_household(text, bigint)', 'household_people()', 'create_household(text, integer)',
        'join_household(bytea, timestamptz, integer, integer)', 'leave_household(text, text)', 'dissolve_household(text)'] loop
        execute format('alter function %s owner to livespend_marker', name);
        execute format('revoke all on function %s from public', name);
    end loop;
    foreach name in array array['own_households(boolean)', 'lock_household(text, boolean)', 'marked_in_household(text, bigint)',
        'household_people()', 'create_household(text, integer)', 'join_household(bytea, timestamptz, integer, integer)',
        'leave_household(text, text)', 'dissolve_household(text)'] loop
        execute format('grant execute on function %s to livespend_api', name);
    end loop;
end
$$;
revoke create on schema public from livespend_marker;
grant execute on function leave_households(text) to livespend_worker;

do $$
declare
    guarded text;
begin
    foreach guarded in array array['households', 'household_members', 'household_shares', 'household_budgets', 'household_categories',
                                   'household_invitations'] loop
        execute format('alter table %I enable row level security', guarded);
        execute format('create policy marker_rows on %I to livespend_marker using (true)', guarded);
    end loop;
    foreach guarded in array array['households', 'household_members', 'household_shares', 'household_budgets', 'household_categories'] loop
        execute format('create policy mirror_rows on %I to livespend_mirror using (true)', guarded);
    end loop;
    foreach guarded in array array['household_members', 'household_shares'] loop
        execute format('create policy worker_rows on %I to livespend_worker using (true)', guarded);
    end loop;
    foreach guarded in array array['household_members', 'household_shares', 'household_budgets'] loop
        execute format('create policy shared_rows on %I for select to livespend_api using (household_id in (select own_households(false)))', guarded);
    end loop;
end
$$;
create policy shared_rows on households for select to livespend_api using (id in (select own_households(false)));
create policy owners_name on households for update to livespend_api using (id in (select own_households(true)));
create policy own_rows on household_members for update to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy own_rows on household_shares for delete to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy own_new_rows on household_shares for insert to livespend_api with check (
    user_id = nullif(current_setting('app.user_id', true), '')
    and household_id in (select own_households(false))
    and exists (select from accounts as a where a.id = account_id));
create policy shared_new_rows on household_budgets for insert to livespend_api with check (
    household_id in (select own_households(false))
    and exists (select from categories as c where c.id = category_id and c.user_id is null));
create policy shared_changes on household_budgets for update to livespend_api using (household_id in (select own_households(false)));
create policy owners_invite on household_invitations for insert to livespend_api with check (
    user_id = nullif(current_setting('app.user_id', true), '') and household_id in (select own_households(true)));

-- As it was, and what is known of a user's place in households they have left belongs to the user.
create or replace function erasable_tables() returns table (table_name text, stage text, place integer, refers_to_itself boolean, rows_of text)
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
            -- every tombstone up to then: whose documents those were nobody knows any more
            when t.columns @> array['owner', 'path', 'deleted'] then '(owner = any (array(
                select ''users/'' || $1 union all
                select jsonb_object_keys(households) from erasures where user_id = $1))
                and (owner = ''users/'' || $1
                     or deleted and number <= (select (households ->> owner)::bigint from erasures where user_id = $1)))'
            when t.columns @> array['owner', 'path'] then '(owner = any (array(
                select ''users/'' || $1 union all
                select jsonb_object_keys(households) from erasures where user_id = $1))
                and (owner = ''users/'' || $1 or path = owner || ''/members/'' || $1))'
            when 'owner' = any (t.columns) then 'owner = ''users/'' || $1'
            when 'item_id' = any (t.columns)
                then 'item_id = any (select unnest(items) from erasures where user_id = $1)'
            else 'plaid_item_id = any (select unnest(plaid_items) from erasures where user_id = $1)' end
    from tables as t
    where t.name = 'users' or t.columns && array['user_id', 'owner', 'item_id', 'plaid_item_id']
$$;
