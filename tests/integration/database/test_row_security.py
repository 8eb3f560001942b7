"""The API's role sees, changes and points at the rows of one user, in every table, and a pooled connection forgets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from sync.db import make_engine, sqlstate, transaction
from tests.fixtures.database import Database

REFUSED = "42501"


def uid(user: str, kind: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{user}/{kind}"))


def home_of(column: str) -> str:
    """Whose household a column names."""
    return f"case {column} when '{uid('alice', 'home')}' then 'alice' when '{uid('bob', 'home')}' then 'bob' end"


TABLES = {
    "users": "id",
    "items": "user_id",
    "item_tokens": "user_id",
    "token_rotations": "user_id",
    "item_pulls": "user_id",
    "item_freshness": "user_id",
    "imports": "user_id",
    "accounts": "user_id",
    "balance_snapshots": "user_id",
    "balance_checks": "user_id",
    "recurring_streams": "user_id",
    "entries": "user_id",
    "transactions": "user_id",
    "categories": "user_id",
    "budgets": "user_id",
    "splits": "user_id",
    "reviews": "user_id",
    "category_rules": "user_id",
    "rule_passes": "user_id",
    "idempotency_keys": "user_id",
    "link_sessions": "user_id",
    "link_intents": "user_id",
    "account_moves": "user_id",
    "purges": "user_id",
    "intents_applied": "user_id",
    "field_versions": "user_id",
    "households": home_of("id"),
    "household_members": "user_id",
    "household_shares": "user_id",
    "household_budgets": home_of("household_id"),
}
# Of these the API reads nothing at all.
UNREAD = {"household_categories", "household_invitations"}


def fill(database: Database, user: str) -> None:
    item, account, entry = uid(user, "item"), uid(user, "account"), uid(user, "entry")
    home = uid(user, "home")
    for statement, *parameters in (
        ("insert into users (id) values (%s)", user),
        ("insert into categories (id, user_id, name) values (%s, %s, 'Own')", f"own-{user}", user),
        ("insert into items (id, user_id, plaid_item_id) values (%s, %s, %s)", item, user, f"p-{user}"),
        (
            "insert into item_tokens (item_id, user_id, key_id, nonce, ciphertext) values (%s, %s, '', '', '')",
            item, user,
        ),
        ("insert into token_rotations (item_id, user_id) values (%s, %s)", item, user),
        ("insert into item_pulls (item_id, user_id) values (%s, %s)", item, user),
        ("insert into item_freshness (id, user_id) values (%s, %s)", item, user),
        (
            "insert into imports (item_id, user_id, window_id, phase, pages, rows, started_at, told_at) "
            "values (%s, %s, %s, 'fetching', 1, 1, now(), now())",
            item, user, item,
        ),
        (
            "insert into accounts (id, user_id, item_id, plaid_account_id, name, type) values (%s, %s, %s, %s, '', '')",
            account, user, item, f"p-{user}",
        ),
        (
            "insert into balance_snapshots (account_id, day, user_id, current_balance, taken_at) "
            "values (%s, '2026-11-01', %s, 1, now())",
            account, user,
        ),
        (
            "insert into balance_checks (id, user_id, state, until_day, checked_at) "
            "values (%s, %s, 'balanced', '2026-11-01', now())",
            account, user,
        ),
        (
            "insert into recurring_streams (user_id, item_id, account_id, plaid_stream_id, direction, description, "
            "frequency, status, active, first_date, last_date, bank_category_id, transaction_count, content_sha256) "
            "values (%s, %s, %s, %s, 'out', '', 'MONTHLY', 'MATURE', true, '2026-11-01', '2026-11-01', 'OTHER', 3, '')",
            user, item, account, f"s-{user}",
        ),
        (
            "insert into account_moves (user_id, account_id, from_item_id, kind) values (%s, %s, %s, 'relinked')",
            user, account, item,
        ),
        (
            "insert into purges (user_id, item_id, reason, asked_at, due_at, delete_at) "
            "values (%s, %s, 'unlinked', now(), now(), now())",
            user, item,
        ),
        ("insert into entries (id, user_id) values (%s, %s)", entry, user),
        (
            "insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, "
            "bank_category_id) values (%s, %s, 'manual', 1, 'USD', '2026-11-01', false, 'x', 'OTHER')",
            entry, user,
        ),
        (
            "insert into budgets (id, user_id, category_id, iso_currency, limit_amount, starts_month) "
            "values (%s, %s, 'OTHER', 'USD', 1, '2026-11-01')",
            uid(user, "budget"), user,
        ),
        (
            "insert into splits (entry_id, user_id, position, category_id, amount) values (%s, %s, 1, 'OTHER', 0.5)",
            entry, user,
        ),
        (
            "insert into category_rules (user_id, position, direction, category_id) values (%s, 1, 'out', 'OTHER')",
            user,
        ),
        ("insert into rule_passes (user_id) values (%s)", user),
        ("insert into users (id) values ('dave') on conflict do nothing",),
        ("insert into entries (id, user_id) values (%s, 'dave') on conflict do nothing", uid("dave", "entry")),
        (
            "insert into reviews (user_id, pending_entry_id, posted_entry_id, score, name, amount, iso_currency, date) "
            "values (%s, %s, %s, 1, 'x', 1, 'USD', '2026-11-01')",
            user, entry, uid("dave", "entry"),
        ),
        (
            "insert into intents_applied (id, user_id, device, sequence, kind, outcome) "
            "values (%s, %s, 'd', 1, 'set-note', 'applied')",
            uid(user, "intent"), user,
        ),
        (
            "insert into idempotency_keys (user_id, key, request_sha256, status, response) "
            "values (%s, 'k', '', 200, '{}')",
            user,
        ),
        (
            "insert into link_sessions (id, user_id, token_sha256, mode, item_id, expires_at) "
            "values (%s, %s, %s, 'update', %s, now())",
            uid(user, "session"), user, user.encode(), item,
        ),
        (
            "insert into link_intents (user_id, session_id, public_sha256, ciphertext, due_at, created_at) "
            "values (%s, %s, %s, '', now(), now())",
            user, uid(user, "session"), user.encode(),
        ),
        ("insert into households (id, name) values (%s, 'Home')", home),
        ("insert into household_members (household_id, user_id, role) values (%s, %s, 'owner')", home, user),
        ("insert into household_shares (household_id, user_id, account_id) values (%s, %s, %s)", home, user, account),
        (
            "insert into household_budgets (household_id, category_id, iso_currency, limit_amount, starts_month) "
            "values (%s, 'OTHER', 'USD', 1, '2026-11-01')",
            home,
        ),
        (
            "insert into household_categories (household_id, category_id) values (%s, %s) on conflict do nothing",
            home, f"own-{user}",
        ),
        (
            "insert into household_invitations (code_sha256, household_id, user_id, expires_at) "
            "values (%s, %s, %s, '2099-01-01')",
            user.encode(), home, user,
        ),
    ):  # fmt: skip
        database.sql(statement, *parameters)


@pytest.fixture
def api(database: Database) -> Engine:
    """The API's engine on a ledger of alice and bob, each with a row in every table."""
    fill(database, "alice")
    fill(database, "bob")
    return database.engine("api")


@pytest.fixture
def single(database: Database, api: Engine) -> Iterator[Engine]:
    """An engine that has one connection and never closes it."""
    engine = make_engine(database.url("api"), role_hint="pool", pool_size=1, max_overflow=0)
    yield engine
    engine.dispose()


def test_the_list_of_guarded_tables_is_complete(database: Database) -> None:
    guarded = database.sql(
        "select relname from pg_class where relrowsecurity and relname not in ('webhook_inbox', 'erasures')"
    )

    assert {name for (name,) in guarded} == set(TABLES) | UNREAD


@pytest.mark.parametrize("table", TABLES)
def test_a_user_sees_their_own_rows_only(api: Engine, table: str) -> None:
    with transaction(api, "alice") as connection:
        seen = connection.execute(text(f"select distinct {TABLES[table]} from {table}")).scalars().all()

    assert set(seen) - {None} == {"alice"}


@pytest.mark.parametrize("table", TABLES)
def test_without_a_user_nothing_is_seen(api: Engine, table: str) -> None:
    with transaction(api) as connection:
        seen = connection.execute(text(f"select count(*) from {table} where {TABLES[table]} is not null")).scalar()

    assert seen == 0


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("users", "display_name = 'x'"),
        ("items", "status = 'error'"),
        ("item_pulls", "wanted = 99"),
        ("accounts", "removed_at = now()"),
        ("entries", "note = 'x'"),
        ("transactions", "removed_at = now()"),
        ("categories", "name = 'x'"),
        ("budgets", "limit_amount = 99"),
        ("splits", "amount = 0.4"),
        ("category_rules", "direction = 'in'"),
        ("rule_passes", "wanted = 99"),
        ("reviews", "state = 'declined'"),
        ("households", "name = 'x'"),
        ("household_members", "shares_all = true"),
        ("household_budgets", "limit_amount = 99"),
    ],
)
def test_an_update_reaches_own_rows_only(api: Engine, table: str, column: str) -> None:
    with transaction(api, "alice") as connection:
        assert connection.execute(text(f"update {table} set {column} where true")).rowcount == 1
        assert connection.execute(text(f"update {table} set {column} where {TABLES[table]} = 'bob'")).rowcount == 0


ALICES = {
    "another's user row": "insert into users (id) values ('carol')",
    "an item for another": "insert into items (user_id, plaid_item_id) values ('bob', 'n')",
    "an entry for another": "insert into entries (user_id) values ('bob')",
    "a category for everybody": "insert into categories (id, name) values ('MINE', 'x')",
    "a category for another": "insert into categories (id, user_id, name) values ('x', 'bob', 'x')",
    "another's category on an entry": "insert into entries (user_id, user_category_id) values ('alice', 'own-bob')",
    "another's category by an edit": "update entries set user_category_id = 'own-bob'",
    "a rule's category": "insert into entries (user_id, rule_category_id) values ('alice', 'OTHER')",
    "a transaction on another's entry": (
        "insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, "
        f"bank_category_id, removed_at) values ('{uid('bob', 'entry')}', 'alice', 'manual', 1, 'USD', '2026-11-01', "
        "false, 'x', 'OTHER', now())"
    ),
    "a bank's transaction": (
        "insert into transactions (entry_id, user_id, source, account_id, plaid_transaction_id, amount, iso_currency, "
        f"date, pending, name, bank_category_id, removed_at) values ('{uid('alice', 'entry')}', 'alice', 'bank', "
        f"'{uid('alice', 'account')}', 'p', 1, 'USD', '2026-11-01', false, 'x', 'OTHER', now())"
    ),
    "an account at another's item": (
        "insert into accounts (user_id, item_id, plaid_account_id, name, type) "
        f"values ('alice', '{uid('bob', 'item')}', 'n', '', '')"
    ),
    "a token for another's item": (
        "insert into item_tokens (item_id, user_id, key_id, nonce, ciphertext) "
        f"values ('{uid('bob', 'item')}', 'alice', '', '', '')"
    ),
    "a pull of another's item": f"insert into item_pulls (item_id, user_id) values ('{uid('bob', 'item')}', 'alice')",
    "a budget on another's category": (
        "insert into budgets (user_id, category_id, iso_currency, limit_amount, starts_month) "
        "values ('alice', 'own-bob', 'EUR', 1, '2026-11-01')"
    ),
    "another's category by a rule": "update entries set rule_category_id = 'own-bob'",
    "a part of another's entry": (
        "insert into splits (entry_id, user_id, position, category_id, amount) "
        f"values ('{uid('bob', 'entry')}', 'alice', 2, 'OTHER', 1)"
    ),
    "a part in another's category": (
        "insert into splits (entry_id, user_id, position, category_id, amount) "
        f"values ('{uid('alice', 'entry')}', 'alice', 2, 'own-bob', 1)"
    ),
    "a part moved to another's category": "update splits set category_id = 'own-bob'",
    "a part moved to another entry": "update splits set entry_id = entry_id",
    "a transaction moved to another's entry": f"update transactions set entry_id = '{uid('bob', 'entry')}'",
    "a receipt for another": (
        "insert into intents_applied (id, user_id, device, sequence, kind, outcome) "
        "values (gen_random_uuid(), 'bob', 'd', 1, 'set-note', 'applied')"
    ),
    "another word in a receipt": "update intents_applied set outcome = 'applied'",
    "a version of one's own making": "update field_versions set number = 0",
    "a question that nobody asked": (
        "insert into reviews (user_id, pending_entry_id, posted_entry_id, score, name, amount, iso_currency, date) "
        f"values ('alice', '{uid('bob', 'entry')}', '{uid('alice', 'entry')}', 1, 'x', 1, 'USD', '2026-11-01')"
    ),
    "a question put to another": "update reviews set posted_entry_id = posted_entry_id",
    "a rule for another": (
        "insert into category_rules (user_id, position, direction, category_id) values ('bob', 1, 'in', 'OTHER')"
    ),
    "a rule to another's category": "update category_rules set category_id = 'own-bob'",
    "a rule for another's account": f"update category_rules set account_id = '{uid('bob', 'account')}'",
    "a pass of rules that nobody made": "update rule_passes set done = wanted",
    "a use of Link for another's item": (
        "insert into link_sessions (user_id, token_sha256, mode, item_id, expires_at) "
        f"values ('alice', 'n', 'update', '{uid('bob', 'item')}', now())"
    ),
    "another's item for a use of Link": f"update link_sessions set item_id = '{uid('bob', 'item')}'",
    "a link on another's use of Link": (
        "insert into link_intents (user_id, session_id, public_sha256, ciphertext, due_at, created_at) "
        f"values ('alice', '{uid('bob', 'session')}', 'n', '', now(), now())"
    ),
    "a membership": f"insert into household_members (household_id, user_id) values ('{uid('bob', 'home')}', 'alice')",
    "another role in a household": "update household_members set role = 'owner'",
    "a member thrown out": "delete from household_members",
    "a household of its own making": "insert into households (name) values ('x')",
    "a household taken away": "delete from households",
    "another's account in a household": (
        f"insert into household_shares values ('{uid('alice', 'home')}', 'alice', '{uid('bob', 'account')}')"
    ),
    "an account in another's household": (
        f"insert into household_shares values ('{uid('bob', 'home')}', 'alice', '{uid('alice', 'account')}')"
    ),
    "an account shared for another": (
        f"insert into household_shares values ('{uid('bob', 'home')}', 'bob', '{uid('bob', 'account')}')"
    ),
    "a budget of another's household": (
        "insert into household_budgets (household_id, category_id, iso_currency, limit_amount, starts_month) "
        f"values ('{uid('bob', 'home')}', 'OTHER', 'EUR', 1, '2026-11-01')"
    ),
    "a household's budget on an own category": (
        "insert into household_budgets (household_id, category_id, iso_currency, limit_amount, starts_month) "
        f"values ('{uid('alice', 'home')}', 'own-alice', 'EUR', 1, '2026-11-01')"
    ),
    "an invitation to another's household": (
        "insert into household_invitations (code_sha256, household_id, user_id, expires_at) "
        f"values ('x', '{uid('bob', 'home')}', 'alice', '2099-01-01')"
    ),
    "the invitations' codes": "select * from household_invitations",
    "the categories that a household shows": "select * from household_categories",
    "marking a household by hand": "select mark_shared(array['bob'], array[null]::uuid[], array['2026-11-01']::date[])",
    "a change of owner": "update items set user_id = 'bob'",
    "a bank's amount": "update transactions set amount = 0",
    "a token's bytes": "update item_tokens set ciphertext = ''",
    "a deleted row": "delete from entries",
    "a counter": "update owners set number = 0",
    "a mark": "delete from changes",
    "what the mirror knows": "select * from mirror_state",
    "what a webhook said": "select * from webhook_inbox",
    "marking by hand": "select mark_documents(array['users/bob'], array['users/bob'])",
    "another's lock": "select lock_owners(array['users/bob'])",
    "a table of its own": "create table mine (x int)",
    "a temporary table": "create temporary table mine (x int)",
    "another role": "set role livespend_owner",
}


@pytest.mark.parametrize("attempt", ALICES)
def test_the_database_refuses_the_api(api: Engine, attempt: str) -> None:
    with pytest.raises(ProgrammingError) as refused, transaction(api, "alice") as connection:
        connection.execute(text(ALICES[attempt].replace(":", r"\:")))

    assert sqlstate(refused.value) == REFUSED


def test_the_taxonomy_is_everybodys_to_read_and_nobodys_to_change(api: Engine) -> None:
    with transaction(api, "alice") as connection:
        seen = connection.execute(text("select count(*) from categories where user_id is null")).scalar()
        renamed = connection.execute(text("update categories set name = 'x' where user_id is null")).rowcount

    assert (seen, renamed) == (20, 0)


def test_a_pooled_connection_leaks_no_user(single: Engine) -> None:
    count = text("select count(*), pg_backend_pid() from entries")
    with transaction(single, "alice") as connection:
        alices = connection.execute(count).one()
    with transaction(single) as connection:
        nobodys = connection.execute(count).one()
    with pytest.raises(ZeroDivisionError), transaction(single, "alice") as connection:
        raise ZeroDivisionError
    with single.begin() as connection:
        after_a_rollback = connection.execute(count).one()

    assert alices == (1, nobodys[1])
    assert nobodys[0] == after_a_rollback[0] == 0


def test_the_counter_of_nobody_cannot_be_locked(api: Engine) -> None:
    with pytest.raises(ProgrammingError) as refused, transaction(api) as connection:
        connection.execute(text("select lock_own_counter()"))

    assert sqlstate(refused.value) == REFUSED


def test_marks_of_others_are_never_told(api: Engine) -> None:
    with transaction(api, "alice") as connection:
        told = connection.execute(text("select path from marked_since(0)")).scalars().all()

    assert told != []
    assert {path.split("/")[1] for path in told} == {"alice"}


def test_the_mirror_cannot_write_the_ledger_and_the_worker_not_the_marks(database: Database, api: Engine) -> None:
    for role, attempt in (
        ("mirror", "update entries set note = 'x'"),
        ("mirror", "select * from item_tokens"),
        ("mirror", "insert into changes values ('users/a', 'users/a', 1, 1, now())"),
        ("worker", "update owners set number = 0"),
        ("worker", "delete from items"),
        ("worker", "select erase_rows('alice', 10)"),
        ("worker", "update categories set name = 'x'"),
    ):
        with pytest.raises(ProgrammingError) as refused, transaction(database.engine(role)) as connection:
            connection.execute(text(attempt))
        assert sqlstate(refused.value) == REFUSED, attempt


@pytest.mark.parametrize("table", ["transactions", "accounts"])
def test_the_worker_deletes_only_what_is_removed_already(database: Database, api: Engine, table: str) -> None:
    database.sql("delete from splits")
    for table_of_accounts in ("account_moves", "balance_snapshots", "balance_checks", "recurring_streams"):
        database.sql(f"delete from {table_of_accounts}")
    with transaction(database.engine("worker")) as connection:
        live = connection.execute(text(f"delete from {table}")).rowcount
    database.sql(f"update {table} set removed_at = now() where user_id = 'bob'")
    with transaction(database.engine("worker")) as connection:
        removed = connection.execute(text(f"delete from {table}")).rowcount

    assert (live, removed) == (0, 1)
