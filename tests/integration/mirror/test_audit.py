"""The rolling audit: whose turn it is, what each level finds, and that no read too many is spent."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.audit import audit_counts
from sync.audit.audit import AuditLines, Auditor, recent_audits
from sync.audit.audit_budget import Budget, BudgetSpent
from sync.audit.verify import ledger_url

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Bench:
    """An auditor whose clock the test moves, and what it has spent."""

    def __init__(self, deps: Any, sql: Callable[..., Any]) -> None:
        self.now = NOON
        self._sql = sql
        deps = dataclasses.replace(deps, now=lambda: self.now)
        self.auditor, self.lines = Auditor(deps), AuditLines(ledger_url(deps))
        self.auditor.enrol(self.lines)

    def audit(self, times: int = 1) -> None:
        """Lets it look so many times, six minutes apart."""
        for _ in range(times):
            self.auditor.audit_next(self.lines)
            self.now += timedelta(minutes=6)

    def row(self, user: str) -> dict[str, Any]:
        """The audit of one user."""
        found = recent_audits(self.lines.writing, self.now, 30, f"users/{user}", 1)["audits"]
        return dict(found[0]) if found else {}

    def spent(self, purpose: str) -> int:
        """Reads of this day."""
        return sum(
            reads
            for (reads,) in self._sql(
                "select reads from audit_reads where day = %s and purpose = %s", self.now.date(), purpose
            )
        )


@pytest.fixture
def bench(mirror_deps: Any, database: Any) -> Iterator[Callable[..., Bench]]:
    opened: list[Bench] = []

    def build(**settings: Any) -> Bench:
        opened.append(Bench(mirror_deps(**{"audit_reads_per_day": 10_000_000, **settings}), database.sql))
        return opened[-1]

    yield build
    for one in opened:
        one.lines.close()


@pytest.fixture
def read_once(database: Any) -> Callable[[], None]:
    """Has every owner read just now, so that only counts are due."""
    return lambda: database.sql("update mirror_audits set full_at = %s", NOON)


def transactions(firestore_server: Any, person: Any) -> Any:
    return firestore_server.client().collection(f"{person.owner}/transactions")


# --- whose turn it is ---


def test_every_owner_is_read_in_turn_and_again_when_it_is_time(books, mirrored, bench, database):
    for user in ("ada", "bob", "cyd"):
        books(user)
    mirrored()
    auditing = bench()

    auditing.audit(5)
    read = dict(database.sql("select owner, full_at from mirror_audits"))
    auditing.audit(5)
    again = dict(database.sql("select owner, full_at from mirror_audits"))
    auditing.now += timedelta(days=31)
    auditing.audit(5)

    assert len(read) == 3
    assert all(read.values())
    assert again == read
    assert min(full_at for (full_at,) in database.sql("select full_at from mirror_audits")) > NOON + timedelta(days=30)


def test_two_auditors_take_different_owners(books, mirrored, bench):
    for user in ("ada", "bob"):
        books(user)
    mirrored()
    auditors = [bench(), bench()]

    taken = [one.auditor._take(one.lines, "full") for one in auditors]

    assert set(taken) == {"users/ada", "users/bob"}
    assert auditors[0].auditor._take(auditors[0].lines, "full") is None


def test_an_auditor_that_died_costs_its_lease_alone(books, mirrored, bench):
    books()
    mirrored()
    auditing = bench()
    auditing.auditor._take(auditing.lines, "full")

    auditing.audit()
    leased = auditing.row("ada")
    auditing.now += timedelta(minutes=20)
    auditing.audit()

    assert leased.get("fullAt") is None
    assert auditing.row("ada")["fullAt"] is not None


def test_a_user_that_only_firestore_has_is_met_and_cleaned_up(
    books, mirrored, bench, firestore_server, assert_mirrored
):
    books()
    mirrored()
    firestore_server.client().document("users/nobody/transactions/t1").set({"name": "Ghost"})
    auditing = bench()

    auditing.audit(4)
    mirrored()

    assert_mirrored()


# --- what each level finds ---


def test_a_full_reading_finds_and_repairs_an_edit(books, mirrored, bench, firestore_server, assert_mirrored):
    ada = books()
    rows = ada.add(30)
    mirrored()
    transactions(firestore_server, ada).document(rows[0]).update({"name": "Forged"})
    auditing = bench()

    auditing.audit()
    mirrored()

    assert auditing.row("ada")["outcome"] == "damaged"
    assert (auditing.row("ada")["damaged"], auditing.row("ada")["repaired"]) == (1, 1)
    assert_mirrored()


@pytest.mark.parametrize("kind", ["missing", "ghost"])
def test_counts_find_what_is_missing_or_too_much_and_read_that_collection_alone(
    books, mirrored, bench, firestore_server, assert_mirrored, read_once, *, kind: str
):
    ada = books()
    rows = ada.add(40)
    mirrored()
    auditing = bench()
    read_once()
    auditing.audit()
    clean = auditing.row("ada")
    if kind == "missing":
        transactions(firestore_server, ada).document(rows[0]).delete()
    else:
        transactions(firestore_server, ada).document("ghost").set({"month": "2026-11"})

    auditing.now += timedelta(hours=2)
    auditing.audit()
    mirrored()

    found = auditing.row("ada")
    assert (clean["level"], clean["outcome"], clean["damaged"]) == ("counts", "equal", 0)
    assert clean["reads"] <= 8
    assert (found["level"], found["damaged"], found["repaired"]) == ("documents", 1, 1)
    assert_mirrored()


def test_counts_do_not_find_an_edit(books, mirrored, bench, firestore_server, read_once):
    """As the documentation says: only reading does."""
    ada = books()
    rows = ada.add(40)
    mirrored()
    transactions(firestore_server, ada).document(rows[0]).update({"name": "Forged"})
    auditing = bench()
    read_once()

    auditing.audit()

    assert auditing.row("ada")["outcome"] == "equal"


def test_a_damaged_head_is_found_by_the_cheap_look_too(
    books, mirrored, bench, firestore_server, assert_mirrored, read_once
):
    ada = books()
    ada.add(40)
    mirrored()
    firestore_server.client().document("users/ada").update({"email": "forged"})
    auditing = bench()
    read_once()

    auditing.audit()
    mirrored()

    assert auditing.row("ada")["damaged"] == 1
    assert_mirrored()


def test_of_many_transactions_only_the_months_that_count_differently_are_read(
    books, mirrored, bench, firestore_server, assert_mirrored, read_once, monkeypatch
):
    monkeypatch.setattr(audit_counts, "BY_MONTH_FROM", 50)
    ada = books()
    for month in range(1, 11):
        rows = ada.add(20, on=f"2026-{month:02}-05")
    mirrored()
    transactions(firestore_server, ada).document(rows[0]).delete()
    auditing = bench()
    read_once()

    auditing.audit()
    mirrored()

    found = auditing.row("ada")
    assert (found["level"], found["damaged"], found["repaired"]) == ("documents", 1, 1)
    assert found["reads"] < 60  # of 214 documents
    assert_mirrored()


def test_a_document_that_hides_under_another_month_is_different_not_missing(
    books, mirrored, bench, firestore_server, assert_mirrored, read_once, monkeypatch, database
):
    monkeypatch.setattr(audit_counts, "BY_MONTH_FROM", 50)
    ada = books()
    for month in range(1, 5):
        rows = ada.add(20, on=f"2026-{month:02}-05")
    mirrored()
    transactions(firestore_server, ada).document(rows[0]).update({"month": "2026-01"})
    transactions(firestore_server, ada).document(rows[1]).delete()
    auditing = bench()
    read_once()

    auditing.audit()
    mirrored()

    assert sorted(database.sql("select path, kind from mirror_repairs")) == sorted(
        [(ada.path("transactions", rows[0]), "different"), (ada.path("transactions", rows[1]), "missing")]
    )
    assert_mirrored()


def test_what_only_a_partial_reading_missed_is_not_called_missing(
    books, mirrored, bench, firestore_server, read_once, monkeypatch, database
):
    """It says to be of a month that counts right, because another one of that month is gone: only its name finds it."""
    monkeypatch.setattr(audit_counts, "BY_MONTH_FROM", 50)
    ada = books()
    (january,) = ada.add(20, on="2026-01-05")[:1]
    ada.add(20, on="2026-02-05")
    (march,) = ada.add(20, on="2026-03-05")[:1]
    mirrored()
    transactions(firestore_server, ada).document(march).update({"month": "2026-01"})
    transactions(firestore_server, ada).document(january).delete()
    auditing = bench()
    read_once()

    auditing.audit()

    assert database.sql("select path, kind from mirror_repairs") == [(ada.path("transactions", march), "different")]


def test_an_owner_with_marks_is_not_judged_by_counts(books, mirrored, bench, read_once, database):
    ada = books()
    ada.add(40)
    mirrored()
    ada.add(1)
    auditing = bench()
    read_once()

    auditing.audit()

    assert (auditing.row("ada")["outcome"], auditing.row("ada")["damaged"]) == ("busy", 0)
    assert database.sql("select count(*) from mirror_repairs") == [(0,)]


def test_a_mirror_audits_and_mends_by_itself(
    books, mirrored, firestore_server, assert_mirrored, database, eventually, tmp_path
):
    ada, bob = books("ada"), books("bob")
    rows = ada.add(30)
    bob.add(3)
    mirrored()
    transactions(firestore_server, ada).document(rows[0]).update({"name": "Forged"})
    transactions(firestore_server, bob).document("ghost").set({"name": "Ghost"})
    env = {
        "PATH": os.environ["PATH"], "APP_ENV": "local", "MIRROR_DATABASE_URL": database.url("mirror"),
        "FIREBASE_PROJECT_ID": firestore_server.project, "FIRESTORE_EMULATOR_HOST": firestore_server.address,
        "AUDIT_READS_PER_DAY": "100000000",
    }  # fmt: skip

    with (tmp_path / "log").open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "workers.cli", "mirror"], cwd=ROOT, env=env, stdout=out)
        try:
            mended = (
                "select count(*) from mirror_repairs as r where not exists (select from changes where path = r.path)"
            )
            eventually(lambda: database.sql(mended) == [(2,)], 60)
        finally:
            process.terminate()
            ended = process.wait(30)

    assert ended == 0
    assert_mirrored()


# --- the budget ---


def test_a_day_never_spends_more_than_its_reads(books, mirrored, bench):
    for number in range(12):
        books(f"user-{number}").add(10)
    mirrored()
    auditing = bench(audit_reads_per_day=200)

    for _ in range(100):
        auditing.auditor.audit_next(auditing.lines)
        auditing.now += timedelta(minutes=7)

    assert auditing.now.date() == NOON.date()
    assert 0 < auditing.spent("full") <= 150
    assert 0 < auditing.spent("counts") <= 50
    today = auditing.spent("full")
    auditing.now += timedelta(days=1)
    auditing.audit()
    assert auditing.spent("full") > 0
    assert today <= 150


def test_reads_are_spent_evenly(books, mirrored, bench, database):
    for number in range(8):
        books(f"user-{number}").add(10)
    mirrored()
    auditing = bench(audit_reads_per_day=2_400)  # 75 reads an hour for whole users

    for _ in range(40):
        auditing.auditor.audit_next(auditing.lines)
    at_once = database.sql("select count(*) from mirror_audits where full_at is not null")
    auditing.audit(10)

    assert at_once[0][0] <= 2  # one per lane
    assert database.sql("select count(*) from mirror_audits where full_at is not null")[0][0] > 2


def test_an_owner_larger_than_the_budget_is_told_and_stops_nobody(books, mirrored, bench):
    books("ada").add(200)
    books("bob")
    mirrored()
    auditing = bench(audit_reads_per_day=100)

    auditing.audit(100)

    ada, bob = auditing.row("ada"), auditing.row("bob")
    assert (ada["fullWaitsFor"], ada["fullAt"], ada["level"], ada["outcome"]) == ("too-large", None, "counts", "equal")
    assert (bob["fullWaitsFor"], bob["outcome"]) == (None, "equal")
    assert bob["fullAt"] is not None


def test_a_page_takes_no_more_than_is_left(bench):
    auditing = bench()
    budget = Budget(auditing.lines.writing, "test", 10, NOON)

    assert budget.take(7) == 7
    assert budget.take(300) == 3
    with pytest.raises(BudgetSpent):
        budget.take(1)
    budget.give_back(2)
    assert budget.take(300) == 2
    assert (auditing.spent("test"), budget.reads) == (10, 10)
