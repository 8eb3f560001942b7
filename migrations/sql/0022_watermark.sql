-- A low watermark per owner: no mark at or below this version is left. Set when the dirty flag is cleared, under the
-- counter's lock. Claims look above it only: marks that are gone but not yet vacuumed cost them nothing.
alter table owners
    add column clean_epoch integer not null default 0,
    add column clean_number bigint not null default 0;

create index ix_changes_owner_epoch_number on changes (owner, epoch, number);
