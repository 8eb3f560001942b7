-- Reconciling: what was audited, what was found and mended, what it cost; and a window of months per owner.

-- One row per owner: when it was last held against Firestore, how thoroughly, and what came of it.
create table mirror_audits (
    owner text collate "C" constraint pk_mirror_audits primary key,
    audited_at timestamptz,
    full_at timestamptz,                                          -- every document of the owner was read
    taken_until timestamptz,                                      -- an auditor is at it; it may have died
    level text,
    outcome text,
    documents integer not null default 0,
    damaged integer not null default 0,
    repaired integer not null default 0,
    reads integer not null default 0,
    constraint ck_mirror_audits_level check (level in ('counts', 'documents', 'full')),
    constraint ck_mirror_audits_outcome check (outcome in ('equal', 'busy', 'damaged', 'too-large', 'unfinished', 'failed'))
);
create index ix_mirror_audits_audited_at on mirror_audits (audited_at nulls first);
create index ix_mirror_audits_full_at on mirror_audits (full_at nulls first);

-- One row per document that was found damaged and marked.
create table mirror_repairs (
    id bigint generated always as identity constraint pk_mirror_repairs primary key,
    owner text collate "C" not null,
    path text collate "C" not null,
    kind text not null,
    known_update_time timestamptz,                                -- what mirror state said before
    observed_update_time timestamptz not null,                    -- of a missing document: it was not there at this time
    observed_digest bytea,
    observed_epoch integer,
    observed_number bigint,
    epoch integer not null,                                       -- the version of the mark that has it mended
    number bigint not null,
    found_at timestamptz not null default now(),
    mended_at timestamptz,
    constraint ck_mirror_repairs_kind check (kind in ('missing', 'ghost', 'different'))
);
create index ix_mirror_repairs_found_at on mirror_repairs (found_at);
create index ix_mirror_repairs_open on mirror_repairs (owner, path) where mended_at is null;

-- Firestore reads that audits spent, per day (UTC) and purpose.
create table audit_reads (
    day date not null,
    purpose text not null,
    reads bigint not null default 0,
    constraint pk_audit_reads primary key (day, purpose)
);

-- How far the walk through Firestore's users has come, which finds owners that the ledger has never had.
create table audit_walk (
    singleton boolean constraint pk_audit_walk primary key default true,
    page_token text not null default '',
    ended_at timestamptz,
    constraint ck_audit_walk_singleton check (singleton)
);
insert into audit_walk default values;

grant select, insert, update, delete on mirror_audits, mirror_repairs, audit_reads to livespend_mirror;
grant select, update on audit_walk to livespend_mirror;
grant execute on function mark_documents(text[], text[]) to livespend_mirror;

-- The window: `mirror_window` says where it shall begin, each owner where theirs begins now. Moving one owner marks that
-- owner's documents alone, so a change of the window is many small transactions.
alter table mirror_window
    add column months integer,                                    -- an operator's word; null: the setting decides
    add column started_at timestamptz,
    add column finished_at timestamptz,
    add column moved bigint not null default 0,
    add constraint ck_mirror_window_months check (months between 1 and 240);
alter table owners
    add column first_month date,
    add constraint ck_owners_first_month check (extract(day from first_month) = 1);
update owners set first_month = (select first_month from mirror_window);
create index ix_owners_first_month on owners (first_month);

drop trigger marks_insert on mirror_window;
drop trigger marks_update on mirror_window;
drop trigger marks_delete on mirror_window;
drop trigger refuses_truncate on mirror_window;
drop function marks_mirror_window();

-- As it was, and a new owner begins with the window that everybody is moved to.
create or replace function lock_owners(wanted_owners text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into owners (owner, first_month)
    select distinct_owner, (select first_month from mirror_window)
    from (select distinct unnest(wanted_owners) as distinct_owner) as wanted
    where not exists (select from owners where owners.owner = distinct_owner)
    order by distinct_owner like 'households/%', distinct_owner
    on conflict do nothing;
    perform 1 from owners where owner = any (wanted_owners)
    order by owner like 'households/%', owner
    for update;
end
$$;

-- An owner's window that moves marks the head, and the months that enter or leave with their transactions.
create function marks_window() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    from_month date := least(coalesce(old.first_month, 'infinity'), coalesce(new.first_month, 'infinity'));
    to_month date := greatest(coalesce(old.first_month, 'infinity'), coalesce(new.first_month, 'infinity'));
    changed_paths text[];
begin
    with moved as (
        select entry_id, month from transactions
        where new.owner like 'users/%' and user_id = substr(new.owner, 7) and removed_at is null
          and month >= from_month and month < to_month)
    select array_agg(path) into changed_paths from (
        select new.owner || '/transactions/' || entry_id from moved
        union select new.owner || '/months/' || to_char(month, 'YYYY-MM') from moved
        union select new.owner) as paths(path);
    perform mark_documents(array_fill(new.owner, array[cardinality(changed_paths)]), changed_paths);
    return null;
end
$$;
grant create on schema public to livespend_marker;
alter function marks_window() owner to livespend_marker;
revoke create on schema public from livespend_marker;
revoke all on function marks_window() from public;
create trigger marks_window after update of first_month on owners
    for each row when (old.first_month is distinct from new.first_month) execute function marks_window();
alter table owners enable always trigger marks_window;

grant select on mirror_window to livespend_marker;
grant update (first_month) on owners to livespend_worker;
grant update on mirror_window to livespend_mirror;
