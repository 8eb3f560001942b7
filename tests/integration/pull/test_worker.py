"""The real Celery worker over a real broker: doorbells, redelivery, the schedule."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import socket
from contextlib import suppress
from pathlib import Path

import redis

from api.doorbell import Doorbell
from local import valkey as valkey_server
from sync.banks.items import unlink
from tests.fixtures.database import Database
from tests.fixtures.deps import DepsFor
from tests.fixtures.scrape import scrape
from tests.fixtures.waiting import eventually
from tests.integration.pull.bank import account, error, page, row
from tests.integration.pull.conftest import TOKEN, Linked, link
from tests.integration.pull.process import alive, celery_worker, children


def ring(valkey: str, linked: Linked, task: str = "pull_item", **arguments: str) -> None:
    """Rings as the API does."""
    bell = Doorbell(valkey)
    bell.ring(task, arguments or {"item_id": str(linked.item_id)})
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
    """The process dies while Plaid's answer is on its way; the task must not die with it."""
    workers: list[int] = []

    def kill_the_asker() -> object:
        for child in children(workers[0]):
            os.kill(child, signal.SIGKILL)
        return page(added=[row("a")])

    linked.bank.at(None, kill_the_asker, page(added=[row("a")]))

    with celery_worker(linked, valkey, tmp_path) as worker:
        workers.append(worker)
        ring(valkey, linked)
        eventually(lambda: bool(linked.live()))

    assert linked.bank.calls == ["", ""]


def test_a_doorbell_carries_the_items_id_and_nothing_else(linked: Linked, valkey: str) -> None:
    ring(valkey, linked)

    with redis.Redis.from_url(valkey) as broker:
        (message,) = broker.lrange("celery", 0, -1)
    positional, named, _ = json.loads(base64.b64decode(json.loads(message)["body"]))
    assert (positional, named) == ([], {"item_id": str(linked.item_id)})


def test_a_worker_without_settings_names_all_that_is_missing(linked: Linked, tmp_path: Path) -> None:
    bare = {"PLAID_URL": "", "WORKER_DATABASE_URL": "", "REDIS_URL": ""}

    with celery_worker(linked, "", tmp_path, **bare) as worker:
        eventually(lambda: not alive(worker))

    log = (tmp_path / "worker.log").read_text()
    assert [name for name in bare if f"{name} is missing" not in log] == []


def test_a_wiped_broker_costs_time_only(linked: Linked, valkey: str, tmp_path: Path) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(added=[row("b")], to="C2"))
    linked.bank.at("C2", page(to="C2"))  # one run may serve both wishes, and the sweep ask once more
    schedule = ["--beat", "--schedule", str(tmp_path / "schedule")]

    with celery_worker(linked, valkey, tmp_path, *schedule, SWEEP_SECONDS="0.5"):
        eventually(lambda: "a" in linked.live())
        with redis.Redis.from_url(valkey) as broker:
            broker.flushall()
        linked.database.sql("update item_pulls set wanted = wanted + 1")
        eventually(lambda: "b" in linked.live())
        eventually(lambda: linked.owed("wanted = done"))


def test_a_worker_outlives_its_broker(linked: Linked, tmp_path: Path) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    linked.bank.at("C1", page(added=[row("b")], to="C2"))
    linked.bank.at("C2", page(to="C2"))
    broker = valkey_server.start(tmp_path / "valkey")
    try:
        with celery_worker(linked, broker.url(), tmp_path) as worker:
            ring(broker.url(), linked)
            eventually(lambda: "a" in linked.live())
            broker.stop()
            broker = valkey_server.start(tmp_path / "valkey", port=broker.port)
            linked.database.sql("update item_pulls set wanted = wanted + 1")
            ring(broker.url(), linked)
            eventually(lambda: "b" in linked.live())
            assert alive(worker)
    finally:
        broker.stop()


def test_an_import_that_waits_for_the_limit_starves_no_other_item(
    linked: Linked, valkey: str, tmp_path: Path, deps_for: DepsFor, database: Database
) -> None:
    """One worker with one process: while the long update waits for its minute, another user's item is pulled."""
    limit = error("TRANSACTIONS_SYNC_LIMIT", kind="RATE_LIMIT_EXCEEDED", status=429)
    for number in range(9):
        asked, to = f"P{number}" if number else None, f"P{number + 1}"
        linked.bank.at(asked, page(added=[row(f"r{number}")], to=to, more=True))
    linked.bank.at("P9", limit)

    with celery_worker(linked, valkey, tmp_path):
        ring(valkey, linked)
        eventually(lambda: linked.owed("retry_at is not null") is True)
        other = link(deps_for, database, linked.bank, "u2", "item-2")
        linked.bank.at(None, page(added=[row("mine", account_id="acc-2")], accounts=[account("acc-2")]))
        ring(valkey, other)
        eventually(lambda: bool(linked.live()))

    assert set(linked.live()) == {"mine"}
    assert linked.one("select count(*) from plaid_pages where position is null") == 9
    assert linked.owed("wanted > done and retry_at > now()") is True


def test_a_real_worker_applies_rules_to_older_rows(linked: Linked, valkey: str, tmp_path: Path) -> None:
    linked.bank.at(None, page(added=[row("a", name="Corner Espresso")]))
    linked.pull()
    linked.database.sql(
        "insert into category_rules (user_id, position, name_match, name_text, category_id) "
        "values ('u1', 1, 'contains', 'espresso', 'TRAVEL')"
    )
    linked.database.sql("insert into rule_passes (user_id) values ('u1')")

    with celery_worker(linked, valkey, tmp_path):
        ring(valkey, linked, "apply_rules", user_id="u1")
        eventually(lambda: linked.one("select wanted = done from rule_passes"))

    assert linked.one("select rule_category_id from entries") == "TRAVEL"


def test_a_real_worker_deletes_what_an_ended_access_left(linked: Linked, valkey: str, tmp_path: Path) -> None:
    linked.bank.at(None, page(added=[row("a")]))
    linked.bank.others["/item/remove"] = [{}]
    linked.pull()
    unlink(linked.deps_for("api", plaid=linked.deps.plaid), "u1", linked.item_id)

    with celery_worker(linked, valkey, tmp_path, PURGE_AFTER_HOURS="0"):
        ring(valkey, linked, "purge_item")
        eventually(lambda: linked.item("purged_at") is not None)

    assert linked.one("select count(*) from transactions") == 0


def test_a_real_worker_closes_an_account_that_is_not_told_any_more(linked: Linked, valkey: str, tmp_path: Path) -> None:
    linked.bank.at(None, page(added=[row("a")], accounts=[account(), account("sav", name="Savings")]))
    linked.pull()
    linked.bank.has(account())

    with celery_worker(linked, valkey, tmp_path):
        ring(valkey, linked, "refresh_accounts")
        eventually(lambda: linked.one("select closed_at is not null from accounts where plaid_account_id = 'sav'"))

    assert linked.one("select closed_at is null from accounts where plaid_account_id <> 'sav'")


def two_free_ports() -> int:
    """The first of two ports side by side that nobody has, below those that the system hands out."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as first, socket.socket() as second, suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port
    raise AssertionError("no two ports are free")


def test_each_process_of_a_worker_tells_prometheus_at_a_port_of_its_own(
    linked: Linked, valkey: str, tmp_path: Path
) -> None:
    linked.bank.at(None, page(added=[row("a")], to="C1"))
    port = two_free_ports()
    with celery_worker(linked, valkey, tmp_path, "-c", "2", METRICS_PORT=str(port)):
        eventually(lambda: bool(scrape(port)) and bool(scrape(port + 1)))
        ring(valkey, linked)
        eventually(lambda: "a" in linked.live())
        hops = [scrape(one).get(("livespend_hop_seconds_count", "pull_to_ledger"), 0.0) for one in (port, port + 1)]

    assert sorted(hops) == [0.0, 1.0]
