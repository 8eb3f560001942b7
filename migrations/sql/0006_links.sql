-- Link: what was opened for whom, and what was about to be made at Plaid before anything was stored.

-- One use of Link. The digest of its token is all that binds a Hosted Link session to its user.
create table link_sessions (
    id uuid constraint pk_link_sessions primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_link_sessions_user_id_users references users,
    token_sha256 bytea not null constraint uq_link_sessions_token_sha256 unique,
    mode text not null,                                           -- new update
    item_id uuid constraint fk_link_sessions_item_id_items references items on delete set null,
    hosted boolean not null default false,
    key_id text,                                                  -- hosted, while open: the link token, sealed, with
    nonce bytea,                                                  --   which Plaid is asked how the session ended
    ciphertext bytea,
    wrapped_key bytea,
    state text not null default 'open',                           -- open told finished failed expired
    problem text,                                                 -- failed: the code that the page is told
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    looks integer not null default 0,
    look_at timestamptz,                                          -- hosted: nobody asks Plaid before this time
    constraint ck_link_sessions_mode check (mode in ('new', 'update')),
    constraint ck_link_sessions_state check (state in ('open', 'told', 'finished', 'failed', 'expired')),
    constraint ck_link_sessions_sealed check (ciphertext is null or state in ('open', 'told'))
);
create index ix_link_sessions_user_id on link_sessions (user_id);
create index ix_link_sessions_item_id on link_sessions (item_id);
create index ix_link_sessions_look_at on link_sessions (look_at) where hosted and state in ('open', 'told');

-- That an item is about to be made: committed before Plaid is asked, closed in the transaction that stores the item. No foreign
-- key to items: its id is the id of the item that it may become.
create table link_intents (
    id uuid constraint pk_link_intents primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_link_intents_user_id_users references users,
    session_id uuid constraint fk_link_intents_session_id_link_sessions references link_sessions,
    public_sha256 bytea not null constraint uq_link_intents_public_sha256 unique,
    key_id text,                                                  -- while open, a sealed token: the public one until
    nonce bytea,                                                  --   Plaid has answered, then the access token
    ciphertext bytea,
    wrapped_key bytea,
    plaid_item_id text collate "C",
    state text not null default 'asked',                          -- asked exchanged unwanted | stored removed refused lost
    problem text,
    tries integer not null default 0,
    due_at timestamptz not null,                                  -- nobody else works on it before this time
    created_at timestamptz not null,
    closed_at timestamptz,
    constraint ck_link_intents_state check (
        state in ('asked', 'exchanged', 'unwanted', 'stored', 'removed', 'refused', 'lost')),
    constraint ck_link_intents_closed check ((closed_at is null) = (state in ('asked', 'exchanged', 'unwanted'))),
    constraint ck_link_intents_sealed check ((closed_at is null) = (ciphertext is not null))
);
create index ix_link_intents_user_id on link_intents (user_id);
create index ix_link_intents_session_id on link_intents (session_id);
create index ix_link_intents_due_at on link_intents (due_at) where closed_at is null;

-- A webhook names a link token and nobody: this answers whose it is.
create function link_session_of(of_token_sha256 bytea)
returns table (id uuid, user_id text, mode text, hosted boolean)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select s.id, s.user_id, s.mode, s.hosted from link_sessions as s where s.token_sha256 = of_token_sha256
$$;
grant select on link_sessions to livespend_marker;
grant create on schema public to livespend_marker;
alter function link_session_of(bytea) owner to livespend_marker;
revoke all on function link_session_of(bytea) from public;
revoke create on schema public from livespend_marker;
grant execute on function link_session_of(bytea) to livespend_api;

grant select, insert on link_sessions, link_intents to livespend_api;
grant update (item_id, key_id, nonce, ciphertext, wrapped_key, state, problem, look_at) on link_sessions to livespend_api;
grant update (key_id, nonce, ciphertext, wrapped_key, plaid_item_id, state, problem, tries, due_at, closed_at)
    on link_intents to livespend_api;
grant select, insert, update, delete on link_sessions, link_intents to livespend_worker;
-- a Hosted Link session is finished by the worker
grant insert on items, item_tokens, item_pulls to livespend_worker;

alter table link_sessions enable row level security;
alter table link_intents enable row level security;
create policy own_rows on link_sessions to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy own_rows on link_intents to livespend_api
    using (user_id = nullif(current_setting('app.user_id', true), ''));
create policy worker_rows on link_sessions to livespend_worker using (true);
create policy worker_rows on link_intents to livespend_worker using (true);
create policy marker_rows on link_sessions to livespend_marker using (true);
-- Foreign keys look past row-level security.
create policy own_new_item on link_sessions as restrictive for insert to livespend_api with check (
    item_id is null or exists (select from items as i where i.id = item_id));
create policy own_item on link_sessions as restrictive for update to livespend_api using (true) with check (
    item_id is null or exists (select from items as i where i.id = item_id));
create policy own_session on link_intents as restrictive for insert to livespend_api with check (
    session_id is null or exists (select from link_sessions as s where s.id = session_id));
