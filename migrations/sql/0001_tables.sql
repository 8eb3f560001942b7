-- The ledger. Money is numeric(28,10) beside its currency; a transaction's date is a date; time is UTC.

create table users (
    id text collate "C" constraint pk_users primary key,          -- the Firebase uid
    email text,
    display_name text,
    created_at timestamptz not null default now(),
    constraint ck_users_id check (id <> '' and position('/' in id) = 0 and octet_length(id) <= 128)
);

-- Taxonomy categories (user_id null) and the user's own.
create table categories (
    id text collate "C" constraint pk_categories primary key,
    user_id text collate "C" constraint fk_categories_user_id_users references users,
    name text not null,
    created_at timestamptz not null default now(),
    removed_at timestamptz,
    constraint ck_categories_name check (length(name) between 1 and 60)
);
create index ix_categories_user_id on categories (user_id) where user_id is not null;

-- Categories with totals of their own, outside spend.
create table spend_exclusions (
    category_id text collate "C" constraint pk_spend_exclusions primary key
        constraint fk_spend_exclusions_category_id_categories references categories
);

create table items (
    id uuid constraint pk_items primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_items_user_id_users references users,
    plaid_item_id text collate "C" not null constraint uq_items_plaid_item_id unique,
    institution_id text,
    institution_name text,
    status text not null default 'ok',
    error_code text,
    error_message text,                                           -- the bank's words for the user (display_message)
    consent_expires_at timestamptz,
    cursor text collate "C",                                      -- null until Plaid has handed out one
    update_status text not null default 'UNKNOWN',                -- UNKNOWN NOT_READY INITIAL HISTORICAL, never backwards
    created_at timestamptz not null default now(),
    removed_at timestamptz,
    constraint ck_items_status check (status in ('ok', 'login_required', 'pending_disconnect', 'revoked', 'error'))
);
create index ix_items_user_id on items (user_id);

-- The bank token, encrypted with AES-256-GCM; the item id is the associated data.
create table item_tokens (
    item_id uuid constraint pk_item_tokens primary key constraint fk_item_tokens_item_id_items references items,
    user_id text collate "C" not null constraint fk_item_tokens_user_id_users references users,
    key_id text not null,
    nonce bytea not null,
    ciphertext bytea not null,
    created_at timestamptz not null default now()
);

-- What webhooks touch. No marking trigger: an open import blocks no webhook.
create table item_pulls (
    item_id uuid constraint pk_item_pulls primary key constraint fk_item_pulls_item_id_items references items,
    user_id text collate "C" not null constraint fk_item_pulls_user_id_users references users,
    wanted bigint not null default 1,
    done bigint not null default 0,
    failures integer not null default 0,
    retry_at timestamptz,                                         -- no pull before this time
    last_webhook_at timestamptz,
    last_pulled_at timestamptz
);
create index ix_item_pulls_open on item_pulls (retry_at) where wanted > done;

create table accounts (
    id uuid constraint pk_accounts primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_accounts_user_id_users references users,
    item_id uuid not null constraint fk_accounts_item_id_items references items,
    plaid_account_id text collate "C" not null constraint uq_accounts_plaid_account_id unique,
    persistent_account_id text collate "C",
    name text not null,
    official_name text,
    mask text,
    type text not null,
    subtype text,
    available_balance numeric(28,10),
    current_balance numeric(28,10),
    credit_limit numeric(28,10),
    iso_currency text,
    unofficial_currency text,
    created_at timestamptz not null default now(),
    closed_at timestamptz,
    removed_at timestamptz
);
create index ix_accounts_user_id on accounts (user_id);
create index ix_accounts_item_id on accounts (item_id);

-- One real-world transaction. Keeps its id from pending to posted; owns the user's edits.
create table entries (
    id uuid constraint pk_entries primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_entries_user_id_users references users,
    user_category_id text collate "C" constraint fk_entries_user_category_id_categories references categories,
    rule_category_id text collate "C" constraint fk_entries_rule_category_id_categories references categories,
    note text,
    created_at timestamptz not null default now(),
    edited_at timestamptz,
    removed_at timestamptz,                                       -- the user took it away; undo clears it
    constraint ck_entries_note check (length(note) between 1 and 500)
);
create index ix_entries_user_id on entries (user_id);

-- The bank's (or the user's manual) row behind an entry. Live = removed_at is null.
create table transactions (
    id uuid constraint pk_transactions primary key default gen_random_uuid(),
    plaid_transaction_id text collate "C" constraint uq_transactions_plaid_transaction_id unique,
    entry_id uuid not null constraint fk_transactions_entry_id_entries references entries,
    user_id text collate "C" not null constraint fk_transactions_user_id_users references users,
    account_id uuid constraint fk_transactions_account_id_accounts references accounts,
    source text not null,
    amount numeric(28,10) not null,                               -- money out positive
    iso_currency text,
    unofficial_currency text,
    date date not null,
    authorized_date date,
    spent_on date not null generated always as (coalesce(authorized_date, date)) stored,
    month date not null generated always as (date_trunc('month', coalesce(authorized_date, date)::timestamp)::date) stored,
    pending boolean not null,
    pending_transaction_id text collate "C",
    name text not null,
    merchant_name text,
    bank_category_id text collate "C" not null constraint fk_transactions_bank_category_id_categories references categories,
    bank_category_primary text,
    bank_category_detailed text,
    bank_category_confidence text,
    payment_channel text,
    content_sha256 bytea,                                         -- of Plaid's object; equal = nothing to write
    created_at timestamptz not null default now(),
    removed_at timestamptz,
    superseded_by text collate "C",
    constraint ck_transactions_source check (
        (source = 'bank' and plaid_transaction_id is not null and account_id is not null)
        or (source = 'manual' and plaid_transaction_id is null and account_id is null)),
    constraint ck_transactions_currency check (num_nonnulls(iso_currency, unofficial_currency) = 1)
);
create unique index uq_transactions_entry_id_live on transactions (entry_id) where removed_at is null;
create index ix_transactions_entry_id on transactions (entry_id);
create index ix_transactions_user_id_month on transactions (user_id, month, spent_on) where removed_at is null;
create index ix_transactions_account_id on transactions (account_id);
create index ix_transactions_pending_transaction_id on transactions (pending_transaction_id)
    where pending_transaction_id is not null;

-- A monthly limit for one category and currency, from starts_month on.
create table budgets (
    id uuid constraint pk_budgets primary key default gen_random_uuid(),
    user_id text collate "C" not null constraint fk_budgets_user_id_users references users,
    category_id text collate "C" not null constraint fk_budgets_category_id_categories references categories,
    iso_currency text not null,
    limit_amount numeric(28,10) not null,
    starts_month date not null,
    created_at timestamptz not null default now(),
    removed_at timestamptz,
    constraint ck_budgets_limit_amount check (limit_amount > 0),
    constraint ck_budgets_starts_month check (extract(day from starts_month) = 1)
);
create index ix_budgets_user_id on budgets (user_id);
create unique index uq_budgets_user_id_category_id_iso_currency on budgets (user_id, category_id, iso_currency)
    where removed_at is null;

create table webhook_inbox (
    id bigint generated always as identity constraint pk_webhook_inbox primary key,
    received_at timestamptz not null default now(),
    body bytea not null,
    body_sha256 bytea not null,
    issued_at timestamptz not null,                               -- iat of the signature
    webhook_type text not null,
    webhook_code text not null,
    plaid_item_id text collate "C",
    state text not null default 'new',                            -- new done ignored unmatched
    constraint uq_webhook_inbox_body_sha256_issued_at unique (body_sha256, issued_at),
    constraint ck_webhook_inbox_state check (state in ('new', 'done', 'ignored', 'unmatched'))
);
create index ix_webhook_inbox_open on webhook_inbox (plaid_item_id, id) where state in ('new', 'unmatched');

create table sync_runs (
    id bigint generated always as identity constraint pk_sync_runs primary key,
    item_id uuid not null constraint fk_sync_runs_item_id_items references items,
    started_at timestamptz not null,
    finished_at timestamptz not null default now(),
    start_cursor text collate "C",
    end_cursor text collate "C",
    pages integer not null default 0,
    restarts integer not null default 0,
    added integer not null default 0,
    modified integer not null default 0,
    removed integer not null default 0,
    unchanged integer not null default 0,
    anomalies integer not null default 0,
    outcome text not null,                                        -- applied nothing deferred failed
    error_code text,
    request_ids text[] not null default '{}'
);
create index ix_sync_runs_item_id on sync_runs (item_id, id);

create table idempotency_keys (
    user_id text collate "C" not null constraint fk_idempotency_keys_user_id_users references users,
    key text collate "C" not null,
    request_sha256 bytea not null,
    status integer not null,
    response jsonb not null,
    created_at timestamptz not null default now(),
    constraint pk_idempotency_keys primary key (user_id, key)
);

-- One row per owner of documents ('users/{uid}' or 'households/{hid}'): the version counter, and whether marks wait.
create table owners (
    owner text collate "C" constraint pk_owners primary key,
    epoch integer not null default 1,
    number bigint not null default 0,
    dirty boolean not null default false,
    dirty_since timestamptz,
    constraint ck_owners_owner check (owner ~ '^(users|households)/[^/]+$')
);
create index ix_owners_dirty on owners (dirty_since) where dirty;

-- A mark: "this document may differ now". Coalesced per document, no payload.
create table changes (
    owner text collate "C" not null,
    path text collate "C" not null,
    epoch integer not null,
    number bigint not null,
    marked_at timestamptz not null,
    constraint pk_changes primary key (owner, path)
);

-- What Firestore was last known to hold. A deleted document leaves a tombstone with its commit time.
create table mirror_state (
    owner text collate "C" not null,
    path text collate "C" not null,
    digest bytea,
    epoch integer not null,
    number bigint not null,
    update_time timestamptz not null,
    deleted boolean not null default false,
    constraint pk_mirror_state primary key (owner, path)
);

-- Documents Firestore refuses for their content; a newer mark un-parks.
create table parked_documents (
    owner text collate "C" not null,
    path text collate "C" not null,
    epoch integer not null,
    number bigint not null,
    error_code text not null,
    error_message text not null,
    parked_at timestamptz not null default now(),
    constraint pk_parked_documents primary key (owner, path)
);

-- Months from first_month on are mirrored row by row; month totals are mirrored for all history.
create table mirror_window (
    singleton boolean constraint pk_mirror_window primary key default true,
    first_month date not null,
    constraint ck_mirror_window_singleton check (singleton),
    constraint ck_mirror_window_first_month check (extract(day from first_month) = 1)
);
