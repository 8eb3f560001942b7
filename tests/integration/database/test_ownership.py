"""docs/ownership.md says who owns each field, the database's grants are what it says, column by column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from sync import models
from sync.db import sqlstate, transaction
from tests.fixtures.database import Database

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "ownership.md").read_text()
FIELDS, GRANTS = PAGE.split("\n## Who may update what\n")
TABLES = ("entries", "transactions", "splits")
RIGHTS = re.findall(r"^\| `(\w+)\.(\w+)` \| (\w+) \| (\w+) \| (\w+) \|$", GRANTS, re.M)


def described() -> set[str]:
    """The fields of a transaction's document, a review as one."""
    section = (DOCS / "documents.md").read_text().split("## `users/{uid}/transactions/{entryId}`")[1].split("\n## ")[0]
    return {name.split(".")[0] if name.startswith("review") else name
            for name in re.findall(r"^\| `([^`]+)` \|", section, re.M)}  # fmt: skip


def rows() -> list[tuple[list[str], str, list[str]]]:
    """Fields, owner and the columns they are stored in."""
    found = re.findall(r"^\| (`[^|]+) \| (\w+) \| ([^|]+) \|$", FIELDS, re.M)
    return [(re.findall(r"`([^`]+)`", names), owner, re.findall(r"`(\w+\.\w+)`", kept)) for names, owner, kept in found]


def test_every_field_of_a_transaction_has_one_owner() -> None:
    named = [name for names, _, _ in rows() for name in names]

    assert len(named) == len(set(named))
    assert set(named) == {name for name in described() if not name.startswith("version")}


def test_every_field_is_stored_in_columns_of_its_owner() -> None:
    owner_of = {f"{table}.{column}": owner for table, column, owner, _, _ in RIGHTS}

    assert [
        (names, owner, column)
        for names, owner, columns in rows()
        for column in columns
        if owner != "computed" and owner_of[column] != owner
    ] == []


def test_every_column_of_the_three_tables_has_its_owner_and_no_other_is_named() -> None:
    columns = {(table, column.name) for table in TABLES for column in models.metadata.tables[table].columns}

    assert {(table, column) for table, column, *_ in RIGHTS} == columns
    assert len(RIGHTS) == len(columns)


@pytest.mark.parametrize("role", ["api", "worker", "mirror"])
def test_each_role_may_update_the_columns_that_the_page_gives_it_and_no_other(database: Database, role: str) -> None:
    told = {
        f"{table}.{column}": {"api": api, "worker": worker, "mirror": "no"}[role] != "no"
        for table, column, _, api, worker in RIGHTS
    }

    assert told == {f"{table}.{column}": may_update(database, role, table, column) for table, column, *_ in RIGHTS}


def test_no_column_of_the_bank_is_the_apis_and_none_of_the_users_is_written_by_two() -> None:
    assert [row for row in RIGHTS if row[2] == "bank" and row[3] != "no"] == []
    assert [row for row in RIGHTS if row[2] == "user" and row[4] not in ("no", "carries")] == []


def may_update(database: Database, role: str, table: str, column: str) -> bool:
    """Whether the role's own update of the column passes; there is no row that it could change."""
    generated = models.metadata.tables[table].c[column].computed is not None
    try:
        with transaction(database.engine(role), "nobody") as connection:
            connection.execute(text(f"update {table} set {column} = {'default' if generated else column}"))
    except ProgrammingError as refused:
        if sqlstate(refused) != "42501":
            raise
        return False
    return not generated
