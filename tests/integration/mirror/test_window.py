"""Which months are mirrored row by row; changing that while all runs."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest

from sync.mirror import window
from sync.mirror.window import move_window, order_window, read_progress

MONTHS = ["2025-12", "2026-01", "2026-02", "2026-03"]


def test_moving_the_window_takes_rows_away_and_brings_them_back(books, mirrored, assert_mirrored, database):
    ada = books()
    for month in ("2025-12", "2026-01", "2026-02", "2026-03"):
        ada.add(3, on=f"{month}-15")
    mirrored()
    assert_mirrored()

    database.sql("update owners set first_month = '2026-02-01'")
    mirrored()
    assert_mirrored()

    database.sql("update owners set first_month = '2025-12-01'")
    mirrored()
    assert_mirrored()


def test_totals_are_mirrored_for_all_history(books, mirrored, firestore_server):
    ada = books()
    ada.add(1, on="2019-05-05")

    mirrored()

    documents = firestore_server.documents()
    assert documents[ada.path("months", "2019-05")]["inWindow"] is False
    assert [path for path in documents if "/transactions/" in path] == []


def test_without_a_window_no_row_is_mirrored(books, mirrored, firestore_server, database):
    ada = books()
    database.sql("update owners set first_month = null")
    ada.add(1)

    mirrored()

    documents = firestore_server.documents()
    assert documents["users/ada"]["window"] == {"firstMonth": None}
    assert [path for path in documents if "/transactions/" in path] == []


# --- changing it ---


def begins(database: Any, user: str) -> str:
    ((month,),) = database.sql("select to_char(first_month, 'YYYY-MM') from owners where owner = %s", f"users/{user}")
    return str(month)


@pytest.fixture
def mover(deps_for: Any) -> Callable[..., Any]:
    """The scheduled job's dependencies, on a day of November 2026."""

    def build(months: int, now: datetime = datetime(2026, 11, 20, tzinfo=UTC)) -> Any:
        deps = deps_for("worker", now=lambda: now)
        return dataclasses.replace(deps, settings=dataclasses.replace(deps.settings, mirror_window_months=months))

    return build


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A month a step."""
    monkeypatch.setattr(window, "STEP_ROWS", 3)


@pytest.mark.usefixtures("small_steps")
def test_months_enter_newest_first_a_step_each_and_every_step_is_the_truth(
    books, mirrored, mover, assert_mirrored, database, monkeypatch
):
    ada = books()
    for month in MONTHS:
        ada.add(3, on=f"{month}-15")
    database.sql("update owners set first_month = '2026-04-01'")
    mirrored()
    seen = []

    def after_step(name: str) -> None:
        seen.append(begins(database, "ada"))
        mirrored()
        assert_mirrored()

    monkeypatch.setattr(window, "step", after_step)

    assert move_window(mover(13)) is True

    assert seen == ["2026-03", "2026-02", "2026-01", "2025-11"]
    assert move_window(mover(13)) is False


@pytest.mark.usefixtures("small_steps")
def test_months_leave_oldest_first(books, mirrored, mover, assert_mirrored, database, monkeypatch):
    ada = books()
    for month in MONTHS:
        ada.add(3, on=f"{month}-15")
    database.sql("update owners set first_month = '2025-12-01'")
    seen = []
    monkeypatch.setattr(
        window,
        "step",
        lambda name: seen.append(begins(database, "ada")),
    )

    move_window(mover(1))
    mirrored()

    assert seen == ["2026-01", "2026-02", "2026-03", "2026-11"]
    assert_mirrored()


def test_a_step_touches_one_owner_and_holds_no_other(books, mirrored, mover, database, monkeypatch):
    people = [books(name) for name in ("ada", "bob", "cyd")]
    for person in people:
        person.add(2, on="2025-12-15")
    mirrored()
    marked: list[set[str]] = []
    monkeypatch.setattr(
        window, "step", lambda name: marked.append({owner for (owner,) in database.sql("select owner from changes")})
    )

    move_window(mover(13))

    assert [len(owners) for owners in marked] == [1, 2, 3]


@pytest.mark.usefixtures("small_steps")
def test_a_move_that_was_cut_off_is_gone_on_with(books, mirrored, mover, assert_mirrored, database, monkeypatch):
    people = [books(name) for name in ("ada", "bob")]
    for person in people:
        for month in MONTHS:
            person.add(3, on=f"{month}-15")
    mirrored()

    class Cut(Exception):
        pass

    def cut(name: str) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(window, "step", cut)
        with pytest.raises(Cut):
            move_window(mover(60))
    halfway = read_progress(mover(60))
    mirrored()
    assert_mirrored()

    move_window(mover(60))
    mirrored()

    assert (halfway["left"], halfway["finishedAt"]) == (1, None)
    done = read_progress(mover(60))
    assert (done["left"], done["firstMonth"]) == (0, "2021-12")
    assert done["finishedAt"] is not None
    assert_mirrored()


def test_a_move_waits_for_a_mirror_that_is_far_behind(books, mirrored, mover, database, monkeypatch):
    books()
    monkeypatch.setattr(window, "_DIRTY_AT_MOST", 1)

    assert move_window(mover(2)) is False  # ada waits to be mirrored
    mirrored()
    assert move_window(mover(2)) is True


def test_an_owner_whose_rows_are_locked_is_passed_over_until_the_next_run(
    books, mirrored, mover, database, monkeypatch
):
    for name in ("ada", "bob", "cyd"):
        books(name).add(1, on="2025-12-15")
    mirrored()
    monkeypatch.setattr(window, "_LOCK_SECONDS", 0.1)

    with psycopg2.connect(database.url()) as somebody, somebody.cursor() as cursor:
        cursor.execute("select from owners where owner = 'users/bob' for update")
        assert move_window(mover(13)) is True
        left = read_progress(mover(13))
    assert move_window(mover(13)) is True
    done = read_progress(mover(13))

    assert (left["left"], left["finishedAt"], left["moved"]) == (1, None, 2)
    assert (done["left"], done["finishedAt"] is None, done["moved"]) == (0, False, 3)


def test_a_user_who_signs_up_during_a_move_begins_at_its_goal(books, mover, database):
    books()
    move_window(mover(2))

    database.sql("insert into users (id) values ('new')")

    assert database.sql("select to_char(first_month, 'YYYY-MM') from owners where owner = 'users/new'") == [
        ("2026-10",)
    ]


def test_an_operators_word_is_stronger_than_the_setting_until_it_is_taken_back(books, mover):
    books()
    order_window(mover(13), 3)

    move_window(mover(13))
    ordered = read_progress(mover(13))
    order_window(mover(13), None)
    move_window(mover(13))

    assert (ordered["firstMonth"], ordered["orderedMonths"], ordered["left"]) == ("2026-09", 3, 0)
    assert read_progress(mover(13))["firstMonth"] == "2025-11"


@pytest.mark.usefixtures("small_steps")
def test_two_movers_a_mirror_and_writers_end_equal(
    books, running_mirror, mover, assert_mirrored, database, eventually, clean
):
    people = [books(name) for name in ("ada", "bob", "cyd")]
    rows = [row for person in people for month in MONTHS for row in person.add(3, on=f"{month}-15")]
    running_mirror()
    movers = [threading.Thread(target=move_window, args=(mover(months),)) for months in (60, 60)]
    for thread in movers:
        thread.start()
    for number, row in enumerate(rows):
        database.sql("update entries set note = %s where id = %s", f"note {number}", row)
    for thread in movers:
        thread.join(60)
    move_window(mover(60))

    eventually(clean, 60)
    assert {month for (month,) in database.sql("select to_char(first_month, 'YYYY-MM') from owners")} == {"2021-12"}
    assert_mirrored()
