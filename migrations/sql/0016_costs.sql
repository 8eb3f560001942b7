-- What mirroring cost in Firestore, per owner, UTC day and kind of document. Added up by the acknowledging transaction;
-- a row is updated all day long, in place: no index holds what changes.
create table mirror_costs (
    owner text collate "C" not null,
    day date not null,
    kind text collate "C" not null,                               -- a collection, or head
    changes bigint not null,                                      -- marks acknowledged
    writes bigint not null,
    deletes bigint not null,
    bytes bigint not null,                                        -- of the requests
    index_entries bigint not null,
    listened bigint not null,                                     -- writes that an open page is told of
    constraint pk_mirror_costs primary key (owner, day, kind)
) with (fillfactor = 70);
create index ix_mirror_costs_day on mirror_costs (day);

grant select, insert, update on mirror_costs to livespend_mirror;
grant select, delete on mirror_costs to livespend_worker;
