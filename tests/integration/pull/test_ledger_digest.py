"""The digest of a ledger: the same for the same content, another for any other, told from what the user said."""

from __future__ import annotations

import pytest

from sync.db import transaction
from sync.errors import UserNotFound
from sync.rebuild.ledger_digest import bank_lines, digest_item, digest_ledger, sum_of_lines
from tests.integration.pull.bank import account, page, pending, row
from tests.integration.pull.conftest import Linked

ODD = 'Café "Zum\\Krug" \x7f\u2028\U0001f35c \u00e9\t\x01'


def told(linked: Linked) -> None:
    """Two accounts; a pending row that posts, one that is removed, one of odd text."""
    accounts = [account(), account("acc-2", name="Savings", mask=None)]
    linked.bank.at(None, page(added=[pending("p", 40), row("gone"), row("odd", 1.5, name=ODD)], accounts=accounts))
    linked.bank.at("C1", page(added=[row("q", 44, pending_transaction_id="p")], removed=["p", "gone"], to="C2"))
    linked.pull()
    linked.pull()


def digests(linked: Linked) -> tuple[str, str]:
    found = digest_ledger(linked.deps.engine)
    return found.bank, found.own


CHANGES = [
    *(
        f"update transactions set {change} where plaid_transaction_id = 'odd'"
        for change in (
            "amount = amount + 0.0000000001",
            "iso_currency = 'EUR'",
            "iso_currency = null, unofficial_currency = 'USD'",
            "date = date + 1",
            "authorized_date = null",
            "pending = true",
            "pending_transaction_id = 'x'",
            "name = name || ' '",
            "merchant_name = ''",
            "bank_category_id = 'TRAVEL'",
            "bank_category_primary = null",
            "bank_category_detailed = null",
            "bank_category_confidence = null",
            "payment_channel = null",
            "content_sha256 = 'x'",
            "removed_at = now()",
            "superseded_by = 'q'",
            "account_id = (select id from accounts where plaid_account_id = 'acc-2')",
        )
    ),
    "update transactions set entry_id = (select entry_id from transactions where plaid_transaction_id = 'odd')"
    " where plaid_transaction_id = 'gone'",
    "update accounts set current_balance = 0 where plaid_account_id = 'acc-2'",
    "update accounts set mask = '' where plaid_account_id = 'acc-2'",
    "update accounts set closed_at = now() where plaid_account_id = 'acc-2'",
    "delete from transactions where plaid_transaction_id = 'gone'",
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_the_bank_says_otherwise_is_another_digest(linked: Linked, change: str) -> None:
    told(linked)
    bank, own = digests(linked)

    linked.database.sql(change)

    assert digests(linked)[0] != bank
    assert digests(linked)[1] == own


def test_order_on_disk_times_and_trailing_zeros_are_no_content(linked: Linked) -> None:
    told(linked)
    before = digests(linked)

    linked.database.sql("update transactions set created_at = created_at - interval '1 day', amount = amount + 0.0")
    linked.database.sql("update transactions set removed_at = now() - interval '1 day' where removed_at is not null")
    linked.database.sql("update items set cursor = 'elsewhere'")
    linked.database.sql("cluster transactions using ix_transactions_account_id")

    assert digests(linked) == before


@pytest.mark.parametrize(
    "change",
    [
        "update entries set note = 'mine' where id = %s",
        "update entries set user_category_id = 'TRAVEL' where id = %s",
        "update entries set rule_category_id = 'TRAVEL' where id = %s",
        "insert into splits (entry_id, user_id, position, category_id, amount) values (%s, 'u1', 1, 'TRAVEL', 1)",
    ],
)
def test_what_the_user_says_is_in_the_other_digest(linked: Linked, change: str) -> None:
    told(linked)
    bank, own = digests(linked)

    linked.database.sql(change, linked.entry("odd"))

    assert digests(linked)[0] == bank
    assert digests(linked)[1] != own


def test_lines_read_out_of_the_ledger_make_the_same_digest(linked: Linked) -> None:
    told(linked)

    with transaction(linked.deps.engine) as connection:
        item = linked.database.sql("select id from items")[0][0]
        (found,) = connection.exec_driver_sql("select id, plaid_item_id from items").all()
        inexact = digest_item(connection, found, exact=False)
        lines = list(bank_lines(connection, item))
        exact = digest_item(connection, found)

    assert sum_of_lines(lines) == inexact.bank
    assert inexact.lines == len(lines) == 6
    assert exact.bank != inexact.bank


def test_a_user_that_is_not_there_has_no_digest(linked: Linked) -> None:
    with pytest.raises(UserNotFound):
        digest_ledger(linked.deps.engine, "nobody")
