"""Questions and expired pendings on the screen: documents equal plain SQL in every state, and cost what they must."""

from __future__ import annotations

import pytest

_ASK = (
    "insert into reviews (user_id, pending_entry_id, posted_entry_id, score, name, amount, iso_currency, date, state) "
    "values ('ada', %s, %s, 0.9, 'SHELL 123', 40, 'USD', '2026-11-05', %s)"
)


@pytest.mark.parametrize("state", ["open", "confirmed", "declined", "undone", "closed"])
def test_a_question_is_shown_while_it_can_be_answered(
    books, database, mirrored, assert_mirrored, firestore_server, state
):
    ada = books()
    held, posted = ada.add(2)
    database.sql(_ASK, held, posted, state)

    mirrored()

    assert_mirrored()
    documents = firestore_server.documents()
    on = {name: documents[ada.path("transactions", entry)]["review"] for name, entry in
          (("held", held), ("posted", posted))}  # fmt: skip
    shown = {"open": "posted", "undone": "posted", "confirmed": "held"}.get(state)
    assert {name for name, review in on.items() if review} == ({shown} if shown else set())
    if shown:
        assert on[shown]["otherEntryId"] == {"posted": held, "held": posted}[shown]


def test_declining_writes_the_transaction_that_asked_and_no_month(books, database, mirrored, writes):
    ada = books()
    held, posted = ada.add(2)
    database.sql(_ASK, held, posted, "open")
    mirrored()
    with writes() as counted:
        database.sql("update reviews set state = 'declined'")
        mirrored()

    assert counted == {"commits": 1, "requested": 1, "creates": 0, "updates": 1, "deletes": 0}


def test_an_expired_pending_is_shown_and_in_no_total(books, database, mirrored, assert_mirrored, firestore_server):
    ada = books()
    (expired,) = ada.add(1, pending=True, amount="20")
    ada.add(1, amount="5")
    ada.add(1, on="2026-10-01", pending=True)
    database.sql("update transactions set expired_at = now() where pending")

    mirrored()

    assert_mirrored()
    documents = firestore_server.documents()
    month, earlier = (documents[ada.path("months", name)] for name in ("2026-11", "2026-10"))
    assert documents[ada.path("transactions", expired)]["expired"] is True
    assert (month["count"], month["expiredCount"], month["currencies"]["USD"]["spend"]) == (1, 1, "5")
    assert (earlier["count"], earlier["expiredCount"], earlier["currencies"]) == (0, 1, {})
