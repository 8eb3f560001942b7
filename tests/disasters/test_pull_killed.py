"""A worker or a writer is killed at each step from the bank to the marks; what is on screen ends as the ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psycopg2
import pytest

from sync.audit.verify import verify
from sync.pull.imports import Sizes
from tests.integration.pull.bank import page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.process import ROOT, pull_in_child

_REPAIR = """
import sys
from sync.audit.verify import verify
from workers.mirror_process import mirror_deps
with mirror_deps() as deps:
    verify(deps, mend=True)
"""
# The writer has marked, and dies before its commit or has it cut off.
_WRITE = """
import os, signal, sys, psycopg2
connection = psycopg2.connect(sys.argv[1])
cursor = connection.cursor()
cursor.execute("update entries set user_category_id = 'TRAVEL'")
cursor.execute("select count(*) from changes")
assert cursor.fetchone()[0] > 0
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("step", ["pull:fetched", "pull:applied", "pull:committed"])
def test_a_worker_killed_in_a_small_pull(
    linked: Linked, mirrored, assert_mirrored, firestore_server, step: str
) -> None:
    linked.bank.at(None, page(added=[row("a"), row("b")], to="C1"))
    linked.bank.at("C1", page(accounts=[], to="C1"))

    assert pull_in_child(linked, LIVESPEND_CRASH_AT=step) == -signal.SIGKILL
    mirrored()
    linked.pull()
    mirrored()

    assert_mirrored()
    assert sum("/transactions/" in path for path in firestore_server.documents()) == 2


@pytest.mark.parametrize("step", ["pull:paged", "import:folded", "import:step", "pull:applied", "pull:committed"])
def test_a_worker_killed_in_a_large_pull(
    linked: Linked, mirrored, assert_mirrored, firestore_server, step: str
) -> None:
    for number in range(4):
        rows = [row(f"r{number}-{index}", date=f"2026-{8 + number:02}-03") for index in range(3)]
        at = f"P{number}" if number else None
        linked.bank.at(at, page(added=rows, to=f"P{number + 1}", more=number < 3))
    linked.bank.at("P4", page(accounts=[], to="P4"))
    small = Sizes(2, 4, 3)

    assert pull_in_child(linked, small, LIVESPEND_CRASH_AT=step) == -signal.SIGKILL
    mirrored()  # whatever is in the ledger by now, in rows and totals that agree
    assert pull_in_child(linked, small) == 0
    linked.pull()
    mirrored()

    assert_mirrored()
    assert sum("/transactions/" in path for path in firestore_server.documents()) == 12


def test_a_writer_killed_between_its_trigger_and_its_commit(books, mirrored, assert_mirrored, database) -> None:
    ada = books()
    ada.add(3)
    mirrored()
    before = database.sql("select * from owners")

    killed = subprocess.run([sys.executable, "-c", _WRITE, database.url()], timeout=60, check=False).returncode

    assert killed == -signal.SIGKILL
    with psycopg2.connect(database.url()) as connection, connection.cursor() as cursor:
        cursor.execute("select lock_owners(array['users/ada'])")  # waits until the dead writer is rolled back
    assert (database.sql("select * from owners"), database.sql("select * from changes")) == (before, [])
    ada.categorize(ada.add(1)[0], "MEDICAL")
    mirrored()
    assert_mirrored()


@pytest.mark.parametrize("step", ["repair:observed", "repair:marked"])
def test_a_repair_killed_at_each_step(
    books, mirrored, mirror_deps, assert_mirrored, database, firestore_server, step: str
) -> None:
    ada = books()
    rows = ada.add(5)
    mirrored()
    client = firestore_server.client()
    client.document(ada.path("transactions", rows[0])).delete()
    client.document(ada.path("transactions", rows[1])).update({"name": "tampered"})
    client.document(ada.path("transactions", "ghost")).set({"name": "ghost"})
    env = {
        "PATH": os.environ["PATH"], "APP_ENV": "local", "MIRROR_DATABASE_URL": database.url("mirror"),
        "FIREBASE_PROJECT_ID": firestore_server.project, "FIRESTORE_EMULATOR_HOST": firestore_server.address,
        "LIVESPEND_CRASH_AT": step,
    }  # fmt: skip

    killed = subprocess.run([sys.executable, "-c", _REPAIR], cwd=ROOT, env=env, timeout=60, check=False).returncode
    mirrored()
    verify(mirror_deps(), mend=True)
    mirrored()

    assert killed == -signal.SIGKILL
    assert_mirrored()
