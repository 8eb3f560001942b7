"""What the catalogue must say, whatever table is added later: triggers, row-level security, owners of functions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fixtures.database import Database

# Everything a document is built from.
PROJECTED = {
    "accounts",
    "balance_checks",
    "budgets",
    "categories",
    "entries",
    "household_budgets",
    "household_categories",
    "household_members",
    "household_shares",
    "households",
    "imports",
    "intents_applied",
    "item_freshness",
    "items",
    "recurring_streams",
    "reviews",
    "spend_exclusions",
    "splits",
    "transactions",
    "users",
}
SERVERS_ONLY = {"owners", "changes", "mirror_state", "parked_documents", "sync_runs", "plaid_pages", "page_keys"}
SERVERS_ONLY |= {"alembic_version", "mirror_audits", "mirror_repairs", "audit_reads", "audit_walk"}
SERVERS_ONLY |= {"trace_hops", "trace_screens", "repair_requests", "mirror_costs", "erasures", "signing_keys"}
SERVERS_ONLY |= {"live_shapes", "owner_shapes", "audit_log"}


def test_every_table_that_the_mirror_reads_is_projected_or_its_own(database: Database) -> None:
    readable = {
        name
        for (name,) in database.sql(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' "
            "and has_table_privilege('livespend_mirror', oid, 'select')"
        )
    }

    own = {"owners", "changes", "mirror_state", "parked_documents", "mirror_window", "mirror_costs"}
    own |= {"live_shapes", "owner_shapes", "audit_log"}
    assert readable == PROJECTED | own | {"mirror_audits", "mirror_repairs", "audit_reads", "audit_walk"}


def test_every_projected_table_has_four_triggers_that_always_fire(database: Database) -> None:
    triggers = database.sql(
        "select tgrelid::regclass::text, tgname, tgenabled::text, tgtype & 1 = 0 from pg_trigger "
        "where not tgisinternal and tgname not in ('refuses_move', 'marks_window', 'notes_trace', 'raises_epoch') "
        "and tgname not like 'stamps_%%' and tgname not like 'shares_%%' and tgname not like 'refer%%'"
    )

    wanted = {"marks_insert", "marks_update", "marks_delete", "refuses_truncate"}
    assert set(triggers) == {(table, trigger, "A", True) for table in PROJECTED for trigger in wanted}


def test_an_owners_window_marks_whoever_moves_it(database: Database) -> None:
    triggers = database.sql(
        "select tgrelid::regclass::text, tgenabled::text from pg_trigger where tgname = 'marks_window'"
    )

    assert triggers == [("owners", "A")]


def test_every_field_that_an_intent_may_change_is_stamped_by_triggers_that_fire_after_the_marks(
    database: Database,
) -> None:
    stamping = database.sql(
        "select tgrelid::regclass::text, tgname, tgenabled::text, tgtype & 1 = 0 from pg_trigger "
        "where not tgisinternal and tgname like 'stamps_%%'"
    )

    changing = ("update", "delete")
    wanted = {"entries": changing, "splits": ("insert", *changing), "budgets": changing}
    assert set(stamping) == {(t, f"stamps_{on}", "A", True) for t, commands in wanted.items() for on in commands}


def test_everything_that_a_household_shows_is_marked_for_it_after_its_user(database: Database) -> None:
    sharing = database.sql(
        "select tgrelid::regclass::text, tgname, tgenabled::text, tgtype & 1 = 0 from pg_trigger "
        "where not tgisinternal and tgname like 'shares_%%'"
    )

    rows = dict.fromkeys(("transactions", "splits", "spend_exclusions"), ("insert", "update", "delete"))
    wanted = {**rows, "entries": ("update",), "users": ("update",), "categories": ("update",)}
    assert set(sharing) == {(t, f"shares_{on}", "A", True) for t, commands in wanted.items() for on in commands}


def test_every_projected_row_keeps_its_id_and_owner(database: Database) -> None:
    triggers = database.sql(
        "select tgrelid::regclass::text, tgenabled::text from pg_trigger where tgname = 'refuses_move'"
    )

    assert set(triggers) == {(table, "A") for table in PROJECTED - {"spend_exclusions"}}


def test_every_table_with_a_user_has_row_level_security(database: Database) -> None:
    unguarded = database.sql(
        "select c.relname from pg_class as c join pg_attribute as a on a.attrelid = c.oid "
        "where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' "
        "and (a.attname = 'user_id' or c.relname = 'users') and not c.relrowsecurity"
    )

    assert unguarded == []


def test_no_serving_role_can_bypass_row_level_security_or_own_anything(database: Database) -> None:
    roles = database.sql(
        "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, "
        "exists (select from pg_class where relowner = r.oid), "
        "exists (select from pg_auth_members where member = r.oid) "
        "from pg_roles as r where rolname in ('livespend_api', 'livespend_worker', 'livespend_mirror')"
    )

    assert len(roles) == 3
    assert all(not any(powers) for _, *powers in roles)


def test_the_api_has_no_rights_on_marks_counters_or_mirror_state(database: Database) -> None:
    held = database.sql(
        "select table_name, privilege_type from information_schema.table_privileges "
        "where grantee in ('livespend_api', 'PUBLIC') and table_schema = 'public'"
    )

    assert {table for table, _ in held} & SERVERS_ONLY == set()
    assert {right for _, right in held} == {"SELECT", "INSERT", "DELETE"}
    assert {table for table, right in held if right == "DELETE"} == {"splits", "household_shares"}


def test_the_api_may_update_the_users_columns_only(database: Database) -> None:
    columns = database.sql(
        "select table_name, column_name from information_schema.column_privileges "
        "where grantee = 'livespend_api' and privilege_type = 'UPDATE'"
    )

    # by a new link
    taken_over = {"item_id", "plaid_account_id", "closed_at", "deselected_at", "hidden_at", "rows_moving"}
    assert {column for table, column in columns if table == "accounts"} == {"removed_at"} | taken_over
    assert {column for table, column in columns if table == "transactions"} == {"entry_id", "removed_at"}
    assert {column for _, column in columns} & {"user_id", "cursor", "done"} == set()


def test_marking_functions_belong_to_the_marker_and_trust_no_search_path(database: Database) -> None:
    functions = database.sql(
        "select proname, prosecdef, proowner::regrole::text, array_to_string(proconfig, ';') from pg_proc "
        "where pronamespace = 'public'::regnamespace"
    )

    helpers = {"refuse_truncate", "refuse_move"}
    # The owner's: they reach every table, or change tables.
    owned = {"erasable_tables": False, "erase_rows": True, "rows_left": True, "check_references_by_statement": False}
    assert {name for name, *_ in functions} > helpers | {"mark_documents", "lock_owners"}
    for name, definer, owner, settings in functions:
        assert settings.startswith("search_path=pg_catalog, public, pg_temp"), name
        if name in owned:
            assert (definer, owner) == (owned[name], "livespend_owner"), name
        elif name not in helpers:
            assert (definer, owner) == (True, "livespend_marker"), name


def test_only_the_named_functions_are_for_the_doors(database: Database) -> None:
    callable_by = {
        role: {
            name
            for (name,) in database.sql(
                "select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef "
                "and has_function_privilege(%s, oid, 'execute')",
                f"livespend_{role}",
            )
        }
        for role in ("api", "worker", "mirror")
    }

    assert callable_by == {
        "api": {
            "acknowledge_versions",
            "ask_erasure",
            "being_erased",
            "create_household",
            "dissolve_household",
            "household_people",
            "join_household",
            "leave_household",
            "link_session_of",
            "lock_household",
            "lock_own_counter",
            "marked_in_household",
            "marked_since",
            "own_households",
            "request_repair",
            "want_pull",
        },
        "worker": {"being_erased", "erase_rows", "leave_households", "lock_owners", "rows_left", "want_pull"},
        "mirror": {"being_erased", "lock_owners", "mark_documents"},
    }


def test_constraints_and_indexes_follow_the_naming_convention(database: Database) -> None:
    prefixes = {"p": "pk_", "f": "fk_", "u": "uq_", "c": "ck_"}
    constraints = database.sql(
        "select conrelid::regclass::text, conname, contype::text from pg_constraint "
        "where connamespace = 'public'::regnamespace and contype in ('p', 'f', 'u', 'c')"
    )

    for table, name, kind in constraints:
        assert table == "alembic_version" or name.startswith(f"{prefixes[kind]}{table}"), name


def test_every_foreign_key_has_an_index_to_find_its_rows_by(database: Database) -> None:
    missing = database.sql(
        "select conrelid::regclass::text, conname from pg_constraint as c where contype = 'f' "
        "and confrelid in ('users'::regclass, 'items'::regclass, 'accounts'::regclass, 'entries'::regclass) "
        "and not exists (select from pg_index as i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])"
    )

    # One row per item, and found by it.
    by_item = {"item_tokens", "item_pulls", "imports"}
    assert {name for _, name in missing} == {f"fk_{table}_user_id_users" for table in by_item}


@pytest.fixture
def taxonomy() -> dict[str, object]:
    """Our data file."""
    path = Path(__file__).parents[3] / "sync" / "data" / "plaid_pfc_v2.json"
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_the_seeded_categories_are_those_of_the_data_file(database: Database, taxonomy: dict[str, object]) -> None:
    primaries, own = taxonomy["primaries"], taxonomy["own"]
    assert isinstance(primaries, dict)
    assert isinstance(own, dict)

    assert len(primaries) == 18
    assert dict(database.sql("select id, name from categories")) == {
        **{primary: told["name"] for primary, told in primaries.items()},
        **own,
    }
    assert {row[0] for row in database.sql("select category_id from spend_exclusions")} == set(
        taxonomy["outsideSpend"]  # type: ignore[call-overload]
    )


def test_every_detailed_code_lies_below_its_primary(taxonomy: dict[str, object]) -> None:
    primaries = taxonomy["primaries"]
    assert isinstance(primaries, dict)

    codes = [code for primary, told in primaries.items() for code in told["detailed"] if code.startswith(f"{primary}_")]
    assert len(codes) == len(set(codes)) == 123
