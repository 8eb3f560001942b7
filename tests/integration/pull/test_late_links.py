"""A link that the bank tells late, or a pending row that comes after its posting, makes one entry of two."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.integration.pull.bank import page, pending, row
from tests.integration.pull.conftest import Linked

Words = tuple[str | None, str | None]


def say(linked: Linked, entry: UUID, category: str | None, note: str | None) -> None:
    """The user edits an entry."""
    linked.database.sql("update entries set user_category_id = %s, note = %s where id = %s", category, note, entry)


def words(linked: Linked, entry: UUID) -> Words:
    """What the user said of an entry."""
    ((category, note),) = linked.database.sql("select user_category_id, note from entries where id = %s", entry)
    return category, note


def late(linked: Linked, pendings: Words, posteds: Words, *, dropped: bool = True) -> tuple[UUID, UUID]:
    """p is pending, q is posted without a link, the user speaks of both, then the link comes. Answers both entries."""
    linked.bank.at(None, page(added=[pending("p", 20)], to="C1"))
    linked.pull()
    linked.bank.at("C1", page(added=[row("q", 24)], removed=["p"] if dropped else [], to="C2"))
    linked.pull()
    first, second = linked.entry("p"), linked.entry("q")
    assert first != second
    say(linked, first, *pendings)
    say(linked, second, *posteds)
    linked.bank.at("C2", page(modified=[row("q", 24, pending_transaction_id="p")], to="C3"))
    linked.pull()
    assert linked.live() == {"q": Decimal(24)}
    assert linked.entry("p") == linked.entry("q")
    assert linked.one("select superseded_by from transactions where plaid_transaction_id = 'p'") == "q"
    return first, second


NOTHING: Words = (None, None)
TRAVEL: Words = ("TRAVEL", "to Rome")


@pytest.mark.parametrize("dropped", [True, False])
@pytest.mark.parametrize(
    ("pendings", "posteds", "winner", "left"),
    [
        (NOTHING, NOTHING, "posted", NOTHING),
        (TRAVEL, NOTHING, "pending", TRAVEL),
        (NOTHING, TRAVEL, "posted", TRAVEL),
        (("TRAVEL", None), (None, "to Rome"), "posted", TRAVEL),
        (("MEDICAL", "to Rome"), ("TRAVEL", None), "posted", TRAVEL),
        (("MEDICAL", "from Pisa"), TRAVEL, "posted", ("TRAVEL", "to Rome\nfrom Pisa")),
        (("MEDICAL", "x" * 500), TRAVEL, "posted", TRAVEL),
    ],
)
def test_a_late_link_makes_one_entry_with_the_users_words(
    linked: Linked, pendings: Words, posteds: Words, winner: str, left: Words, dropped: bool
) -> None:
    first, second = late(linked, pendings, posteds, dropped=dropped)

    assert linked.entry("q") == (first if winner == "pending" else second)
    assert words(linked, linked.entry("q")) == left


def test_what_could_not_be_joined_stays_readable_on_the_entry_that_left(linked: Linked) -> None:
    first, _ = late(linked, ("MEDICAL", "x" * 500), TRAVEL)

    assert words(linked, first) == ("MEDICAL", "x" * 500)


def test_splits_of_the_pending_row_follow_a_late_link(linked: Linked) -> None:
    linked.bank.at(None, page(added=[pending("p", 20)], to="C1"))
    linked.bank.at("C1", page(added=[row("q", 24)], removed=["p"], to="C2"))
    linked.bank.at("C2", page(modified=[row("q", 24, pending_transaction_id="p")], to="C3"))
    linked.pull()
    linked.pull()
    say(linked, linked.entry("q"), None, "mine")
    linked.database.sql(
        "insert into splits (entry_id, user_id, position, category_id, amount) values (%s, 'u1', 1, 'MEDICAL', 5)",
        linked.entry("p"),
    )

    linked.pull()

    kept = linked.database.sql("select category_id, amount from splits where entry_id = %s", linked.entry("q"))
    assert kept == [("MEDICAL", Decimal(5))]


def test_only_one_document_is_left_and_nothing_is_counted_twice(linked: Linked) -> None:
    linked.bank.at(None, page(added=[pending("p", 20)], to="C1"))
    linked.bank.at("C1", page(added=[row("q", 24)], to="C2"))
    linked.bank.at("C2", page(modified=[row("q", 24, pending_transaction_id="p")], to="C3"))
    linked.pull()
    linked.pull()
    linked.categorise("p", "TRAVEL")
    before = linked.marks()

    linked.pull()

    newer = {path for path, number in linked.marks().items() if number > max(before.values())}
    assert newer == {
        f"users/u1/transactions/{linked.entry('q')}",
        f"users/u1/transactions/{other_entry(linked)}",
        "users/u1/months/2026-11",
    }


def other_entry(linked: Linked) -> Any:
    """The entry without rows."""
    return linked.one("select id from entries as e where not exists (select from transactions where entry_id = e.id)")


def test_a_late_link_to_a_row_that_another_holds_joins_nothing(linked: Linked) -> None:
    linked.bank.at(None, page(added=[pending("p", 20)], to="C1"))
    posted = row("q", 20, pending_transaction_id="p")
    linked.bank.at("C1", page(added=[posted, row("r", 20)], removed=["p"], to="C2"))
    linked.bank.at("C2", page(modified=[row("r", 20, pending_transaction_id="p")], to="C3"))
    linked.pull()
    linked.pull()

    linked.pull()

    assert set(linked.live()) == {"q", "r"}
    assert linked.entry("q") == linked.entry("p") != linked.entry("r")


def test_a_pending_row_that_comes_after_its_posting_is_not_counted(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("q", 24, pending_transaction_id="p")], to="C1"))
    linked.pull()
    entry = linked.entry("q")
    linked.categorise("q", "TRAVEL")
    linked.bank.at("C1", page(added=[pending("p", 20)], to="C2"))
    linked.bank.at("C2", page(removed=["p"], accounts=[], to="C3"))

    linked.pull()
    after = linked.live()
    linked.pull()

    assert after == linked.live() == {"q": Decimal(24)}
    assert (linked.entry("p"), linked.entry("q")) == (entry, entry)
    assert words(linked, entry) == ("TRAVEL", None)


def test_a_posting_taken_back_gives_its_entry_to_a_pending_row_never_seen_before(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("q", 24, pending_transaction_id="p")], to="C1"))
    linked.pull()
    linked.categorise("q", "TRAVEL")
    linked.bank.at("C1", page(added=[pending("p", 20)], removed=["q"], to="C2"))

    linked.pull()

    assert linked.live() == {"p": Decimal(20)}
    assert words(linked, linked.entry("p")) == ("TRAVEL", None)


def test_of_two_postings_of_a_pending_row_that_comes_late_the_first_has_it(linked: Linked) -> None:
    both = [row("q", 12, pending_transaction_id="p"), row("r", 8, pending_transaction_id="p")]
    linked.bank.at(None, page(added=both, to="C1"))
    linked.bank.at("C1", page(added=[pending("p", 20)], to="C2"))
    linked.pull()

    linked.pull()

    assert linked.live() == {"q": Decimal(12), "r": Decimal(8)}
    assert linked.entry("p") in (linked.entry("q"), linked.entry("r"))


def test_a_chain_whose_links_come_late_is_one_entry(linked: Linked) -> None:
    linked.bank.at(None, page(added=[pending("p1", 20)], to="C1"))
    linked.bank.at("C1", page(added=[pending("p2", 21)], removed=["p1"], to="C2"))
    linked.bank.at("C2", page(added=[row("q", 22)], removed=["p2"], to="C3"))
    for _ in range(3):
        linked.pull()
    linked.categorise("p1", "TRAVEL")
    links = [pending("p2", 21, pending_transaction_id="p1"), row("q", 22, pending_transaction_id="p2")]
    linked.bank.at("C3", page(modified=links, to="C4"))

    linked.pull()

    assert linked.live() == {"q": Decimal(22)}
    assert linked.entry("q") == linked.entry("p2") == linked.entry("p1")
    assert words(linked, linked.entry("q")) == ("TRAVEL", None)


def test_a_full_resync_after_a_late_link_marks_nothing(linked: Linked) -> None:
    late(linked, TRAVEL, NOTHING)
    before = linked.marks()
    linked.database.sql("update items set cursor = null")
    linked.bank.at(None, page(added=[row("q", 24, pending_transaction_id="p")], to="C3"))

    linked.pull()

    assert linked.marks() == before
