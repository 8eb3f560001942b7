"""Marks: whoever writes the ledger, exactly the documents that may differ are marked, and the bell rings once."""

from __future__ import annotations

import select
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from sync.ledger import ledger
from sync.mirror.window import first_month, move_window
from tests.fixtures.deps import DepsFor
from tests.integration.ledger.conftest import Scene

PROJECTED = (
    "users", "items", "accounts", "categories", "budgets", "entries", "transactions", "splits", "spend_exclusions"
)  # fmt: skip


@pytest.fixture
def row(scene: Scene) -> dict[str, str]:
    """A bank row of alice's in November, a category and a budget of hers; no marks."""
    item_id, account_id = scene.link("alice")
    entry_id = scene.bank_row("alice", account_id)
    scene.database.sql("insert into categories (id, user_id, name) values ('own', 'alice', 'Own')")
    budget_id = str(uuid.uuid4())
    scene.database.sql(
        "insert into budgets (id, user_id, category_id, iso_currency, limit_amount, starts_month) "
        "values (%s, 'alice', 'TRAVEL', 'USD', 10, '2026-10-01')",
        budget_id,
    )
    scene.forget_marks()
    scene.database.sql(
        "insert into splits (entry_id, user_id, position, category_id, amount) values (%s, 'alice', 1, 'MEDICAL', 2)",
        entry_id,
    )
    scene.forget_marks()
    return {"item": str(item_id), "account": str(account_id), "entry": entry_id, "budget": budget_id}


TRANSACTION, NOVEMBER, OCTOBER = "/transactions/{entry}", "/months/2026-11", "/months/2026-10"
WRITES: dict[str, tuple[str, set[str]]] = {
    "a name": ("update transactions set name = 'Tea'", {TRANSACTION, NOVEMBER}),
    "a merchant": ("update transactions set merchant_name = 'Tea Ltd'", {TRANSACTION, NOVEMBER}),
    "an amount": ("update transactions set amount = 13", {TRANSACTION, NOVEMBER}),
    "a currency": ("update transactions set iso_currency = 'EUR'", {TRANSACTION, NOVEMBER}),
    "pending": ("update transactions set pending = true", {TRANSACTION, NOVEMBER}),
    "a bank's category": ("update transactions set bank_category_id = 'TRAVEL'", {TRANSACTION, NOVEMBER}),
    "a day of the month": ("update transactions set date = '2026-11-04'", {TRANSACTION, NOVEMBER}),
    "a bank's day beside an authorized one": (
        "update transactions set authorized_date = date; delete from changes; "
        "update transactions set date = '2026-11-04'",
        {TRANSACTION},
    ),
    "a day of another month": (
        "update transactions set authorized_date = '2026-10-31'",
        {TRANSACTION, NOVEMBER, OCTOBER},
    ),
    "a removal": ("update transactions set removed_at = now()", {TRANSACTION, NOVEMBER}),
    "a deleted row": ("delete from transactions", {TRANSACTION, NOVEMBER}),
    "a digest of Plaid's object": ("update transactions set content_sha256 = 'x'", set()),
    "the same amount": ("update transactions set amount = amount", set()),
    "a note": ("update entries set note = 'x'", {TRANSACTION}),
    "a user's category": ("update entries set user_category_id = 'TRAVEL'", {TRANSACTION, NOVEMBER}),
    "a rule's category": ("update entries set rule_category_id = 'TRAVEL'", {TRANSACTION, NOVEMBER}),
    "a hidden entry": ("update entries set removed_at = now()", {TRANSACTION, NOVEMBER}),
    "a time of edit": ("update entries set edited_at = now()", set()),
    "a balance": ("update accounts set current_balance = 1", {"/accounts/{account}"}),
    "a closed account": ("update accounts set closed_at = now()", {"/accounts/{account}"}),
    "an item's status": ("update items set status = 'error'", {"/items/{item}"}),
    "an item's cursor": ("update items set cursor = 'x', update_status = 'INITIAL'", set()),
    "a wanted pull": ("update item_pulls set wanted = wanted + 1, last_webhook_at = now()", set()),
    "a name on screen": ("update users set display_name = 'Al' where id = 'alice'", {""}),
    "a category's name": ("update categories set name = 'x' where id = 'own'", {"/categories/own"}),
    "a taxonomy name": ("update categories set name = 'x' where id = 'TRAVEL'", set()),
    "a budget": ("update budgets set limit_amount = 11", {"/budgets/{budget}", NOVEMBER}),
    "a budget's start": ("update budgets set starts_month = '2026-12-01'", {"/budgets/{budget}", NOVEMBER}),
    "a category out of spend": ("insert into spend_exclusions values ('FOOD_AND_DRINK')", {NOVEMBER}),
    "a part's category out of spend": ("insert into spend_exclusions values ('MEDICAL')", {NOVEMBER}),
    "a part's amount": ("update splits set amount = 3", {TRANSACTION, NOVEMBER}),
    "a part's category": ("update splits set category_id = 'TRAVEL'", {TRANSACTION, NOVEMBER}),
    "a part's note": ("update splits set note = 'x'", {TRANSACTION}),
    "a part's place": ("update splits set position = 2", {TRANSACTION}),
    "the same part": ("update splits set amount = amount", set()),
    "a part that goes": ("delete from splits", {TRANSACTION, NOVEMBER}),
    "another part": (
        "insert into splits (entry_id, user_id, position, category_id, amount) "
        "select entry_id, user_id, 2, 'OTHER', 1 from splits",
        {TRANSACTION, NOVEMBER},
    ),
    "a part of what is gone": (
        "update transactions set removed_at = now(); delete from changes; update splits set amount = 3",
        set(),
    ),
    "a rule that nobody has applied": (
        "insert into category_rules (user_id, position, direction, category_id) values ('alice', 1, 'in', 'OTHER')",
        set(),
    ),
    "another category out of spend": ("insert into spend_exclusions values ('TRAVEL')", set()),
    "a wider window": ("update owners set first_month = '2020-01-01'", {""}),
    "a window past the row": ("update owners set first_month = '2030-01-01'", {"", TRANSACTION, NOVEMBER}),
    "the same window": ("update owners set first_month = first_month", set()),
    "nothing at all": ("update transactions set amount = 0 where false", set()),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_marks_exactly_what_may_differ(scene: Scene, row: dict[str, str], write: str) -> None:
    statement, expected = WRITES[write]

    scene.database.sql(statement)

    assert {path.format(**row) for path in expected} == set(scene.marks("alice"))


def test_a_new_bank_row_marks_itself_and_its_month(scene: Scene, row: dict[str, str]) -> None:
    entry_id = scene.bank_row("alice", uuid.UUID(row["account"]), date=date(2026, 9, 9))

    assert {f"/transactions/{entry_id}", "/months/2026-09"} == set(scene.marks("alice"))


def test_a_page_of_rows_is_one_version_and_one_month_mark(scene: Scene, row: dict[str, str]) -> None:
    scene.database.sql(
        "with made as (insert into entries (user_id) select 'alice' from generate_series(1, 500) returning id) "
        "insert into transactions (plaid_transaction_id, entry_id, user_id, account_id, source, amount, iso_currency, "
        "date, pending, name, bank_category_id) select id::text, id, 'alice', %s, 'bank', 1, 'USD', '2026-11-09', "
        "false, 'x', 'OTHER' from made",
        row["account"],
    )

    marks = scene.marks("alice")
    assert len(marks) == 501
    assert len(set(marks.values())) == 1


@pytest.mark.parametrize("table", PROJECTED)
def test_truncate_is_refused(scene: Scene, table: str) -> None:
    with pytest.raises(psycopg2.errors.FeatureNotSupported):
        scene.database.sql(f"truncate {table} cascade")


def test_a_row_keeps_its_id_and_its_owner(scene: Scene, row: dict[str, str]) -> None:
    for statement in ("update accounts set user_id = 'bob'", "update accounts set id = gen_random_uuid()"):
        with pytest.raises(psycopg2.errors.FeatureNotSupported):
            scene.database.sql(statement)


def test_a_session_that_switches_ordinary_triggers_off_marks_all_the_same(scene: Scene, row: dict[str, str]) -> None:
    scene.database.sql("set session_replication_role = replica")
    scene.database.sql("update transactions set amount = 13")

    assert {f"/transactions/{row['entry']}", NOVEMBER} == set(scene.marks("alice"))


def test_there_and_back_again_is_marked_twice(scene: Scene, row: dict[str, str]) -> None:
    numbers = []
    for amount in (13, "12.34"):
        scene.database.sql("update transactions set amount = %s", amount)
        numbers.append(scene.marks("alice")[NOVEMBER])

    assert numbers[0] < numbers[1]


def test_a_write_undone_leaves_no_mark(scene: Scene, row: dict[str, str]) -> None:
    connection = psycopg2.connect(scene.database.url())
    with connection.cursor() as cursor:
        cursor.execute("update transactions set amount = 13")
    connection.rollback()
    connection.close()

    assert scene.marks("alice") == {}
    assert scene.database.sql("select dirty from owners where owner = 'users/alice'") == [(False,)]


@pytest.fixture
def bells(scene: Scene) -> Iterator[Any]:
    """Answers the bells that rang since it was last asked."""
    connection = psycopg2.connect(scene.database.url("mirror"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("listen livespend_dirty")

    def rung() -> list[str]:
        # A notification is sent before its COMMIT is answered; one round trip brings it in.
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        select.select([connection], [], [], 0)
        connection.poll()
        heard = [notice.payload for notice in connection.notifies]
        connection.notifies.clear()
        return heard

    yield rung
    connection.close()


def test_the_bell_rings_only_when_a_user_turns_from_clean_to_dirty(
    scene: Scene, row: dict[str, str], bells: Any
) -> None:
    ledger.set_note(scene.deps, "alice", row["entry"], "one")
    assert bells() == ["users/alice"]

    ledger.set_note(scene.deps, "alice", row["entry"], "two")
    scene.database.sql("update transactions set amount = 99")
    assert bells() == []

    scene.forget_marks()
    ledger.set_note(scene.deps, "alice", row["entry"], "two")
    assert bells() == []
    ledger.set_note(scene.deps, "alice", row["entry"], "three")
    assert bells() == ["users/alice"]


def test_every_user_that_turns_dirty_rings_for_themselves(scene: Scene, row: dict[str, str], bells: Any) -> None:
    scene.database.sql("update users set display_name = 'x'")

    assert sorted(bells()) == ["users/alice", "users/bob"]


def test_the_window_moves_by_the_clock_once_a_month(scene: Scene, row: dict[str, str], deps_for: DepsFor) -> None:
    def on(day: str) -> bool:
        return move_window(deps_for("worker", now=lambda: datetime.fromisoformat(f"{day}T00:00:00+00:00")))

    on("2026-11-20")
    scene.forget_marks()

    assert on("2026-11-30") is False
    assert scene.marks("alice") == {}
    assert on("2026-12-01") is True
    assert scene.database.sql("select first_month from mirror_window") == [(date(2025, 12, 1),)]
    assert set(scene.marks("alice")) == {""}
    assert on("2027-12-01") is True
    assert set(scene.marks("alice")) == {"", f"/transactions/{row['entry']}", NOVEMBER}


def test_the_window_goes_back_with_the_setting(scene: Scene, deps_for: DepsFor) -> None:
    deps_for.settings = deps_for.settings.__class__(**{**vars(deps_for.settings), "mirror_window_months": 1})

    deps = deps_for("worker", now=lambda: datetime.fromisoformat("2026-11-20T00:00:00+00:00"))

    assert (move_window(deps), move_window(deps)) == (True, False)
    assert scene.database.sql("select first_month from mirror_window") == [(date(2026, 11, 1),)]


def test_the_window_holds_thirteen_months() -> None:
    assert first_month(date(2026, 11, 20), 13) == date(2025, 11, 1)
    assert first_month(date(2026, 12, 31), 13) == date(2025, 12, 1)
    assert first_month(date(2027, 1, 1), 13) == date(2026, 1, 1)
    assert first_month(date(2026, 1, 31) + timedelta(days=0), 1) == date(2026, 1, 1)
