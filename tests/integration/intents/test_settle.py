"""One intent in the ledger: applied once, superseded, refused; whatever it says, whoever else is at it."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from sync import idempotency
from sync.deps import Deps
from sync.errors import UserNotFound
from sync.intents import intents
from sync.intents.intent_kinds import KINDS
from sync.intents.intents import Answered, Waits, settle
from sync.ledger import budgets
from sync.ledger import ledger as entries
from tests.fixtures.database import Database
from tests.fixtures.mirror import Books
from tests.integration.intents.conftest import Device, number, receipts

COFFEE = {"amount": "4.50", "currency": "USD", "date": "2026-11-20", "name": "Coffee", "categoryId": "FOOD_AND_DRINK"}
Open = Callable[..., Books]
Ledger = Callable[..., Deps]


def category(database: Database, entry: str) -> str | None:
    found: str | None = database.sql("select user_category_id from entries where id = %s", entry)[0][0]
    return found


def test_an_intent_is_applied_through_the_ledger_and_answered_with_what_the_api_would_answer(
    books: Open, ledger: Ledger, database: Database
) -> None:
    entry = books().add(1)[0]
    before = number(database)

    assert settle(ledger(), Device().intent("set-category", {"entryId": entry, "categoryId": "TRAVEL"})) == Answered(
        "applied"
    )

    assert category(database, entry) == "TRAVEL"
    ((marked, subject, field_name, at),) = database.sql(
        "select marked, subject_id::text, field, number from intents_applied"
    )
    version = {"epoch": 1, "number": before + 1}
    assert marked == [
        {"path": "users/ada/months/2026-11", "version": version},
        {"path": f"users/ada/transactions/{entry}", "version": version},
    ]
    assert (subject, field_name, at) == (entry, "category", before + 1)


def test_the_same_intent_again_is_answered_the_same_and_changes_nothing(
    books: Open, ledger: Ledger, database: Database
) -> None:
    books()
    intent = Device().intent("add-expense", COFFEE)

    answers = [settle(ledger(), intent) for _ in range(3)]

    assert answers == [Answered("applied"), Answered("applied", again=True), Answered("applied", again=True)]
    assert database.sql("select count(*) from transactions") == [(1,)]
    assert database.sql("select count(*) from intents_applied") == [(1,)]


def test_many_at_once_apply_it_once(books: Open, ledger: Ledger, database: Database) -> None:
    books()
    intent = Device().intent("add-expense", COFFEE)
    deps, answers = ledger(), []
    start = threading.Barrier(6)

    def race() -> None:
        start.wait()
        answers.append(settle(deps, intent))

    racers = [threading.Thread(target=race) for _ in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert sorted(answer.again for answer in answers if isinstance(answer, Answered)) == [False, *[True] * 5]
    assert database.sql("select count(*) from transactions") == [(1,)]


def test_every_kind_does_what_the_api_does(books: Open, ledger: Ledger, database: Database) -> None:
    books()
    deps, device = ledger(), Device()
    entry = entries.add_expense(deps, "ada", amount=Decimal("10"), currency="USD", on=date(2026, 11, 5), name="x")[0][
        "id"
    ]
    budget = budgets.add_budget(
        deps, "ada", category_id="TRAVEL", currency="USD", limit=Decimal("9"),
        starts_month=date(2026, 11, 1),
    )[0]["id"]  # fmt: skip
    done: dict[str, dict[str, Any]] = {
        "add-expense": COFFEE,
        "set-category": {"entryId": entry, "categoryId": "TRAVEL"},
        "set-note": {"entryId": entry, "note": "for Bob"},
        "put-splits": {"entryId": entry, "splits": '[{"categoryId": "MEDICAL", "amount": "3"}]'},
        "remove-expense": {"entryId": entry},
        "restore-expense": {"entryId": entry},
        "add-budget": {"categoryId": "MEDICAL", "currency": "USD", "limit": "50", "startsMonth": "2026-11"},
        "change-budget": {"budgetId": budget, "limit": "75.5"},
        "remove-budget": {"budgetId": budget},
    }

    assert done.keys() == KINDS.keys()
    for kind, body in done.items():
        assert settle(deps, device.intent(kind, body)) == Answered("applied"), kind
    assert database.sql(
        "select user_category_id, note, removed_at, (select sum(amount) from splits where entry_id = e.id) "
        "from entries as e where id = %s",
        entry,
    ) == [("TRAVEL", "for Bob", None, 3)]
    assert database.sql("select limit_amount, removed_at is null from budgets order by limit_amount") == [
        (50, True),
        (Decimal("75.5"), False),
    ]


# --- superseded -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", ["the API", "psql"])
def test_a_field_changed_after_what_was_seen_supersedes(
    books: Open, ledger: Ledger, database: Database, writer: str
) -> None:
    ada, deps = books(), ledger()
    entry = ada.add(1)[0]
    seen = number(database)
    if writer == "psql":
        ada.categorize(entry, "MEDICAL")
    else:
        entries.set_category(deps, "ada", entry, "MEDICAL")

    answer = settle(deps, Device().intent("set-category", {"entryId": entry, "categoryId": "TRAVEL"}, seen=seen))

    assert answer == Answered("superseded", "superseded")
    assert category(database, entry) == "MEDICAL"


def test_another_field_changed_meanwhile_does_not_supersede(books: Open, ledger: Ledger, database: Database) -> None:
    ada = books()
    entry = ada.add(1)[0]
    seen = number(database)
    ada.annotate(entry, "elsewhere")
    database.sql("update transactions set name = 'Renamed by the bank' where entry_id = %s", entry)

    answer = settle(ledger(), Device().intent("set-category", {"entryId": entry, "categoryId": "TRAVEL"}, seen=seen))

    assert answer == Answered("applied")


def test_wanting_what_is_already_there_is_applied_whoever_did_it(
    books: Open, ledger: Ledger, database: Database
) -> None:
    ada = books()
    entry = ada.add(1)[0]
    seen = number(database)
    ada.categorize(entry, "TRAVEL")
    device = Device()

    first = settle(ledger(), device.intent("set-category", {"entryId": entry, "categoryId": "TRAVEL"}, seen=seen))
    then = settle(ledger(), device.intent("set-category", {"entryId": entry, "categoryId": "MEDICAL"}, seen=seen))

    assert (first, then) == (Answered("applied"), Answered("applied"))
    assert category(database, entry) == "MEDICAL"


def test_a_device_does_not_supersede_itself_but_another_device_does(
    books: Open, ledger: Ledger, database: Database
) -> None:
    deps, phone, desk = ledger(), Device(), Device()
    entry = books().add(1)[0]
    seen = number(database)

    def wish(device: Device, wanted: str) -> Any:
        return settle(deps, device.intent("set-category", {"entryId": entry, "categoryId": wanted}, seen=seen))

    assert [wish(phone, "TRAVEL"), wish(phone, "MEDICAL")] == [Answered("applied")] * 2
    assert wish(desk, "INCOME") == Answered("superseded", "superseded")
    assert wish(phone, "TRAVEL") == Answered("applied")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("set-note", {"note": "mine"}),
        ("put-splits", {"splits": '[{"categoryId": "MEDICAL", "amount": "3"}]'}),
        ("change-budget", {"limit": "7"}),
        ("remove-budget", {}),
        ("remove-expense", {}),
    ],
)
def test_every_field_of_the_users_is_guarded(
    books: Open, ledger: Ledger, database: Database, kind: str, body: dict[str, Any]
) -> None:
    books()
    deps = ledger()
    entry = entries.add_expense(deps, "ada", amount=Decimal("10"), currency="USD", on=date(2026, 11, 5), name="x")[0][
        "id"
    ]
    database.sql(
        "insert into splits (entry_id, user_id, position, category_id, amount) values (%s, 'ada', 1, 'OTHER', 1)", entry
    )
    budget = database.sql(
        "insert into budgets (user_id, category_id, iso_currency, limit_amount, starts_month) "
        "values ('ada', 'TRAVEL', 'USD', 1, '2026-11-01') returning id::text"
    )[0][0]
    seen = number(database)
    database.sql("update entries set note = 'theirs', removed_at = now()")
    database.sql("update entries set removed_at = null")
    database.sql("delete from splits")
    database.sql("update budgets set limit_amount = 2")
    subject = {"budgetId": budget} if KINDS[kind].subject == "budgetId" else {"entryId": entry}

    assert settle(deps, Device().intent(kind, subject | body, seen=seen)) == Answered("superseded", "superseded")

    assert database.sql("select note, removed_at from entries") == [("theirs", None)]
    assert database.sql("select limit_amount, removed_at from budgets") == [(2, None)]
    assert database.sql("select count(*) from splits") == [(0,)]


# --- sequence ---------------------------------------------------------------------------------------------------------


def test_a_gap_waits_a_bounded_time(books: Open, ledger: Ledger, database: Database) -> None:
    entry = books().add(1)[0]
    deps, device = ledger(intent_gap_seconds=10.0), Device()
    first = device.intent("set-note", {"entryId": entry, "note": "first"})
    second = device.intent("set-note", {"entryId": entry, "note": "second"})

    for passed in (0, 4):
        at = second.created_at + timedelta(seconds=passed)
        assert settle(dataclasses.replace(deps, now=lambda at=at: at), second) == Waits(10.0 - passed)
    assert receipts(database) == []

    assert settle(deps, first) == Answered("applied")
    assert settle(deps, second) == Answered("applied")
    assert database.sql("select note from entries") == [("second",)]


def test_after_that_time_it_goes_on_and_the_late_one_cannot_undo_it(
    books: Open, ledger: Ledger, database: Database
) -> None:
    entry = books().add(1)[0]
    deps, device, seen = ledger(intent_gap_seconds=10.0), Device(), number(database)
    late = device.intent("set-note", {"entryId": entry, "note": "first"}, seen=seen)
    long_ago = datetime.now(UTC) - timedelta(seconds=11)
    second = device.intent("set-note", {"entryId": entry, "note": "second"}, seen=seen, created_at=long_ago)

    assert settle(deps, second) == Answered("applied")
    assert settle(deps, late) == Answered("superseded", "superseded")
    assert database.sql("select note from entries") == [("second",)]


# --- refused ----------------------------------------------------------------------------------------------------------


def test_an_old_intent_is_refused_and_rows_outlive_the_oldest_accepted_one(
    books: Open, ledger: Ledger, deps_for: Any, database: Database
) -> None:
    books()
    deps, device = ledger(intent_max_age_days=30), Device()
    now = datetime.now(UTC)
    fresh = device.intent("add-expense", COFFEE, made_at=now - timedelta(days=29, hours=23))
    ahead = device.intent("add-expense", COFFEE, made_at=now + intents.AHEAD - timedelta(minutes=1))  # a fast clock
    stale = device.intent("add-expense", COFFEE, made_at=now - timedelta(days=30, seconds=5))

    assert settle(deps, fresh) == settle(deps, ahead) == Answered("applied")
    assert settle(deps, stale) == Answered("rejected", "intent-too-old")

    # They come back on later days: refused for their row while there is one, then for their age; never applied again.
    worker = deps_for("worker")
    for days in (0, 1, 3, 29, 29.9, 30.1, 30.5, 30.9, 31.1, 31.5, 32.1, 33, 45, 70):
        clock = partial(datetime.fromtimestamp, (now + timedelta(days=days)).timestamp(), UTC)
        intents.forget_old(dataclasses.replace(worker, settings=deps.settings, now=clock))
        for intent in (fresh, ahead):
            answer = settle(dataclasses.replace(deps, now=clock), intent)
            assert answer == Answered("applied", again=True) or answer in (
                Answered("rejected", "intent-too-old"), Answered("rejected", "intent-too-old", again=True),
                Answered("rejected", again=True),
            )  # fmt: skip
    assert database.sql("select count(*) from transactions") == [(2,)]


def test_a_clock_far_ahead_is_refused(books: Open, ledger: Ledger) -> None:
    books()
    ahead = datetime.now(UTC) + timedelta(days=1, minutes=1)

    assert settle(ledger(), Device().intent("add-expense", COFFEE, made_at=ahead)) == Answered(
        "rejected", "intent-invalid"
    )


BAD_BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("add-expense", COFFEE | {"amount": "4,50"}, "invalid-fields"),
    ("add-expense", COFFEE | {"amount": 4.5}, "invalid-fields"),
    ("add-expense", COFFEE | {"amount": "0"}, "invalid-fields"),
    ("add-expense", COFFEE | {"currency": "ZZZ"}, "invalid-fields"),
    ("add-expense", COFFEE | {"date": "2026-02-30"}, "invalid-fields"),
    ("add-expense", COFFEE | {"name": "\x00"}, "invalid-fields"),
    ("add-expense", COFFEE | {"categoryId": "nowhere"}, "invalid-fields"),
    ("add-expense", COFFEE | {"user": "bob"}, "invalid-fields"),
    ("add-expense", COFFEE | {"user\x00": "bob"}, "invalid-fields"),
    ("add-expense", {}, "invalid-fields"),
    ("set-category", {"entryId": str(uuid.uuid4()), "categoryId": "TRAVEL"}, "transaction-not-found"),
    ("set-category", {"entryId": "x", "categoryId": "TRAVEL"}, "invalid-fields"),
    ("set-category", {"entryId": "HERE", "categoryId": 7}, "invalid-fields"),
    ("set-category", {"entryId": "HERE"}, "invalid-fields"),
    ("set-category", {"entryId": "HERE", "categoryId": "TRAVEL", "note": "both"}, "invalid-fields"),
    ("set-note", {"entryId": "HERE", "note": "x" * 501}, "invalid-fields"),
    ("put-splits", {"entryId": "HERE", "splits": "{"}, "invalid-fields"),
    ("put-splits", {"entryId": "HERE", "splits": "[" * 100_000}, "invalid-fields"),
    ("put-splits", {"entryId": "HERE", "splits": '[{"categoryId":"TRAVEL","amount":"11"}]'}, "invalid-fields"),
    ("put-splits", {"entryId": "HERE", "splits": '[{"categoryId":"TRAVEL","amount":1}]'}, "invalid-fields"),
    ("remove-expense", {"entryId": "HERE"}, "not-an-expense"),
    ("remove-expense", {"entryId": "HERE", "really": True}, "invalid-fields"),
    ("change-budget", {"budgetId": str(uuid.uuid4()), "limit": "1"}, "budget-not-found"),
    ("drop-tables", {}, "intent-invalid"),
]


@pytest.mark.parametrize(("kind", "body", "reason"), BAD_BODIES)
def test_a_bad_body_is_refused_with_its_reason_and_changes_nothing(
    books: Open, ledger: Ledger, database: Database, kind: str, body: dict[str, Any], reason: str
) -> None:
    entry = books().add(1)[0]
    body = {name: entry if value == "HERE" else value for name, value in body.items()}
    before = database.sql("select * from entries, transactions")

    assert settle(ledger(), Device().intent(kind, body)) == Answered("rejected", reason)

    assert database.sql("select * from entries, transactions") == before
    ((detail,),) = database.sql("select detail from intents_applied")
    assert 1 <= len(detail) <= 500


def test_another_users_entry_is_as_unknown_as_none(books: Open, ledger: Ledger, database: Database) -> None:
    books()
    bobs = books("bob").add(1)[0]

    answer = settle(ledger(), Device().intent("set-note", {"entryId": bobs, "note": "mine now"}))

    assert answer == Answered("rejected", "transaction-not-found")
    assert database.sql("select note from entries where id = %s", bobs) == [(None,)]


def test_a_user_without_a_ledger_has_no_receipts(ledger: Ledger, database: Database) -> None:
    with pytest.raises(UserNotFound):
        settle(ledger(), Device("nobody").intent("add-expense", COFFEE))


def test_above_the_hourly_limit_intents_are_refused_and_the_next_hour_takes_them_again(
    books: Open, ledger: Ledger, database: Database
) -> None:
    books()
    books("bob")
    deps, device = ledger(intent_hourly_limit=3), Device()

    answers = [settle(deps, device.intent("add-expense", COFFEE)) for _ in range(5)]

    assert [answer.reason for answer in answers if isinstance(answer, Answered)] == [None] * 3 + [
        "intents-too-many"
    ] * 2
    assert settle(deps, Device("bob").intent("add-expense", COFFEE)) == Answered("applied")
    next_hour = dataclasses.replace(deps, now=lambda: datetime.now(UTC) + timedelta(hours=1, seconds=1))
    assert settle(next_hour, device.intent("add-expense", COFFEE)) == Answered("applied")


def test_the_rest_of_a_flood_is_refused_at_once(books: Open, ledger: Ledger, database: Database) -> None:
    books()
    device = Device()
    flood = [device.intent("add-expense", COFFEE) for _ in range(200)]

    intents.refuse_flood(ledger(), "ada", flood)
    intents.refuse_flood(ledger(), "ada", flood)

    assert database.sql("select outcome, reason, count(*) from intents_applied group by 1, 2") == [
        ("rejected", "intents-too-many", 200)
    ]


# --- the other door ---------------------------------------------------------------------------------------------------


def test_what_the_api_has_done_under_the_same_key_is_not_done_again(
    books: Open, ledger: Ledger, database: Database
) -> None:
    books()
    deps, intent = ledger(), Device().intent("add-expense", COFFEE)
    marked = [{"path": "users/ada/months/2026-11", "version": {"epoch": 1, "number": 9}}]
    idempotency.once(deps, "ada", str(intent.id), b"sha", lambda _: (201, {"marked": marked}))

    assert settle(deps, intent) == Answered("applied")

    assert database.sql("select count(*) from transactions") == [(0,)]
    assert database.sql("select marked from intents_applied") == [(marked,)]


def test_what_an_intent_has_done_the_api_does_not_do_again(books: Open, ledger: Ledger, database: Database) -> None:
    books()
    deps, intent = ledger(), Device().intent("add-expense", COFFEE)
    settle(deps, intent)

    with pytest.raises(idempotency.IdempotencyKeyReused):
        idempotency.once(deps, "ada", str(intent.id), b"sha", lambda _: pytest.fail("done again"))


def test_a_key_is_remembered_longer_than_an_intent_may_wait(ledger: Ledger) -> None:
    deps = ledger(intent_max_age_days=30)

    assert idempotency.remembered(deps) >= timedelta(days=30) + intents.AHEAD


def test_a_purge_takes_the_versions_of_fields_along(books: Open, ledger: Ledger, database: Database) -> None:
    ada = books()
    entry = ada.add(1)[0]
    ada.split(entry, ("MEDICAL", "3"))
    ada.categorize(entry, "TRAVEL")
    assert database.sql("select count(*) from field_versions") == [(2,)]

    database.sql("delete from transactions")
    database.sql("delete from entries")

    assert database.sql("select count(*) from field_versions") == [(0,)]
