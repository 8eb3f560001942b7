"""What marking costs grows with the rows of the statement and not faster, whatever a session has planned before."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg2
import pytest

from tests.fixtures.database import Database

ROWS = 300
# Every row of a scan, a join, a sort; a join row by row would touch ROWS * ROWS.
AT_MOST = 40 * ROWS
_MARKING = """
    select p.proname, p.prosrc, coalesce(p.proconfig, '{}') from pg_proc as p
    join pg_trigger as t on t.tgfoid = p.oid where p.proname like 'marks%%' and t.tgrelid = %s::regclass limit 1
"""
_CHANGES = {
    "entries": "user_category_id = 'TRAVEL'",
    "transactions": "amount = amount + 1",
    "splits": "amount = amount + 1",
    "accounts": "name = 'Other'",
    "reviews": "state = 'declined'",
    "users": "display_name = 'Other'",
}


def touched(node: dict[str, Any]) -> float:
    """The rows that a plan looked at, in all of its nodes."""
    loops = node["Actual Loops"]
    here = node["Actual Rows"] * loops + sum(
        node.get(f"Rows Removed by {kind}", 0) * loops for kind in ("Join Filter", "Filter", "Index Recheck")
    )
    return float(here + sum(touched(below) for below in node.get("Plans", ())))


def of_updates(source: str) -> str:
    """The statement by which a marking function finds what an UPDATE changed."""
    found = re.search(r"(?:    else\n|    end if;\n(?=    with))(.*?);", source, re.S)
    assert found is not None
    statement = found[1].replace("into changed_owners, changed_paths", "")
    return re.sub(r"perform mark_documents\((.*?)\)\n", r"select \1\n", statement, flags=re.S)


def seeded(database: Database) -> None:
    database.sql("insert into users (id) select 'u' || n from generate_series(1, %s) n", ROWS)
    database.sql("insert into items (user_id, plaid_item_id) select id, id from users")
    database.sql(
        "insert into accounts (user_id, item_id, plaid_account_id, name, type) "
        "select user_id, id, plaid_item_id, 'Checking', 'depository' from items"
    )
    database.sql("insert into entries (user_id) select id from users")
    database.sql(
        "insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, "
        "bank_category_id) select id, user_id, 'manual', 5, 'USD', '2026-11-05', false, 'Tea', 'FOOD_AND_DRINK' "
        "from entries"
    )
    database.sql(
        "insert into splits (entry_id, user_id, position, category_id, amount) "
        "select id, user_id, 1, 'MEDICAL', 1 from entries"
    )
    database.sql(
        "insert into reviews (user_id, pending_entry_id, posted_entry_id, score, name, amount, iso_currency, date) "
        "select user_id, id, lead(id, 1, (select id from entries order by id limit 1)) over (order by id), "
        "1, 'Tea', 5, 'USD', '2026-11-05' from entries"
    )


@pytest.mark.parametrize("table", sorted(_CHANGES))
def test_marks_of_many_rows_follow_a_plan_made_for_one(database: Database, table: str) -> None:
    ((name, source, settings),) = database.sql(_MARKING, table)
    select = of_updates(source)

    database.sql("create temp table old_rows (like " + table + " including generated)")
    database.sql("create temp table new_rows (like " + table + " including generated)")
    for setting in settings:
        database.sql("select set_config(split_part(%s, '=', 1), split_part(%s, '=', 2), false)", setting, setting)
    database.sql(f"prepare marking as {select}")
    database.sql("execute marking")  # the plan is made here, for nothing at all, and kept
    database.sql("reset enable_nestloop")
    seeded(database)
    columns = ", ".join(
        column for (column,) in database.sql(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attgenerated = '' "
            "and not attisdropped", table)
    )  # fmt: skip
    database.sql(f"insert into old_rows ({columns}) select {columns} from {table}")
    database.sql(f"update {table} set {_CHANGES[table]}")
    database.sql(f"insert into new_rows ({columns}) select {columns} from {table}")

    ((plan,),) = database.sql("explain (analyze, timing off, format json) execute marking")

    told = plan if isinstance(plan, list) else json.loads(plan)
    assert ROWS < touched(told[0]["Plan"]) <= AT_MOST, (name, json.dumps(told))


def test_every_marking_function_that_compares_rows_never_loops_over_them(database: Database) -> None:
    comparing = database.sql(
        "select proname, coalesce(proconfig, '{}') from pg_proc where prosrc like %s and proname like 'marks%%'",
        "%new_rows as n join old_rows as o%",
    )

    assert len(comparing) > 8
    assert [name for name, settings in comparing if "enable_nestloop=off" not in settings] == []


# Each of one row, of tables that hold many.
_STAMPED = {
    "a deleted entry": "delete from entries where id = %(entry)s",
    "an edited entry": "update entries set note = 'other' where id = %(entry)s",
    "a new part": "insert into splits (entry_id, user_id, position, category_id, amount) "
    "values (%(entry)s, 'u1', 1, 'MEDICAL', 1)",
    "a deleted budget": "delete from budgets where id = %(budget)s",
}
_READ_WHOLE = (
    "select relname, seq_scan from pg_stat_xact_user_tables where relname in ('field_versions', 'entries') order by 1"
)


@pytest.mark.parametrize("edit", _STAMPED)
def test_a_stamp_reads_no_table_whole_although_it_was_planned_for_empty_ones(database: Database, edit: str) -> None:
    connection = psycopg2.connect(database.url())
    with connection, connection.cursor() as cursor:
        cursor.execute("insert into users (id) values ('u1')")
        cursor.execute(_STAMPED[edit], _edited(cursor, 1))  # the plan is made here, and kept
        cursor.execute("delete from splits; delete from entries; delete from budgets; delete from field_versions")
        rows = _edited(cursor, ROWS)

    with connection, connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")  # for the edit's own sake
        cursor.execute(_READ_WHOLE)
        before = cursor.fetchall()
        cursor.execute(_STAMPED[edit], rows)
        cursor.execute(_READ_WHOLE)
        assert cursor.fetchall() == before
    connection.close()


def _edited(cursor: Any, rows: int) -> dict[str, str]:
    """Makes so many entries and versions of fields, and a budget; answers one of each."""
    cursor.execute(
        "insert into field_versions (subject_id, field, user_id, epoch, number) "
        "select gen_random_uuid(), 'note', 'u1', 1, 1 from generate_series(1, %s)",
        (rows,),
    )
    cursor.execute("insert into entries (user_id) select 'u1' from generate_series(1, %s) returning id", (rows,))
    ((entry,), *_) = cursor.fetchall()
    cursor.execute(
        "insert into budgets (user_id, category_id, iso_currency, limit_amount, starts_month) "
        "values ('u1', 'TRAVEL', 'USD', 99, '2026-11-01') returning id"
    )
    ((budget,),) = cursor.fetchall()
    return {"entry": entry, "budget": budget}
