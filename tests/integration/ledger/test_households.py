"""Locks of households: users before households, whoever writes; memberships change under both."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from sqlalchemy import text

from sync.db import lock_owners, transaction
from sync.errors import LivespendError
from sync.ledger import households, ledger
from tests.fixtures.waiting import eventually
from tests.integration.ledger.conftest import Scene
from tests.integration.ledger.test_concurrency import someone_waits


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Other sessions."""
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture
def home(scene: Scene) -> str:
    """Alice's household, with bob in it; both show everything."""
    made = str(households.create_household(scene.deps, "alice", "Home")[0]["id"])
    code = households.invite(scene.deps, "alice", made)["code"]
    households.join_household(scene.deps, "bob", code)
    for one in ("alice", "bob"):
        households.share(scene.deps, one, made, everything=True, accounts=[])
    scene.forget_marks()
    return made


def shown(scene: Scene, home: str) -> set[str]:
    rows = scene.database.sql("select path from changes where owner = %s", f"households/{home}")
    return {path.split("/", 2)[2] for (path,) in rows}


def test_a_joining_waits_for_an_import_and_then_shows_its_rows(
    scene: Scene, home: str, pool: ThreadPoolExecutor
) -> None:
    scene.sign_up("carol")
    _, account = scene.link("carol")
    entry = scene.bank_row("carol", account)
    code = households.invite(scene.deps, "alice", home)["code"]
    households.join_household(scene.deps, "carol", code)
    scene.forget_marks()
    with transaction(scene.database.engine("worker")) as importing:
        lock_owners(importing, ["users/carol"])
        sharing = pool.submit(households.share, scene.deps, "carol", home, everything=True, accounts=[])
        eventually(lambda: someone_waits(scene))
        importing.execute(text("update transactions set date = '2026-10-01' where user_id = 'carol'"))
        assert not sharing.done()

    sharing.result(15)
    assert shown(scene, home) == {"members/carol", f"transactions/{entry}", "months/2026-10"}


def test_whoever_types_a_membership_waits_for_an_import_and_then_shows_its_rows(
    scene: Scene, home: str, pool: ThreadPoolExecutor
) -> None:
    scene.sign_up("carol")
    _, account = scene.link("carol")
    entry = scene.bank_row("carol", account)
    households.join_household(scene.deps, "carol", households.invite(scene.deps, "alice", home)["code"])
    scene.forget_marks()

    def type_sql() -> None:
        with psycopg2.connect(scene.database.url()) as connection, connection.cursor() as cursor:
            cursor.execute("update household_members set shares_all = true where user_id = 'carol'")

    with transaction(scene.database.engine("worker")) as importing:
        lock_owners(importing, ["users/carol"])
        sharing = pool.submit(type_sql)
        eventually(lambda: someone_waits(scene))
        importing.execute(text("update transactions set date = '2026-10-01' where user_id = 'carol'"))
        assert not sharing.done()

    sharing.result(15)
    assert {f"transactions/{entry}", "months/2026-10"} <= shown(scene, home)


def test_an_import_delays_another_members_edit_of_what_is_shared_only(
    scene: Scene, home: str, pool: ThreadPoolExecutor
) -> None:
    _, account = scene.link("alice")
    scene.bank_row("alice", account)
    _, bobs = scene.link("bob")
    entry = scene.bank_row("bob", bobs)
    with transaction(scene.database.engine("worker")) as importing:
        lock_owners(importing, ["users/alice"])
        importing.execute(text("update transactions set amount = 99 where user_id = 'alice'"))
        ledger.set_note(scene.deps, "bob", entry, "private")
        edit = pool.submit(ledger.set_category, scene.deps, "bob", entry, "TRAVEL")
        eventually(lambda: someone_waits(scene))
        assert not edit.done()

    assert edit.result(15)[0]["categoryId"] == "TRAVEL"


def test_two_who_take_each_other_out_do_not_deadlock(scene: Scene, pool: ThreadPoolExecutor) -> None:
    before = deadlocks(scene)
    for _ in range(8):
        made = str(households.create_household(scene.deps, "alice", "Home")[0]["id"])
        households.join_household(scene.deps, "bob", households.invite(scene.deps, "alice", made)["code"])
        scene.database.sql("update household_members set role = 'owner'")
        ways = [pool.submit(households.remove_member, scene.deps, *pair)
                for pair in (("alice", made, "bob"), ("bob", made, "alice"))]  # fmt: skip
        errors = [way.exception(20) for way in ways]
        assert sorted(type(error) is type(None) for error in errors) == [False, True]
        assert all(error is None or isinstance(error, LivespendError) for error in errors)
        scene.database.sql("delete from households")
    assert deadlocks(scene) == before


def test_nobody_deadlocks_who_edits_shared_rows_while_members_come_and_go(
    scene: Scene, home: str, pool: ThreadPoolExecutor
) -> None:
    entries = {one: scene.bank_row(one, scene.link(one)[1]) for one in ("alice", "bob")}
    before = deadlocks(scene)

    def edit(one: str) -> None:
        for number in range(25):
            ledger.set_category(scene.deps, one, entries[one], ["TRAVEL", "MEDICAL", None][number % 3])

    def share(one: str) -> None:
        for number in range(12):
            households.share(scene.deps, one, home, everything=number % 2 == 0, accounts=[])

    works = [pool.submit(work, one) for work in (edit, share) for one in entries]
    for work in works:
        work.result(60)
    assert deadlocks(scene) == before


def deadlocks(scene: Scene) -> int:
    """So many were found and, where the product runs a transaction again, mended unseen."""
    scene.deps.engine.dispose()  # a backend that ends has told its counts
    api = "select count(*) from pg_stat_activity where usename = 'livespend_api' and datname = current_database()"
    eventually(lambda: scene.database.sql(api) == [(0,)])
    return int(scene.database.sql("select deadlocks from pg_stat_database where datname = current_database()")[0][0])
