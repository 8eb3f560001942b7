-- What a screen tells of versions and of days that differ may be about a household's documents too: of one that the
-- current user is in. Calls without a household stay as they were.
drop function acknowledge_versions(text, int[], bigint[], timestamptz[], timestamptz[]);
drop function request_repair(date, date[], uuid[], int);

-- The owner of documents that the current user speaks of: their own, or a household of theirs; null for any other.
create function own_owner(of_household text) returns text
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select case
        when of_household is null then 'users/' || nullif(current_setting('app.user_id', true), '')
        else (select 'households/' || m.household_id from household_members as m
              where m.household_id = of_household and m.user_id = nullif(current_setting('app.user_id', true), ''))
    end
$$;

create function acknowledge_versions(of_screen text, epochs int[], numbers bigint[], received timestamptz[],
    rendered timestamptz[], of_household text default null)
returns table (trace_id text, origin text, began_at timestamptz, committed_at timestamptz, received_at timestamptz, rendered_at timestamptz)
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    with told as (
        select distinct on (u.epoch, u.number) u.epoch, u.number, u.received, u.rendered
        from unnest(epochs, numbers, received, rendered) as u(epoch, number, received, rendered)
        order by u.epoch, u.number, u.received
    ), whose as materialized (
        select own_owner(of_household) as owner
    ), known as (
        select t.*, h.owner, h.trace_id, h.origin, h.began_at, h.committed_at
        from told as t cross join whose as w cross join lateral (
            select * from trace_hops as h
            where h.owner = w.owner and h.epoch = t.epoch and h.number = t.number
            order by h.committed_at limit 1) as h
    ), noted as (
        insert into trace_screens (owner, epoch, number, screen, received_at, rendered_at)
        select k.owner, k.epoch, k.number, of_screen, k.received, k.rendered from known as k
        where (select count(*) from trace_screens as s
               where s.owner = k.owner and s.epoch = k.epoch and s.number = k.number) < 20
        on conflict do nothing
        returning epoch, number
    )
    select k.trace_id, k.origin, k.began_at, k.committed_at, k.received, k.rendered
    from known as k join noted as n on n.epoch = k.epoch and n.number = k.number
$$;

-- As before; null is beyond the hour's requests, -1 a household that the current user is not in. A household's counter
-- alone is locked: nobody who holds one waits for a user's.
create function request_repair(of_month date, of_days date[], shown uuid[], most int, of_household text default null) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    own text := own_owner(of_household);
    paths text[];
begin
    if nullif(current_setting('app.user_id', true), '') is null then
        raise exception 'app.user_id is not set' using errcode = 'insufficient_privilege';
    end if;
    if own is null then
        return -1;
    end if;
    perform lock_owners(array[own]);
    if own_owner(of_household) is null then
        return -1;
    end if;
    if (select count(*) from repair_requests as r
        where r.owner = own and r.requested_at > clock_timestamp() - interval '1 hour') >= most then
        return null;
    end if;
    select array_agg(p.path) into paths from (
        select own || '/months/' || to_char(of_month, 'YYYY-MM') as path
        union
        select own || '/transactions/' || t.entry_id from transactions as t
        where of_household is null and t.user_id = substr(own, 7) and t.month = of_month and t.spent_on = any (of_days)
          and t.removed_at is null and t.month >= (select o.first_month from owners as o where o.owner = own)
        union
        select own || '/transactions/' || t.entry_id
        from shared_transactions as s join transactions as t on t.entry_id = s.entry_id and t.removed_at is null
        where s.household_id = of_household and s.month = of_month and t.spent_on = any (of_days)
          and s.month >= (select o.first_month from owners as o where o.owner = own)
        union
        select own || '/transactions/' || s.id from unnest(shown) as s(id)) as p;
    insert into repair_requests (owner, month, days, documents) values (own, of_month, of_days, cardinality(paths));
    insert into mirror_audits (owner) values (own) on conflict (owner) do update set audited_at = null, full_at = null;
    perform mark_documents(array_fill(own, array[cardinality(paths)]), paths);
    return cardinality(paths);
end
$$;

grant create on schema public to livespend_marker;
do $$
declare
    told text;
begin
    foreach told in array array['own_owner(text)',
                                'acknowledge_versions(text, int[], bigint[], timestamptz[], timestamptz[], text)',
                                'request_repair(date, date[], uuid[], int, text)'] loop
        execute format('alter function %s owner to livespend_marker', told);
        execute format('revoke all on function %s from public', told);
    end loop;
    grant execute on function acknowledge_versions(text, int[], bigint[], timestamptz[], timestamptz[], text) to livespend_api;
    grant execute on function request_repair(date, date[], uuid[], int, text) to livespend_api;
end
$$;
revoke create on schema public from livespend_marker;
