"""Every kind of document, from ledger rows to Firestore and away again."""

from __future__ import annotations

import uuid
from decimal import Decimal


def test_every_kind_of_document_equals_plain_sql(books, mirrored, assert_mirrored, database):
    ada, bob = books("ada"), books("bob")
    rows = ada.add(4, on="2026-11-02", amount="12.345")
    ada.add(2, on="2026-11-02", amount="-3", bank_category_id="INCOME")
    ada.add(1, on="2026-10-30", amount="1000.4", iso_currency="JPY")
    (coin,) = ada.add(1, on="2026-11-09", amount="0.1234567891", iso_currency=None, unofficial_currency="BTC")
    (lowered,) = ada.add(1, on="2026-11-10")
    ada.add(1, on="2026-11-09", pending=True, authorized_date="2026-10-31", payment_channel="online")
    ada.add(1, on="2024-03-01")
    bob.add(3)
    ada.categorize(rows[0], "TRAVEL")
    ada.split(rows[0], ("TRAVEL", "1.005"), ("INCOME", "2"), ("TRAVEL", "0.34"))
    ada.split(rows[3], ("MEDICAL", "12.345"))
    ada.split(coin, ("INCOME", "0.1"))
    ada.split(lowered, ("TRAVEL", "8"), ("OTHER", "0.5"))
    database.sql("update transactions set amount = 5 where entry_id = %s", lowered)
    database.sql("insert into categories (id, user_id, name) values ('own', 'ada', 'Plants')")
    database.sql("update entries set rule_category_id = 'MEDICAL', note = 'dentist' where id = %s", rows[1])
    database.sql("update entries set user_category_id = 'own' where id = %s", rows[2])
    database.sql(
        "insert into budgets (user_id, category_id, iso_currency, limit_amount, starts_month) "
        "values ('ada', 'TRAVEL', 'USD', 100, '2026-11-01')"
    )
    database.sql(
        "insert into imports (item_id, user_id, window_id, phase, pages, rows, stored_from, started_at, told_at) "
        "values (%s, 'ada', gen_random_uuid(), 'storing', 7, 3500, '2026-11-01', now(), now())",
        ada.item,
    )
    database.sql("update items set status = 'login_required', error_code = 'ITEM_LOGIN_REQUIRED' where user_id = 'bob'")

    mirrored()

    assert_mirrored()


def test_money_is_exact_and_rounded_once(books, mirrored, firestore_server):
    ada = books()
    ada.add(3, amount="0.005")

    mirrored()

    usd = firestore_server.documents()[ada.path("months", "2026-11")]["currencies"]["USD"]
    assert (usd["spend"], usd["spendMinor"]) == ("0.015", 2)


def test_a_manual_expense_has_no_account(books, mirrored, firestore_server, database):
    ada = books()
    entry = str(uuid.uuid4())
    database.sql("insert into entries (id, user_id) values (%s, 'ada')", entry)
    database.sql(
        "insert into transactions (entry_id, user_id, source, amount, iso_currency, date, pending, name, "
        "bank_category_id) values (%s, 'ada', 'manual', %s, 'USD', '2026-11-03', false, 'Market', 'UNCATEGORIZED')",
        entry, Decimal("7.5"),
    )  # fmt: skip

    mirrored()

    document = firestore_server.documents()[ada.path("transactions", entry)]
    assert (document["source"], document["accountId"], document["amountMinor"]) == ("manual", None, 750)


def test_what_leaves_the_ledger_leaves_firestore(books, mirrored, assert_mirrored, database, firestore_server):
    ada = books()
    first, second = ada.add(2)
    ada.add(1, on="2026-09-01")
    mirrored()
    ada.remove(first)
    database.sql("update entries set removed_at = now() where id = %s", second)
    database.sql("update accounts set removed_at = now() where user_id = 'ada'")
    database.sql("update items set removed_at = now() where user_id = 'ada'")

    mirrored()

    assert_mirrored()
    assert ada.path("months", "2026-11") not in firestore_server.documents()


def test_a_row_restored_after_its_removal_comes_back(books, mirrored, assert_mirrored):
    ada = books()
    entry, *_ = ada.add(2)
    mirrored()
    ada.remove(entry)
    mirrored()
    ada.restore(entry)

    mirrored()

    assert_mirrored()


def test_a_row_made_and_removed_before_any_mirror_looks_is_acknowledged(books, mirrored, assert_mirrored, writes):
    ada = books()
    ada.add(1)
    mirrored()
    (entry,) = ada.add(1)
    ada.remove(entry)
    with writes() as counted:
        mirrored()

    assert (counted["requested"], counted["deletes"]) == (2, 0)  # the month, and the head that stands guard
    assert_mirrored()


def test_the_head_says_how_far_everything_is_mirrored(books, mirrored, firestore_server, database):
    ada = books()
    ada.add(2)

    mirrored()

    head = firestore_server.documents()["users/ada"]
    ((epoch, number),) = database.sql("select epoch, number from owners where owner = 'users/ada'")
    assert {"epoch": epoch, "number": number} == head["mirrorHead"]


def test_an_update_typed_in_sql_reaches_firestore_while_a_mirror_runs(
    books, running_mirror, firestore_server, database, assert_mirrored, eventually, clean
):
    ada = books()
    entry, *_ = ada.add(3)
    running_mirror()
    eventually(clean)

    database.sql("update transactions set name = 'Typed by hand', amount = 99 where entry_id = %s", entry)

    path = ada.path("transactions", entry)
    eventually(lambda: firestore_server.documents(path)[path]["name"] == "Typed by hand")
    eventually(clean)
    assert_mirrored()


def test_a_mark_of_somebody_elses_document_stops_nobody(books, running_mirror, database, eventually, firestore_server):
    ada, bob = books("ada"), books("bob")
    ada.add(1)
    bob.add(1)
    database.sql("select mark_documents(array['users/ada'], array['users/bob'])")

    running_mirror()

    eventually(lambda: database.sql("select owner, path from changes") == [("users/ada", "users/bob")])
    assert {"users/ada", "users/bob"} <= firestore_server.documents().keys()


def test_marks_of_a_newer_shape_are_left_for_a_newer_mirror(books, running_mirror, database, eventually):
    ada = books()
    ada.add(1)
    database.sql("select mark_documents(array['users/ada'], array['users/ada/rules/r1'])")

    running_mirror()

    eventually(lambda: database.sql("select path from changes") == [("users/ada/rules/r1",)])
    assert database.sql("select dirty from owners where owner = 'users/ada'") == [(True,)]
