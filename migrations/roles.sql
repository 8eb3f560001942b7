-- Roles of a Livespend cluster; run once per cluster by an administrator (`livespend migrate --create-roles`).
-- Running it twice is safe. Passwords and IAM grants are the operator's: ALTER ROLE ... PASSWORD ...
--
--   livespend_owner   owns the schema, runs migrations, serves nobody
--   livespend_marker  cannot log in; owns the marking functions, sees every row through its own policies
--   livespend_api     the API: row-level security shows it the rows of one user per transaction
--   livespend_worker  pulls and sweeps: every user's ledger, never marks or mirror state
--   livespend_mirror  reads the ledger, moves mirror state, deletes marks
do $$
declare
    role_name text;
begin
    foreach role_name in array array['livespend_owner', 'livespend_api', 'livespend_worker', 'livespend_mirror'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I login', role_name);
        end if;
    end loop;
    if not exists (select from pg_roles where rolname = 'livespend_marker') then
        create role livespend_marker nologin;
    end if;
end
$$;
grant livespend_marker to livespend_owner;
