-- When a login was repaired.
alter table items add column repaired_at timestamptz;
grant update (repaired_at) on items to livespend_api;
