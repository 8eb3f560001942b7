"""The queue is wiped while tasks wait, its disk or its memory is full: webhooks are accepted, the sweep catches up."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from api.doorbell import Doorbell
from local import valkey as local_valkey
from local.postgres import free_port
from sync.banks.webhooks import receive
from tests.fixtures.waiting import eventually
from tests.integration.pull.bank import page, row
from tests.integration.pull.conftest import Linked
from tests.integration.pull.process import celery_worker

_FULL_AT = 200_000
_REFUSALS = {"disk": "MISCONF", "memory": "maxmemory"}


@dataclass
class Broker:
    """A queue whose disk or memory a test can fill."""

    process: subprocess.Popen[bytes]
    url: str

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def fill_disk(self) -> None:
        """No file of its grows any further: as on a full disk, every append to its log fails."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (_FULL_AT, resource.RLIM_INFINITY))
        with self.client() as client:
            eventually(lambda: self._refuses(client))

    def free_disk(self) -> None:
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with self.client() as client:
            eventually(lambda: not self._refuses(client))

    def fill_memory(self) -> None:
        with self.client() as client:
            client.config_set("maxmemory", 1)

    def free_memory(self) -> None:
        with self.client() as client:
            client.config_set("maxmemory", 0)

    @staticmethod
    def _refuses(client: redis.Redis) -> bool:
        try:
            client.set("filler", "x" * 10_000)
        except redis.ResponseError as refusal:
            return "MISCONF" in str(refusal)
        return False


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A queue of this test's own, which appends every command to its log before it answers."""
    port = free_port()
    command = [
        str(local_valkey._binary()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path),
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no",
        "--auto-aof-rewrite-percentage", "0",
    ]  # fmt: skip
    without_signal = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]  # a full disk sends none
    with (tmp_path / "valkey.log").open("wb") as log:
        process = subprocess.Popen([*without_signal, *command], stdout=log, stderr=log)
    try:
        eventually(lambda: local_valkey._answers(port))
        yield Broker(process, f"redis://127.0.0.1:{port}/0")
    finally:
        process.kill()
        process.wait(5)


def told(linked: Linked, url: str, number: int) -> None:
    """Plaid sends a webhook, and the API takes it with a doorbell to this queue."""
    doorbell = Doorbell(url)
    api = dataclasses.replace(linked.deps_for("api", plaid=linked.deps.plaid), ring=doorbell.ring)
    body = json.dumps(
        {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item-1",
         "initial_update_complete": True, "historical_update_complete": True, "number": number}
    ).encode()  # fmt: skip
    receive(api, body, linked.bank.sign(body))
    doorbell.close()


def pages(linked: Linked) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(added=[row("b")], to="C2"))
    linked.bank.at("C2", page(added=[row("c")], to="C3"))
    linked.bank.at("C3", page(accounts=[], to="C3"))


@pytest.mark.parametrize("full", ["disk", "memory"])
def test_a_full_queue_costs_time_and_no_webhook(
    linked: Linked, broker: Broker, tmp_path: Path, mirrored, assert_mirrored, full: str
) -> None:
    """It refuses the API's bell, the schedule's, and the worker's own word that it has taken a task out."""
    pages(linked)
    schedule = ("--beat", "--schedule", str(tmp_path / "beat"))
    with celery_worker(linked, broker.url, tmp_path, *schedule, SWEEP_SECONDS="1") as worker:
        eventually(lambda: "a" in linked.live())
        os.kill(worker, signal.SIGSTOP)
        told(linked, broker.url, 1)  # it takes this bell out of a queue that is full by then
        getattr(broker, f"fill_{full}")()
        told(linked, broker.url, 2)
        os.kill(worker, signal.SIGCONT)

        assert linked.one("select count(*) from webhook_inbox") == 2
        eventually(lambda: _REFUSALS[full] in (tmp_path / "worker.log").read_text())
        getattr(broker, f"free_{full}")()
        eventually(lambda: "b" in linked.live())
    mirrored()
    assert_mirrored()


def test_a_queue_wiped_while_tasks_wait_loses_none_of_the_work(
    linked: Linked, broker: Broker, tmp_path: Path, mirrored, assert_mirrored
) -> None:
    pages(linked)
    told(linked, broker.url, 1)  # no worker runs: the task waits
    with broker.client() as client:
        assert client.llen("celery") == 1
        client.flushall()
        assert client.llen("celery") == 0

    with celery_worker(linked, broker.url, tmp_path, "--beat", "--schedule", str(tmp_path / "beat"), SWEEP_SECONDS="1"):
        eventually(lambda: "a" in linked.live())
        told(linked, broker.url, 2)
        with broker.client() as client:
            client.flushall()
        eventually(lambda: "b" in linked.live())
    mirrored()
    assert_mirrored()
