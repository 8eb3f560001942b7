"""The screen receipt that a month carries: made in SQL, equal to the vectors that the page is held to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.mirror.receipts import totals_digest
from tests.fixtures.database import Database
from tests.fixtures.firestore import FirestoreServer
from tests.fixtures.mirror import Books

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "receipts.json").read_text())
NOVEMBER = "users/ada/months/2026-11"


def receipt(firestore_server: FirestoreServer, path: str = NOVEMBER) -> dict[str, Any]:
    found: dict[str, Any] = firestore_server.documents()[path]["receipt"]
    return found


def put(database: Database, books: Books, row: dict[str, Any]) -> None:
    """A row of a vector as a bank row, edited where only an edit can have made it so."""
    own = row["categoryId"] == "own"
    database.sql("insert into entries (id, user_id, user_category_id) values (%s, %s, %s)", row["id"], books.user,
                 "own" if own else None)  # fmt: skip
    database.sql(
        "insert into transactions (plaid_transaction_id, entry_id, user_id, account_id, source, amount, date, "
        "iso_currency, unofficial_currency, pending, expired_at, name, merchant_name, bank_category_id) "
        "values (%s, %s, %s, %s, 'bank', %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        row["id"], row["id"], books.user, books.account, row["amount"], row["date"], row["currency"],
        row["unofficialCurrency"], row["pending"], "2026-11-20" if row["expired"] else None, row["name"],
        row["merchantName"], "OTHER" if own else row["categoryId"],
    )  # fmt: skip
    if row["splits"]:
        books.split(row["id"], *((part["categoryId"], part["amount"]) for part in row["splits"]))


@pytest.mark.parametrize("case", VECTORS["days"], ids=lambda case: case["name"])
def test_the_ledger_makes_the_receipts_that_the_page_makes(
    books: Callable[..., Books], mirrored, database: Database, firestore_server: FirestoreServer, case: dict[str, Any]
):
    ada = books()
    database.sql("insert into categories (id, user_id, name) values ('own', 'ada', 'Plants')")
    for row in case["rows"]:
        put(database, ada, row)
    mirrored()

    assert receipt(firestore_server)["days"] == case["receipt"]


@pytest.mark.parametrize("case", VECTORS["totals"], ids=lambda case: case["name"])
def test_totals_have_the_digests_that_the_page_makes(case: dict[str, Any]):
    assert totals_digest(case["month"]) == case["receipt"]


def test_each_document_covers_its_own_month_and_user(
    books: Callable[..., Books], mirrored, firestore_server: FirestoreServer
):
    ada, bob = books("ada"), books("bob")
    ada.add(2, on="2026-11-05")
    ada.add(1, on="2026-10-06")
    bob.add(3, on="2026-11-07")
    mirrored()

    days = {path: receipt(firestore_server, path)["days"][:2] for path in (NOVEMBER, "users/ada/months/2026-10")}
    assert days == {NOVEMBER: "05", "users/ada/months/2026-10": "06"}
    assert receipt(firestore_server, "users/bob/months/2026-11")["days"][:2] == "07"


def test_a_month_before_the_window_has_no_days(
    books: Callable[..., Books], mirrored, firestore_server: FirestoreServer
):
    ada = books()
    ada.add(2, on="2025-03-05")
    mirrored()

    told = receipt(firestore_server, "users/ada/months/2025-03")
    assert told["days"] is None
    assert len(told["totals"]) == 16


@pytest.mark.parametrize(
    "write",
    [
        "update transactions set name = 'Tea'",
        "update transactions set merchant_name = 'Tea Ltd'",
        "update transactions set amount = amount + 1",
        "update transactions set date = '2026-11-06'",
        "update transactions set pending = true",
        "update transactions set expired_at = now()",
        "update transactions set removed_at = now() where entry_id = (select min(id::text)::uuid from entries)",
        "update entries set user_category_id = 'TRAVEL'",
        "update entries set rule_category_id = 'TRAVEL'",
        "insert into splits (entry_id, user_id, position, category_id, amount) "
        "select id, user_id, 1, 'TRAVEL', 1 from entries",
    ],
)
def test_whatever_a_receipt_covers_writes_a_new_one(
    books: Callable[..., Books], mirrored, database: Database, firestore_server: FirestoreServer, write: str
):
    books().add(2)
    mirrored()
    before = receipt(firestore_server)["days"]

    database.sql(write)
    mirrored()

    assert receipt(firestore_server)["days"] != before


def test_a_note_leaves_the_receipt_as_it_is(
    books: Callable[..., Books], mirrored, database: Database, firestore_server: FirestoreServer
):
    ada = books()
    entry, *_ = ada.add(2)
    mirrored()
    before = firestore_server.documents()[NOVEMBER]

    ada.annotate(entry, "lunch")
    mirrored()

    assert firestore_server.documents()[NOVEMBER] == before
