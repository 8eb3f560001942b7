"""Pendings that never post: shown as expired and out of the totals, back when the bank speaks of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync.deps import Deps
from sync.ledger.ledger import get_transaction
from sync.ledger.pendings import expire_pendings
from sync.ledger.spend import get_month
from tests.integration.pull.bank import page, pending, row
from tests.integration.pull.conftest import Linked

# The rows' bank date is 2026-11-05.
LAST_DAY = datetime(2026, 11, 19, 23, 59, tzinfo=UTC)
NEXT_DAY = LAST_DAY + timedelta(days=1)


@pytest.fixture
def api(linked: Linked) -> Deps:
    return linked.deps_for("api", plaid=linked.deps.plaid)


@pytest.fixture
def held(linked: Linked) -> Linked:
    """A pending p of 20 and a posted a of 5."""
    linked.bank.at(None, page(added=[pending("p", 20), row("a", 5)], to="C1"))
    linked.pull()
    return linked


def sweep(linked: Linked, now: datetime) -> int:
    """The hourly task at a time."""
    return expire_pendings(linked.deps_for("worker", now=lambda: now))


def november(api: Deps) -> tuple[str, int, int, int]:
    """Spend, rows, pendings and expired rows of the month."""
    month = get_month(api, "u1", date(2026, 11, 1))
    return month["currencies"]["USD"]["spend"], month["count"], month["pendingCount"], month["expiredCount"]


def is_expired(linked: Linked, api: Deps, plaid_id: str) -> bool:
    """Whether the row is shown as expired."""
    return bool(get_transaction(api, "u1", linked.entry(plaid_id))["expired"])


def test_a_pending_row_expires_the_day_after_its_fourteenth(held: Linked, api: Deps) -> None:
    early, before = sweep(held, LAST_DAY), november(api)
    late, after = sweep(held, NEXT_DAY), november(api)

    assert (early, late) == (0, 1)
    assert (before, after) == (("25", 2, 1, 0), ("5", 1, 0, 1))
    assert (is_expired(held, api, "p"), is_expired(held, api, "a")) == (True, False)


def test_expiring_marks_the_row_and_its_month_and_again_marks_nothing(held: Linked) -> None:
    before = held.marks()
    sweep(held, NEXT_DAY)
    after = held.marks()
    sweep(held, NEXT_DAY)

    newer = {path for path, number in after.items() if number > max(before.values())}
    assert newer == {f"users/u1/transactions/{held.entry('p')}", "users/u1/months/2026-11"}
    assert held.marks() == after


def test_the_time_is_a_setting(held: Linked) -> None:
    from dataclasses import replace

    settings = replace(held.deps.settings, pending_expires_days=3)
    deps = held.deps_for("worker", settings=settings, now=lambda: LAST_DAY - timedelta(days=10))

    assert expire_pendings(deps) == 1


def test_an_expired_row_that_posts_after_all_counts(held: Linked, api: Deps) -> None:
    held.categorise("p", "TRAVEL")
    sweep(held, NEXT_DAY)
    held.bank.at("C1", page(added=[row("q", 21, pending_transaction_id="p")], removed=["p"], to="C2"))

    held.pull()

    assert november(api) == ("26", 2, 0, 0)
    assert held.one("select user_category_id from entries where id = %s", held.entry("q")) == "TRAVEL"


@pytest.mark.parametrize("change", [{"amount": 22}, {"name": "Renamed"}, {"pending": False}])
def test_an_expired_row_that_the_bank_changes_counts_and_waits_anew(
    held: Linked, api: Deps, change: dict[str, Any]
) -> None:
    sweep(held, NEXT_DAY)
    held.bank.at("C1", page(modified=[pending("p", 20) | change], to="C2"))

    held.pull()

    assert november(api)[1] == 2
    today = datetime.now(UTC)
    assert sweep(held, today) == 0
    assert sweep(held, today + timedelta(days=16)) == (1 if "pending" not in change else 0)


def test_an_expired_row_that_the_bank_repeats_unchanged_stays_expired(held: Linked, api: Deps) -> None:
    sweep(held, NEXT_DAY)
    before = held.marks()
    held.bank.at("C1", page(modified=[pending("p", 20)], to="C2"))

    held.pull()

    assert (is_expired(held, api, "p"), held.marks()) == (True, before)


def test_an_expired_row_that_the_bank_removes_is_gone(held: Linked, api: Deps) -> None:
    sweep(held, NEXT_DAY)
    held.bank.at("C1", page(removed=["p"], accounts=[], to="C2"))

    held.pull()

    assert november(api) == ("5", 1, 0, 0)
    assert held.live() == {"a": Decimal(5)}


def test_a_month_of_expired_rows_alone_is_still_there(linked: Linked, api: Deps) -> None:
    linked.bank.at(None, page(added=[pending("p", 20)], to="C1"))
    linked.pull()
    sweep(linked, NEXT_DAY)

    month = get_month(api, "u1", date(2026, 11, 1))

    assert (month["currencies"], month["count"], month["expiredCount"]) == ({}, 0, 1)


def test_an_expired_row_may_still_be_what_a_posting_is_asked_about(held: Linked) -> None:
    sweep(held, NEXT_DAY)
    held.bank.at("C1", page(added=[row("q", 20, date="2026-11-19", name="Shop p", authorized_date=None)], to="C2"))

    held.pull()

    assert held.one("select pending_entry_id from reviews") == held.entry("p")


def test_the_search_reads_an_index_of_pendings_that_may_expire(held: Linked) -> None:
    held.database.sql(
        "with e as (insert into entries (user_id) select 'u1' from generate_series(1, 5000) returning id) "
        "insert into transactions (plaid_transaction_id, entry_id, user_id, account_id, source, amount, iso_currency, "
        "date, pending, name, bank_category_id) select e.id::text, e.id, 'u1', a.id, 'bank', 1, 'USD', '2026-10-01', "
        "false, 'x', 'OTHER' from e, accounts as a"
    )
    held.database.sql("analyze transactions")
    plan = held.database.sql(
        "explain select distinct user_id from transactions where pending and removed_at is null "
        "and expired_at is null and date < '2026-11-01' and (heard_on is null or heard_on < '2026-11-01')"
    )

    assert "ix_transactions_expirable" in " ".join(line for (line,) in plan)
