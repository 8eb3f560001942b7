-- Data keys of bank tokens, and the intents of token rotation.

-- Null: from before the envelopes, sealed by the key file's key itself; `livespend keys rewrap` gives it one.
alter table item_tokens add column wrapped_key bytea;
grant update (key_id, nonce, ciphertext, wrapped_key, created_at) on item_tokens to livespend_worker;

-- A token about to be exchanged at Plaid for a new one. Written before Plaid is asked: Plaid kills the old token with
-- its answer, so a crash before the new one is stored loses both, and somebody has to know.
create table token_rotations (
    id bigint generated always as identity constraint pk_token_rotations primary key,
    item_id uuid not null constraint fk_token_rotations_item_id_items references items,
    user_id text collate "C" not null constraint fk_token_rotations_user_id_users references users,
    state text not null default 'asked',
    asked_at timestamptz not null default now(),
    ended_at timestamptz,
    request_id text,                                              -- Plaid's, for its support
    constraint ck_token_rotations_state check (state in ('asked', 'stored', 'kept', 'lost'))
);
create unique index uq_token_rotations_item_id_open on token_rotations (item_id) where state = 'asked';
create index ix_token_rotations_item_id on token_rotations (item_id, id);
create index ix_token_rotations_user_id on token_rotations (user_id);

grant select on token_rotations to livespend_api;
grant select, insert, update on token_rotations to livespend_worker;
alter table token_rotations enable row level security;
create policy own_rows on token_rotations to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
do $$
declare
    server_role text;
begin
    foreach server_role in array array['livespend_worker', 'livespend_mirror', 'livespend_marker'] loop
        execute format('create policy %1$s_rows on token_rotations to %2$I using (true)',
                       replace(server_role, 'livespend_', ''), server_role);
    end loop;
end
$$;
