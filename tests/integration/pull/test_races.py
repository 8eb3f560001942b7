"""Workers that die, overtake each other or meet a webhook: the cursor never passes a row that is not stored."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event

from tests.fixtures.waiting import eventually
from tests.integration.pull.bank import page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.process import pull_in_child


@pytest.mark.parametrize("step", ["pull:fetched", "pull:applied"])
def test_a_worker_killed_before_the_commit_changes_nothing_and_a_rerun_stores_all(linked: Linked, step: str) -> None:
    linked.bank.at(None, page(added=[row("a")], to="P1", more=True))
    linked.bank.at("P1", page(added=[row("b")], to="C2"))

    assert pull_in_child(linked, LIVESPEND_CRASH_AT=step) == -signal.SIGKILL
    assert (linked.live(), linked.item("cursor"), linked.owed("wanted > done")) == ({}, None, True)
    linked.pull_owed()

    assert (set(linked.live()), linked.item("cursor")) == ({"a", "b"}, "C2")


def test_a_worker_killed_after_the_commit_leaves_nothing_to_do(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C1"))

    assert pull_in_child(linked, LIVESPEND_CRASH_AT="pull:committed") == -signal.SIGKILL
    before = linked.marks()
    redelivered = linked.pull_owed()
    asked_again = linked.pull()

    assert (redelivered.outcome, asked_again.outcome) == ("idle", "nothing")
    assert (set(linked.live()), linked.marks()) == ({"a"}, before)


def test_a_crash_step_kills_nothing_in_production(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")]))

    code = pull_in_child(linked, LIVESPEND_CRASH_AT="pull:fetched", APP_ENV="production")

    assert (code, set(linked.live())) == (0, {"a"})


def test_a_slow_worker_is_refused_when_a_newer_cursor_is_stored(linked: Linked) -> None:
    """The slow worker holds page C1 while another stores C1 and C2; its compare-and-set must lose."""

    def meanwhile() -> Any:
        linked.database.sql("update items set cursor = 'C2'")
        return page(added=[row("a", 1)], to="C1")

    linked.bank.at(None, meanwhile)
    linked.bank.at("C2", page(added=[row("b", 2)], to="C3"))

    result = linked.pull()

    runs = linked.database.sql("select outcome, error_code from sync_runs order by id")
    assert (set(linked.live()), linked.item("cursor"), result.rounds) == ({"b"}, "C3", 2)
    assert runs == [("deferred", "cursor-moved"), ("applied", None)]


def test_two_workers_on_one_item_fetch_it_once(linked: Linked) -> None:
    fetching, go_on = threading.Event(), threading.Event()

    def slowly() -> Any:
        fetching.set()
        assert go_on.wait(30)
        return page(added=[row("a")], to="C1")

    linked.bank.at(None, slowly)
    with ThreadPoolExecutor() as threads:
        holder = threads.submit(linked.pull_owed)
        assert fetching.wait(30)
        other = linked.pull_owed()
        go_on.set()
        first = holder.result(30)

    assert (other.outcome, first.outcome) == ("busy", "applied")
    assert linked.bank.calls == [""]


def test_a_webhook_during_a_pull_is_pulled_by_the_same_worker(linked: Linked) -> None:
    fetching, go_on = threading.Event(), threading.Event()

    def slowly() -> Any:
        fetching.set()
        assert go_on.wait(30)
        return page(added=[row("a")], to="C1")

    linked.bank.at(None, slowly)
    linked.bank.at("C1", page(added=[row("b")], to="C2"))
    with ThreadPoolExecutor() as threads:
        holder = threads.submit(linked.pull_owed)
        assert fetching.wait(30)
        assert linked.pull().outcome == "busy"
        go_on.set()
        result = holder.result(30)

    assert (result.rounds, set(linked.live()), linked.item("cursor")) == (2, {"a", "b"}, "C2")
    assert linked.owed("wanted = done") is True


def test_an_open_import_blocks_neither_webhooks_nor_other_users(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C1"))
    linked.database.sql("insert into users (id) values ('u2')")
    waiting = "select exists (select from pg_locks where not granted and relation = 'accounts'::regclass)"

    with ThreadPoolExecutor() as threads, linked.database.engine("postgres").begin() as blocker:
        blocker.exec_driver_sql("lock table accounts in exclusive mode")
        held = threads.submit(linked.pull_owed)
        eventually(lambda: bool(linked.one(waiting)))
        linked.database.sql("set lock_timeout = '2s'")
        assert linked.one("select want_pull('item-1')") == linked.item_id
        linked.database.sql("update users set display_name = 'Two' where id = 'u2'")
        blocker.rollback()
        result = held.result(30)

    assert (result.rounds, set(linked.live()), linked.owed("wanted = done")) == (2, {"a"}, True)


def test_many_workers_and_many_webhooks_lose_no_wake_up(linked: Linked) -> None:
    """The bank grows by one row per webhook; whatever the interleaving, the last row is in the ledger at the end."""
    webhooks = 12
    told = 0

    def everything_so_far() -> Any:
        return page(added=[row(f"r{n}") for n in range(told)], to="S", status="HISTORICAL_UPDATE_COMPLETE")

    linked.bank.at(None, everything_so_far)
    linked.bank.at("S", everything_so_far)
    with ThreadPoolExecutor(4) as threads:
        pulls = []
        for _ in range(webhooks):
            told += 1
            pulls.append(threads.submit(linked.pull))
        for pull in pulls:
            pull.result(60)

    assert len(linked.live()) == webhooks
    assert linked.owed("wanted = done") is True


def test_a_webhook_between_the_last_look_and_the_release_is_not_lost(linked: Linked) -> None:
    """Its doorbell finds the item held, so the holder itself must look again after it has let go."""
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(added=[row("b")], to="C2"))
    found_busy: list[str] = []

    def just_before_release(*call: Any) -> None:
        if "pg_advisory_unlock" in call[2] and not found_busy:
            found_busy.append("")
            found_busy[0] = linked.pull().outcome

    event.listen(linked.deps.engine, "before_cursor_execute", just_before_release)
    try:
        result = linked.pull_owed()
    finally:
        event.remove(linked.deps.engine, "before_cursor_execute", just_before_release)

    assert found_busy == ["busy"]
    assert (result.rounds, set(linked.live())) == (2, {"a", "b"})
