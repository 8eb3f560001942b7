"""Updates too large for memory, one transaction or the rate limit: they end, whole, whatever happens on the way."""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.errors import PagesDamaged, PlaidPaced
from sync.keys.key_file import create_key_file
from sync.pull.imports import Sizes, forget_old
from sync.pull.kept_pages import verify_chain
from sync.pull.pages import UnreadPage
from sync.pull.plaid import Plaid
from sync.pull.pull import PullResult, pull_item
from tests.integration.pull.bank import MUTATION, Answer, account, error, page, pending, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.process import pull_in_child

SMALL = Sizes(pages_in_memory=2, rows_at_once=20, rows_per_step=7)
LIMIT = error("TRANSACTIONS_SYNC_LIMIT", kind="RATE_LIMIT_EXCEEDED", status=429)


def dated(number: int, **fields: Any) -> dict[str, Any]:
    """A row of its own day, ever older: three years have about a thousand of them."""
    day = f"{2026 - number // 336}-{12 - number // 28 % 12:02}-{28 - number % 28:02}"
    return row(f"r{number}", number + 1, date=day, authorized_date=None, **fields)


def tell(linked: Linked, rows: list[dict[str, Any]], per_page: int = 5, start: str | None = None) -> list[str]:
    """Scripts the rows as pages of one update from `start` to END; answers the cursors in between."""
    parts = [rows[first : first + per_page] for first in range(0, len(rows), per_page)]
    cursors = [f"P{number}" for number in range(1, len(parts))]
    for asked, part, to in zip([start, *cursors], parts, [*cursors, "END"], strict=True):
        linked.bank.at(asked, page(added=part, to=to, more=to != "END"))
    return cursors


def once_at(linked: Linked, cursor: str | None, answer: Answer) -> None:
    """The bank answers this once at a cursor, then what it was told before."""
    linked.bank.at(cursor, answer, *linked.bank.script[cursor or ""])


def pull(linked: Linked, sizes: Sizes = SMALL, **swapped: Any) -> PullResult:
    deps = dataclasses.replace(linked.deps, **swapped)
    return pull_item(deps, linked.item_id, sizes)


def later(linked: Linked, minutes: float = 2) -> Callable[[], Any]:
    moment = linked.deps.now() + timedelta(minutes=minutes)
    return lambda: moment


def pages_of(linked: Linked, which: str = "true") -> int:
    return int(linked.one(f"select count(*) from plaid_pages where {which}"))


def ledger(linked: Linked) -> list[tuple[Any, ...]]:
    """Everything that the bank decides, with the ids that documents have."""
    return linked.database.sql(
        "select t.plaid_transaction_id, t.entry_id, t.amount, t.date, t.removed_at is null, t.superseded_by, "
        "a.plaid_account_id from transactions as t join accounts as a on a.id = t.account_id order by 1"
    )


def forget_ledger(linked: Linked) -> None:
    """Everything that pulls made, but not what they pull from."""
    for table in ("transactions", "entries", "balance_snapshots", "accounts", "imports", "plaid_pages", "page_keys"):
        linked.database.sql(f"delete from {table}")
    linked.database.sql("update items set cursor = null")


def test_a_limit_in_the_middle_keeps_the_pages_and_the_next_pull_goes_on_behind_them(linked: Linked) -> None:
    cursors = tell(linked, [dated(n) for n in range(40)])
    once_at(linked, cursors[3], LIMIT)

    first = pull(linked)
    assert (linked.live(), linked.item("cursor"), pages_of(linked, "position is null")) == ({}, None, 4)
    second = pull(linked, now=later(linked))

    assert (first.outcome, linked.database.sql("select outcome from sync_runs order by id")) == (
        "paced",
        [("paced",), ("applied",)],
    )
    assert (second.outcome, len(linked.live()), linked.item("cursor")) == ("applied", 40, "END")
    assert linked.bank.calls == ["", "P1", "P2", "P3", "P4", "P4", "P5", "P6", "P7"]
    assert linked.owed("wanted = done and failures = 0 and retry_at is null") is True


def test_an_update_longer_than_the_limit_ends_however_often_it_is_hit(linked: Linked) -> None:
    """Twelve pages, and the bank takes three calls at a time: each pull comes three pages further."""
    cursors = tell(linked, [dated(n) for n in range(60)])
    for cursor in cursors[2::3]:
        once_at(linked, cursor, LIMIT)
    waits = []
    for minutes in range(4):
        moment = linked.deps.now() + timedelta(minutes=2 * minutes)
        result = pull(linked, now=lambda moment=moment: moment)
        waits.append(None if result.retry_at is None else (result.retry_at - moment).total_seconds())

    assert (len(linked.live()), linked.item("cursor"), result.outcome) == (60, "END", "applied")
    assert all(60 <= wait <= 80 for wait in waits[:3] if wait is not None)
    assert len(linked.bank.calls) == 12 + 3


class Paced(Plaid):
    """Our own pace: so many calls, then a wait, as sync/pull/limits.py makes it."""

    def __init__(self, url: str, calls: int, seconds: float) -> None:
        super().__init__(url=url, client_id="client", secret="secret")
        self.left = calls
        self.seconds = seconds

    def transactions_sync(self, token: str, cursor: str | None, count: int = 500) -> UnreadPage:
        if self.left == 0:
            self.left = 3
            raise PlaidPaced("transactions_sync", self.seconds)
        self.left -= 1
        return super().transactions_sync(token, cursor, count)


def test_our_own_pace_ends_the_task_and_is_no_failure(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(30)])
    plaid = Paced(linked.bank.url, calls=3, seconds=44.0)
    now = linked.deps.now()

    first = pull(linked, plaid=plaid, now=lambda: now)
    second = pull(linked, plaid=plaid, now=lambda: now + timedelta(seconds=45))

    assert (first.outcome, first.retry_at) == ("paced", now + timedelta(seconds=44))
    assert (second.outcome, len(linked.live())) == ("applied", 30)
    assert linked.bank.calls == ["", "P1", "P2", "P3", "P4", "P5"]


def test_a_short_wait_for_our_own_pace_is_slept(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(30)])

    result = pull(linked, plaid=Paced(linked.bank.url, calls=3, seconds=0.01))

    assert (result.outcome, len(linked.live()), linked.one("select count(*) from sync_runs")) == ("applied", 30, 1)


def test_pages_of_a_small_update_are_not_lost_to_a_limit_either(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(10)])
    once_at(linked, "P1", LIMIT)

    pull(linked)
    pull(linked, now=later(linked))

    assert linked.bank.calls == ["", "P1", "P1"]
    assert len(linked.live()) == 10


def test_a_mutation_in_the_middle_of_a_paced_update_starts_again_at_the_items_cursor(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("old")], to="C0"))
    pull(linked)
    cursors = tell(linked, [dated(n) for n in range(40)], start="C0")
    once_at(linked, cursors[3], LIMIT)
    once_at(linked, cursors[5], MUTATION)
    linked.database.sql("update item_pulls set wanted = wanted + 1")
    pull(linked)
    linked.bank.at("C0", page(added=[dated(99)], to="P1", more=True))

    pull(linked, now=later(linked))

    assert linked.bank.calls[1:] == ["C0", "P1", "P2", "P3", "P4", "P4", "P5", "P6", "C0", *cursors]
    assert set(linked.live()) == {"old", "r99", *(f"r{n}" for n in range(5, 40))}
    assert verify_chain(linked.deps, linked.item_id) == 1 + 8


def test_a_server_error_behind_kept_pages_starts_again_at_the_items_cursor(linked: Linked) -> None:
    cursors = tell(linked, [dated(n) for n in range(20)])
    once_at(linked, cursors[2], error("INTERNAL_SERVER_ERROR", kind="API_ERROR", status=500))

    pull(linked)

    assert linked.bank.calls == ["", "P1", "P2", "P3", "", "P1", "P2", "P3"]
    assert (len(linked.live()), pages_of(linked), linked.run("restarts")) == (20, 4, 1)


def test_a_failure_that_is_no_limit_leaves_no_page_and_no_document(linked: Linked) -> None:
    cursors = tell(linked, [dated(n) for n in range(20)])
    linked.bank.at(cursors[2], error("ITEM_LOGIN_REQUIRED"))

    pull(linked)

    assert (pages_of(linked), linked.one("select count(*) from imports"), linked.live()) == (0, 0, {})
    assert linked.item("status") == "login_required"


def test_pages_that_nobody_went_on_with_for_an_hour_are_fetched_again(linked: Linked) -> None:
    cursors = tell(linked, [dated(n) for n in range(20)])
    once_at(linked, cursors[2], LIMIT)
    pull(linked)

    pull(linked, now=later(linked, minutes=61))

    assert linked.bank.calls == ["", "P1", "P2", "P3", "", "P1", "P2", "P3"]
    assert len(linked.live()) == 20


def test_an_open_window_of_another_cursor_is_thrown_away(linked: Linked) -> None:
    cursors = tell(linked, [dated(n) for n in range(20)])
    once_at(linked, cursors[2], LIMIT)
    pull(linked)
    linked.database.sql("update items set cursor = 'ELSEWHERE'")
    linked.bank.at("ELSEWHERE", page(added=[row("other")], to="C2"))

    pull(linked, now=later(linked))

    assert (set(linked.live()), pages_of(linked, "position is null")) == ({"other"}, 0)


def test_a_resumed_update_opens_after_the_vaults_key_changed(linked: Linked, tmp_path: Path) -> None:
    cursors = tell(linked, [dated(n) for n in range(20)])
    once_at(linked, cursors[2], LIMIT)
    pull(linked)
    assert linked.deps.vault is not None
    key_file = Path(linked.deps.settings.token_key_file)
    add_key(key_file, tmp_path)

    pull(linked, vault=linked.deps_for("worker").vault, now=later(linked))

    assert linked.bank.calls == ["", "P1", "P2", "P3", "P3"]
    assert len(linked.live()) == 20


def add_key(key_file: Path, folder: Path) -> None:
    """Makes another key the current one; the former stays in the file."""
    import json

    create_key_file(folder / "more.json")
    former, fresh = json.loads(key_file.read_text()), json.loads((folder / "more.json").read_text())
    key_file.write_text(json.dumps({"current": fresh["current"], "keys": former["keys"] | fresh["keys"]}))


@pytest.mark.parametrize("damage", ["sealed = sealed || 'x'", "sha256 = 'x'", "window_id = gen_random_uuid()"])
def test_a_damaged_kept_page_is_noticed_and_the_update_fetched_again(linked: Linked, damage: str) -> None:
    cursors = tell(linked, [dated(n) for n in range(30)])
    once_at(linked, cursors[4], LIMIT)
    pull(linked)
    linked.database.sql(f"update plaid_pages set {damage} where ordinal = 2")

    broken = pull(linked, now=later(linked))
    assert (broken.outcome, linked.run("error_code"), linked.live()) == ("failed", "pages-damaged", {})
    assert pages_of(linked) == 0
    mended = pull(linked, now=later(linked, minutes=10))

    assert (mended.outcome, len(linked.live()), linked.item("cursor")) == ("applied", 30, "END")


def test_a_missing_open_page_is_noticed(linked: Linked) -> None:
    cursors = tell(linked, [dated(n) for n in range(30)])
    once_at(linked, cursors[4], LIMIT)
    pull(linked)
    linked.database.sql("delete from plaid_pages where ordinal = 3")

    broken = pull(linked, now=later(linked))

    assert (broken.outcome, linked.run("error_code")) == ("failed", "pages-damaged")


@pytest.mark.parametrize("lengths", [(1, 9, 4, 3), (5, 1, 1, 1, 1, 6, 2)])
def test_a_bank_that_changes_its_page_size_loses_nothing(linked: Linked, lengths: tuple[int, ...]) -> None:
    rows, start = [dated(n) for n in range(sum(lengths))], None
    for number, length in enumerate(lengths, start=1):
        to = "END" if number == len(lengths) else f"P{number}"
        linked.bank.at(start, page(added=[rows.pop(0) for _ in range(length)], to=to, more=to != "END"))
        start = to
    once_at(linked, "P3", LIMIT)

    pull(linked)
    pull(linked, now=later(linked))

    assert len(linked.live()) == sum(lengths)


def test_pages_without_end_are_refused_across_pulls(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(30)])
    linked.bank.at("P3", LIMIT)
    pull(linked)
    linked.bank.at("P3", page(added=[dated(99)], to="P1", more=True))

    result = pull(linked, now=later(linked))

    assert (result.outcome, linked.run("error_code"), linked.live()) == ("failed", "plaid-contract", {})
    assert pages_of(linked) == 0


def test_an_import_in_steps_ends_as_one_in_one_transaction(linked: Linked) -> None:
    """Chains over pages and steps, removals with and without heirs, repeats: both ways make the same ledger."""
    before = [pending("p1", date="2026-11-01"), row("gone"), row("dead", date="2020-01-01"), row("same")]
    rows = [dated(n) for n in range(60)]
    rows[3] |= {"pending": True}
    rows[50] |= {"pending_transaction_id": "r3"}
    rows[20] |= {"pending_transaction_id": "p1"}
    rows += [dated(7, name="again"), row("same")]
    linked.bank.at(None, page(added=before, to="C0"))
    tell(linked, rows, start="C0")
    linked.bank.at("P5", page(added=rows[25:30], removed=["p1", "gone", "r1"], to="P6", more=True))

    def both_updates(sizes: Sizes) -> list[tuple[Any, ...]]:
        for _ in range(2):
            linked.database.sql("update item_pulls set wanted = wanted + 1")
            pull(linked, sizes)
        return ledger(linked)

    stepped = both_updates(Sizes(pages_in_memory=1, rows_at_once=5, rows_per_step=4))
    forget_ledger(linked)
    at_once = both_updates(Sizes(pages_in_memory=10_000))

    assert stepped == at_once
    assert linked.entry("r20") == linked.entry("p1")
    assert linked.entry("r50") == linked.entry("r3")
    assert {"gone", "r1", "p1", "r3"} & set(linked.live()) == set()
    assert linked.one("select name from transactions where plaid_transaction_id = 'r7'") == "again"
    assert len(linked.live()) == 60 - 2 + 2


def test_the_same_import_again_writes_nothing(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(60)])
    pull(linked)
    linked.database.sql("update items set cursor = null")
    linked.database.sql("update item_pulls set wanted = wanted + 1")
    before = ledger(linked), {path: it for path, it in linked.marks().items() if "/imports/" not in path}

    again = pull(linked)

    assert (again.outcome, again.unchanged, pages_of(linked)) == ("nothing", 60, 12)
    assert (ledger(linked), {path: it for path, it in linked.marks().items() if "/imports/" not in path}) == before


@pytest.mark.parametrize("step", ["pull:paged", "pull:fetched", "import:folded", "import:step", "pull:applied"])
def test_a_worker_killed_on_the_way_of_an_import_leaves_a_whole_one_to_the_next(linked: Linked, step: str) -> None:
    tell(linked, [dated(n) for n in range(60)])

    assert pull_in_child(linked, SMALL, LIVESPEND_CRASH_AT=step) == -signal.SIGKILL
    assert (linked.item("cursor"), linked.owed("wanted > done")) == (None, True)
    stored = len(linked.live())
    assert stored == (0 if step in ("pull:paged", "pull:fetched", "import:folded") else stored)
    assert stored < 60
    calls = len(linked.bank.calls)
    pull(linked)

    assert (len(linked.live()), linked.item("cursor")) == (60, "END")
    assert len(linked.bank.calls) == 12 if step != "pull:paged" else calls + 9
    assert linked.one("select count(*) from entries") == 60
    assert verify_chain(linked.deps, linked.item_id) == 12
    assert linked.one("select phase || rows || '/' || rows_stored from imports") == "done60/60"


def test_a_worker_killed_after_the_last_step_leaves_nothing_to_do(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(60)])

    assert pull_in_child(linked, SMALL, LIVESPEND_CRASH_AT="pull:committed") == -signal.SIGKILL

    assert (pull(linked).outcome, len(linked.live()), linked.item("cursor")) == ("idle", 60, "END")


def test_half_an_import_is_never_passed_by_another_update(linked: Linked) -> None:
    """After a crash between two steps a webhook asks for news: the rest of the kept pages comes first."""
    tell(linked, [dated(n) for n in range(60)])
    assert pull_in_child(linked, SMALL, LIVESPEND_CRASH_AT="import:step") == -signal.SIGKILL
    linked.bank.at(None, page(added=[row("never")], to="C9"))
    linked.bank.at("END", page(added=[row("news")], to="C2"))
    linked.database.sql("update item_pulls set wanted = wanted + 1")

    pull(linked)
    linked.database.sql("update item_pulls set wanted = wanted + 1")
    pull(linked)

    assert (len(linked.live()), "news" in linked.live(), "never" in linked.live()) == (61, True, False)


def test_half_an_import_whose_pages_are_damaged_is_taken_back_and_fetched_again(linked: Linked) -> None:
    """A row that the bank forgot meanwhile must not stay for ever: nothing would ever tell of it again."""
    tell(linked, [dated(n) for n in range(60)])
    assert pull_in_child(linked, SMALL, LIVESPEND_CRASH_AT="import:step") == -signal.SIGKILL
    assert "r0" in linked.live()
    linked.database.sql("update plaid_pages set sealed = 'x' where ordinal = 3")
    tell(linked, [dated(n) for n in range(1, 60)])

    assert pull(linked, now=later(linked)).outcome == "failed"
    assert linked.live() == {}
    pull(linked, now=later(linked, minutes=10))

    assert set(linked.live()) == {f"r{n}" for n in range(1, 60)}


def test_the_newest_days_are_stored_first_and_the_document_says_how_far(linked: Linked) -> None:
    tell(linked, [dated(n) for n in reversed(range(60))])

    assert pull_in_child(linked, SMALL, LIVESPEND_CRASH_AT="import:step") == -signal.SIGKILL

    assert set(linked.live()) == {f"r{n}" for n in range(7)}
    assert linked.database.sql("select phase, pages, rows, rows_stored, stored_from::text from imports") == [
        ("storing", 12, 60, 7, "2026-12-01")
    ]
    assert f"users/u1/imports/{linked.item_id}" in linked.marks()


def test_an_item_unlinked_between_two_steps_gets_no_more_rows(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(60)])
    assert pull_in_child(linked, SMALL, LIVESPEND_CRASH_AT="import:step") == -signal.SIGKILL
    linked.database.sql("update transactions set removed_at = now()")
    linked.database.sql("update items set removed_at = now()")

    pull(linked)
    forget_old(linked.deps)

    assert (linked.live(), pages_of(linked), linked.one("select count(*) from imports")) == ({}, 0, 0)


def test_a_strange_account_is_found_before_the_first_step(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(60)])
    linked.bank.at("P11", page(added=[dated(59, account_id="nowhere")], to="END"))
    linked.bank.others["/accounts/get"] = [{"accounts": [account()], "item": {}, "request_id": "r"}]

    result = pull(linked)

    assert (result.outcome, linked.run("error_code")) == ("failed", "plaid-contract")
    assert (linked.one("select count(*) from transactions"), pages_of(linked)) == (0, 0)


def test_the_document_goes_some_minutes_after_the_import_is_over(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(60)])
    pull(linked)
    before = linked.marks()[f"users/u1/imports/{linked.item_id}"]

    forget_old(linked.deps)
    assert linked.one("select phase from imports") == "done"
    forget_old(dataclasses.replace(linked.deps, now=later(linked, minutes=11)))

    assert linked.one("select count(*) from imports") == 0
    assert linked.marks()[f"users/u1/imports/{linked.item_id}"] > before


def test_an_import_that_nobody_goes_on_with_is_forgotten_with_its_pages(linked: Linked) -> None:
    cursors = tell(linked, [dated(n) for n in range(30)])
    once_at(linked, cursors[3], LIMIT)
    pull(linked)

    forget_old(linked.deps)
    assert pages_of(linked) == 4
    forget_old(dataclasses.replace(linked.deps, now=later(linked, minutes=61)))

    assert (pages_of(linked), linked.one("select count(*) from imports")) == (0, 0)


def test_edits_get_their_turn_while_an_import_is_stored(linked: Linked) -> None:
    """The user's own counter is free between two steps, so an edit waits for one of them and not for all."""
    tell(linked, [dated(n) for n in range(60)])
    linked.database.sql("insert into entries (id, user_id) values (gen_random_uuid(), 'u1')")
    stop, edits = threading.Event(), 0

    def edit() -> None:
        nonlocal edits
        while not stop.is_set():
            linked.database.sql("select lock_owners(array['users/u1'])")
            edits += linked.one("select phase = 'storing' from imports union all select false limit 1")

    thread = threading.Thread(target=edit)
    thread.start()
    pull(linked, sizes=Sizes(pages_in_memory=1, rows_at_once=1, rows_per_step=1))
    stop.set()
    thread.join(30)

    assert edits > 3


def test_a_ledger_made_again_from_nothing_has_the_same_documents(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(30)])
    pull(linked)
    first = ledger(linked)
    forget_ledger(linked)
    linked.database.sql("update item_pulls set wanted = wanted + 1")

    pull(linked, sizes=Sizes())

    assert ledger(linked) == first


def test_a_chain_that_lacks_its_last_page_is_noticed(linked: Linked) -> None:
    tell(linked, [dated(n) for n in range(30)])
    pull(linked)
    linked.database.sql("delete from plaid_pages where position = 6")

    with pytest.raises(PagesDamaged, match="page 6"):
        verify_chain(linked.deps, linked.item_id)
