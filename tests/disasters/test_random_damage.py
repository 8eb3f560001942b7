"""A thousand random edits, deletions and ghosts made straight in Firestore: all found, only those repaired.

While somebody damages nothing, nothing is repaired, whoever writes; while writers and mirrors run, every damaged
document is found all the same. The seed is printed; RANDOM_DAMAGE_SEED=... runs that one again.
"""

from __future__ import annotations

import os
import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg2
import pytest
from google.api_core.exceptions import NotFound

from sync.audit.verify import verify
from tests.fixtures.mirror import Books

DAMAGED = 1_000
_AT_ONCE = 400


@pytest.fixture
def dice() -> random.Random:
    seed = int(os.environ.get("RANDOM_DAMAGE_SEED", secrets.randbelow(10**9)))
    print(f"RANDOM_DAMAGE_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def people(books: Callable[[str], Books]) -> list[Books]:
    """Five users of very different size, 1,800 transactions in all, some older than the window."""
    opened = [books(name) for name in ("ada", "bob", "cyd", "dan", "eve")]
    for number, person in enumerate(opened):
        for month in (3, 6, 9, 11):
            person.add(30 * (number + 1), on=f"2026-{month:02}-07", amount=number + 1)
        person.add(5, on="2019-05-05")
    return opened


def damage(firestore_server: Any, dice: random.Random, count: int) -> dict[str, str]:
    """Does so much harm, to documents drawn from all there are, and answers what was done to which path."""
    client = firestore_server.client()
    chosen = dice.sample(sorted(firestore_server.documents()), count * 2 // 3)
    done = {path: dice.choice(["different", "different", "missing"]) for path in chosen}
    for number in range(count - len(chosen)):
        user, kind = dice.choice(["ada", "eve", f"nobody-{number % 7}"]), dice.choice(["transactions", "budgets"])
        done[f"users/{user}/{kind}/ghost-{number}"] = "ghost"
    harm = list(done.items())
    for start in range(0, len(harm), _AT_ONCE):
        batch = client.batch()
        for path, kind in harm[start : start + _AT_ONCE]:
            document = client.document(path)
            if kind == "missing":
                batch.delete(document)
            elif kind == "ghost":
                batch.set(document, _ghost(dice))
            else:
                with suppress(NotFound):  # a writer had it removed meanwhile
                    document.update(_edit(dice))
        batch.commit()
    return done


def _edit(dice: random.Random) -> dict[str, Any]:
    """A changed field, one more, one less, or a version that never was."""
    from google.cloud.firestore import DELETE_FIELD

    return dice.choice([
        {"name": f"forged {dice.random()}"}, {"amountMinor": dice.randrange(10**9)}, {"extra": [1, {"two": None}]},
        {"version": DELETE_FIELD}, {"version": {"epoch": 1, "number": 0}}, {"version.number": 10**9},
    ])  # fmt: skip


def _ghost(dice: random.Random) -> dict[str, Any]:
    return {"month": "2026-11", "date": "2026-11-05", "name": f"ghost {dice.random()}", "amountMinor": 1}


def by_kind(report: dict[str, Any]) -> dict[str, str]:
    """What a report says of each path."""
    kinds = {"missing": "missing", "ghosts": "ghost", "different": "different"}
    return {path: kind for user in report["perUser"] for name, kind in kinds.items() for path in user[name]}


def test_all_of_a_thousand_are_found_and_only_those_are_written_again(
    people, mirrored, mirror_deps, firestore_server, assert_mirrored, database, dice
):
    mirrored()
    before = firestore_server.client().collection("users/eve/transactions").stream()
    untouched = {snapshot.reference.path: snapshot.update_time for snapshot in before}
    done = damage(firestore_server, dice, DAMAGED)
    counted = firestore_server.stats()

    report = verify(mirror_deps(), mend=True)
    silent = firestore_server.stats()
    mirrored()
    mended = firestore_server.stats()

    assert by_kind(report) == done
    assert report["repaired"] == len(done) == DAMAGED
    assert silent["requested"] == counted["requested"]  # who reconciles writes no document
    kinds = list(done.values())
    changed = {kind: mended[kind] - silent[kind] for kind in ("creates", "updates", "deletes")}
    heads = {path for path in done if path.count("/") == 1}
    # Beside the damage a commit that makes or deletes something writes the head of its owner.
    assert changed["creates"] == kinds.count("missing")
    assert changed["deletes"] == kinds.count("ghost")
    assert 0 <= changed["updates"] - kinds.count("different") <= 2 * len(people)
    assert_mirrored()
    after = {
        snapshot.reference.path: snapshot.update_time
        for snapshot in firestore_server.client().collection("users/eve/transactions").stream()
    }
    assert {path for path in untouched if after[path] != untouched[path]} == {
        path for path in done if path in untouched
    }
    assert heads <= done.keys()
    again = verify(mirror_deps())
    assert again["equal"]
    assert all(user["digest"]["ledger"] == user["digest"]["mirror"] for user in again["perUser"])
    recorded = dict(database.sql("select path, kind from mirror_repairs"))
    assert recorded == done


@pytest.fixture
def writing(database: Any, people: list[Books], dice: random.Random) -> Iterator[Callable[[], int]]:
    """Writers that edit at random until the test ends; answers how often they have."""
    stop, counts = threading.Event(), [0] * len(people)

    def write(number: int, person: Books) -> None:
        own = random.Random(f"{dice.random()}{person.user}")
        connection = psycopg2.connect(database.url())
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("select entry_id::text from transactions where user_id = %s", (person.user,))
            rows = [row for (row,) in cursor.fetchall()]
            while not stop.wait(0.01):
                row = own.choice(rows)
                cursor.execute(*own.choice([
                    ("update entries set note = %s where id = %s", (f"note {own.random()}", row)),
                    ("update entries set user_category_id = %s where id = %s", (own.choice(["TRAVEL", None]), row)),
                    ("update transactions set removed_at = now() where entry_id = %s", (row,)),
                    ("update transactions set removed_at = null where entry_id = %s", (row,)),
                    ("update transactions set date = date + %s where entry_id = %s", (own.choice([-30, 30]), row)),
                ]))  # fmt: skip
                counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(people)]

    def start() -> int:
        for thread in threads:
            if thread.ident is None:
                thread.start()
        return sum(counts)

    start.stop = lambda: (stop.set(), [thread.join(30) for thread in threads])  # type: ignore[attr-defined]
    yield start
    start.stop()  # type: ignore[attr-defined]


def test_beside_writers_and_mirrors_there_is_no_false_alarm(
    people, mirrored, running_mirror, mirror_deps, writing, assert_mirrored, database, eventually, clean
):
    mirrored()
    mirrors = [running_mirror(sweep_seconds=0.5) for _ in range(2)]
    deps = mirror_deps()
    begun = writing()

    reports = [verify(deps, mend=True)]
    eventually(lambda: reports.append(verify(deps, mend=True)) or (len(reports) >= 8 and writing() > begun + 300), 90)
    writing.stop()
    eventually(clean, 60)

    assert [by_kind(report) for report in reports] == [{}] * len(reports)
    assert sum(report["notJudged"] for report in reports) > 0  # they were at it indeed
    assert database.sql("select count(*) from mirror_repairs") == [(0,)]
    assert sum(mirror.counts["drift"] for mirror in mirrors) == 0
    assert_mirrored()


def test_beside_writers_and_mirrors_everything_damaged_is_mended(
    people, mirrored, running_mirror, mirror_deps, firestore_server, writing, assert_mirrored, database,
    eventually, clean, dice
):  # fmt: skip
    mirrored()
    for _ in range(2):
        running_mirror(sweep_seconds=0.5)
    deps = mirror_deps()
    writing()
    done = damage(firestore_server, dice, DAMAGED)

    reports = [verify(deps, mend=True) for _ in range(3)]
    writing.stop()
    eventually(clean, 60)
    reports += [verify(deps, mend=True), verify(deps, mend=True)]  # what writers held back from being judged
    eventually(clean, 60)

    assert verify(deps)["equal"]
    assert_mirrored()
    found = [path for report in reports for user in report["perUser"] for path in user["repaired"]]
    assert set(found) <= done.keys()
    assert len(found) == len(set(found))  # nothing twice
    # The rest was claimed by the mirror for a change of its own before it was judged, and mended with that.
    assert len(found) > DAMAGED // 2
