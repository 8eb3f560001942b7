"""Writers side by side: nobody deadlocks for good, an import delays its own user only, webhooks wait for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sync.db import lock_owners, retrying, transaction
from sync.errors import DatabaseBusy, DatabaseUnavailable
from sync.ledger import ledger
from tests.fixtures.waiting import eventually
from tests.integration.ledger.conftest import Scene


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Other sessions."""
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture
def entry_id(scene: Scene) -> str:
    """A bank row of alice's."""
    made = scene.bank_row("alice", scene.link("alice")[1])
    scene.forget_marks()
    return made


def someone_waits(scene: Scene) -> bool:
    waiting = scene.database.sql(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    return bool(waiting[0][0])


def test_an_edit_waits_for_its_own_users_import_and_then_succeeds(
    scene: Scene, entry_id: str, pool: ThreadPoolExecutor
) -> None:
    with transaction(scene.database.engine("worker")) as importing:
        lock_owners(importing, ["users/alice"])
        edit = pool.submit(ledger.set_category, scene.deps, "alice", entry_id, "TRAVEL")
        eventually(lambda: someone_waits(scene))
        importing.execute(text("update transactions set amount = 99"))
        importing.execute(text("update entries set rule_category_id = 'MEDICAL'"))

    row, marked = edit.result(15)
    assert (row["amount"], row["categoryId"]) == ("99", "TRAVEL")
    assert {mark.number for mark in marked} == {max(number for _, number in scene.marks("alice").values())}


def test_an_import_delays_no_other_user(scene: Scene, entry_id: str) -> None:
    bobs = scene.bank_row("bob", scene.link("bob")[1])

    with transaction(scene.database.engine("worker")) as importing:
        lock_owners(importing, ["users/alice"])
        importing.execute(text("update transactions set amount = 99 where user_id = 'alice'"))
        row, _ = ledger.set_category(scene.deps, "bob", bobs, "TRAVEL")

    assert row["categoryId"] == "TRAVEL"


def test_a_webhook_waits_for_no_open_import(scene: Scene, entry_id: str) -> None:
    plaid_item_id = scene.database.sql("select plaid_item_id from items")[0][0]

    with transaction(scene.database.engine("worker")) as importing:
        lock_owners(importing, ["users/alice"])
        importing.execute(text("update items set cursor = 'next'"))
        importing.execute(text("update transactions set amount = 99"))
        with transaction(scene.deps.engine, lock_seconds=0.2) as webhook:
            found = webhook.execute(text("select want_pull(:id)"), {"id": plaid_item_id}).scalar()

    assert found is not None
    assert scene.database.sql("select wanted from item_pulls") == [(2,)]


def test_an_unknown_item_wants_no_pull(scene: Scene) -> None:
    with transaction(scene.deps.engine) as webhook:
        assert webhook.execute(text("select want_pull('nobody')")).scalar() is None


def test_an_edit_that_loses_a_deadlock_is_run_again(scene: Scene, entry_id: str, pool: ThreadPoolExecutor) -> None:
    person = psycopg2.connect(scene.database.url())
    with person.cursor() as cursor:
        # Somebody in psql, who locks the row before the counter: the wrong way round.
        cursor.execute("select from entries where id = %s for update", (entry_id,))
        edit = pool.submit(ledger.set_category, scene.deps, "alice", entry_id, "TRAVEL")
        eventually(lambda: someone_waits(scene))
        cursor.execute("update entries set note = 'typed' where id = %s", (entry_id,))
    person.commit()
    person.close()

    row, marked = edit.result(15)
    assert (row["note"], row["categoryId"]) == ("typed", "TRAVEL")
    assert len(marked) == 2


def test_owners_locked_in_any_order_never_deadlock(scene: Scene, pool: ThreadPoolExecutor) -> None:
    engine = scene.database.engine("worker")

    def lock(number: int) -> None:
        owners = [f"users/new-{number % 5}", "users/alice", "households/one", f"users/new-{(number + 1) % 5}"]
        with transaction(engine) as connection:
            lock_owners(connection, owners if number % 2 else reversed(owners))

    for done in [pool.submit(lock, number) for number in range(60)]:
        done.result(15)
    assert scene.database.sql("select count(*) from owners where owner like 'users/new-%'") == [(5,)]


def test_edits_at_the_same_time_are_numbered_in_the_order_of_their_commits(
    scene: Scene, pool: ThreadPoolExecutor
) -> None:
    _, account_id = scene.link("alice")
    entries = [scene.bank_row("alice", account_id) for _ in range(6)]
    scene.forget_marks()
    before = scene.database.sql("select number from owners where owner = 'users/alice'")[0][0]

    edits: list[Future[object]] = [
        pool.submit(ledger.set_note, scene.deps, "alice", entry, f"{turn}") for turn in range(8) for entry in entries
    ]
    marked = [mark for edit in edits for mark in edit.result(30)[1]]  # type: ignore[index]

    assert sorted(mark.number for mark in marked) == list(range(before + 1, before + 1 + len(edits)))
    assert sorted({mark.path for mark in marked}) == sorted(f"users/alice/transactions/{entry}" for entry in entries)


def test_rows_that_stay_locked_are_a_clear_error(scene: Scene, entry_id: str) -> None:
    with transaction(scene.database.engine("worker")) as importing:
        lock_owners(importing, ["users/alice"])
        with pytest.raises(DatabaseBusy), transaction(scene.deps.engine, "alice", lock_seconds=0.05) as connection:
            connection.execute(text("select lock_own_counter()"))


def test_a_statement_that_takes_too_long_is_a_clear_error(scene: Scene) -> None:
    with pytest.raises(DatabaseBusy), transaction(scene.deps.engine, statement_seconds=0.05) as connection:
        connection.execute(text("select pg_sleep(5)"))


def cut(scene: Scene) -> None:
    """A transaction whose server process is ended in its middle."""
    with transaction(scene.deps.engine) as connection:
        pid = connection.execute(text("select pg_backend_pid()")).scalar()
        scene.database.sql("select pg_terminate_backend(%s)", pid)
        eventually(lambda: scene.database.sql("select count(*) from pg_stat_activity where pid = %s", pid) == [(0,)])
        connection.execute(text("select 1"))


def test_a_connection_cut_from_outside_is_a_clear_error_and_the_next_one_works(scene: Scene) -> None:
    with pytest.raises(DatabaseUnavailable):
        cut(scene)

    with transaction(scene.deps.engine) as connection:
        assert connection.execute(text("select 1")).scalar() == 1


def test_a_race_that_is_lost_five_times_passes_on_the_databases_own_error(scene: Scene) -> None:
    runs: list[int] = []

    @retrying
    def always_losing() -> None:
        runs.append(1)
        with transaction(scene.deps.engine) as connection:
            connection.execute(text("do $$ begin raise exception 'lost' using errcode = '40001'; end $$"))

    with pytest.raises(DBAPIError, match="lost"):
        always_losing()
    assert len(runs) == 5
