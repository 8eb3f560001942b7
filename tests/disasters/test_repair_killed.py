"""A repair, or a change of the window, is killed at each named step; asked for again it ends as if nothing had been."""

from __future__ import annotations

import signal

import pytest


@pytest.mark.parametrize("step", ["repair:observed", "repair:marked"])
def test_a_repair_killed_at_any_step_is_made_once(
    step: str, books, mirrored, run_mirror, assert_mirrored, firestore_server, database
):
    ada = books()
    rows = ada.add(5)
    mirrored()
    client = firestore_server.client()
    client.document(ada.path("transactions", rows[0])).update({"name": "Forged"})
    client.document(ada.path("transactions", rows[1])).delete()
    client.document(ada.path("transactions", "ghost")).set({"name": "Ghost"})
    before = firestore_server.stats()["requested"]

    assert run_mirror(step, "verify", "--repair") == -signal.SIGKILL
    assert run_mirror("", "verify", "--repair") == (0 if step == "repair:observed" else 3)  # 3: marked, not judged

    assert firestore_server.stats()["requested"] == before
    assert database.sql("select count(*) from mirror_repairs") == [(3,)]
    assert run_mirror() == 0
    assert_mirrored()
    assert run_mirror("", "verify") == 0


def test_a_window_killed_between_two_steps_goes_on(books, mirrored, run_mirror, assert_mirrored, database):
    people = [books(name) for name in ("ada", "bob", "cyd")]
    for person in people:
        person.add(3, on="2024-12-15")
    mirrored()

    killed = run_mirror("window:step", "window", "--months", "60", "--json")
    halfway = database.sql("select count(distinct first_month) from owners")
    mirrored()
    assert_mirrored()
    ended = run_mirror("", "window", "--months", "60", "--json")
    mirrored()

    assert (killed, ended, halfway) == (-signal.SIGKILL, 0, [(2,)])
    assert database.sql("select count(distinct first_month) from owners") == [(1,)]
    assert_mirrored()
