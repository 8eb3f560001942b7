"""Storage: history that is bounded, a disk that forgets nothing acknowledged, a clock that only grows."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from local.firestore.clock import Clock
from local.firestore.database import Database
from local.firestore.errors import Code, FirestoreError
from local.firestore.stats import Stats
from local.firestore.storage.disk import SqliteDisk
from local.firestore.storage.history import Change, History
from local.firestore.storage.records import Record
from tests.unit.firestore.world import NAME, new_database, put, remove


def test_the_clock_grows_even_when_the_machines_clock_steps_back() -> None:
    readings = iter([1000, 400, 400, 2000])
    clock = Clock(newest=1500, wall=lambda: next(readings))
    times = [clock.commit_time(), clock.commit_time(), clock.read_time(), clock.commit_time()]
    assert times == [1501, 1502, 1502, 2000]


def test_history_forgets_whole_commits_and_says_so() -> None:
    history = History(floor=0, max_changes=3)
    for time, path in ((1, "a"), (2, "b"), (2, "c"), (3, "d")):
        history.add(Change(time, path, None, Record(path, b"", time, time)))
    assert history.floor == 1
    history.add(Change(4, "e", None, None))
    assert history.floor == 2
    assert history.since(1) is None
    assert [change.path for change in history.since(2) or []] == ["d", "e"]


def test_history_is_bounded_by_bytes_too() -> None:
    history = History(floor=0, max_bytes=10)
    for time in range(1, 4):
        history.add(Change(time, "a", Record("a", b"x" * 6, 0, 0), None))
    assert history.floor == 2


def test_a_time_beyond_the_history_cannot_be_read() -> None:
    database = new_database()
    with pytest.raises(FirestoreError) as refused:
        database.reader(database.history.floor - 1)
    assert refused.value.code is Code.FAILED_PRECONDITION


def test_documents_epoch_and_clock_come_back_from_disk(tmp_path: Path) -> None:
    first = SqliteDisk(tmp_path)
    database = new_database(first)
    database.commit([put("c/a", n=1), put("c/b", n=2)])
    _, time = database.commit([remove("c/b"), put("c/a", n=3)])
    first._connection.close()
    second = SqliteDisk(tmp_path)
    assert (second.epoch, second.newest) == (first.epoch, time)
    again = Database(NAME, Clock(second.newest), second, Stats())
    for _, record in second.load():
        again.restore(record)
    assert [record.path for record in again.store.everything()] == ["c/a"]
    record = again.store.get("c/a")
    assert record is not None
    assert (record.updated, record.data) == (time, database.store.get("c/a").data)  # type: ignore[union-attr]
    second.close(time)


def test_a_commit_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    disk = SqliteDisk(tmp_path)
    database = new_database(disk)
    disk._connection.execute("create trigger no before insert on documents begin select raise(abort, 'full'); end")
    with pytest.raises(Exception, match="full"):
        database.commit([put("c/a", n=1)])
    assert database.store.get("c/a") is None
    disk.close(0)


def test_empty_collections_leave_no_trace() -> None:
    database = new_database()
    database.commit([put("users/u/months/m", n=1)])
    assert database.store.collection_ids("") == ["users"]
    assert database.store.missing_parents("users") == {"users/u"}
    database.commit([remove("users/u/months/m")])
    assert database.store.collections == {}
    assert database.store.collection_ids("") == []


def test_the_file_gives_back_the_room_of_what_was_deleted(tmp_path: Path) -> None:
    disk = SqliteDisk(tmp_path)
    database = new_database(disk)
    paths = [f"c/{number}" for number in range(2000)]
    database.commit([put(path, text="x" * 5000) for path in paths])
    assert _kilobytes(tmp_path) > 8000
    database.commit([remove(path) for path in paths[1:]])
    assert _kilobytes(tmp_path) < 500
    _, time = database.commit([put("c/0", n=1)])
    disk._connection.close()  # as a kill would leave it
    again = SqliteDisk(tmp_path)
    assert [(name, record.path, record.updated) for name, record in again.load()] == [(NAME, "c/0", time)]
    again.close(time)


def test_a_file_of_an_earlier_version_is_written_anew(tmp_path: Path) -> None:
    SqliteDisk(tmp_path).close(1)
    with contextlib.closing(sqlite3.connect(tmp_path / "firestore.sqlite3", isolation_level=None)) as older:
        older.execute("pragma journal_mode = delete")
        older.execute("pragma auto_vacuum = none")
        older.execute("vacuum")
        older.execute("begin")
        rows = [("d", f"c/{number}", 1, 1, b"x" * 5000) for number in range(1000)]
        older.executemany("insert into documents values (?, ?, ?, ?, ?)", rows)
        older.execute("commit")
        older.execute("delete from documents where path <> 'c/7'")
    assert _kilobytes(tmp_path) > 4000
    disk = SqliteDisk(tmp_path)
    assert [record.path for _, record in disk.load()] == ["c/7"]
    disk.close(2)
    assert _kilobytes(tmp_path) < 500


def _kilobytes(directory: Path) -> int:
    """What the data take on disk, the log included."""
    return sum(file.stat().st_size for file in directory.iterdir()) // 1024
