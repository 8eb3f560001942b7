-- Shapes of documents: which live, and of each owner which one the head names.

-- One row. `epoch` grows with every change of the other columns but `reached` and `marked`: an acknowledgement holds for
-- the epoch in whose snapshot it was claimed, and for no other.
create table live_shapes (
    singleton boolean constraint pk_live_shapes primary key default true,
    epoch integer not null default 1,
    shape integer not null default 1,                             -- what heads name, unless noted otherwise below
    other integer,                                                -- being built, turned to, or dropped
    own text[] not null default '{}',                             -- its editions that the first does not share: kind_vN
    state text not null default 'still',
    reached text collate "C" not null default '',                 -- the last owner that this step has marked
    marked bigint not null default 0,                             -- documents that this step has marked
    started_at timestamptz,
    changed_at timestamptz not null default now(),
    constraint ck_live_shapes_singleton check (singleton),
    constraint ck_live_shapes_state check (state in ('still', 'building', 'built', 'verified', 'flipping', 'flipped', 'returning', 'sweeping')),
    constraint ck_live_shapes_other check ((other is null) = (state = 'still') and other <> shape)
);
insert into live_shapes default values;

-- Which shape the head of an owner names since which epoch, as far as a commit was acknowledged; none: live_shapes.shape.
create table owner_shapes (
    owner text collate "C" constraint pk_owner_shapes primary key,
    shape integer not null,
    epoch integer not null
);

grant select, update on live_shapes to livespend_mirror;
grant select, insert, update on owner_shapes to livespend_mirror;
