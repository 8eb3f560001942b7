"""Many pages, one update: failures and deaths on the way, and a large import."""

from __future__ import annotations

import json
import signal
import tracemalloc
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from subprocess import Popen
from typing import Any

import pytest

from sync.pull.imports import Sizes
from sync.pull.kept_pages import verify_chain
from sync.pull.limits import Limit, Limits
from sync.pull.plaid import Plaid
from sync.pull.pull import pull_item
from tests.integration.pull.bank import HISTORICAL, INITIAL, MUTATION, NOT_READY, Answer, error, page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.process import pulling_child
from tests.integration.pull.vectors.conftest import Screen, Spend


def rows(start: int, count: int) -> list[dict[str, Any]]:
    return [row(f"r{number}", number) for number in range(start, start + count)]


def test_the_first_rows_are_on_screen(linked: Linked, screen: Screen) -> None:
    """Vector 2: after a NOT_READY answer 37 rows come in one page."""
    linked.bank.at(
        None,
        page(to="", status=NOT_READY, accounts=[]),
        page(added=rows(0, 37), to="C1", status=INITIAL),
    )
    linked.pull_owed()
    assert [path for path in linked.marks() if "/transactions/" in path] == []

    linked.pull()

    assert (len(linked.live()), linked.item("cursor"), linked.item("update_status")) == (37, "C1", "INITIAL")
    assert len([path for path in linked.marks() if "/transactions/" in path]) == 37
    assert len(screen.rows()) == 37


def test_a_worker_killed_between_two_pages_changes_nothing(linked: Linked) -> None:
    """Vector 5: the process dies after page 2 was fetched; the rerun ends as if nothing had happened."""
    linked.bank.at(None, page(added=[row("old")], to="C0"))
    linked.pull()
    running: list[Popen[bytes]] = []
    last = page(added=rows(1000, 200), to="C3")

    def kill_the_asker() -> Any:
        running[0].kill()
        running[0].wait(10)
        return last

    linked.bank.at("C0", page(added=rows(0, 500), to="P1", more=True))
    linked.bank.at("P1", page(added=rows(500, 500), to="P2", more=True))
    linked.bank.at("P2", kill_the_asker, last)
    linked.database.sql("update item_pulls set wanted = wanted + 1")
    before = linked.marks()

    with pulling_child(linked) as child:
        running.append(child)
        assert child.wait(60) == -signal.SIGKILL
    killed = (set(linked.live()), linked.item("cursor"), linked.marks())
    linked.pull_owed()

    assert killed == ({"old"}, "C0", before)
    assert (len(linked.live()), linked.item("cursor"), linked.run("pages")) == (1201, "C3", 3)
    assert linked.bank.calls == ["", "C0", "P1", "P2", "C0", "P1", "P2"]


def fails_on_page(linked: Linked, number: int, failure: Answer) -> None:
    """The item stands at C0; the update after it has three pages, and page `number` fails once."""
    linked.bank.at(None, page(added=[row("old")], to="C0"))
    linked.pull()
    pages = {
        "C0": page(added=[row("a")], to="P1", more=True),
        "P1": page(modified=[row("old", 2)], to="P2", more=True),
        "P2": page(added=[row("b")], to="C3"),
    }
    for on, (cursor, told) in enumerate(pages.items(), start=1):
        linked.bank.at(cursor, *([failure, told] if on == number else [told]))
    linked.bank.calls.clear()


def assert_the_banks_truth(linked: Linked) -> None:
    assert linked.live() == {"a": Decimal(10), "b": Decimal(10), "old": Decimal(2)}
    assert (linked.item("cursor"), linked.run("restarts"), linked.run("outcome")) == ("C3", 1, "applied")


def test_a_mutation_on_page_three_starts_again_at_the_items_cursor(linked: Linked) -> None:
    """Vector 7: TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION on page 3."""
    fails_on_page(linked, 3, MUTATION)

    linked.pull()

    assert linked.bank.calls == ["C0", "P1", "P2", "C0", "P1", "P2"]
    assert_the_banks_truth(linked)


def test_a_server_error_on_page_two_starts_again_at_the_items_cursor(linked: Linked) -> None:
    """Vector 10: HTTP 500 on page 2, then fine."""
    fails_on_page(linked, 2, error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500))

    linked.pull()

    assert linked.bank.calls == ["C0", "P1", "C0", "P1", "P2"]
    assert_the_banks_truth(linked)


def test_two_years_of_five_thousand_rows_are_right_to_the_cent(linked: Linked, spend: Spend) -> None:
    """Vector 67: 10 pages of 500 rows over 24 months, one mutation at page 7."""
    told, expected = [], defaultdict(Decimal)
    for number in range(5000):
        month = f"{2024 + (number % 24 + 11) // 12}-{(number % 24 + 11) % 12 + 1:02}"
        amount = Decimal(number * 7919 % 20000 - 2000) / 100
        told.append(row(f"r{number}", float(amount), date=f"{month}-17", authorized_date=f"{month}-16"))
        expected[month] += amount
    for number in range(10):
        here, there = (f"P{number}" if number else "", f"P{number + 1}" if number < 9 else "END")
        body = page(added=told[number * 500 : number * 500 + 500], to=there, more=number < 9, status=HISTORICAL)
        raw = (200, json.dumps(body).encode())
        linked.bank.at(here, *([MUTATION, raw] if number == 6 else [raw]))

    linked.pull()

    assert (len(linked.bank.calls), len(linked.live()), linked.item("cursor")) == (17, 5000, "END")
    assert {month: Decimal(spend.month(month)["currencies"]["USD"]["spend"]) for month in expected} == expected
    assert len(expected) == 24


class Minutes:
    """A bank that takes five calls a minute and refuses the sixth, and a clock that the test moves."""

    def __init__(self, linked: Linked) -> None:
        self.now = linked.deps.now()
        self.calls: list[datetime] = []

    def seconds(self) -> float:
        """The clock as the limiter reads it."""
        return self.now.timestamp()

    def told(self, body: tuple[int, bytes]) -> Any:
        """Answers a page, or a refusal."""
        self.calls = [at for at in self.calls if at > self.now - timedelta(seconds=60)]
        if len(self.calls) == 5:
            return error("TRANSACTIONS_SYNC_LIMIT", kind="RATE_LIMIT_EXCEEDED", status=429)
        self.calls.append(self.now)
        return body


@pytest.mark.parametrize("ours", [True, False], ids=["our-own-pace", "refused-by-the-bank"])
def test_an_import_longer_than_the_limit_of_a_minute_ends_whole(linked: Linked, ours: bool) -> None:
    """Vector 68: a tenth of it, 24 pages of 500 rows at 5 calls a minute, paced by us or only by the bank."""
    minutes = Minutes(linked)
    for number in range(24):
        rows = [
            row(
                f"r{n}", n + 1, date=f"{2026 - n // 6000}-{12 - n // 500 % 12:02}-{n % 28 + 1:02}", authorized_date=None
            )
            for n in range(500 * number, 500 * number + 500)
        ]
        to = f"P{number + 1}" if number < 23 else "END"
        body = (200, json.dumps(page(added=rows, to=to, more=to != "END")).encode())
        linked.bank.at(f"P{number}" if number else None, lambda body=body: minutes.told(body))
    limits = Limits({"transactions_sync": Limit(5, 2500)} if ours else {}, clock=minutes.seconds)
    plaid = Plaid(url=linked.bank.url, client_id="client", secret="secret", limits=limits)
    deps = linked.deps_for("worker", plaid=plaid, now=lambda: minutes.now)

    outcomes = []
    while not outcomes or outcomes[-1] == "paced":
        result = pull_item(deps, linked.item_id, Sizes(pages_in_memory=3, rows_at_once=1000, rows_per_step=900))
        outcomes.append(result.outcome)
        minutes.now = result.retry_at or minutes.now

    assert outcomes == ["paced"] * 4 + ["applied"]
    assert (len(linked.live()), linked.item("cursor")) == (12_000, "END")
    assert linked.one("select sum(amount) from transactions where removed_at is null") == 12_000 * 12_001 // 2
    assert len(linked.bank.calls) == (24 if ours else 24 + 4)
    assert linked.one("select count(distinct number) from changes where path like '%%/transactions/%%'") > 12
    assert verify_chain(deps, linked.item_id) == 24


def test_a_longer_import_needs_no_more_memory(linked: Linked) -> None:
    """Vector 68: what a worker holds does not grow with the number of pages."""
    peaks = []
    for start, pages in ((None, 6), ("S1", 6), ("S2", 24)):
        end = {None: "S1", "S1": "S2", "S2": "END"}[start]
        for number in range(pages):
            here, there = (f"{start}-{number}" if number else start, f"{start}-{number + 1}")
            told = [row(f"{start}-{number}-{n}", n, date=f"2026-{n % 12 + 1:02}-01") for n in range(100)]
            last = number == pages - 1
            linked.bank.at(here, page(added=told, to=end if last else there, more=not last))
        linked.database.sql("update item_pulls set wanted = wanted + 1")
        tracemalloc.start()
        pull_item(linked.deps, linked.item_id, Sizes(pages_in_memory=2, rows_at_once=200, rows_per_step=200))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert len(linked.live()) == 3600
    assert peaks[2] < 1.3 * peaks[1]
