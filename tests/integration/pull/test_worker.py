"""The real Celery worker over a real broker: doorbells, redelivery, the schedule."""

from __future__ import annotations

from pathlib import Path

import redis

from api.doorbell import Doorbell
from tests.integration.pull.bank import page, row
from tests.integration.pull.conftest import TOKEN, Linked
from tests.integration.pull.process import celery_worker, eventually


def ring(valkey: str, linked: Linked) -> None:
    """Rings as the API does."""
    bell = Doorbell(valkey)
    bell.ring("pull_item", {"item_id": str(linked.item_id)})
    bell.close()


def test_a_doorbell_is_answered_by_a_worker(linked: Linked, valkey: str, tmp_path: Path) -> None:
    linked.bank.at(None, page(added=[row("a")]))

    with celery_worker(linked, valkey, tmp_path):
        ring(valkey, linked)
        eventually(lambda: bool(linked.live()))

    assert linked.owed("wanted = done") is True
    assert TOKEN not in (tmp_path / "worker.log").read_text()


def test_a_lost_doorbell_is_found_by_the_sweep_of_the_schedule(linked: Linked, valkey: str, tmp_path: Path) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    schedule = ["--beat", "--schedule", str(tmp_path / "schedule")]

    with celery_worker(linked, valkey, tmp_path, *schedule, SWEEP_SECONDS="0.5"):
        eventually(lambda: bool(linked.live()))

    assert linked.owed("wanted = done") is True


def test_a_task_whose_worker_process_is_killed_runs_again(linked: Linked, valkey: str, tmp_path: Path) -> None:
    """The first process dies while Plaid's answer is on its way; the task must not die with it."""
    import os
    import signal

    def kill_the_asker() -> object:
        (application,) = linked.database.sql(
            "select pid from pg_locks where locktype = 'advisory' and granted and database = "
            "(select oid from pg_database where datname = current_database())"
        )[0]
        assert application
        children = _children_of_worker()
        for child in children:
            os.kill(child, signal.SIGKILL)
        return page(added=[row("a")])

    def _children_of_worker() -> list[int]:
        parents = {int(pid): _parent(int(pid)) for pid in os.listdir("/proc") if pid.isdigit()}
        ours = [pid for pid, parent in parents.items() if parent == os.getpid() and b"celery" in _command(pid)]
        return [pid for pid, parent in parents.items() if parent in ours]

    linked.bank.at(None, kill_the_asker, page(added=[row("a")]))

    with celery_worker(linked, valkey, tmp_path):
        ring(valkey, linked)
        eventually(lambda: bool(linked.live()))

    assert linked.bank.calls == ["", ""]


def test_the_broker_holds_item_ids_and_no_truth(linked: Linked, valkey: str) -> None:
    ring(valkey, linked)

    with redis.Redis.from_url(valkey) as broker:
        (message,) = broker.lrange("celery", 0, -1)
    assert str(linked.item_id).encode() not in message or TOKEN.encode() not in message
    assert TOKEN.encode() not in message


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
