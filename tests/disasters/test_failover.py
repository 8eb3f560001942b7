"""The primary is lost and a standby takes over: with all commits, and without the last ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local import postgres
from local.postgres import Postgres
from local.processes import with_parent
from sync.audit.verify import verify
from sync.db import edit
from sync.errors import DatabaseUnavailable
from tests.fixtures.database import Database


@pytest.fixture
def database(own_cluster: Callable[..., Database]) -> Database:
    """A ledger on a cluster of this test's own."""
    return own_cluster()


class Standby:
    """A copy of the primary that follows it, until it is cut off."""

    def __init__(self, primary: Postgres, folder: Path, servers: list[Postgres]) -> None:
        self.primary, self.data, self.servers = primary, folder / "standby", servers
        runner = postgres._runner(self.data)
        command = [
            *runner.prefix, str(runner.bin / "pg_basebackup"), "-d", primary.url("postgres"), "-D", str(self.data),
            "-R", "-X", "stream", "-c", "fast", "--no-sync",
        ]  # fmt: skip
        subprocess.run(with_parent(command, runner.owner), check=True, capture_output=True, timeout=60)
        self.start()

    def start(self, port: int | None = None) -> None:
        self.server = postgres.start(self.data, port=port, durable=False)
        self.servers.append(self.server)

    def has_all_of(self, database: Database) -> bool:
        """Whether everything that the primary has written is here."""
        ((written,),) = database.sql("select pg_current_wal_lsn()::text")
        copy = Database(self.server, "postgres")
        ((behind,),) = copy.sql("select pg_wal_lsn_diff(%s, pg_last_wal_replay_lsn()) <= 0", written)
        copy.close()
        return bool(behind)

    def refused(self, words: str) -> bool:
        """Whether the copy has refused something in these words."""
        return words in (self.data.parent / f"{self.data.name}.log").read_text()

    def take_over(self, database: Database) -> None:
        """The primary is killed; the copy answers at its address, and takes over."""
        self.answer_for(database)
        database.sql("select pg_promote(true, 60)")

    def answer_for(self, database: Database) -> None:
        """The primary is killed; the copy answers at its address, and still refuses to write."""
        self.server.stop()
        database.close()
        database._admin = None
        os.killpg(self.primary.process.pid, signal.SIGKILL)
        self.primary.process.wait(10)
        self.start(self.primary.port)
        database.server = self.server


@pytest.fixture
def standby(database: Database, tmp_path_factory: pytest.TempPathFactory, servers: list[Postgres]) -> Standby:
    """A standby of the test's cluster."""
    folder = tmp_path_factory.mktemp("standby")
    folder.chmod(0o755)
    return Standby(database.server, folder, servers)


def test_a_failover_without_loss_costs_time_only(
    books, running_mirror, database: Database, standby: Standby, eventually, clean, assert_mirrored
):
    ada = books()
    rows = ada.add(5)
    running_mirror(sweep_seconds=600)
    eventually(clean, 40)
    ada.categorize(rows[0], "TRAVEL")
    eventually(lambda: standby.has_all_of(database))

    standby.take_over(database)
    ada.sql = database.sql
    ada.categorize(rows[1], "MEDICAL")

    eventually(clean, 40)
    assert_mirrored()


def test_a_standby_that_has_not_taken_over_yet_is_no_ledger_and_ends_no_mirror(
    books, running_mirror, database: Database, standby: Standby, eventually, clean, assert_mirrored, deps_for
):
    ada = books()
    rows = ada.add(5)
    running_mirror(sweep_seconds=600)
    eventually(clean, 40)
    eventually(lambda: standby.has_all_of(database))

    standby.answer_for(database)
    eventually(lambda: standby.refused("cannot execute LISTEN during recovery"))
    with pytest.raises(DatabaseUnavailable), edit(deps_for("api").engine, "ada"):
        pass
    database.sql("select pg_promote(true, 60)")
    ada.sql = database.sql
    ada.categorize(rows[1], "MEDICAL")

    eventually(clean, 40)
    assert_mirrored()


def test_after_lost_commits_the_epoch_is_raised_and_nothing_of_them_is_left_on_screen(
    books, running_mirror, database: Database, standby: Standby, eventually, clean, assert_mirrored, livespend,
    mirror_deps, firestore_server,
):  # fmt: skip
    """Firestore has shown commits that the new primary never had: newer versions, a row more, a row less."""
    ada = books()
    rows = ada.add(5)
    running_mirror()
    eventually(clean, 40)
    eventually(lambda: standby.has_all_of(database))
    standby.server.stop()
    ada.categorize(rows[0], "TRAVEL")
    ada.remove(rows[1])
    ada.add(3)
    ada.annotate(rows[2], "lost")
    eventually(clean, 40)
    shown = firestore_server.documents()

    standby.take_over(database)
    ada.sql = database.sql
    ada.annotate(rows[3], "the first edit after it")
    raised = json.loads(livespend("ledger", "raise-epoch", "--yes", "--json"))
    eventually(clean, 40)
    found = verify(mirror_deps(), mend=True)
    eventually(clean, 40)

    assert raised["owners"] == 1
    assert raised["documents"] >= 5
    assert found["ghosts"] == 3  # the rows that only Firestore knew
    assert_mirrored()
    for path, document in firestore_server.documents().items():
        before = shown[path]["version"] if path in shown else {"epoch": 0, "number": 0}
        now = document["version"]
        assert (now["epoch"], now["number"]) > (before["epoch"], before["number"]), path
