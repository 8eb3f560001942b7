"""Pending to posted, held and edited rows: one entry, one document, counted once."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from sqlalchemy import event

from sync.deps import Deps
from sync.ledger.ledger import edit_entry
from tests.fixtures.waiting import eventually
from tests.integration.pull.bank import page, pending, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.vectors.conftest import Screen, Spend


def held(linked: Linked) -> str:
    """A pending row p of 20.00 is in the ledger; answers its entry."""
    linked.bank.at(None, page(added=[pending("p", 20.00)], to="C1"))
    linked.pull()
    return str(linked.entry("p"))


def test_a_posted_row_is_the_same_document_and_counted_once(linked: Linked, spend: Spend, screen: Screen) -> None:
    """Vector 23: removed P and added Q with pending_transaction_id P in one page."""
    entry = held(linked)
    before = screen.rows()
    linked.bank.at("C1", page(added=[row("q", 20.00, pending_transaction_id="p")], removed=["p"], to="C2"))

    linked.pull()

    assert (linked.live(), spend.total()) == ({"q": Decimal(20)}, Decimal(20))
    assert linked.database.sql(
        "select removed_at is not null, superseded_by from transactions where plaid_transaction_id = 'p'"
    ) == [(True, "q")]
    after = screen.rows()
    assert before.keys() == after.keys() == {entry}
    assert (before[entry]["pending"], after[entry]["pending"]) == (True, False)


def test_between_the_removal_and_the_posting_nothing_is_spent_and_the_edit_waits(linked: Linked, spend: Spend) -> None:
    """Vector 25: P is removed in run 1, Q is added in run 2."""
    entry = held(linked)
    linked.categorise("p", "TRAVEL")
    linked.bank.at("C1", page(removed=["p"], accounts=[], to="C2"))
    linked.bank.at("C2", page(added=[row("q", 20.00, pending_transaction_id="p")], to="C3"))

    linked.pull()
    between = spend.total()
    linked.pull()

    assert (between, spend.by_category()) == (0, {"TRAVEL": Decimal(20)})
    assert (linked.live(), str(linked.entry("q"))) == ({"q": Decimal(20)}, entry)


def test_a_tip_adds_four_to_the_users_own_category(linked: Linked, spend: Spend) -> None:
    """Vector 27: Q posts with 24.00 instead of 20.00."""
    held(linked)
    linked.categorise("p", "TRAVEL")
    before = spend.by_category()
    linked.bank.at("C1", page(added=[row("q", 24.00, pending_transaction_id="p")], removed=["p"], to="C2"))

    linked.pull()

    assert (before, spend.by_category()) == ({"TRAVEL": Decimal(20)}, {"TRAVEL": Decimal(24)})


def test_a_posted_row_that_names_no_pending_row_is_a_new_entry(linked: Linked, spend: Spend) -> None:
    """Vector 28: Q has no pending_transaction_id."""
    entry = held(linked)
    linked.categorise("p", "TRAVEL")
    linked.bank.at("C1", page(added=[row("q", 20.00)], removed=["p"], to="C2"))

    linked.pull()

    assert linked.live() == {"q": Decimal(20)}
    assert str(linked.entry("q")) != entry
    assert spend.by_category() == {"FOOD_AND_DRINK": Decimal(20)}


def test_a_hold_that_vanishes_takes_its_document_with_it(linked: Linked, spend: Spend, screen: Screen) -> None:
    """Vector 29: pending removed, nothing added."""
    linked.bank.at(None, page(added=[pending("p", 20.00), row("a", 5)], to="C1"))
    linked.bank.at("C1", page(removed=["p"], accounts=[], to="C2"))
    linked.pull()
    before, spent = set(screen.rows()), spend.total()

    linked.pull()

    assert (linked.live(), spent, spend.total()) == ({"a": Decimal(5)}, 25, 5)
    assert before - set(screen.rows()) == {str(linked.entry("p"))}


def test_an_edit_made_while_the_pages_are_fetched_survives(linked: Linked, api: Deps) -> None:
    """Vector 30: user edits while a sync of the same row is in flight, before it has the owner's lock."""
    entry = held(linked)
    numbers: list[int] = []

    def meanwhile() -> Any:
        _, marked = edit_entry(api, "u1", entry, category_id="TRAVEL", note="mine")
        numbers.append(marked[0].number)
        return page(modified=[pending("p", 21)], to="C2")

    linked.bank.at("C1", meanwhile)

    linked.pull()

    assert both_survived(linked)
    assert linked.marks()[f"users/u1/transactions/{entry}"] > numbers[0]


def test_an_edit_made_while_the_rows_are_stored_survives(linked: Linked, api: Deps) -> None:
    """Vector 30: user edits while a sync of the same row is in flight, holding the owner's lock."""
    entry = held(linked)
    linked.bank.at("C1", page(modified=[pending("p", 21)], to="C2"))
    waiting = "select exists (select from pg_locks where not granted)"
    edits: list[Future[Any]] = []

    def before_the_commit(*call: Any) -> None:
        if "insert into sync_runs" in call[2] and not edits:
            edits.append(threads.submit(edit_entry, api, "u1", entry, category_id="TRAVEL", note="mine"))
            eventually(lambda: bool(linked.one(waiting)))

    with ThreadPoolExecutor(1) as threads:
        event.listen(linked.deps.engine, "before_cursor_execute", before_the_commit)
        try:
            linked.pull()
        finally:
            event.remove(linked.deps.engine, "before_cursor_execute", before_the_commit)
        shown, marked = edits[0].result(30)

    assert both_survived(linked)
    assert shown["amount"] == "21"
    assert linked.marks()[f"users/u1/transactions/{entry}"] == marked[0].number


def both_survived(linked: Linked) -> bool:
    """Whether the bank's amount and the user's words stand side by side."""
    return linked.database.sql(
        "select t.amount, e.user_category_id, e.note from transactions as t join entries as e on e.id = t.entry_id"
    ) == [(Decimal(21), "TRAVEL", "mine")]
