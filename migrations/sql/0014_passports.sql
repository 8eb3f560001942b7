-- The change passport: one trace id from the webhook or request to the screens. It travels in the writer's transaction
-- (set local app.trace = '<32 hex> <time at which the trace began> <origin>'), stays with the mark, and from there goes
-- with the commit. A person in psql has none.
alter table changes
    add column trace_id text collate "C",
    add column began_at timestamptz,
    add column origin text;

-- Which traces the next pull of an item serves (as app.trace has them), and the ids of those that a run has served; the
-- run's own is the first.
alter table webhook_inbox add column trace_id text collate "C";
alter table item_pulls add column traces text[] not null default '{}';
alter table sync_runs add column traces text[] not null default '{}', add column fetched_at timestamptz;
create index ix_webhook_inbox_trace_id on webhook_inbox (trace_id) where trace_id is not null;
create index ix_sync_runs_traces on sync_runs using gin (traces);

-- What a commit brought to Firestore: one row per version and commit. A version belongs to one trace, and every
-- document carries its version, so a screen that tells versions tells traces.
create table trace_hops (
    owner text collate "C" not null,
    epoch integer not null,
    number bigint not null,
    commit_name text collate "C" not null,
    trace_id text collate "C" not null,
    origin text not null,
    documents integer not null,
    began_at timestamptz not null,
    marked_at timestamptz not null,
    claimed_at timestamptz not null,
    built_at timestamptz not null,
    sent_at timestamptz not null,
    committed_at timestamptz not null,
    acknowledged_at timestamptz not null default clock_timestamp(),
    constraint pk_trace_hops primary key (owner, epoch, number, commit_name)
);
create index ix_trace_hops_trace_id on trace_hops (trace_id);
create index ix_trace_hops_acknowledged_at on trace_hops (acknowledged_at);

-- When a screen received and drew a version, by the server's clock.
create table trace_screens (
    owner text collate "C" not null,
    epoch integer not null,
    number bigint not null,
    screen text collate "C" not null,
    received_at timestamptz not null,
    rendered_at timestamptz not null,
    constraint pk_trace_screens primary key (owner, epoch, number, screen)
);
create index ix_trace_screens_received_at on trace_screens (received_at);

-- What open pages found to differ from their receipt.
create table repair_requests (
    id bigint generated always as identity constraint pk_repair_requests primary key,
    owner text collate "C" not null,
    month date not null,
    days date[] not null,
    documents integer not null,
    requested_at timestamptz not null default clock_timestamp()
);
create index ix_repair_requests_owner on repair_requests (owner, requested_at);
create index ix_repair_requests_requested_at on repair_requests (requested_at);

grant insert on trace_hops to livespend_mirror;
grant select, delete on trace_hops, trace_screens, repair_requests to livespend_worker;
grant select on trace_hops to livespend_marker;
grant select, insert on trace_screens, repair_requests to livespend_marker;

-- As before, and each mark carries the trace of the transaction that made it; the newest wins, as with the version.
create or replace function mark_documents(mark_owners text[], documents text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set enable_nestloop = on as $$
declare
    turned_dirty text;
    trace text[] := regexp_match(current_setting('app.trace', true), '^([0-9a-f]{32}) (\S+) (.+)$');
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
    insert into changes as c (owner, path, epoch, number, marked_at, trace_id, began_at, origin)
    select distinct m.owner, m.path, o.epoch, o.number, clock_timestamp(), trace[1], trace[2]::timestamptz, trace[3]
    from (select owner, path from unnest(mark_owners, documents) as u(owner, path) group by owner, path) as m
    join owners as o on o.owner = m.owner
    order by m.owner, m.path
    on conflict (owner, path) do update
        set epoch = excluded.epoch, number = excluded.number, marked_at = excluded.marked_at,
            trace_id = excluded.trace_id, began_at = excluded.began_at, origin = excluded.origin;
end
$$;

-- Whoever wants a pull leaves the trace of that want, so that the pull knows whom it serves: a hundred at most, for a
-- storm of webhooks is one want.
create function note_trace() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if cardinality(new.traces) < 100 then
        new.traces := new.traces || array_remove(array[nullif(current_setting('app.trace', true), '')], null);
    end if;
    return new;
end
$$;
create trigger notes_trace before insert or update of wanted on item_pulls for each row execute function note_trace();

-- What a screen of the current user's tells of the versions it shows. Only versions that were really committed are
-- noted, each once per screen and for twenty screens at most; answers what was new.
create function acknowledge_versions(of_screen text, epochs int[], numbers bigint[], received timestamptz[], rendered timestamptz[])
returns table (trace_id text, origin text, began_at timestamptz, committed_at timestamptz, received_at timestamptz, rendered_at timestamptz)
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    with told as (
        select distinct on (u.epoch, u.number) u.epoch, u.number, u.received, u.rendered
        from unnest(epochs, numbers, received, rendered) as u(epoch, number, received, rendered)
        order by u.epoch, u.number, u.received
    ), known as (
        select t.*, h.owner, h.trace_id, h.origin, h.began_at, h.committed_at
        from told as t cross join lateral (
            select * from trace_hops as h
            where h.owner = 'users/' || nullif(current_setting('app.user_id', true), '')
              and h.epoch = t.epoch and h.number = t.number
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

-- Marks days of the current user's month anew, because a page of theirs found them to differ: the month, its rows as the
-- ledger has them, and the rows that the page shows. At most `most` requests in an hour; answers the documents marked,
-- null beyond that.
create function request_repair(of_month date, of_days date[], shown uuid[], most int) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    own text := 'users/' || nullif(current_setting('app.user_id', true), '');
    paths text[];
begin
    if own is null then
        raise exception 'app.user_id is not set' using errcode = 'insufficient_privilege';
    end if;
    perform lock_owners(array[own]);
    if (select count(*) from repair_requests as r
        where r.owner = own and r.requested_at > clock_timestamp() - interval '1 hour') >= most then
        return null;
    end if;
    select array_agg(p.path) into paths from (
        select own || '/months/' || to_char(of_month, 'YYYY-MM') as path
        union
        select own || '/transactions/' || t.entry_id from transactions as t
        where t.user_id = substr(own, 7) and t.month = of_month and t.spent_on = any (of_days) and t.removed_at is null
          and t.month >= (select o.first_month from owners as o where o.owner = own)
        union
        select own || '/transactions/' || s.id from unnest(shown) as s(id)) as p;
    insert into repair_requests (owner, month, days, documents) values (own, of_month, of_days, cardinality(paths));
    perform mark_documents(array_fill(own, array[cardinality(paths)]), paths);
    return cardinality(paths);
end
$$;

grant create on schema public to livespend_marker;
do $$
declare
    marking text;
begin
    alter function note_trace() owner to livespend_marker;
    revoke all on function note_trace() from public;
    foreach marking in array array['acknowledge_versions(text, int[], bigint[], timestamptz[], timestamptz[])',
                                   'request_repair(date, date[], uuid[], int)'] loop
        execute format('alter function %s owner to livespend_marker', marking);
        execute format('revoke all on function %s from public', marking);
        execute format('grant execute on function %s to livespend_api', marking);
    end loop;
end
$$;
revoke create on schema public from livespend_marker;
