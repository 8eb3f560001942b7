"""A posted row that names no pending row is asked about, never joined silently; a person confirms, declines, undoes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sync.deps import Deps
from sync.errors import ReviewClosed, ReviewConfirmed, ReviewNotFound
from sync.ledger import reviews
from sync.ledger.ledger import edit_entry
from sync.ledger.spend import list_months
from tests.integration.pull.bank import page, pending, row
from tests.integration.pull.conftest import Linked

SHELL = {"name": "SHELL 123", "authorized_date": "2026-11-05"}
SHELL_OIL = {"name": "SHELL OIL", "date": "2026-11-07", "authorized_date": None}


class Asked:
    """A pending SHELL of 40.00 that the bank dropped, a posted SHELL OIL of 41.37 that names none, and the question."""

    def __init__(self, linked: Linked, api: Deps) -> None:
        self.linked, self.api = linked, api
        linked.bank.at(None, page(added=[pending("p", 40.00, **SHELL)], to="C1"))
        linked.pull()
        self.pending_entry = linked.entry("p")
        edit_entry(api, "u1", self.pending_entry, category_id="TRAVEL", note="to Rome")
        linked.bank.at("C1", page(added=[row("q", 41.37, **SHELL_OIL)], removed=["p"], to="C2"))
        linked.pull()
        self.posted_entry = linked.entry("q")
        self.cursor = 2

    @property
    def id(self) -> UUID:
        """The only review."""
        return UUID(str(self.linked.one("select id from reviews")))

    @property
    def state(self) -> str:
        """Its state."""
        return str(self.linked.one("select state from reviews"))

    def told(self, **told: Any) -> None:
        """The bank's next word, pulled."""
        self.linked.bank.at(f"C{self.cursor}", page(to=f"C{self.cursor + 1}", **told))
        self.cursor += 1
        assert self.linked.pull().outcome != "failed"

    def counted(self) -> dict[str, tuple[Decimal, UUID]]:
        """Bank rows in sight, with amount and entry."""
        return {
            plaid_id: (amount, entry)
            for plaid_id, amount, entry in self.linked.database.sql(
                "select t.plaid_transaction_id, t.amount, t.entry_id from transactions as t "
                "join entries as e on e.id = t.entry_id where t.removed_at is null and e.removed_at is null"
            )
        }

    def words(self, entry: UUID) -> tuple[str | None, str | None]:
        """Category and note that the user gave an entry."""
        ((category, note),) = self.linked.database.sql(
            "select user_category_id, note from entries where id = %s", entry
        )
        return category, note

    def ledger(self) -> list[tuple[Any, ...]]:
        """Everything about rows and entries."""
        sql = self.linked.database.sql
        return sql("select * from transactions order by id") + sql(
            "select id, user_category_id, rule_category_id, note, removed_at from entries order by id"
        )

    def spend(self) -> dict[str, str]:
        """November's spend by category."""
        (month,) = list_months(self.api, "u1")
        return {name: sums["amount"] for name, sums in month["currencies"]["USD"]["categories"].items()}


@pytest.fixture
def api(linked: Linked) -> Deps:
    return linked.deps_for("api", plaid=linked.deps.plaid)


@pytest.fixture
def asked(linked: Linked, api: Deps) -> Asked:
    return Asked(linked, api)


def test_an_unlinked_posting_that_looks_like_a_dropped_pending_is_asked_about_and_nothing_else(asked: Asked) -> None:
    assert asked.linked.database.sql(
        "select pending_entry_id, posted_entry_id, state, name, amount, iso_currency, date::text from reviews"
    ) == [(asked.pending_entry, asked.posted_entry, "open", "SHELL 123", Decimal(40), "USD", "2026-11-05")]
    assert asked.counted() == {"q": (Decimal("41.37"), asked.posted_entry)}
    assert asked.words(asked.posted_entry) == (None, None)


def test_confirming_moves_the_posted_row_under_the_pendings_entry_counted_once(asked: Asked) -> None:
    review, marked = reviews.confirm(asked.api, "u1", asked.id)

    assert review["state"] == "confirmed"
    assert asked.counted() == {"q": (Decimal("41.37"), asked.pending_entry)}
    assert asked.words(asked.pending_entry) == ("TRAVEL", "to Rome")
    assert asked.spend() == {"TRAVEL": "41.37"}
    assert {mark.path for mark in marked} == {
        f"users/u1/transactions/{asked.pending_entry}",
        f"users/u1/transactions/{asked.posted_entry}",
        "users/u1/months/2026-11",
    }


def test_edits_of_the_posted_row_fill_only_what_the_pendings_entry_lacks(asked: Asked) -> None:
    edit_entry(asked.api, "u1", asked.posted_entry, category_id="MEDICAL", note="petrol")
    asked.linked.database.sql("update entries set note = null where id = %s", asked.pending_entry)

    reviews.confirm(asked.api, "u1", asked.id)

    assert asked.words(asked.pending_entry) == ("TRAVEL", "petrol")


def test_undoing_a_confirmation_restores_entries_edits_and_totals(asked: Asked) -> None:
    edit_entry(asked.api, "u1", asked.posted_entry, note="petrol")
    before, spent = asked.ledger(), asked.spend()
    reviews.confirm(asked.api, "u1", asked.id)

    review, marked = reviews.undo(asked.api, "u1", asked.id)

    assert (review["state"], asked.ledger(), asked.spend()) == ("undone", before, spent)
    assert len(marked) == 3


def test_splits_follow_and_come_back(asked: Asked) -> None:
    sql = asked.linked.database.sql
    sql(
        "insert into splits (entry_id, user_id, position, category_id, amount, note) "
        "values (%s, 'u1', 1, 'MEDICAL', 5, 'pills')",
        asked.posted_entry,
    )
    splits = "select entry_id, position, category_id, amount, note from splits order by 1, 2"
    before = sql(splits)

    reviews.confirm(asked.api, "u1", asked.id)
    joined = sql(splits)
    reviews.undo(asked.api, "u1", asked.id)

    assert (asked.pending_entry, 1, "MEDICAL", Decimal(5), "pills") in joined
    assert sql(splits) == before


def test_what_the_user_says_while_they_are_joined_stays_in_sight_when_they_are_parted(asked: Asked) -> None:
    reviews.confirm(asked.api, "u1", asked.id)
    edit_entry(asked.api, "u1", asked.pending_entry, note="from Rome")

    reviews.undo(asked.api, "u1", asked.id)

    assert asked.words(asked.posted_entry) == (None, "from Rome")
    assert asked.words(asked.pending_entry) == ("TRAVEL", "to Rome")


def test_a_decline_is_remembered(asked: Asked) -> None:
    before = asked.ledger()
    reviews.decline(asked.api, "u1", asked.id)

    asked.told(removed=["q"])
    asked.told(added=[row("q", 41.37, **SHELL_OIL)])
    asked.linked.database.sql("update items set cursor = null")
    asked.linked.bank.at(None, page(added=[row("q", 41.37, **SHELL_OIL)], to="C9"))
    asked.linked.pull()

    assert (asked.state, asked.ledger()) == ("declined", before)


def test_every_answer_twice_is_once(asked: Asked) -> None:
    for answer, again in ((reviews.confirm, 3), (reviews.undo, 3), (reviews.decline, 1)):
        _, first = answer(asked.api, "u1", asked.id)
        before = asked.ledger()
        _, second = answer(asked.api, "u1", asked.id)
        assert (second, asked.ledger()) == ([], before), answer.__name__
        assert len(first) == again, answer.__name__


def test_a_confirmed_pair_is_declined_only_after_undoing(asked: Asked) -> None:
    reviews.confirm(asked.api, "u1", asked.id)

    with pytest.raises(ReviewConfirmed):
        reviews.decline(asked.api, "u1", asked.id)


def test_anothers_question_is_as_unknown_as_none(asked: Asked) -> None:
    asked.linked.database.sql("insert into users (id) values ('u2')")

    for name in (asked.id, "nothing"):
        with pytest.raises(ReviewNotFound):
            reviews.confirm(asked.api, "u2", name)


@pytest.mark.parametrize("answer", ["open", "confirm", "decline", "undo"])
def test_the_banks_later_word_about_the_posted_row_goes_on(asked: Asked, answer: str) -> None:
    answered(asked, answer)
    entry = asked.counted()["q"][1]

    asked.told(modified=[row("q", 43, **SHELL_OIL)])
    assert asked.counted() == {"q": (Decimal(43), entry)}
    asked.told(removed=["q"])
    assert asked.counted() == {}
    asked.told(added=[row("q", 43, **SHELL_OIL)])
    assert asked.counted() == {"q": (Decimal(43), entry)}


@pytest.mark.parametrize("answer", ["open", "confirm", "decline", "undo"])
def test_the_true_link_joins_them_whatever_was_answered(asked: Asked, answer: str) -> None:
    answered(asked, answer)

    asked.told(modified=[row("q", 41.37, pending_transaction_id="p", **SHELL_OIL)])

    assert asked.counted() == {"q": (Decimal("41.37"), asked.pending_entry)}
    assert asked.words(asked.pending_entry) == ("TRAVEL", "to Rome")
    assert asked.linked.one("select superseded_by from transactions where plaid_transaction_id = 'p'") == "q"
    assert asked.state == "closed"
    with pytest.raises(ReviewClosed):
        reviews.undo(asked.api, "u1", asked.id)


@pytest.mark.parametrize("answer", ["open", "confirm", "decline", "undo"])
def test_a_pending_row_that_posts_as_another_row_is_that_one(asked: Asked, answer: str) -> None:
    answered(asked, answer)

    asked.told(added=[row("r", 40, pending_transaction_id="p", **SHELL_OIL)])

    assert asked.counted() == {"q": (Decimal("41.37"), asked.posted_entry), "r": (Decimal(40), asked.pending_entry)}
    assert asked.words(asked.pending_entry) == ("TRAVEL", "to Rome")
    assert asked.words(asked.posted_entry) == (None, None)


@pytest.mark.parametrize("removed_first", [True, False])
def test_a_posting_that_the_bank_takes_back_gives_the_pending_row_its_place_again(
    asked: Asked, removed_first: bool
) -> None:
    reviews.confirm(asked.api, "u1", asked.id)
    words = [{"removed": ["q"]}, {"added": [pending("p", 40.00, **SHELL)]}]

    for told in words if removed_first else reversed(words):
        asked.told(**told)

    assert asked.counted() == {"p": (Decimal(40), asked.pending_entry)}
    assert (asked.words(asked.pending_entry), asked.state) == (("TRAVEL", "to Rome"), "undone")


def test_while_they_are_joined_the_banks_pending_row_is_not_counted_beside_it(asked: Asked) -> None:
    reviews.confirm(asked.api, "u1", asked.id)

    asked.told(added=[pending("p", 40.00, **SHELL)])
    assert asked.counted() == {"q": (Decimal("41.37"), asked.pending_entry)}
    reviews.undo(asked.api, "u1", asked.id)

    assert asked.counted() == {
        "q": (Decimal("41.37"), asked.posted_entry),
        "p": (Decimal(40), asked.pending_entry),
    }


def test_what_the_bank_says_of_the_pending_row_while_they_are_joined_is_true_after_undoing(asked: Asked) -> None:
    asked.told(added=[pending("p", 40.00, **SHELL)])
    reviews.confirm(asked.api, "u1", asked.id)
    asked.told(removed=["p"])

    reviews.undo(asked.api, "u1", asked.id)

    assert asked.counted() == {"q": (Decimal("41.37"), asked.posted_entry)}


def test_two_people_answer_at_once_and_one_answer_is_given(asked: Asked) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(reviews.confirm, asked.api, "u1", asked.id) for _ in range(4)]
        marked = sorted(len(answer.result(30)[1]) for answer in answers)

    assert marked == [0, 0, 0, 3]
    assert asked.counted() == {"q": (Decimal("41.37"), asked.pending_entry)}


def answered(asked: Asked, answer: str) -> None:
    """Leaves the question in the state after an answer."""
    if answer in ("confirm", "undo"):
        reviews.confirm(asked.api, "u1", asked.id)
    if answer == "undo":
        reviews.undo(asked.api, "u1", asked.id)
    if answer == "decline":
        reviews.decline(asked.api, "u1", asked.id)


# --- what is asked about ---


def questions(linked: Linked) -> set[tuple[str, str]]:
    """The pairs asked about, by Plaid's ids."""
    return set(
        linked.database.sql(
            "select p.plaid_transaction_id, q.plaid_transaction_id from reviews as r "
            "join transactions as p on p.entry_id = r.pending_entry_id "
            "join transactions as q on q.entry_id = r.posted_entry_id"
        )
    )


@pytest.mark.parametrize(
    ("held", "posted", "asks"),
    [
        ({}, {}, True),
        ({}, {"amount": 52.0}, True),
        ({}, {"amount": 52.01}, False),
        ({}, {"amount": 38.0}, True),
        ({}, {"amount": 37.99}, False),
        ({}, {"amount": -40.0}, False),
        ({"amount": 1.00}, {"amount": 41.37}, True),
        ({"amount": 1.00, "name": "SHALL WE DANCE"}, {"amount": 41.37}, False),
        ({"amount": 1.01}, {"amount": 41.37}, False),
        ({}, {"date": "2026-11-19"}, True),
        ({}, {"date": "2026-11-20"}, False),
        ({}, {"date": "2026-11-04"}, False),
        ({}, {"authorized_date": "2026-11-05"}, True),
        ({}, {"date": "2026-11-12", "authorized_date": "2026-11-11"}, False),
        ({}, {"iso_currency_code": "EUR"}, False),
        ({}, {"account_id": "acc-2"}, False),
        ({}, {"name": "WHOLE FOODS"}, False),
        ({}, {"name": "POS PURCHASE SHELL 8841"}, True),
        ({"merchant_name": "Shell"}, {"name": "ROYAL DUTCH 11", "merchant_name": "Shell"}, True),
        ({}, {"pending": True}, False),
        ({}, {"pending_transaction_id": "never-seen"}, False),
    ],
)
@pytest.mark.parametrize("dropped", [True, False])
def test_only_likely_pairs_are_asked_about(
    linked: Linked, held: dict[str, Any], posted: dict[str, Any], asks: bool, dropped: bool
) -> None:
    accounts = [{"account_id": name} for name in ("acc-1", "acc-2")]
    from tests.integration.pull.bank import account

    both = [account(**one) for one in [{"plaid_id": a["account_id"]} for a in accounts]]
    linked.bank.at(None, page(added=[pending("p", **({"amount": 40.00} | SHELL | held))], accounts=both, to="C1"))
    linked.pull()
    removed = ["p"] if dropped else []
    told = {"plaid_id": "q", "amount": 40.00} | SHELL_OIL | posted
    linked.bank.at("C1", page(added=[row(**told)], removed=removed, accounts=both, to="C2"))

    linked.pull()

    assert (questions(linked) == {("p", "q")}) is asks


def test_a_pending_row_dropped_in_an_earlier_update_is_asked_about(linked: Linked) -> None:
    linked.bank.at(None, page(added=[pending("p", 40.00, **SHELL)], to="C1"))
    linked.bank.at("C1", page(removed=["p"], accounts=[], to="C2"))
    linked.bank.at("C2", page(added=[row("q", 41.37, **SHELL_OIL)], to="C3"))
    for _ in range(3):
        linked.pull()

    assert questions(linked) == {("p", "q")}


def test_what_the_bank_tells_side_by_side_is_two(linked: Linked) -> None:
    linked.bank.at(None, page(added=[pending("p", 40.00, **SHELL), row("q", 40.00, **SHELL_OIL)]))

    linked.pull()

    assert questions(linked) == set()


def test_of_several_candidates_each_row_is_in_one_question_and_the_likest_come_first(linked: Linked) -> None:
    held = [pending("p1", 40.00, **SHELL), pending("p2", 40.00, **SHELL), pending("p3", 41.37, **SHELL)]
    linked.bank.at(None, page(added=held, to="C1"))
    linked.pull()
    posted = [row("q1", 41.37, **SHELL_OIL), row("q2", 40.00, **SHELL_OIL)]
    linked.bank.at("C1", page(added=posted, removed=["p1", "p2", "p3"], to="C2"))

    linked.pull()

    asked = questions(linked)
    assert ("p3", "q1") in asked
    assert asked - {("p3", "q1")} in ({("p1", "q2")}, {("p2", "q2")})


def test_a_pending_row_that_was_posted_is_no_candidate(linked: Linked) -> None:
    linked.bank.at(None, page(added=[pending("p", 40.00, **SHELL)], to="C1"))
    linked.pull()
    posted = row("q", 40.00, pending_transaction_id="p", **SHELL_OIL)
    linked.bank.at("C1", page(added=[posted, row("r", 40.00, **SHELL_OIL)], removed=["p"], to="C2"))

    linked.pull()

    assert questions(linked) == set()
