-- What operators do by hand: a parked document that is deliberately not shown, and a log of who did what.
alter table parked_documents
    add column dropped_at timestamptz,
    add column dropped_by text,
    add constraint ck_parked_documents_dropped check ((dropped_at is null) = (dropped_by is null));

create table audit_log (
    id bigint generated always as identity constraint pk_audit_log primary key,
    at timestamptz not null default now(),
    actor text not null,                                          -- who says to have done it
    action text not null,
    owner text collate "C" not null,
    path text collate "C" not null,
    detail jsonb not null default '{}'
);
create index ix_audit_log_owner on audit_log (owner);

grant select, insert on audit_log to livespend_mirror;
grant select, delete on audit_log to livespend_worker;
