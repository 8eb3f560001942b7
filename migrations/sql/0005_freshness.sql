-- How fresh each bank is, and when it is looked at without anybody asking. No row stands for an item never pulled.

create table item_freshness (
    id uuid constraint pk_item_freshness primary key constraint fk_item_freshness_id_items references items,
    user_id text collate "C" not null constraint fk_item_freshness_user_id_users references users,
    -- what the user sees; the times move by an hour or more
    state text not null default 'ok',                             -- ok quiet stale; an item out of order is broken
    bank_updated_at timestamptz,                                  -- Plaid last had everything from the bank
    changed_at timestamptz,                                       -- the bank last brought a change
    -- what is known
    looked_at timestamptz,                                        -- we last had everything from Plaid
    asked_at timestamptz,                                         -- Plaid was last asked how it gets on with the bank
    bank_failed_at timestamptz,                                   -- Plaid's last try failed, and none has succeeded since
    gaps integer[] not null default '{}',                         -- seconds between the latest changes, newest last
    empty_looks integer not null default 0,                       -- in a row
    -- what comes by itself
    look_at timestamptz,
    ask_at timestamptz,
    quiet_at timestamptz,
    stale_at timestamptz,
    turn_at timestamptz,                                          -- when the state changes if nothing else happens
    constraint ck_item_freshness_state check (state in ('ok', 'quiet', 'stale'))
);
create index ix_item_freshness_user_id on item_freshness (user_id);
create index ix_item_freshness_look_at on item_freshness (look_at);
create index ix_item_freshness_ask_at on item_freshness (ask_at) where ask_at is not null;
create index ix_item_freshness_turn_at on item_freshness (turn_at) where turn_at is not null;
-- what the sweep looks for in item_pulls beside ix_item_pulls_open
create index ix_item_pulls_polled on item_pulls (retry_at) where wanted = done and retry_at is not null;

create function marks_item_freshness() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/items/' || id))
        from new_rows where (state, bank_updated_at, changed_at) is distinct from ('ok', null, null);
    elsif tg_op = 'DELETE' then
        perform mark_documents(array_agg('users/' || user_id), array_agg('users/' || user_id || '/items/' || id)) from old_rows;
    else
        perform mark_documents(array_agg('users/' || n.user_id), array_agg('users/' || n.user_id || '/items/' || n.id))
        from new_rows as n join old_rows as o on o.id = n.id
        where (n.state, n.bank_updated_at, n.changed_at) is distinct from (o.state, o.bank_updated_at, o.changed_at);
    end if;
    return null;
end
$$;
grant create on schema public to livespend_marker;
alter function marks_item_freshness() owner to livespend_marker;
revoke all on function marks_item_freshness() from public;
revoke create on schema public from livespend_marker;

create trigger marks_insert after insert on item_freshness referencing new table as new_rows
    for each statement execute function marks_item_freshness();
create trigger marks_update after update on item_freshness referencing old table as old_rows new table as new_rows
    for each statement execute function marks_item_freshness();
create trigger marks_delete after delete on item_freshness referencing old table as old_rows
    for each statement execute function marks_item_freshness();
create trigger refuses_truncate before truncate on item_freshness
    for each statement execute function refuse_truncate();
create trigger refuses_move before update of id, user_id on item_freshness
    for each row execute function refuse_move();
alter table item_freshness enable always trigger marks_insert, enable always trigger marks_update,
    enable always trigger marks_delete, enable always trigger refuses_truncate, enable always trigger refuses_move;

grant select on item_freshness to livespend_api, livespend_mirror;
grant select, insert, update on item_freshness to livespend_worker;

alter table item_freshness enable row level security;
create policy own_rows on item_freshness to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy worker_rows on item_freshness to livespend_worker using (true);
create policy mirror_rows on item_freshness to livespend_mirror using (true);
create policy marker_rows on item_freshness to livespend_marker using (true);
