"""One real-world transaction is one entry from pending to posted, and keeps what the user said about it."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from tests.integration.pull.bank import account, page, pending, row
from tests.integration.pull.conftest import Linked


def posted(plaid_id: str, amount: object = 20, of: str | None = "p") -> dict[str, object]:
    return row(plaid_id, amount, pending_transaction_id=of)


@pytest.fixture
def entry(linked: Linked) -> UUID:
    """A pending row p of 20.00 is in the ledger; the user has filed it under TRAVEL. Answers its entry."""
    linked.bank.at(None, page(added=[pending("p", 20)], to="C1"))
    linked.pull()
    linked.categorise("p", "TRAVEL")
    return linked.entry("p")


def assert_posted(linked: Linked, entry: UUID, amount: object = 20) -> None:
    assert linked.live() == {"q": Decimal(str(amount))}
    assert linked.entry("q") == entry
    assert linked.one("select superseded_by from transactions where plaid_transaction_id = 'p'") == "q"
    assert linked.one("select user_category_id from entries where id = %s", entry) == "TRAVEL"
    assert linked.one("select count(*) from entries") == 1


def test_posting_in_one_page_keeps_entry_and_category(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q")], removed=["p"], to="C2"))

    linked.pull()

    assert_posted(linked, entry)


def test_posting_across_pages_keeps_entry_and_category(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(removed=["p"], accounts=[], to="P1", more=True))
    linked.bank.at("P1", page(added=[posted("q")], to="C2"))

    linked.pull()

    assert_posted(linked, entry)


def test_posting_in_a_later_update_keeps_entry_and_category(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(removed=["p"], accounts=[], to="C2"))
    linked.bank.at("C2", page(added=[posted("q")], to="C3"))
    linked.pull()
    assert linked.live() == {}

    linked.pull()

    assert_posted(linked, entry)


def test_posting_before_the_pending_row_is_removed_counts_it_once(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q")], to="C2"))
    linked.bank.at("C2", page(removed=["p"], accounts=[], to="C3"))
    linked.pull()
    assert_posted(linked, entry)
    before = linked.marks()

    linked.pull()

    assert_posted(linked, entry)
    assert linked.marks() == before


def test_posting_marks_the_same_document_again(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q")], removed=["p"], to="C2"))
    before = linked.marks()

    linked.pull()

    newer = {path for path, number in linked.marks().items() if number > max(before.values())}
    assert newer == {f"users/u1/transactions/{entry}", "users/u1/months/2026-11"}


def test_a_tip_changes_the_amount_and_keeps_the_category(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q", 24.00)], removed=["p"], to="C2"))

    linked.pull()

    assert_posted(linked, entry, 24)


@pytest.mark.parametrize(
    "changed",
    [
        {"date": "2026-12-02", "authorized_date": "2026-11-04"},
        {"date": "2026-12-02", "authorized_date": None},
        {"name": "SHELL OIL 57444", "merchant_name": "Shell"},
        {"account_id": "acc-2"},
        {"iso_currency_code": "EUR"},
        {"iso_currency_code": None, "unofficial_currency_code": "BTC"},
        {"amount": -20},
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("order", ["one page", "removed first", "removed last", "never removed"])
def test_whatever_posting_changes_it_is_the_same_entry(
    linked: Linked, entry: UUID, changed: dict[str, object], order: str
) -> None:
    told = posted("q") | changed
    accounts = [account("acc-1"), account("acc-2")]
    steps = {
        "one page": [{"added": [told], "removed": ["p"]}],
        "removed first": [{"removed": ["p"]}, {"added": [told]}],
        "removed last": [{"added": [told]}, {"removed": ["p"]}],
        "never removed": [{"added": [told]}],
    }[order]

    for number, step in enumerate(steps, 1):
        linked.bank.at(f"C{number}", page(accounts=accounts, to=f"C{number + 1}", **step))  # type: ignore[arg-type]
        linked.pull()

    assert_posted(linked, entry, told["amount"])
    assert linked.database.sql(
        "select t.name, t.date::text, t.iso_currency, t.unofficial_currency, a.plaid_account_id "
        "from transactions as t join accounts as a on a.id = t.account_id where t.removed_at is null"
    ) == [tuple(told[key] for key in
                ("name", "date", "iso_currency_code", "unofficial_currency_code", "account_id"))]  # fmt: skip


def test_the_users_category_survives_a_later_update_from_the_bank(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q")], removed=["p"], to="C2"))
    other = {"primary": "MEDICAL", "detailed": "MEDICAL_DENTAL_CARE", "confidence_level": "LOW"}
    linked.bank.at("C2", page(modified=[posted("q", 21) | {"personal_finance_category": other}], to="C3"))
    linked.pull()

    linked.pull()

    assert_posted(linked, entry, 21)
    assert linked.one("select bank_category_id from transactions where plaid_transaction_id = 'q'") == "MEDICAL"


def test_a_posted_row_without_a_link_is_a_new_entry_without_the_edit(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q", of=None)], removed=["p"], to="C2"))

    linked.pull()

    assert linked.entry("q") != entry
    assert linked.one("select user_category_id from entries where id = %s", linked.entry("q")) is None


def test_a_hold_that_vanishes_leaves_the_spend(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(removed=["p"], accounts=[], to="C2"))

    linked.pull()

    assert linked.live() == {}


def test_a_posted_row_whose_pending_row_we_never_saw_stands_alone(linked: Linked) -> None:
    linked.bank.at(None, page(added=[posted("q", of="never-seen")]))

    linked.pull()

    assert set(linked.live()) == {"q"}


def test_a_pending_row_and_its_posted_row_in_one_first_page_are_one_entry(linked: Linked) -> None:
    linked.bank.at(None, page(added=[posted("q"), pending("p", 20)]))

    linked.pull()

    assert linked.live() == {"q": Decimal(20)}
    assert linked.entry("q") == linked.entry("p")
    assert linked.one("select count(*) from entries") == 1


def test_a_chain_of_three_is_one_entry(linked: Linked, entry: UUID) -> None:
    second = pending("p2", 21, pending_transaction_id="p")
    linked.bank.at("C1", page(added=[posted("q", 22, of="p2"), second], removed=["p"], to="C2"))

    linked.pull()

    assert linked.live() == {"q": Decimal(22)}
    assert {linked.entry("q"), linked.entry("p2")} == {entry}


def test_of_two_posted_rows_of_one_pending_row_one_takes_the_entry(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q", 12), posted("r", 8)], removed=["p"], to="C2"))

    linked.pull()

    assert linked.live() == {"q": Decimal(12), "r": Decimal(8)}
    assert linked.entry("q") == entry != linked.entry("r")


def test_a_second_posted_row_in_a_later_update_does_not_steal_the_entry(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q", 12)], removed=["p"], to="C2"))
    linked.bank.at("C2", page(added=[posted("r", 8)], to="C3"))
    linked.pull()

    linked.pull()

    assert set(linked.live()) == {"q", "r"}
    assert linked.entry("q") == entry != linked.entry("r")


def test_a_posted_row_replaced_by_another_hands_the_entry_on(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q", 12)], removed=["p"], to="C2"))
    linked.bank.at("C2", page(added=[posted("r", 13)], removed=["q"], to="C3"))
    linked.pull()

    linked.pull()

    assert linked.live() == {"r": Decimal(13)}
    assert linked.entry("r") == entry


def test_a_pending_row_that_is_told_again_after_posting_stays_dead(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q")], removed=["p"], to="C2"))
    linked.bank.at("C2", page(modified=[pending("p", 20), pending("p", 25)], to="C3"))
    linked.pull()
    before = linked.marks()

    linked.pull()

    assert_posted(linked, entry)
    assert linked.marks() == before


def test_a_posting_that_is_taken_back_revives_the_pending_row(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q")], removed=["p"], to="C2"))
    linked.bank.at("C2", page(added=[pending("p", 20)], removed=["q"], to="C3"))
    linked.pull()

    linked.pull()

    assert linked.live() == {"p": Decimal(20)}
    assert linked.one("select superseded_by from transactions where plaid_transaction_id = 'p'") is None
    assert linked.entry("p") == entry


def test_a_posting_that_is_taken_back_and_told_again_unchanged_has_the_entry_again(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q")], removed=["p"], to="C2"))
    linked.bank.at("C2", page(added=[pending("p", 20)], removed=["q"], to="C3"))
    linked.bank.at("C3", page(added=[posted("q")], to="C4"))
    for _ in range(3):
        linked.pull()

    assert_posted(linked, entry)


def test_a_full_resync_keeps_the_lineage(linked: Linked, entry: UUID) -> None:
    linked.bank.at("C1", page(added=[posted("q")], removed=["p"], to="C2"))
    linked.pull()
    before = linked.marks()
    linked.database.sql("update items set cursor = null")
    linked.bank.at(None, page(added=[posted("q")], to="C2"))

    linked.pull()

    assert_posted(linked, entry)
    assert linked.marks() == before


def test_ids_that_differ_only_in_case_are_two_rows(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("abc", 1), row("ABC", 2)]))

    linked.pull()

    assert linked.live() == {"abc": Decimal(1), "ABC": Decimal(2)}


def test_another_users_row_is_never_claimed(linked: Linked) -> None:
    linked.database.sql("insert into users (id) values ('u2')")
    (foreign_entry,) = linked.database.sql("insert into entries (user_id) values ('u2') returning id")[0]
    (foreign_item,) = linked.database.sql(
        "insert into items (user_id, plaid_item_id) values ('u2', 'item-2') returning id"
    )[0]
    (foreign_account,) = linked.database.sql(
        "insert into accounts (user_id, item_id, plaid_account_id, name, type) "
        "values ('u2', %s, 'acc-2', 'x', 'depository') returning id",
        foreign_item,
    )[0]
    linked.database.sql(
        "insert into transactions (plaid_transaction_id, entry_id, user_id, account_id, source, amount, iso_currency, "
        "date, pending, name, bank_category_id) "
        "values ('theirs', %s, 'u2', %s, 'bank', 1, 'USD', '2026-11-01', true, 'x', 'UNCATEGORIZED')",
        foreign_entry,
        foreign_account,
    )
    linked.bank.at(None, page(added=[posted("q", of="theirs")]))

    linked.pull()

    assert linked.entry("q") != foreign_entry
    assert set(linked.live()) == {"q", "theirs"}
