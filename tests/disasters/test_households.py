"""Households under fire: two mirrors and writers who share, a mirror killed at each step while somebody leaves."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from tests.disasters.test_two_mirrors import write
from tests.fixtures.database import Database
from tests.fixtures.mirror import Books

PEOPLE = ("ada", "bob", "cyd")


@pytest.fixture
def home(books: Callable[..., Books], database: Database) -> list[Books]:
    """Three members of one household, who share everything, an account, and nothing."""
    people = [books(name) for name in PEOPLE]
    database.sql("insert into households (id, name) values ('home', 'Home')")
    for one in people:
        database.sql(
            "insert into household_members (household_id, user_id, shares_all) values ('home', %s, %s)",
            one.user, one.user == "ada",
        )  # fmt: skip
    database.sql("insert into household_shares values ('home', 'bob', %s)", people[1].account)
    return people


def move_in_and_out(url: str, person: Books) -> None:
    """Somebody changes all the while what a person shares, and whether they are a member at all."""
    dice = random.Random(person.user)
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for _ in range(20):
            cursor.execute(dice.choice([
                "update household_members set shares_all = not shares_all where user_id = %s",
                "delete from household_members where user_id = %s",
                "insert into household_members (household_id, user_id, shares_all) values ('home', %s, true) "
                "on conflict do nothing",
                "delete from household_shares where user_id = %s",
            ]), (person.user,))  # fmt: skip
    connection.close()


def test_two_mirrors_and_members_who_come_and_go_lose_double_and_age_nothing(
    home: list[Books],
    running_mirror: Callable[..., Any],
    assert_mirrored: Callable[[], None],
    database: Database,
    eventually: Callable[..., Any],
    clean: Callable[[], bool],
) -> None:
    """And nobody deadlocks: the users' counters come before the household's, whatever writes."""
    rows = {person.user: person.add(6) for person in home}
    mirrors = [running_mirror(sweep_seconds=0.3) for _ in range(2)]
    failed: list[BaseException] = []

    def run(work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except BaseException as error:
            failed.append(error)

    works = [(write, database.url(), person, rows[person.user]) for person in home]
    works += [(move_in_and_out, database.url(), person) for person in home]  # type: ignore[list-item]
    writers = [threading.Thread(target=run, args=work) for work in works]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    eventually(clean, 60)

    assert failed == []
    assert_mirrored()
    assert sum(mirror.counts["drift"] for mirror in mirrors) == 0


@pytest.mark.parametrize("step", ["mirror:claimed", "mirror:built", "mirror:committed", "mirror:acknowledged"])
def test_a_mirror_killed_while_somebody_leaves_shows_nothing_of_them_in_the_end(
    step: str,
    home: list[Books],
    mirrored: Callable[..., Any],
    run_mirror: Callable[..., int],
    assert_mirrored: Callable[[], None],
    database: Database,
    firestore_server: Any,
) -> None:
    for person in home:
        person.add(3)
    mirrored()
    database.sql("delete from household_members where user_id = 'ada'")
    home[1].add(2)

    assert run_mirror(step) == -signal.SIGKILL
    database.sql("delete from households")
    database.sql("insert into households (id, name) values ('anew', 'Anew')")
    database.sql("insert into household_members (household_id, user_id, shares_all) values ('anew', 'bob', true)")
    assert run_mirror() == 0

    assert_mirrored()
    assert [path for path in firestore_server.documents() if path.startswith("households/home")] == []
