"""Several mirrors on the same users, with writers all the while."""

from __future__ import annotations

import contextlib
import random
import threading

import psycopg2

from sync.mirror import rounds
from sync.mirror.session import Session
from tests.fixtures.mirror import Books


def test_two_mirrors_lose_double_and_age_nothing(books, running_mirror, assert_mirrored, database, eventually, clean):
    people = [books(name) for name in ("ada", "bob", "cyd")]
    rows = {person.user: person.add(6) for person in people}
    mirrors = [running_mirror(sweep_seconds=0.3) for _ in range(2)]

    writers = [threading.Thread(target=write, args=(database.url(), person, rows[person.user])) for person in people]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    eventually(clean, 60)

    assert_mirrored()
    assert sum(mirror.counts["drift"] for mirror in mirrors) == 0


_ALWAYS_OVERDUE = """
create function seem_old() returns trigger language plpgsql as $$
begin
    if new.dirty then new.dirty_since := '2000-01-01'; end if;
    return new;
end $$;
create trigger seems_old before update on owners for each row execute function seem_old();
alter table owners enable always trigger seems_old;
"""


def test_mirrors_that_ignore_the_locks_are_as_right_as_with_them(
    books, mirrored, running_mirror, assert_mirrored, database, eventually, clean
):
    """The advisory locks are efficiency only: overdue owners are taken by everybody at once."""
    ada = books()
    rows = ada.add(6)
    mirrored()
    database.sql(_ALWAYS_OVERDUE)
    rivals = [running_mirror(sweep_seconds=0.01) for _ in range(3)]

    def refusals() -> int:
        write(database.url(), ada, rows)
        return sum(rival.counts["read"] for rival in rivals)

    eventually(lambda: refusals() >= 3, 60)
    eventually(clean, 60)

    assert sum(rival.counts["drift"] for rival in rivals) == 0
    assert_mirrored()


def test_a_mirror_that_was_overtaken_between_building_and_sending_is_refused(
    books, mirrored, assert_mirrored, database, monkeypatch
):
    """Its commit carries the update time of when it read; one that is looked up at the end would let it pass."""
    ada = books()
    rows = ada.add(2)
    mirrored()
    database.sql(_ALWAYS_OVERDUE)
    built = iter(["once"])

    def overtaken(name: str) -> None:
        if name == "mirror:built" and next(built, None):
            ada.annotate(rows[0], "newer")
            mirrored()

    monkeypatch.setattr(rounds, "step", overtaken)
    ada.annotate(rows[0], "older")

    mirror = mirrored()

    assert (mirror.counts["read"], mirror.counts["drift"]) == (1, 0)
    assert_mirrored()


def write(url: str, person: Books, rows: list[str]) -> None:
    """Random edits on a connection of its own, from a fixed seed."""
    dice = random.Random(person.user)
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for number in range(60):
            row = dice.choice(rows)
            cursor.execute(*dice.choice([
                ("update entries set user_category_id = %s where id = %s",
                 (dice.choice(["TRAVEL", "INCOME", "MEDICAL", None]), row)),
                ("update transactions set amount = %s where entry_id = %s", (number, row)),
                ("update transactions set removed_at = now() where entry_id = %s", (row,)),
                ("update transactions set removed_at = null where entry_id = %s", (row,)),
                ("update transactions set date = date + %s where entry_id = %s", (dice.choice([-30, 30]), row)),
                ("update entries set note = %s where id = %s", (f"note {number}", row)),
            ]))  # fmt: skip
    connection.close()


def test_a_mirror_that_hangs_holds_no_user_for_ever(
    books, mirrored, running_mirror, assert_mirrored, database, eventually, clean
):
    """Its session lives and holds the lock; it does nothing. Once the owner is overdue another takes it without."""
    ada = books()
    (row,) = ada.add(1)
    mirrored()
    with contextlib.closing(Session(database.url("mirror"))) as hung:
        assert [taken.locked for taken in hung.take({"users/ada": False}, 10)] == [True]
        running_mirror(sweep_seconds=0.1)
        ada.annotate(row, "shown")
        ada.sql("update owners set dirty_since = now() - interval '1 hour' where dirty")

        eventually(clean)

    assert_mirrored()
