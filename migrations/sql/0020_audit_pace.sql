-- When the next audit of a purpose may begin, so that a day's reads are spent evenly.
alter table audit_reads add column next_at timestamptz;

-- Why and until when the full reading of an owner waits; its counts go on meanwhile.
alter table mirror_audits
    add column full_waits_until timestamptz,
    add column full_waits_for text,
    add constraint ck_mirror_audits_full_waits_for check (full_waits_for in ('too-large', 'unfinished', 'failed')),
    drop constraint ck_mirror_audits_outcome,
    add constraint ck_mirror_audits_outcome check (outcome in ('equal', 'busy', 'damaged', 'unfinished', 'failed'));

-- The mark that asks for the document: its path, unless a shape of another edition lives.
alter table mirror_repairs add column mark text collate "C";
update mirror_repairs set mark = path;
alter table mirror_repairs alter column mark set not null;
