-- When a login was repaired; whether the next pull tells everything anew.
alter table items add column repaired_at timestamptz;
grant update (repaired_at) on items to livespend_api;
alter table item_pulls add column resync boolean not null default false;
